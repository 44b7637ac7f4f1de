"""Interests of a history, in loops from the papers' algorithms."""

import numpy as np


def squash(vector):
    """MIND, Eq. 7."""
    length = np.linalg.norm(vector)
    return np.zeros_like(vector) if length == 0 else length**2 / (1 + length**2) * vector / length


def softmax(numbers):
    exponentials = np.exp(np.asarray(numbers) - np.max(numbers))
    return exponentials / exponentials.sum()


def behaviour_to_interest(history, present, bilinear, logits, interests, iterations, factor=None):
    """MIND, Algorithm 1, for one user: `logits` [present behaviours, interests] are its draw.

    `factor` of a recency multiplies what a behaviour adds; the paper has none.
    """
    behaviours = [bilinear.T @ history[place] for place in np.flatnonzero(present)]  # S e_i
    n = len(behaviours)
    kept = int(max(1, min(interests, np.floor(np.log2(n))))) if n else 1
    b = np.array(logits, np.float64)[:, :kept]
    result = np.zeros((interests, bilinear.shape[1]))
    for _ in range(iterations):
        w = np.array([softmax(b[i]) for i in range(n)])  # line 4: over the interests
        for j in range(kept):
            z = np.zeros(bilinear.shape[1])
            for i in range(n):
                z += w[i, j] * (factor(n - 1 - i) if factor else 1.0) * behaviours[i]  # line 5
            result[j] = squash(z)  # line 6
        for i in range(n):
            for j in range(kept):
                b[i, j] += result[j] @ behaviours[i]  # line 7
    return result, np.arange(interests) < kept


def label_aware_attention(interests, candidate, power):
    """MIND, Eq. 10, for one user; good for positive scores and small powers."""
    weights = softmax([(interest @ candidate) ** power for interest in interests])
    return sum(weight * interest for weight, interest in zip(weights, interests, strict=True))


def self_attentive_interests(history, present, inner, outer, recencies):
    """ComiRec-SA, Eq. 7 and 8, for one user."""
    places = np.flatnonzero(present)
    heads = np.zeros((outer.shape[1], history.shape[1]))
    for k in range(outer.shape[1]):
        logits = []
        for rank, place in enumerate(places):
            age = min(len(places) - 1 - rank, len(recencies) - 1)
            logits.append(np.tanh((history[place] + recencies[age]) @ inner) @ outer[:, k])
        for weight, place in zip(softmax(logits), places, strict=True):
            heads[k] += weight * history[place]
    return heads
