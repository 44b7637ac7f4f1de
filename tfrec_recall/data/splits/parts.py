"""What a split is made of: parts of the events, each with the past that goes with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.order import changes, chronological, rank


class NobodyAsked(ValueError):
    """Nobody is left to ask, or nothing to learn from; of events in parts that is so of one part.

    Args:
        train: what there is to learn from these events all the same.
    """

    def __init__(self, message: str, train: Interactions):
        super().__init__(message)
        self.train = train


@dataclass(frozen=True, eq=False)
class Part:
    """What is asked of a model: the past of some users, and what they turned to next.

    Args:
        history: the events that a model may know of these users, sorted chronologically, users
            contiguous. A user may have none.
        targets: the events to predict, in the same order; its users are those who are counted.
    """

    history: pd.DataFrame
    targets: pd.DataFrame

    def __repr__(self) -> str:
        users = self.targets["user_id"].nunique()
        return f"Part({len(self.targets):,} targets of {users:,} users)"


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """A data set cut into what models learn from, are tuned on and are measured on.

    Args:
        name: the call that made it, for reports.
        interactions: everything; its items are the catalogue that is ranked.
        train: what models, vocabularies and counts are made of; all users and items, fewer events.
        validation: targets to tune on; the history is the users' events in train.
        test: targets to look at once; the history is train and validation.
        published: it came with the data, so that figures stand beside those of others.
        left: events of none of these: what came after train and is not asked for; None is none.
    """

    name: str
    interactions: Interactions
    train: Interactions
    validation: Part
    test: Part
    published: bool = False
    left: pd.DataFrame | None = None

    def __repr__(self) -> str:
        return (
            f"Split({self.name} of {self.interactions.name}: train {len(self.train.events):,} "
            f"events, validation {self.validation}, test {self.test})"
        )

    @property
    def item_counts(self) -> pd.Series:
        """How many training events each item has, by its id; of others nothing is said."""
        return self.train.events["item_id"].value_counts()

    def part(self, on: str) -> Part:
        """`validation` or `test`, by name."""
        if on not in ("validation", "test"):
            raise ValueError(f"A model is measured on 'validation' or 'test'. Received: {on!r}.")
        return self.validation if on == "validation" else self.test


def ordered(interactions: Interactions) -> Interactions:
    """The events in chronological order; without time, users contiguous and no more."""
    if interactions.has_time:
        return interactions.take(chronological(interactions.events))
    return interactions.take(np.argsort(rank(interactions.events["user_id"]), kind="stable"))


def places_from_end(starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each row, how many of its group follow it, and the size of the group."""
    group = np.cumsum(starts) - 1
    size = np.bincount(group)
    end = np.cumsum(size)
    return end[group] - 1 - np.arange(len(starts)), size[group]


def check_counts(function: str, least: dict[str, tuple[int | None, int]]) -> None:
    """Refuses counts that are no whole numbers, or too small; None is none given.

    Args:
        least: the value of each argument, and the least that it may be.
    """
    for argument, (value, at_least) in least.items():
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if value is not None and not (whole and value >= at_least):
            raise ValueError(
                f"{function} counts in whole numbers: {argument} is {at_least} at least. "
                f"Received: {argument}={value!r}."
            )


def split_by(
    name: str,
    interactions: Interactions,
    data: Interactions,
    part: np.ndarray,
    wanted: np.ndarray | None = None,
) -> Split:
    """The split of ordered events into 0 train, 1 validation, 2 test; targets are those wanted."""
    wanted = np.ones(len(part), dtype=bool) if wanted is None else wanted
    return Split(
        name=name,
        interactions=interactions,
        train=data.take(part == 0),
        validation=part_of(data.events, part == 0, (part == 1) & wanted),
        test=part_of(data.events, part <= 1, (part == 2) & wanted),
        left=data.events[(part > 0) & ~wanted].reset_index(drop=True),
    )


def part_of(events: pd.DataFrame, past: np.ndarray, asked: np.ndarray) -> Part:
    """The events asked, and of the past those of the users who are asked."""
    user = np.cumsum(changes(events["user_id"])) - 1
    counted = np.zeros(int(user[-1]) + 1 if len(user) else 0, dtype=bool)
    counted[user[asked]] = True
    return Part(
        history=events[past & counted[user]].reset_index(drop=True),
        targets=events[asked].reset_index(drop=True),
    )


def label(function: str, minimum: int | None = None, **arguments: object) -> str:
    """The call that made a split, as reports show it.

    >>> label("last_events_out", test=5, validation=5)
    'last_events_out(test=5, validation=5)'
    """
    if minimum is not None:
        arguments["minimum"] = minimum
    return f"{function}({', '.join(f'{name}={value}' for name, value in arguments.items())})"
