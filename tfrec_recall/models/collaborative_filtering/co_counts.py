"""What items have in common by their users, kept so that new events change it."""

from __future__ import annotations

import pathlib
from typing import NamedTuple, Self

import numpy as np
import scipy.sparse as sp

from tfrec_recall.features import Origin
from tfrec_recall.graph import Neighbours, Similarity, interaction_matrix, nearby_counts
from tfrec_recall.graph.nearby import neighbours_by_counts
from tfrec_recall.graph.similarity import Totals, column_sizes

FILE = "co_counts.npz"


class CoCounts(NamedTuple):
    """Sums over users, so that those of other users, or of more events, can be added.

    Attributes:
        sums: what two items have in common, float64 [items, items].
        sizes: how many users an item has, float64 [items].
    """

    sums: sp.csr_array
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
            return cls(_in_order(found), sizes)
        # w' (x + n)(x + n)' - w x x' = (w' - w) x x' + w' (x + n) n' + w' n x'
        left = [old * (after - before), every * after, new * after]
        right = [old, new, old]
        product = sp.hstack(left, format="csr") @ sp.hstack(right, format="csr").T
        return cls(_in_order(sp.csr_array(product)), sizes)

    def with_change(self, change: CoCounts) -> CoCounts:
        """With what new events add."""
        return CoCounts(sp.csr_array(self.sums + change.sums), self.sizes + change.sizes)

    def moved_by(self, change: CoCounts) -> np.ndarray:
        """The items whose similarities to any item a change has moved, bool [items].

        Those that have more in common with another item; and all that have anything in common with
        an item whose size is another, as a similarity is divided by both sizes.

        Args:
            change: that these, which come after it, have.
        """
        moved = np.diff(change.sums.indptr) > 0
        of_other_size = np.flatnonzero(change.sizes)
        moved[of_other_size] = True
        if moved.sum() > len(moved) // 2:  # all are ranked then, see `neighbours`
            moved[:] = True
        else:
            moved[self.sums[of_other_size].indices] = True
        return moved

    def lacking(self, ids: np.ndarray) -> np.ndarray:
        """The items that have more neighbours than a table lists, and room there, bool [items].

        Args:
            ids: of neighbours, -1 for none, [items, neighbours].
        """
        others = np.diff(self.sums.indptr) - (self.sums.diagonal() != 0)
        return (ids >= 0).sum(axis=1) < np.minimum(others, ids.shape[1])

    def neighbours(
        self, similarity: Similarity, count: int, rows: np.ndarray | None = None
    ) -> Neighbours:
        """The best neighbours of these items, or of each."""
        totals = Totals(self.sizes, self.sizes)  # every value is 1
        if rows is not None and len(rows) > len(self.sizes) // 2:  # a copy of them costs as much
            ids, weights = self.neighbours(similarity, count)
            return Neighbours(ids[rows], weights[rows])
        return neighbours_by_counts(self.sums, totals, similarity, count, rows=rows)

    def grown(self, origin: Origin) -> CoCounts:
        """Of a vocabulary that has grown: nothing of an item whose number is another's by now."""
        size, before = len(origin.same), len(self.sizes)
        sizes = np.zeros(size)
        sizes[:before] = self.sizes
        if origin.same[:before].all():
            end = np.full(size - before, self.sums.nnz, self.sums.indptr.dtype)
            rows = (self.sums.data, self.sums.indices, np.append(self.sums.indptr, end))
            return CoCounts(sp.csr_array(rows, shape=(size, size)), sizes)
        pairs = self.sums.tocoo()
        row, column = pairs.coords
        same = origin.same[row] & origin.same[column]
        entries = (pairs.data[same], (row[same], column[same]))
        return CoCounts(
            sp.csr_array(entries, shape=(size, size)), np.where(origin.same, sizes, 0.0)
        )

    def save(self, folder: pathlib.Path) -> None:
        """Writes them into a folder."""
        sp.save_npz(folder / FILE, sp.csr_array(self.sums), compressed=False)
        sp.save_npz(folder / f"sizes_{FILE}", sp.csr_array(self.sizes[np.newaxis]))

    @classmethod
    def load(cls, folder: pathlib.Path) -> Self:
        """Those that `save` wrote."""
        sizes = sp.load_npz(folder / f"sizes_{FILE}")
        return cls(narrow(sp.csr_array(sp.load_npz(folder / FILE))), sizes.toarray()[0])


def narrow(matrix: sp.csr_array) -> sp.csr_array:
    """The matrix, by now with places of int32 where these suffice.

    SciPy's arrays keep int64 once they have it, and so does all that is made of them.
    """
    if max(matrix.nnz, *matrix.shape) < 2**31:
        matrix.indices = matrix.indices.astype("int32", copy=False)
        matrix.indptr = matrix.indptr.astype("int32", copy=False)
    return matrix


def _in_order(symmetric: sp.csr_array) -> sp.csr_array:
    """With the columns of each row in order, without which sums of two take several times as long.

    The rows of a symmetric matrix are its columns, and to part by columns is faster than to sort.
    """
    columns = symmetric.tocsc()
    rows = (columns.data, columns.indices, columns.indptr)
    return narrow(sp.csr_array(rows, shape=symmetric.shape))


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
    found = nearby_counts(
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
    found.eliminate_zeros()
    return found
