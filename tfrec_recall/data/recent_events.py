"""What a model that goes on learning is given: new events, and what it needs of earlier ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfrec_recall.data.columns.among import among
from tfrec_recall.data.examples import history_alone
from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.order import TIE_ORDER, newer_events, tie_numbers


@dataclass(frozen=True, eq=False)
class Recent:
    """New events among the earlier events of their users, and some of other users.

    Args:
        interactions: all of these events, with the rows of their users and items.
        is_new: bool [events].
        is_replayed: bool [events], earlier ones that are learnt once more, so that what was known
            is not unlearnt for what is new.
    """

    interactions: Interactions
    is_new: np.ndarray
    is_replayed: np.ndarray

    @property
    def new(self) -> Interactions:
        """The new events alone."""
        return self.interactions.take(self.is_new)

    @property
    def to_learn(self) -> Interactions:
        """All events; those that are neither new nor replayed are history, and no targets."""
        return history_alone(self.interactions, ~(self.is_new | self.is_replayed))


@of_kinds
def recent(
    history: Interactions,
    new: Interactions,
    length: int | None = None,
    replay: float = 1.0,
    seed: int = 0,
) -> Recent:
    """New events with what of the earlier ones a model needs to learn from them.

    Args:
        history: the earlier events, or those of some users: all of them that are new's, and a few.
        new: the events since; their users and items have the columns that `history` has.
        length: of a user, as many of the latest earlier events; None: all. Of 0, there are no
            histories, and earlier events are the replayed ones alone.
        replay: earlier events that are learnt once more, for each new one: of users who are drawn,
            and of those of the new events; of the latest that `length` leaves, if it is above 0.
        seed: of what is drawn.

    >>> old = pd.DataFrame({"user_id": list("aab"), "item_id": list("xyx"), "timestamp": range(3)})
    >>> now = pd.DataFrame({"user_id": ["a"], "item_id": ["z"], "timestamp": [9]})
    >>> found = recent(Interactions(old), Interactions(now), length=1, replay=0)
    >>> found.interactions.events["item_id"].tolist(), found.is_new
    (['y', 'z'], array([False,  True]))
    """
    random = np.random.default_rng(seed)
    events = history.events
    code, users = pd.factorize(events["user_id"])
    touched = among(users, new.events["user_id"].unique())
    left = round(replay * len(new.events))
    size = np.bincount(code, minlength=len(users))
    if length:
        size = np.minimum(size, length)
    others = random.permutation(np.flatnonzero(~touched))
    before = np.cumsum(size[others]) - size[others]
    drawn = np.zeros(len(users), bool)
    drawn[others[before < left]] = True
    kept = (touched | drawn)[code]
    events = events[kept]
    if length and history.has_time:
        events = events[newer_events(events) < length]
    is_replayed = np.zeros(len(events), bool)
    is_replayed[random.permutation(len(events))[:left]] = True
    if length == 0:
        events, is_replayed = events[is_replayed], is_replayed[is_replayed]
    every = followed(events, new.events)
    later = np.arange(len(every)) >= len(events)
    interactions = Interactions(
        every,
        _of_events(merged(history.users, new.users, "user_id"), every, "user_id"),
        _of_events(merged(history.items, new.items, "item_id"), every, "item_id"),
        name=new.name,
        time_unit=history.time_unit,
        mend_ids=False,
    )
    return Recent(interactions, later, np.append(is_replayed, np.zeros(len(new.events), bool)))


def followed(before: pd.DataFrame, since: pd.DataFrame) -> pd.DataFrame:
    """Events and those since as one table; at one time, these come after the others.

    `tie_order` numbers the rows of one source: those of two are numbered anew, each table in the
    order that it has by itself.

    >>> old = pd.DataFrame({"user_id": "a", "item_id": ["x", "y"], "timestamp": 5, "tie_order": 0})
    >>> new = pd.DataFrame({"user_id": ["a"], "item_id": ["z"], "timestamp": 5})
    >>> followed(old.assign(tie_order=[3, 2]), new)["tie_order"].tolist()
    [1, 0, 2]
    """
    tables = [before, since]
    ordered = any(TIE_ORDER in table for table in tables)
    if ordered and all("timestamp" in table for table in tables):
        numbers = tie_numbers(before), tie_numbers(since, len(before))
        tables = [
            table.assign(**{TIE_ORDER: own}) for table, own in zip(tables, numbers, strict=True)
        ]
    return pd.concat(tables, ignore_index=True)


def merged(before: pd.DataFrame, after: pd.DataFrame, key: str) -> pd.DataFrame:
    """Two tables of users or items as one; a row that says anything replaces that of before.

    >>> old, new = pd.DataFrame({"id": [1, 2], "n": [5, 6]}), pd.DataFrame({"id": [2], "n": [7]})
    >>> merged(old, new, "id").to_dict("list")
    {'id': [1, 2], 'n': [5, 7]}
    """
    others = [column for column in after if column != key]
    says = after[others].notna().any(axis=1) if others else pd.Series(False, after.index)
    unseen = ~among(after[key], before[key])
    taken = after[says | unseen]
    kept = before[~among(before[key], taken[key])]
    return pd.concat([kept, taken], ignore_index=True) if len(taken) else before


def _of_events(table: pd.DataFrame, events: pd.DataFrame, key: str) -> pd.DataFrame:
    return table[among(table[key], events[key].unique())].reset_index(drop=True)
