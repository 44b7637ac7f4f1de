"""Alias tables of all rows of a sparse matrix at once: a weighted draw in constant time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from tfrec_recall.graph.neighbour_table import row_blocks

ENTRIES_AT_A_TIME = 4_000_000


class AliasTables(NamedTuple):
    """Of each entry of a matrix, what it gives away: a draw of a row takes one entry evenly, and
    stays with it below its threshold, and else goes to its alias.

    Attributes:
        threshold: float32 [entries], 0 to 1.
        alias: [entries], the place of another entry of the same row.
    """

    threshold: np.ndarray
    alias: np.ndarray


def alias_tables(matrix: sp.csr_array) -> AliasTables:
    """The tables of each row, for draws with probability proportional to its entries.

    A light entry (below the mean of its row) is filled by the first heavy entry that has something
    left, and a heavy one, once down to the mean, by the next. Both follow from running sums of what
    the light lack and the heavy have to spare, so that no loop runs over rows or entries.

    Source: "Parallel Weighted Random Sampling", ESA 2019, section 3.2: the sweep, here with a
    search in the running sums.
    Raises: ValueError for an entry that is not above 0, or not finite.

    >>> tables = alias_tables(sp.csr_array([[1.0, 3.0]]))
    >>> tables.threshold.tolist(), tables.alias.tolist()
    ([0.5, 1.0], [1, 1])
    """
    bounds, entries = matrix.indptr.astype("int64"), int(matrix.indptr[-1])
    threshold = np.empty(entries, dtype="float32")
    alias = np.empty(entries, dtype="int32" if entries < 2**31 else "int64")
    for first, last in row_blocks(bounds, ENTRIES_AT_A_TIME):
        own = slice(bounds[first], bounds[last])
        degree = np.diff(bounds[first : last + 1])
        threshold[own], alias[own] = _of_rows(matrix.data[own], degree)
        alias[own] += bounds[first]
    return AliasTables(threshold, alias)


def _of_rows(data: np.ndarray, degree: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Thresholds and aliases, from 0 up, of some rows."""
    weight = data.astype("float64")
    if not (np.isfinite(weight) & (weight > 0)).all():
        bad = weight[~(np.isfinite(weight) & (weight > 0))]
        raise ValueError(
            "Draws need finite weights above 0: leave out the others. "
            f"Received: {len(bad):,} such entries, the first {bad[:3].tolist()}."
        )
    row = np.repeat(np.arange(len(degree)), degree)
    total = np.bincount(row, weight, minlength=len(degree))
    scaled = weight * (degree / np.where(total > 0, total, 1.0))[row]  # 1 on the mean
    heavy, light = np.flatnonzero(scaled > 1), np.flatnonzero(scaled < 1)
    threshold, alias = np.minimum(scaled, 1.0), np.arange(len(weight))
    if not len(heavy) or not len(light):
        return threshold, alias

    spare, lack = np.cumsum(scaled[heavy] - 1), np.cumsum(1 - scaled[light])
    of_heavy, of_light = row[heavy], row[light]
    # A light entry is filled by the first heavy one that the lack before has not used up. Rounding
    # must not lead into another row, and leaves rows of equal entries all light or all heavy.
    # (The lack before is the very number that the heavy are held against below.)
    giver = np.searchsorted(spare, np.concatenate([[0.0], lack[:-1]]), side="right")
    giver = _within(giver, of_heavy, of_light)
    filled = of_heavy[giver] == of_light
    alias[light[filled]] = heavy[giver[filled]]
    threshold[light[~filled]] = 1.0

    # A heavy entry is emptied by the light one at which the lack overtakes what there was to spare.
    taker = _within(np.searchsorted(lack, spare), of_light, of_heavy)
    following = np.minimum(np.arange(1, len(heavy) + 1), len(heavy) - 1)
    passes = (of_heavy[following] == of_heavy) & (following != np.arange(len(heavy)))
    passes &= of_light[taker] == of_heavy
    threshold[heavy] = np.where(passes, np.clip(1 + spare - lack[taker], 0.0, 1.0), 1.0)
    alias[heavy[passes]] = heavy[following[passes]]
    return threshold, alias


def _within(place: np.ndarray, rows: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Places in `rows` (sorted), moved to where `rows` has the value `own`, if it has."""
    first = np.searchsorted(rows, own)
    last = np.maximum(np.searchsorted(rows, own, side="right") - 1, 0)
    return np.minimum(np.clip(place, first, np.maximum(first, last)), len(rows) - 1)
