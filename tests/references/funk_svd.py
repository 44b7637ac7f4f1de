"""Biased matrix factorisation by its equations, one rating at a time."""

import numpy as np


def rating(mean, user_bias, item_bias, p, q):
    return mean + user_bias + item_bias + sum(a * b for a, b in zip(p, q, strict=True))


def loss(ratings, mean, user_bias, item_bias, p, q, l2):
    """The mean over (user, item, rating) of the squared error and the penalty."""
    total = 0.0
    for user, item, value in ratings:
        error = value - rating(mean, user_bias[user], item_bias[item], p[user], q[item])
        size = sum(x * x for x in [*p[user], *q[item], user_bias[user], item_bias[item]])
        total += error * error + l2 * size
    return total / len(ratings)


def step(user, item, value, mean, user_bias, item_bias, p, q, rate, l2):
    """The weights after one rating: each moves along the error, and towards 0."""
    error = value - rating(mean, user_bias[user], item_bias[item], p[user], q[item])
    user_bias, item_bias, p, q = (each.copy() for each in (user_bias, item_bias, p, q))
    user_bias[user] += rate * (error - l2 * user_bias[user])
    item_bias[item] += rate * (error - l2 * item_bias[item])
    of_user, of_item = p[user].copy(), q[item].copy()
    p[user] += rate * (error * of_item - l2 * of_user)
    q[item] += rate * (error * of_user - l2 * of_item)
    return user_bias, item_bias, p, q


def fold_in(values, mean, item_bias, q, l2):
    """The minimum over p and b of Σ (r - μ - b_i - b - p·q)² + l2 n (|p|² + b²), by least squares:
    the penalty is as many more rows."""
    rows = np.column_stack([q, np.ones(len(q))])
    size = rows.shape[1]
    penalty = np.sqrt(l2 * len(values)) * np.eye(size)
    target = np.concatenate([np.asarray(values) - mean - item_bias, np.zeros(size)])
    solution = np.linalg.lstsq(np.vstack([rows, penalty]), target, rcond=None)[0]
    return solution[:-1], solution[-1]
