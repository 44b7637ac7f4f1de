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


def fold_in(values, mean, item_bias, q, l2):
    """The minimum over p and b of Σ (r - μ - b_i - b - p·q)² + l2 n (|p|² + b²), by least squares:
    the penalty is as many more rows."""
    rows = np.column_stack([q, np.ones(len(q))])
    size = rows.shape[1]
    penalty = np.sqrt(l2 * len(values)) * np.eye(size)
    target = np.concatenate([np.asarray(values) - mean - item_bias, np.zeros(size)])
    solution = np.linalg.lstsq(np.vstack([rows, penalty]), target, rcond=None)[0]
    return solution[:-1], solution[-1]
