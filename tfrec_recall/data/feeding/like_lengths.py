"""Rows of unequal length in batches that are padded to few more values than they have."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# Padding included: of vectors of 256 numbers, 256 MiB a tensor.
EVENTS_AT_ONCE = 1 << 18


def like_lengths(lengths: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Batches of the numbers of rows, the shortest first: those of like length go together.

    One long row is padding to all others of its batch, so batches of long rows have fewer of them:
    of `EVENTS_AT_ONCE` padded values, or a single row.

    Args:
        lengths: of the rows, [rows].
        batch_size: rows of a batch at most.

    >>> [rows.tolist() for rows in like_lengths(np.array([3, 1, 200_000, 2, 200_000]), 2)]
    [[1, 3], [0], [2], [4]]
    """
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        some = order[start : start + batch_size]
        padded = np.maximum(lengths[some], 1) * np.arange(1, len(some) + 1)  # it rises
        count = max(1, int(np.searchsorted(padded, EVENTS_AT_ONCE, side="right")))
        yield some[:count]
        start += count
