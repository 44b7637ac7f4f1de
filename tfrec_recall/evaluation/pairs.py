"""Sets of (user, item) pairs that answer for a whole batch of lists which places hold a member."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from tfrec_recall.data.ids import places


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Distinct pairs, each one number: `row of the user * number of items + position of the item`.

    >>> events = pd.DataFrame({"user_id": ["a", "b", "b"], "item_id": ["x", "y", "y"]})
    >>> pairs = Pairs.of(events, np.array(["a", "b"]), pd.Index(["x", "y"]))
    >>> pairs.holds(rows=np.array([1, 0]), positions=np.array([[0, 1], [0, -1]]))
    array([[False,  True],
           [ True, False]])
    """

    codes: np.ndarray  # int64, ascending
    number_of_items: int

    @classmethod
    def of(cls, events: pd.DataFrame, users: np.ndarray, items: pd.Index) -> Pairs:
        """The pairs of these events; rows of other users or other items are left aside."""
        row = places(pd.Index(users), events["user_id"])
        return cls.of_rows(row, events["item_id"], items)

    @classmethod
    def of_rows(cls, rows: np.ndarray, item_ids: pd.Series, items: pd.Index) -> Pairs:
        """The pairs of rows of users and raw items."""
        position = places(items, item_ids)
        known = (rows >= 0) & (position >= 0)
        codes = rows[known].astype(np.int64) * len(items) + position[known]
        return cls(np.unique(codes), len(items))

    @property
    def items(self) -> np.ndarray:
        """The position of each pair's item."""
        return self.codes % self.number_of_items

    def __len__(self) -> int:
        return len(self.codes)

    def of_held(self, held: np.ndarray) -> Pairs:
        """The pairs whose item is marked in `held` [items]."""
        return Pairs(self.codes[held[self.items]], self.number_of_items)

    def without(self, others: Pairs) -> Pairs:
        """The pairs that are not among the others."""
        left = np.setdiff1d(self.codes, others.codes, assume_unique=True)
        return Pairs(left, self.number_of_items)

    def of_rows_in(self, kept: np.ndarray) -> Pairs:
        """The pairs whose row is marked in `kept` [users], counted in the rows that are left."""
        row, item = np.divmod(self.codes, self.number_of_items)
        new_row = np.cumsum(kept) - 1
        inside = kept[row]
        return Pairs(
            new_row[row[inside]] * self.number_of_items + item[inside], self.number_of_items
        )

    def counts(self, users: int) -> np.ndarray:
        """Pairs of each user, [users]."""
        return np.bincount(self.codes // self.number_of_items, minlength=users)

    def digest(self, keys: np.ndarray) -> int:
        """A number that is another one for other pairs, and the same in any order of the items.

        Args:
            keys: a number of each item, uint64; pairs of the items beyond them are left aside.
        """
        row, item = np.divmod(self.codes, self.number_of_items)
        known = item < len(keys)
        mixed = pd.util.hash_array(row[known]) + keys[item[known]]
        return int(pd.util.hash_array(mixed).sum())

    def holds(self, rows: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Whether (row, position) is a pair: [batch] and [batch, k] to [batch, k]; -1 never is."""
        wanted = rows[:, np.newaxis].astype(np.int64) * self.number_of_items + positions
        place = np.searchsorted(self.codes, wanted)
        inside = place < len(self.codes)
        found = self.codes[np.where(inside, place, 0)] if len(self.codes) else wanted + 1
        return inside & (found == wanted) & (positions >= 0)
