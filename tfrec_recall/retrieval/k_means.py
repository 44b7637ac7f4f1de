"""Vectors parted into leaves of like size, in bounded memory."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

SCORES_AT_A_TIME = 8_000_000  # distances of some vectors to all centroids, 32 MB
POINTS_A_LEAF = 64  # that the centroids are learnt from
ROUNDS = 8
LARGEST = 2.0  # a leaf, as a multiple of the mean


def leaves_of(vectors: np.ndarray, leaves: int, seed: int = 0) -> np.ndarray:
    """The leaf of each vector, int32 [items]: near ones share one.

    Lloyd's k-means on a sample, then each vector to its nearest centroid; a leaf of more than
    twice the mean is cut into parts of one size along its longest direction. So there are at
    least `leaves` leaves where there are as many vectors, some more, and none is empty.

    >>> leaves_of(np.array([[0.0], [9.0], [0.1], [9.1]], "float32"), leaves=2).tolist()
    [0, 1, 0, 1]
    """
    items = len(vectors)
    random = np.random.default_rng(seed)
    sample = vectors[np.sort(random.permutation(items)[: POINTS_A_LEAF * leaves])]
    centroids = sample[np.sort(random.permutation(len(sample))[:leaves])]
    for _ in range(ROUNDS):
        centroids = _means(sample, nearest(sample, centroids), centroids, random)
    _, leaf = np.unique(nearest(vectors, centroids), return_inverse=True)
    return _cut(vectors, leaf.astype(np.int32), max(1, int(LARGEST * items / leaves)))


def nearest(vectors: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """The nearest centroid of each vector, int32 [items]; the earlier one of two as near."""
    half = (np.square(centroids).sum(axis=1) / 2).astype(np.float32)
    step = max(1, SCORES_AT_A_TIME // len(centroids))
    found = np.empty(len(vectors), np.int32)
    for first in range(0, len(vectors), step):
        # |v - c|² is least where v · c - |c|² / 2 is most.
        scores = vectors[first : first + step] @ centroids.T
        scores -= half
        found[first : first + step] = scores.argmax(axis=1)
    return found


def _means(
    vectors: np.ndarray, leaf: np.ndarray, before: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """The mean of each leaf's vectors; an empty leaf begins anew at a vector of a large one."""
    members = sp.csr_array(
        (np.ones(len(leaf), np.float32), leaf, np.arange(len(leaf) + 1)),
        shape=(len(leaf), len(before)),
    )
    size = np.bincount(leaf, minlength=len(before))
    means = (members.T @ vectors) / np.maximum(size, 1)[:, np.newaxis].astype(np.float32)
    empty = np.flatnonzero(size == 0)
    means[empty] = vectors[random.choice(len(vectors), len(empty))]  # likely of a large leaf
    return means.astype(np.float32)


def _cut(vectors: np.ndarray, leaf: np.ndarray, largest: int) -> np.ndarray:
    """The leaves with those that are too large in parts, the new parts numbered behind."""
    size = np.bincount(leaf)
    order = np.argsort(leaf, kind="stable")
    end = np.cumsum(size)
    following, found = len(size), leaf.copy()
    for large in np.flatnonzero(size > largest):
        rows = order[end[large] - size[large] : end[large]]
        along = rows[np.argsort(_along(vectors[rows]), kind="stable")]
        parts = np.array_split(along, -(-len(rows) // largest))
        for part in parts[1:]:
            found[part] = following
            following += 1
    return found


def _along(vectors: np.ndarray, steps: int = 5) -> np.ndarray:
    """The place of each vector along about the direction in which they differ most."""
    centred = vectors - vectors.mean(axis=0)
    direction = centred[np.square(centred).sum(axis=1).argmax()]
    for _ in range(steps):  # of the power method
        direction = centred.T @ (centred @ direction)
        direction /= max(float(np.linalg.norm(direction)), 1e-30)
    return centred @ direction
