"""Vectors of rare items between their own and what is known of them, item by item."""

import numpy as np


def mean_vector(vectors, events):
    """Of items that have a vector, each as often as it has events."""
    total, count = np.zeros(vectors.shape[1]), 0
    for vector, n in zip(vectors, events, strict=True):
        if vector.any():
            total, count = total + n * vector, count + n
    return total / max(count, 1)


def likeness(vectors, others, events):
    """The mean product of two vectors of an item, where it has both."""
    total, count = 0.0, 0
    for vector, other, n in zip(vectors, others, events, strict=True):
        if vector.any() and other.any():
            total, count = total + n * np.sum(vector * other), count + n
    return max(total, 0) / max(count, 1)


def shrunk(vectors, events, known, shrinkage):
    """(n u + m p) / (n + m); without events, or without a vector, nothing changes."""
    result = vectors.astype("float64").copy()
    for item, (u, n, p) in enumerate(zip(vectors, events, known, strict=True)):
        if n and u.any():
            result[item] = (n * u + shrinkage * p) / (n + shrinkage)
    return result
