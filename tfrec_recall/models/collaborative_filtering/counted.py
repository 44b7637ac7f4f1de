"""Which events counts hold already, where items and users come to be known later."""

from __future__ import annotations

import pathlib
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
import scipy.sparse as sp

from tfrec_recall.data.order import hashes
from tfrec_recall.graph import interaction_matrix
from tfrec_recall.models.collaborative_filtering.co_counts import narrow
from tfrec_recall.models.collaborative_filtering.neighbour_ratings import values_at

FILE = "counted.npz"


class Counted(NamedTuple):
    """The users and items whose events are counted.

    An event that came while its item or its user was unknown is not, though both are known by now.
    Users are told by `number_of`, as a vocabulary may give the number of one to another.

    Attributes:
        users: uint64 [users], rising.
        items: which of them each user's counted events have, uint8 [users, items].
    """

    users: np.ndarray
    items: sp.csr_array

    @classmethod
    def of(cls, user: np.ndarray, item: np.ndarray, items: int) -> Self:
        """Of these events.

        Args:
            user: by `number_of`, [events].
            item: encoded, [events].
            items: of the vocabulary.
        """
        users, row = np.unique(user, return_inverse=True)
        found = interaction_matrix(row, item, (len(users), items))
        return cls(users, found.astype("uint8"))

    def has(self, user: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Which of these events are counted, bool [events]: with one, all earlier ones are."""
        row = np.searchsorted(self.users, user)
        known = np.flatnonzero(np.append(self.users, np.uint64(0))[row] == user)
        found = np.zeros(len(user), bool)
        found[known] = values_at(self.items, row[known], item[known]) > 0
        return found

    def and_of(self, user: np.ndarray, item: np.ndarray) -> Counted:
        """With these events, as in `of`."""
        new = Counted.of(user, item, self.items.shape[1])
        users = np.union1d(self.users, new.users)
        items = sp.csr_array(self._rows_of(users) + new._rows_of(users))
        items.data[:] = 1
        return Counted(users, items)

    def _rows_of(self, users: np.ndarray) -> sp.csr_array:
        """The items of these users, of whom own ones are a part."""
        sizes = np.zeros(len(users), "int64")
        sizes[np.searchsorted(users, self.users)] = np.diff(self.items.indptr)
        rows = (self.items.data, self.items.indices, np.append(0, np.cumsum(sizes)))
        return narrow(sp.csr_array(rows, shape=(len(users), self.items.shape[1])))

    def grown(self, same: np.ndarray) -> Counted:
        """Of a vocabulary that has grown: nothing of an item whose number is another's by now.

        Args:
            same: which numbers of items stand for what they stood for before, bool [items].
        """
        if same[: self.items.shape[1]].all():
            kept = (self.items.data, self.items.indices, self.items.indptr)
            return Counted(self.users, sp.csr_array(kept, shape=(len(self.users), len(same))))
        stays = same[self.items.indices]
        ends = np.append(0, np.cumsum(stays))[self.items.indptr]
        rows = (self.items.data[stays], self.items.indices[stays], ends)
        return Counted(self.users, narrow(sp.csr_array(rows, shape=(len(self.users), len(same)))))

    def save(self, folder: pathlib.Path) -> None:
        """Writes them into a folder."""
        sp.save_npz(folder / FILE, self.items, compressed=False)
        sp.save_npz(folder / f"users_{FILE}", sp.csr_array(self.users[np.newaxis]))

    @classmethod
    def load(cls, folder: pathlib.Path) -> Self | None:
        """Those that `save` wrote; None in a state of an earlier version."""
        if not (folder / FILE).is_file():
            return None
        users = sp.load_npz(folder / f"users_{FILE}").toarray()[0]
        return cls(users, narrow(sp.csr_array(sp.load_npz(folder / FILE))))


def number_of(ids: pd.Series) -> np.ndarray:
    """A number for each id that follows from it alone, uint64 [ids]."""
    code, found = pd.factorize(ids)
    return hashes(pd.Series(found))[0][code]
