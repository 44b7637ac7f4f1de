"""Which items users take close to each other: co-counts that fade with the distance."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse as sp
from sparse_dot_topn import sp_matmul, sp_matmul_topn

from tfrec_recall.graph.neighbour_table import NONE, Neighbours, row_blocks, without_self
from tfrec_recall.graph.similarity import OVERLAP, Similarity, Totals

HALF_LIVES = 6  # beyond, an event counts less than 1/64
PAIRS_AT_A_TIME = 4_000_000


def nearby_counts(
    user: np.ndarray,
    item: np.ndarray,
    items: int,
    half_life: float,
    weight: np.ndarray | None = None,
) -> sp.csr_array:
    """The sum over users of 2^(-distance / half_life) of two items, items by items.

    A user counts once for two items, by the two events of them that are nearest to each other.

    Args:
        user, item: encoded events, each user's together and in order of time.
        half_life: in events; pairs further apart than 6 half-lives do not count.
        weight: of each event's user, [events]; None lets all count alike.

    >>> nearby_counts([7, 7, 7], [0, 1, 2], items=3, half_life=1).toarray()
    array([[0.  , 0.5 , 0.25],
           [0.5 , 0.  , 0.5 ],
           [0.25, 0.5 , 0.  ]])
    """
    blocks = [block for _, block in nearby_blocks(user, item, items, half_life, weight)]
    return sp.csr_array(sp.vstack(blocks))


def nearby_blocks(
    user: np.ndarray,
    item: np.ndarray,
    items: int,
    half_life: float,
    weight: np.ndarray | None = None,
) -> Iterator[tuple[slice, sp.csr_array]]:
    """`nearby_counts` some rows after the other, so that not all pairs exist at one time."""
    pairs = NearbyPairs(user, item, items, half_life, weight)
    for rows in pairs.blocks():
        yield rows, pairs.counts(rows)


class NearbyPairs:
    """The pairs of nearby events, by the item of the first: some items after the other.

    Args:
        as `nearby_counts`.
    """

    def __init__(
        self,
        user: np.ndarray,
        item: np.ndarray,
        items: int,
        half_life: float,
        weight: np.ndarray | None = None,
    ):
        if not half_life > 0:
            raise ValueError(f"half_life is a number of events above 0. Received: {half_life}.")
        user, self.item, self.items = np.asarray(user), np.asarray(item), items
        self.weight = None if weight is None else np.asarray(weight)
        self.reach = max(1, min(int(HALF_LIVES * half_life), len(user) - 1))
        self.decay = 0.5 ** (np.arange(self.reach + 1) / half_life)
        self.begin = np.flatnonzero(np.diff(user, prepend=user[:1] - 1))  # of each user
        self.begin = np.append(self.begin, len(user))
        kind = "int32" if len(user) < 2**31 else "int64"
        self.number = np.repeat(np.arange(len(self.begin) - 1, dtype=kind), np.diff(self.begin))
        self.by_item = np.argsort(self.item, kind="stable").astype(kind)  # item after item
        self.end = np.cumsum(np.bincount(self.item, minlength=items))  # of each item's events
        self.again = self._again()
        self.same = sp.csr_matrix(sp.identity(items, "float64", format="csr"))

    def blocks(self) -> Iterator[slice]:
        """Items whose events have about `PAIRS_AT_A_TIME` pairs."""
        events = max(1, PAIRS_AT_A_TIME // (2 * self.reach))
        for first, last in row_blocks(np.append(0, self.end), events):
            yield slice(first, last)

    def counts(self, rows: slice) -> sp.csr_array:
        """The sums of these items, [rows, items]."""
        first, last = rows.start, rows.stop
        events = self.by_item[(self.end[first - 1] if first else 0) : self.end[last - 1]]
        who = self.number[events]
        low = np.maximum(self.begin[who], events - self.reach)
        count = np.minimum(self.begin[who + 1] - 1, events + self.reach) - low
        bounds = np.append(0, np.cumsum(count))
        centre = np.repeat(events, count)
        other = np.repeat((low - bounds[:-1]).astype(events.dtype), count)
        other += np.arange(len(other), dtype=events.dtype)
        other += other >= centre  # an event is not near itself
        terms = self.decay[np.abs(centre - other)]
        if self.weight is not None:
            terms *= np.repeat(self.weight[events], count)
        more = np.flatnonzero(self.again[centre] | self.again[other])
        if len(more):
            centre, partner = centre[more], other[more]
            far = np.abs(centre - partner)
            keys = self.number[centre], self.item[centre], self.item[partner]
            order = np.lexsort((far, *keys))
            repeated = np.ones(len(order), bool)  # the nearest of a user's pairs comes first
            repeated[:1] = False
            for key in keys:
                repeated[1:] &= key[order][1:] == key[order][:-1]
            terms[more[order[repeated]]] = 0
        starts = bounds[np.append(0, self.end[first:last] - (self.end[first - 1] if first else 0))]
        shape = (last - first, self.items)
        pairs = sp.csr_matrix((terms, self.item[other], starts), shape=shape)
        return sp.csr_array(sp_matmul(pairs, self.same, n_threads=1))  # adds up what is one cell

    def _again(self) -> np.ndarray:
        """Which events are of a user and an item that have others, bool [events]."""
        key = self.number * np.int64(self.items) + self.item
        order = np.argsort(key, kind="stable")
        equal = key[order[1:]] == key[order[:-1]]
        again = np.zeros(len(key), bool)
        again[order[1:][equal]] = again[order[:-1][equal]] = True
        return again


def nearby_neighbours(
    user: np.ndarray,
    item: np.ndarray,
    totals: Totals,
    similarity: Similarity,
    count: int,
    half_life: float,
    weight: np.ndarray | None = None,
    seed: int = 0,
    threads: int | None = None,
) -> Neighbours:
    """As `neighbours`, by `nearby_counts`.

    Args:
        user, item, half_life, weight: as in `nearby_counts`.
        totals: of each item.
        similarity: one that needs nothing but what is common, such as `CoCount`.
        count: neighbours of an item.
        seed: of the permutation that decides between equal similarities.
        threads: blocks of items at a time; by default the number of processors.
    """
    if similarity.moments != (OVERLAP,):
        raise ValueError(f"Counts are all that there is. Received: {similarity}, which needs more.")
    pairs = NearbyPairs(user, item, len(totals.size), half_life, weight)
    return best_by_counts(pairs.blocks(), pairs.counts, totals, similarity, count, seed, threads)


def neighbours_by_counts(
    counts: sp.csr_array,
    totals: Totals,
    similarity: Similarity,
    count: int,
    seed: int = 0,
    threads: int | None = None,
) -> Neighbours:
    """As `neighbours`, by what rows have in common, which was counted before.

    Args:
        counts: the sums that all moments of the similarity come to, as without values they are
            equal, [rows, rows].
        totals: of each row.
    """
    blocks = (slice(*bounds) for bounds in row_blocks(counts.indptr, PAIRS_AT_A_TIME))
    return best_by_counts(
        blocks, lambda rows: counts[rows].copy(), totals, similarity, count, seed, threads
    )


def best_by_counts(
    blocks: Iterable[slice],
    counts_of: Callable[[slice], sp.csr_array],
    totals: Totals,
    similarity: Similarity,
    count: int,
    seed: int = 0,
    threads: int | None = None,
) -> Neighbours:
    """The best neighbours of each row by counts that exist for some rows at a time."""
    items = len(totals.size)
    order = np.random.default_rng(seed).permutation(items)
    # Equals are decided by the order of the columns.
    permuted = sp.csr_matrix(sp.identity(items, "float64", format="csr")[:, order])
    table = Neighbours(np.full((items, count), NONE, "int32"), np.zeros((items, count), "float32"))

    def block(rows: slice) -> None:
        counts = counts_of(rows)
        row = np.repeat(np.arange(items)[rows], np.diff(counts.indptr))
        counts.data = similarity.between(
            dict.fromkeys(similarity.moments, counts.data),
            Totals(*(total[row] for total in totals)),
            Totals(*(total[counts.indices] for total in totals)),
        )
        best = sp_matmul_topn(
            sp.csr_matrix(counts), permuted, count + 1, threshold=0.0, sort=True, n_threads=1
        )
        found = without_self(sp.csr_array(best), order, count, rows.start)
        table.ids[rows], table.weights[rows] = found

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:  # NumPy lets other threads run
        list(pool.map(block, blocks))
    return table
