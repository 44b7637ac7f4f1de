"""The best neighbours of every row of a sparse matrix, without a dense matrix of all pairs."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from sparse_dot_topn import sp_matmul_topn

from tfrec_recall.graph.similarity import OVERLAP, Similarity, Totals, column_sizes

PAIRS_AT_A_TIME = 2_000_000
NONE = -1


class Neighbours(NamedTuple):
    """Of each row, its most similar rows, best first: ids [rows, count], weights float32.

    Where there are fewer, the id is -1 and the weight 0.
    """

    ids: np.ndarray
    weights: np.ndarray


def interaction_matrix(
    rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int], values: np.ndarray | None = None
) -> sp.csr_array:
    """Events as a matrix with one entry a pair, float32.

    Args:
        rows, columns: integers [events].
        values: of the events, whose mean is the entry of a repeated pair; None makes every entry 1.

    >>> interaction_matrix([0, 0, 1], [1, 1, 0], (2, 2), np.array([3.0, 5.0, 1.0])).toarray()
    array([[0., 4.],
           [1., 0.]], dtype=float32)
    """
    if max(shape) < 2**31:  # SciPy keeps the wider type, which every product would have
        rows, columns = (np.asarray(one, "int32") for one in (rows, columns))
    ones = np.ones(len(rows), "float32")
    counts = sp.coo_array((ones, (rows, columns)), shape=shape).tocsr()
    counts.sum_duplicates()
    if values is None:
        counts.data[:] = 1
        return counts
    # In float64, with the counts' own pattern: an entry whose values cancel out stays an entry.
    sums = sp.coo_array((np.asarray(values, "float64"), (rows, columns)), shape=shape).tocsr()
    sums.sum_duplicates()
    means = (sums.data / counts.data).astype("float32")
    return sp.csr_array((means, counts.indices, counts.indptr), shape=shape)


def neighbours(
    matrix: sp.csr_array,
    similarity: Similarity,
    count: int,
    seed: int = 0,
    threads: int | None = None,
    rows: np.ndarray | None = None,
    unlike: bool = False,
) -> Neighbours:
    """The `count` most similar other rows of each row; only positive similarities count.

    Memory is that of the matrix, the result, and some millions of pairs at a time.

    Args:
        matrix: [rows, columns], each pair once, as from `interaction_matrix`.
        seed: of the permutation that decides between equal similarities.
        threads: how many rows are worked on at once; by default the number of processors.
        rows: those whose neighbours are wanted; None: all.
        unlike: similarities below 0 count as well: those farthest from 0 come first.

    >>> from tfrec_recall.graph.similarity import Cosine
    >>> baskets = interaction_matrix([0, 0, 1, 1, 2], [0, 1, 0, 1, 1], (3, 2))
    >>> table = neighbours(baskets, Cosine(), count=1)
    >>> table.ids.ravel().tolist(), (table.weights.ravel() > 0.7).tolist()
    ([1, 0, 0], [True, True, True])
    """
    if count < 1:
        raise ValueError(f"count is at least 1. Received: {count}.")
    threads = threads or os.cpu_count() or 1
    # Equal similarities are decided by the order of the columns of the product.
    order = np.random.default_rng(seed).permutation(matrix.shape[0])
    factors = None if unlike else similarity.factors(matrix)
    if factors is None:
        pairs = _by_formula(matrix, similarity, order, count + 1, threads, rows, unlike)
    else:
        left, right = factors
        left = left if rows is None else left[rows]
        pairs = _product(left, right, order, count + 1, threads)
    return without_self(pairs, order, count, rows=rows)


def _product(
    left: sp.csr_array, right: sp.csr_array, order: np.ndarray, count: int, threads: int
) -> sp.csr_array:
    """The `count` largest entries of each row of left @ right[order].T."""
    columns = sp.csr_matrix(right.T)
    columns.indices = np.argsort(order).astype(columns.indices.dtype)[columns.indices]
    columns.has_sorted_indices = False
    columns.sort_indices()
    return sp_matmul_topn(
        sp.csr_matrix(left),
        columns,
        top_n=count,
        threshold=0.0,
        sort=True,
        n_threads=threads,
    )


def _by_formula(
    matrix: sp.csr_array,
    similarity: Similarity,
    order: np.ndarray,
    count: int,
    threads: int,
    wanted: np.ndarray | None = None,
    unlike: bool = False,
) -> sp.csr_array:
    """The `count` best of each row, by a formula that is no product, block by block.

    Args:
        wanted: the rows; None: all.
    """
    blocks, similarities = _formula(matrix, similarity, order, wanted)

    def best(bounds: tuple[int, int]) -> sp.csr_array:
        return best_of_rows(similarities(*bounds), count, unlike)

    with ThreadPoolExecutor(threads) as pool:  # SciPy's products let other threads run
        parts = list(pool.map(best, blocks))
    return sp.vstack(parts, format="csr")


def similar_rows(
    matrix: sp.csr_array, similarity: Similarity, rows: np.ndarray
) -> Iterator[tuple[slice, sp.csr_array]]:
    """All similarities of these rows to others, of either sign, block by block.

    Gives runs of `rows` with a matrix [run, rows of the matrix] each; a row is not like itself.

    >>> from tfrec_recall.graph.similarity import Cosine
    >>> baskets = interaction_matrix([0, 0, 1, 1, 2], [0, 1, 0, 1, 1], (3, 2))
    >>> for run, found in similar_rows(baskets, Cosine(), np.array([2])):
    ...     print(run, found.toarray().round(2))
    slice(0, 1, None) [[0.71 0.71 0.  ]]
    """
    blocks, similarities = _formula(matrix, similarity, np.arange(matrix.shape[0]), rows)
    for start, end in blocks:
        found = similarities(start, end)
        found.data[found.indices == np.repeat(rows[start:end], np.diff(found.indptr))] = 0
        yield slice(start, end), found


def _formula(
    matrix: sp.csr_array, similarity: Similarity, order: np.ndarray, wanted: np.ndarray | None
) -> tuple[list[tuple[int, int]], Callable[[int, int], sp.csr_array]]:
    """Runs of the wanted rows (None: all), and what computes the similarities of one to all rows,
    whose columns are in this order."""
    if similarity.shift_invariant and matrix.nnz:
        matrix = matrix.astype("float64")
        matrix.data -= matrix.data.min() - 1.0  # small, and none of them 0
    weight = similarity.column_weight(column_sizes(matrix))
    totals = Totals.of(matrix)
    columns = Totals(*(total[order] for total in totals))
    asked = matrix if wanted is None else matrix[wanted]
    number = np.arange(matrix.shape[0]) if wanted is None else wanted
    permuted = matrix[order]
    right = {q: _power(permuted, q).T.tocsr() for _, q in similarity.moments}

    def block(start: int, end: int) -> sp.csr_array:
        rows = asked[start:end]
        left = {p: _power(rows, p, weight) for p, _ in similarity.moments}
        common = {(p, q): left[p] @ right[q] for p, q in similarity.moments}
        pattern = common[OVERLAP if OVERLAP in common else similarity.moments[0]]
        row = np.repeat(number[start:end], np.diff(pattern.indptr))
        values = similarity.between(
            {moment: _entries(product, pattern) for moment, product in common.items()},
            Totals(*(total[row] for total in totals)),
            Totals(*(total[pattern.indices] for total in columns)),
        )
        return sp.csr_array((values, pattern.indices, pattern.indptr), shape=pattern.shape)

    return list(_blocks(asked, matrix)), block


def _power(matrix: sp.csr_array, power: int, weight: np.ndarray | None = None) -> sp.csr_array:
    """The entries to a power, float64, times the weight of their columns; the pattern stays."""
    values = matrix.data.astype("float64") ** power
    if weight is not None:
        values *= weight[matrix.indices]
    return sp.csr_array((values, matrix.indices, matrix.indptr), shape=matrix.shape)


def _entries(product: sp.csr_array, pattern: sp.csr_array) -> np.ndarray:
    """The product's values where the pattern has entries.

    SciPy leaves out sums that are 0, as those of ratings of both signs may be.
    """
    if product.nnz == pattern.nnz:
        return product.data
    keys, own = (_cells(matrix) for matrix in (pattern, product))
    order = np.argsort(keys)
    values = np.zeros(pattern.nnz)
    values[order[np.searchsorted(keys, own, sorter=order)]] = product.data
    return values


def _cells(matrix: sp.csr_array) -> np.ndarray:
    """The entries' cells counted row by row, int64."""
    row = np.repeat(np.arange(matrix.shape[0], dtype="int64"), np.diff(matrix.indptr))
    return row * matrix.shape[1] + matrix.indices


def _blocks(rows: sp.csr_array, matrix: sp.csr_array) -> Iterator[tuple[int, int]]:
    """Runs of rows whose products with the matrix have about `PAIRS_AT_A_TIME` terms."""
    terms = _power(rows, 0) @ column_sizes(matrix)
    yield from row_blocks(np.append(0, np.cumsum(terms)), PAIRS_AT_A_TIME)


def row_blocks(bounds: np.ndarray, at_a_time: int) -> Iterator[tuple[int, int]]:
    """Runs of rows, each the first and the one behind the last, of about so many entries.

    Args:
        bounds: entries before each row and at last all, as `indptr`, [rows + 1].

    >>> list(row_blocks(np.array([0, 2, 4, 9]), at_a_time=4))
    [(0, 2), (2, 3)]
    """
    run = (np.maximum(bounds[1:] - 1, 0) // at_a_time).astype("int64")
    starts = np.flatnonzero(np.diff(run, prepend=-1)).tolist()
    yield from itertools.pairwise([*starts, len(run)])


def shares_of_rows(matrix: sp.csr_array) -> sp.csr_array:
    """The entries over the sum of their row, float32."""
    total = np.asarray(matrix.sum(axis=1, dtype="float64")).ravel()
    divisor = np.repeat(np.where(total > 0, total, 1), np.diff(matrix.indptr))
    shares = (matrix.data / divisor).astype("float32")
    return sp.csr_array((shares, matrix.indices, matrix.indptr), shape=matrix.shape)


def best_of_rows(matrix: sp.csr_array, count: int, unlike: bool = False) -> sp.csr_array:
    """The `count` largest positive entries of each row, best first, ties by column.

    Args:
        unlike: those farthest from 0, of either sign.
    """
    row = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    counted = np.flatnonzero(matrix.data if unlike else matrix.data > 0)
    row, column, value = row[counted], matrix.indices[counted], matrix.data[counted]
    best = np.lexsort((column, -np.abs(value), row))
    place = np.arange(len(best)) - np.searchsorted(row, row)  # rows stay where they were
    best = best[place < count]
    entries = (value[best].astype("float32"), (row[best], place[place < count]))
    ranked = sp.csr_array(entries, shape=(matrix.shape[0], max(count, 1)))
    return sp.csr_array((ranked.data, column[best], ranked.indptr), shape=matrix.shape)


def without_self(
    pairs: sp.csr_array,
    order: np.ndarray,
    count: int,
    first: int = 0,
    rows: np.ndarray | None = None,
) -> Neighbours:
    """The table of `count` neighbours from lists of `count` + 1 that may hold the row itself.

    Args:
        pairs: their columns are those of a matrix permuted by `order`.
        first: the number of the first row, behind which the others are ...
        rows: ... unless they have these numbers.
    """
    size = pairs.shape[0]
    number = np.arange(first, first + size, dtype="int32") if rows is None else rows
    table = Neighbours(
        np.full((size, count), NONE, "int32"), np.zeros((size, count), dtype="float32")
    )
    order = order.astype("int32")
    for begin, end in row_blocks(pairs.indptr, PAIRS_AT_A_TIME):
        some = pairs[begin:end]
        row = np.repeat(np.arange(begin, end, dtype="int32"), np.diff(some.indptr))
        neighbour = order[some.indices]
        other = (neighbour != number[row]) & (some.data != 0)
        row, neighbour, weight = row[other], neighbour[other], some.data[other]
        place = np.arange(len(row)) - np.searchsorted(row, row)
        kept = place < count
        table.ids[row[kept], place[kept]] = neighbour[kept]
        table.weights[row[kept], place[kept]] = weight[kept]
    return table
