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
PAIRS_AT_A_TIME = 2**20  # in a thread, of which each has a dozen arrays


def nearby_counts(
    user: np.ndarray,
    item: np.ndarray,
    items: int,
    half_life: float,
    weight: np.ndarray | None = None,
    new: tuple[np.ndarray, np.ndarray] | None = None,
) -> sp.csr_array:
    """The sum over users of 2^(-distance / half_life) of two items, items by items.

    A user counts once for two items, by the two events of them that are nearest to each other.

    Args:
        user, item: encoded events, each user's together and in order of time.
        half_life: in events; pairs further apart than 6 half-lives do not count.
        weight: of each event's user, [events]; None lets all count alike.
        new: which events are new, bool [events], and the weight of each event's user without
            these, [events]: then only what they add is counted, and no pair of old events may be
            nearer without them than it is with them.

    >>> nearby_counts([7, 7, 7], [0, 1, 2], items=3, half_life=1).toarray()
    array([[0.  , 0.5 , 0.25],
           [0.5 , 0.  , 0.5 ],
           [0.25, 0.5 , 0.  ]])
    """
    pairs = NearbyPairs(user, item, items, half_life, weight, new)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # NumPy lets other threads run
        return sp.csr_array(sp.vstack(list(pool.map(pairs.counts, pairs.blocks()))))


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
        new: tuple[np.ndarray, np.ndarray] | None = None,
    ):
        if not half_life > 0:
            raise ValueError(f"half_life is a number of events above 0. Received: {half_life}.")
        user, self.item, self.items = np.asarray(user), np.asarray(item), items
        self.weight = None if weight is None else np.asarray(weight)
        self.new = new
        self.reach = max(1, min(int(HALF_LIVES * half_life), len(user) - 1))
        self.decay = 0.5 ** (np.arange(self.reach + 1) / half_life)
        self.begin = np.flatnonzero(np.diff(user, prepend=user[:1] - 1))  # of each user
        self.begin = np.append(self.begin, len(user))
        kind = "int32" if len(user) < 2**31 else "int64"
        self.number = np.repeat(np.arange(len(self.begin) - 1, dtype=kind), np.diff(self.begin))
        self.by_item = np.argsort(self.item, kind="stable").astype(kind)  # item after item
        self.end = np.cumsum(np.bincount(self.item, minlength=items))  # of each item's events
        self.cell, self.again = self._cells()
        self.before, self.after = self._same_cell()
        self.cells = np.int64(self.cell.max(initial=0) + 1)
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
        if len(self.after):
            apart = self._nothing_between(centre, other, events, count)
            centre, other = centre[apart], other[apart]
            bounds = np.append(0, np.cumsum(apart, dtype=bounds.dtype))[bounds]
            count = np.diff(bounds)
        terms = self.decay[np.abs(centre - other)]
        now = 1.0 if self.weight is None else np.repeat(self.weight[events], count)
        nearest = self._by_nearest(centre, other)
        if self.new is None:
            terms *= now
            terms[_repeated(*nearest)] = 0
        else:
            is_new, weight_before = self.new
            before = np.repeat(weight_before[events], count)
            before[np.repeat(is_new[events], count) | is_new[other]] = 0
            before[_repeated(*(part[before[nearest[0]] != 0] for part in nearest))] = 0
            now = now * np.ones(len(terms))
            now[_repeated(*nearest)] = 0
            terms *= now - before
        starts = bounds[np.append(0, self.end[first:last] - (self.end[first - 1] if first else 0))]
        shape = (last - first, self.items)
        pairs = sp.csr_matrix((terms, self.item[other], starts), shape=shape)
        if self.new is not None:  # sums may be 0, which sp_matmul leaves room for and does not fill
            return sp.csr_array(pairs @ self.same)
        return sp.csr_array(sp_matmul(pairs, self.same, n_threads=1))  # adds up what is one cell

    def _nothing_between(
        self, centre: np.ndarray, other: np.ndarray, events: np.ndarray, count: np.ndarray
    ) -> np.ndarray:
        """Which pairs have no event of their user and one of their items between them, with which
        the other is nearer, bool [pairs].

        Args:
            events, count: the centres, once each, and how many pairs each has.
        """
        following = self.before[other] <= centre
        following &= np.repeat(self.after[events], count) >= other
        preceding = self.after[other] >= centre
        preceding &= np.repeat(self.before[events], count) <= other
        return np.where(other > centre, following, preceding)

    def _by_nearest(self, centre: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The pairs of events that have others like them, of a user and the same two items.

        Returns: their places, pairs of the same items together, the nearest first; and a number
            for each pair that those of the same items have.
        """
        places = np.flatnonzero(self.again[centre] | self.again[other])
        centre, other = centre[places], other[places]
        cells = self.cell[centre] * self.cells + self.cell[other]
        order = np.argsort(cells * (self.reach + 1) + np.abs(centre - other))
        return places[order], cells[order]

    def _cells(self) -> tuple[np.ndarray, np.ndarray]:
        """A number of each event's user and item, int64, and whether they have other events."""
        _, cell, count = np.unique(
            self.number * np.int64(self.items) + self.item, return_inverse=True, return_counts=True
        )
        return cell.astype(np.int64), count[cell] > 1

    def _same_cell(self) -> tuple[np.ndarray, np.ndarray]:
        """Of each event the one before and the one after it with its user and item; -1, and a place
        beyond all, where there is none. Both are empty where nobody has an item twice.
        """
        if not self.again.any():
            return np.zeros(0, self.number.dtype), np.zeros(0, self.number.dtype)
        places = np.flatnonzero(self.again).astype(self.number.dtype)
        places = places[np.argsort(self.cell[places], kind="stable")]
        first, second = places[:-1], places[1:]
        same = self.cell[first] == self.cell[second]
        before = np.full(len(self.cell), -1, places.dtype)
        after = np.full(len(self.cell), len(self.cell), places.dtype)
        before[second[same]], after[first[same]] = first[same], second[same]
        return before, after


def _repeated(places: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The places of all but the first of each cell."""
    return places[1:][cells[1:] == cells[:-1]]


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


def best_by_counts(
    blocks: Iterable[slice],
    counts_of: Callable[[slice], sp.csr_array],
    totals: Totals,
    similarity: Similarity,
    count: int,
    seed: int = 0,
    threads: int | None = None,
    rows: np.ndarray | None = None,
) -> Neighbours:
    """The best neighbours of each row by counts that exist for some rows at a time.

    Args:
        blocks: of the rows that are asked for, by their places.
        rows: their numbers; None: all rows are asked for.
    """
    items = len(totals.size)
    number = np.arange(items, dtype="int32") if rows is None else rows.astype("int32")
    scales = similarity.scales(totals)
    order = np.random.default_rng(seed).permutation(items)
    # Equals are decided by the order of the columns.
    permuted = sp.csr_matrix(sp.identity(items, "float64", format="csr")[:, order])
    shape = (len(number), count)
    table = Neighbours(np.full(shape, NONE, "int32"), np.zeros(shape, "float32"))

    def alike(counts: sp.csr_array, rows: np.ndarray) -> np.ndarray:
        entries = np.diff(counts.indptr)
        if scales is not None:
            left, right = scales
            return counts.data * np.repeat(left[rows], entries) * right[counts.indices]
        row = np.repeat(rows, entries)
        return similarity.between(
            dict.fromkeys(similarity.moments, counts.data),
            Totals(*(total[row] for total in totals)),
            Totals(*(total[counts.indices] for total in totals)),
        )

    def block(some: slice) -> None:
        counts = counts_of(some)
        pairs = sp.csr_matrix(
            (alike(counts, number[some]), counts.indices, counts.indptr), shape=counts.shape
        )
        best = sp_matmul_topn(pairs, permuted, count + 1, threshold=0.0, sort=True, n_threads=1)
        found = without_self(sp.csr_array(best), order, count, rows=number[some])
        table.ids[some], table.weights[some] = found

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:  # NumPy lets other threads run
        list(pool.map(block, blocks))
    return table
