"""Which targets count: each once, and only those that a list can hold."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tfrec_recall.evaluation.pairs import Pairs

if TYPE_CHECKING:
    from tfrec_recall.data.splits import Part


@dataclasses.dataclass(frozen=True)
class Targets:
    """What the lists of these users are searched for.

    Args:
        users: raw ids of the users who have a target, ascending; `pairs` counts rows in them.
        pairs: the targets.
        repeated: how many target events wanted an item that another one of the user did.
        had: how many targets were left out because the history's items are.
        unasked: how many users had no other target.
    """

    users: np.ndarray
    pairs: Pairs
    repeated: int = 0
    had: int = 0
    unasked: int = 0

    @classmethod
    def of(cls, part: Part, items: pd.Index, repeats: bool, on: str = "test") -> Targets:
        """The targets of a part over these items.

        Args:
            repeats: lists may hold items of the history, so that they can be targets.
            on: what the part is called in errors.

        Raises: ValueError if nobody has a target, or none that a list can hold.
        """
        everyone = np.sort(part.targets["user_id"].unique())
        if not len(everyone):
            raise ValueError(f"No user has a {on} target: there is nothing to measure.")
        wanted = Pairs.of(part.targets, everyone, items)
        reachable = wanted
        if not repeats:
            reachable = wanted.without(Pairs.of(part.history, everyone, items))
        asked = reachable.counts(len(everyone)) > 0
        if not asked.any():
            raise ValueError(
                f"All {len(wanted):,} {on} targets are items of their user's history, which are "
                "left out of the lists: there is nothing to measure. Where people buy or listen "
                "again, rank the history's items too: repeats=True, or --repeats."
            )
        return cls(
            users=everyone[asked],
            pairs=reachable.of_rows_in(asked),
            repeated=len(part.targets) - len(wanted),
            had=len(wanted) - len(reachable),
            unasked=int((~asked).sum()),
        )

    @property
    def counts(self) -> np.ndarray:
        """How many targets each user has, [users], 1 at least."""
        return self.pairs.counts(len(self.users))

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures has to know of the targets that do not count."""
        notes = []
        if self.had:
            notes.append(
                f"{self.had:,} targets are items of their user's history, which no list holds: "
                "they are left out. repeats=True, or --repeats, ranks the history's items too."
            )
        if self.unasked:
            notes.append(f"{self.unasked:,} users have no other target and do not count.")
        if self.repeated:
            notes.append(
                f"{self.repeated:,} target events want an item that another one of the same user "
                "wants: a target counts once."
            )
        return notes
