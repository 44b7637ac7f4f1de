"""The best rows by inner product, one query at a time, by sorting everything."""

import numpy as np


def top_k(vectors, query, k, exclude=(), present=None):
    """rows [k] and scores [k] of one query, [dim] or [interests, dim], in double precision."""
    interests = np.atleast_2d(query).astype(float)
    if present is not None:
        interests = interests[np.asarray(present)]
    if not len(interests):
        return np.full(k, -1), np.full(k, -np.inf)
    scores = (np.asarray(vectors, dtype=float) @ interests.T).max(axis=1)
    left = sorted(set(range(len(scores))) - set(map(int, exclude)), key=lambda row: -scores[row])
    rows = left[:k] + [-1] * (k - len(left))
    return np.array(rows), np.array([scores[row] if row >= 0 else -np.inf for row in rows])
