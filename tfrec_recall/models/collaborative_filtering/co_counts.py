"""What items have in common by their users, kept so that new events change it."""

from __future__ import annotations

import os
import pathlib
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Self

import numpy as np
import scipy.sparse as sp

from tfrec_recall.features import Origin
from tfrec_recall.graph import Neighbours, Similarity, interaction_matrix
from tfrec_recall.graph.nearby import NearbyPairs, best_by_counts
from tfrec_recall.graph.similarity import Totals, column_sizes
from tfrec_recall.models.collaborative_filtering.kept_sums import VALUE, KeptSums

SIZES = "co_counts.sizes"
OLD = "co_counts.npz"


class CoCounts(NamedTuple):
    """Sums over users, so that those of other users, or of more events, can be added.

    Attributes:
        sums: what two items have in common, float64 [items, items]; nothing of an item and itself.
        sizes: how many users an item has, float64 [items].
    """

    sums: KeptSums
    sizes: np.ndarray

    @classmethod
    def of(
        cls,
        user: np.ndarray,
        item: np.ndarray,
        items: int,
        similarity: Similarity,
        nearby: float | None,
    ) -> Self:
        """Of all events of these users.

        Args:
            user, item: integers [events]; with `nearby`, each user's together and in order of time.
            items: of the vocabulary.
            nearby: as in `ItemCF`.
        """
        return cls.added(user, item, np.ones(len(user), bool), items, similarity, nearby)

    @classmethod
    def added(
        cls,
        user: np.ndarray,
        item: np.ndarray,
        is_new: np.ndarray,
        items: int,
        similarity: Similarity,
        nearby: float | None,
    ) -> Self:
        """What new events add: the co-counts of all events of these users less those of the old.

        A user's weight follows the number of events, so that with a new one all pairs of the user
        change; the pairs of other users do not.

        Args:
            is_new: bool [events]; the others as in `of`.
        """
        number, users = np.unique(user, return_inverse=True)[1], len(np.unique(user))
        every, old = (
            interaction_matrix(item[some], number[some], (items, users)).astype("float64")
            for some in (np.ones(len(user), bool), ~is_new)
        )
        new = sp.csr_array(every - old)
        new.eliminate_zeros()
        sizes = np.diff(new.indptr).astype("float64")
        before, after = (similarity.column_weight(column_sizes(one)) for one in (old, every))
        if before is None or after is None:
            before = after = np.ones(users)
        if nearby is not None:
            found = _nearby(number, item, is_new, items, nearby, before, after)
            return cls(KeptSums(found, items), sizes)
        # w' (x + n)(x + n)' - w x x' = (w' - w) x x' + w' (x + n) n' + w' n x'
        left = [old * (after - before), every * after, new * after]
        right = [old, new, old]
        product = sp.hstack(left, format="csr") @ sp.hstack(right, format="csr").T
        return cls(_of_pairs(sp.csr_array(product)), sizes)

    def with_change(self, change: CoCounts) -> CoCounts:
        """With what new events add."""
        return CoCounts(self.sums.plus(change.sums.whole()), self.sizes + change.sizes)

    def moved_by(self, change: CoCounts) -> np.ndarray:
        """The items whose similarities to any item a change has moved, bool [items].

        Those that have more in common with another item; and all that have anything in common with
        an item whose size is another, as a similarity is divided by both sizes.

        Args:
            change: that these, which come after it, have.
        """
        moved = change.sums.entries > 0
        of_other_size = np.flatnonzero(change.sizes)
        moved[of_other_size] = True
        if moved.sum() > len(moved) // 2:  # all are ranked then, see `neighbours`
            moved[:] = True
            return moved
        for some in self.sums.blocks(of_other_size):
            moved[self.sums.rows(of_other_size[some]).indices] = True
        return moved

    def lacking(self, ids: np.ndarray) -> np.ndarray:
        """The items that may have more neighbours than a table lists, and have room there, bool
        [items].

        Args:
            ids: of neighbours, -1 for none, [items, neighbours].
        """
        return (ids >= 0).sum(axis=1) < np.minimum(self.sums.entries, ids.shape[1])

    def neighbours(
        self, similarity: Similarity, count: int, rows: np.ndarray | None = None
    ) -> Neighbours:
        """The best neighbours of these items, by rising number, or of each."""
        size = len(self.sizes)
        if rows is not None and len(rows) > size // 2:  # to pick them out costs as much
            ids, weights = self.neighbours(similarity, count)
            return Neighbours(ids[rows], weights[rows])
        asked = np.arange(size) if rows is None else rows
        return best_by_counts(
            self.sums.blocks(asked),
            lambda some: self.sums.rows(asked[some]),
            Totals(self.sizes, self.sizes),  # every value is 1
            similarity,
            count,
            rows=rows,
        )

    def grown(self, origin: Origin) -> CoCounts:
        """Of a vocabulary that has grown: nothing of an item whose number is another's by now."""
        sizes = np.zeros(len(origin.same))
        sizes[: len(self.sizes)] = self.sizes
        return CoCounts(self.sums.grown(origin.same), np.where(origin.same, sizes, 0.0))

    def save(self, folder: pathlib.Path) -> None:
        """Writes them into a folder."""
        self.sums.write(folder)
        self.sizes.astype(VALUE).tofile(folder / SIZES)

    @classmethod
    def load(cls, folder: pathlib.Path) -> Self:
        """Those that `save` wrote; the sums stay in their files, and are read some at a time."""
        if (folder / OLD).is_file():  # a state of an earlier version
            sizes = sp.load_npz(folder / f"sizes_{OLD}").toarray()[0]
            return cls(_of_pairs(sp.csr_array(sp.load_npz(folder / OLD))), sizes)
        return cls(KeptSums.read(folder), np.fromfile(folder / SIZES, VALUE))


def narrow(matrix: sp.csr_array) -> sp.csr_array:
    """The matrix, by now with places of int32 where these suffice.

    SciPy's arrays keep int64 once they have it, and so does all that is made of them.
    """
    if max(matrix.nnz, *matrix.shape) < 2**31:
        matrix.indices = matrix.indices.astype("int32", copy=False)
        matrix.indptr = matrix.indptr.astype("int32", copy=False)
    return matrix


def _of_pairs(symmetric: sp.csr_array) -> KeptSums:
    """Of two items, with the columns of each row in order, without which sums of two matrices take
    several times as long.

    The rows of a symmetric matrix are its columns, and to part by columns is faster than to sort.
    """
    columns = symmetric.tocsc()
    rows = (columns.data, columns.indices, columns.indptr)
    found = _of_two(sp.csr_array(rows, shape=symmetric.shape))
    return KeptSums(narrow(found), symmetric.shape[0])


def _of_two(rows: sp.csr_array, first: int = 0) -> sp.csr_array:
    """Without sums of 0, and those of an item and itself.

    Args:
        first: the item of the first row.
    """
    item = np.repeat(np.arange(first, first + rows.shape[0]), np.diff(rows.indptr))
    stays = (rows.data != 0) & (rows.indices != item)
    ends = np.append(0, np.cumsum(stays))[rows.indptr]
    return sp.csr_array((rows.data[stays], rows.indices[stays], ends), shape=rows.shape)


def _nearby(
    user: np.ndarray,
    item: np.ndarray,
    is_new: np.ndarray,
    items: int,
    half_life: float,
    before: np.ndarray,
    after: np.ndarray,
) -> sp.csr_array:
    """As `CoCounts.added`, of pairs that are near each other.

    Where a user's new events are later than all others, the old pairs are as near as they were.
    Of other users, all is counted as it is, and what it was is taken away.

    Args:
        user: numbers from 0.
        before, after: the weights of users without their new events and with them, [users].
    """
    late = np.flatnonzero(is_new[:-1] & ~is_new[1:] & (user[:-1] == user[1:]))
    anew = np.zeros(len(before), bool)
    anew[user[late]] = True
    taken = np.flatnonzero(anew[user] & ~is_new)
    none = np.zeros(len(taken))
    pairs = NearbyPairs(
        np.append(user, user[taken] + len(before)),
        np.append(item, item[taken]),
        items,
        half_life,
        np.append(after[user], -before[user[taken]]),
        (
            np.append(is_new, none > 0),
            np.append(np.where(anew, 0.0, before)[user], none),
        ),
    )

    def block(some: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        found = _of_two(pairs.counts(some), some.start)
        found.sort_indices()
        return found.data, found.indices, np.diff(found.indptr)

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # NumPy lets other threads run
        values, columns, entries = zip(*pool.map(block, pairs.blocks()), strict=True)
    ends = np.append(0, np.cumsum(np.concatenate(entries)))
    of_all = np.concatenate(values)
    del values  # as much as what is made of them
    rows = (of_all, np.concatenate(columns), ends)
    return narrow(sp.csr_array(rows, shape=(items, items)))
