"""The best rows by inner product, one query, one item, one interest at a time."""

import numpy as np


def top_k(vectors, query, k, exclude=(), present=None):
    """rows [k] and scores [k] of one query, [dim] or [interests, dim], in double precision."""
    interests = np.atleast_2d(query).astype(float)
    present = [True] * len(interests) if present is None else present
    found = []
    for row, vector in enumerate(np.asarray(vectors, dtype=float)):
        products = [float(vector @ i) for i, here in zip(interests, present, strict=True) if here]
        if products and row not in set(exclude):
            found.append((-max(products), row))
    found = sorted(found)[:k] + [(np.inf, -1)] * (k - len(found))
    return np.array([row for _, row in found]), np.array([-score for score, _ in found])
