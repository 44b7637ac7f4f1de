"""Rows of a table that were there before, wherever they were."""

from __future__ import annotations

import numpy as np
import pandas as pd

NEW = -1
BLOCK = 1 << 26  # bytes that are compared at a time


def row_sources(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """For each row, an equal one of before, int32 [rows]; -1 where there is none.

    Rows are compared by their bytes, so that nothing is lost: one that is found by its hash is held
    against the other.

    Args:
        before, now: of one type; numbers [rows, ...] or bytes [rows]. All are new where the other
            axes differ.

    >>> row_sources(np.array([[1, 2], [3, 4]]), np.array([[3, 4], [1, 2], [5, 6]])).tolist()
    [1, 0, -1]
    """
    if before.dtype != now.dtype or before.shape[1:] != now.shape[1:] or not len(before):
        return np.full(len(now), NEW, np.int32)
    old, new = _hashes(before), _hashes(now)
    known, first = np.unique(old, return_index=True)
    place = pd.Index(known).get_indexer(pd.Index(new))
    source = np.where(place >= 0, first[np.maximum(place, 0)], NEW)
    both = min(len(old), len(new))
    where_it_was = np.flatnonzero(old[:both] == new[:both])
    source[where_it_was] = where_it_was
    rows = max(1, BLOCK // max(1, now[:1].nbytes))
    for first_row in range(0, len(now), rows):
        mine = slice(first_row, first_row + rows)
        there = source[mine] >= 0
        same = _equal(before[np.maximum(source[mine], 0)], now[mine])
        source[mine] = np.where(there & same, source[mine], NEW)
    return source.astype(np.int32)


def _bytes(rows: np.ndarray) -> np.ndarray:
    """Numbers as bytes, uint8 [rows, bytes]."""
    flat = np.ascontiguousarray(rows).reshape(len(rows), -1)
    return flat.view(np.uint8).reshape(len(rows), -1)


def _hashes(rows: np.ndarray) -> np.ndarray:
    """A number for each row, uint64: the same for the same bytes."""
    if rows.dtype == object:
        return pd.util.hash_array(rows)
    raw = _bytes(rows)
    factors = np.random.default_rng(0).integers(1, 2**63, raw.shape[1], dtype=np.uint64) * 2 + 1
    found = np.empty(len(raw), np.uint64)
    step = max(1, BLOCK // max(1, 8 * raw.shape[1]))
    for first in range(0, len(raw), step):
        part = raw[first : first + step].astype(np.uint64)
        part *= factors
        found[first : first + step] = part.sum(axis=1, dtype=np.uint64)
    return found


def _equal(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    if one.dtype == object:
        return np.asarray(one == other, bool)
    return np.asarray((_bytes(one) == _bytes(other)).all(axis=1))
