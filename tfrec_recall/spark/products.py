"""What blocks of columns add to pairs of rows; workers import this, and no TensorFlow with it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from tfrec_recall.spark.groups import whole_groups

ROW, COLUMN, VALUE = "row", "column", "value"
ID, NEIGHBOUR = "id", "neighbour"
_ENTRIES_AT_A_TIME = 100_000  # of the matrix
_TERMS_AT_A_TIME = 4_000_000  # of a product


def columns_to_pairs(
    batches: Iterator[pa.RecordBatch],
    moments: tuple[tuple[int, int], ...],
    weight: np.ndarray | None,
    most: int | None,
) -> Iterator[pa.RecordBatch]:
    """`pair_products` of sorted entries, some whole columns at a time."""
    for table, starts in whole_groups(batches, COLUMN, _ENTRIES_AT_A_TIME):
        size = np.diff(starts, append=len(table))
        row, value = table[ROW].to_numpy(), table[VALUE].to_numpy()
        yield from pair_products(row, value, size, moments, weight, most)


def pair_products(
    row: np.ndarray,
    value: np.ndarray,
    size: np.ndarray,
    moments: tuple[tuple[int, int], ...],
    weight: np.ndarray | None,
    most: int | None,
) -> Iterator[pa.RecordBatch]:
    """What some whole columns add to the moments of each pair of rows, the smaller row first.

    Args:
        row, value: of the entries, column after column.
        size: entries of each column, [columns].
        weight: of a column by its size, [largest size + 1], or None.
        most: entries of a column that count.
    """
    number = np.repeat(np.arange(len(size)), size)
    own = None if weight is None else weight[size]
    if most is not None and (size > most).any():
        place = _place_in_draw(row, number, size)
        kept = place < most
        row, value, number = row[kept], value[kept], number[kept]
    known, local = np.unique(row, return_inverse=True)
    shape = (len(known), len(size))

    def power(exponent: int, by: np.ndarray | None = None) -> sp.csr_array:
        entries = value.astype("float64") ** exponent
        if by is not None:
            entries = entries * by[number]
        return sp.csr_array(sp.coo_array((entries, (local, number)), shape=shape))

    left = {p: power(p, own) for p, _ in moments}
    right = {q: sp.csr_array(power(q).T) for _, q in moments}
    terms = np.bincount(local, np.bincount(number, minlength=len(size))[number], len(known))
    for first, last in _runs(terms, _TERMS_AT_A_TIME):
        found = {(p, q): left[p][first:last] @ right[q] for p, q in moments}
        pattern = found.get((0, 0), found[moments[0]]).tocoo()  # how many have both, if asked for
        above = pattern.col > pattern.row + first
        one, other = pattern.row[above], pattern.col[above]
        if len(one):
            sums = [_at(found[moment], one, other) for moment in moments]
            arrays = [known[first + one], known[other], *sums]
            yield pa.RecordBatch.from_arrays(
                [pa.array(each) for each in arrays], [ID, NEIGHBOUR, *names_of(moments)]
            )


def _place_in_draw(row: np.ndarray, number: np.ndarray, size: np.ndarray) -> np.ndarray:
    """The place of each entry among those of its column, in an order that means nothing."""
    mixed = row.astype("uint64") * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= np.repeat(size, size).astype("uint64") * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    order = np.lexsort((mixed ^ (mixed >> np.uint64(32)), number))
    place = np.empty(len(row), "int64")
    place[order] = np.arange(len(row)) - np.repeat(np.cumsum(size) - size, size)
    return place


def _runs(terms: np.ndarray, most: int) -> Iterator[tuple[int, int]]:
    """Runs of rows with about so many terms."""
    run = (np.cumsum(terms) - 1) // most
    starts = np.flatnonzero(np.diff(run, prepend=-1)).tolist()
    yield from zip(starts, [*starts[1:], len(terms)], strict=True)


def _at(product: sp.csr_array, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """The entries of these cells; SciPy leaves out those that are 0."""
    if not product.nnz:
        return np.zeros(len(row))
    product.sort_indices()
    keys = np.repeat(np.arange(product.shape[0]), np.diff(product.indptr)) * product.shape[1]
    keys = keys + product.indices
    wanted = row.astype("int64") * product.shape[1] + column
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, product.data[place], 0.0)


def names_of(moments: tuple[tuple[int, int], ...]) -> list[str]:
    """The columns of the moments."""
    return [f"_{p}{q}" for p, q in moments]
