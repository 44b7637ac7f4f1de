"""Splits of events in parts: what is learnt stays in them, and a sample of users is measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from tfrec_recall.data import stopping
from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.parted import PartedInteractions, added
from tfrec_recall.data.splits.given import given
from tfrec_recall.data.splits.last_basket_out import last_basket_out
from tfrec_recall.data.splits.last_events_out import last_events_out
from tfrec_recall.data.splits.parts import NobodyAsked, Part, Split
from tfrec_recall.data.splits.random_events_out import random_events_out
from tfrec_recall.data.splits.standard import Cuts, signs_of_baskets, together

Cut = Callable[[Interactions], Split | None]
MEASURED = 10_000  # users, or as many as a part more has


@dataclasses.dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PartedSplit(Split):
    """A split whose training events stay in parts; all else is of a sample of the users.

    The sample is all users of the first parts that are asked anything: users are in parts by a
    hash. `interactions` and `train` are theirs, with all items; `counts` are of all users.

    Args:
        learnt: the training events of all users.
        counts: how many of these each item has, by its id.
        events, users: how many there are, of all.
        asked: of how many users a test target is known.
        sampled: of how many parts the sample is.
    """

    learnt: PartedInteractions
    counts: pd.Series
    events: int
    users: int
    asked: int
    sampled: int

    @property
    def item_counts(self) -> pd.Series:
        return self.counts

    def __str__(self) -> str:
        """What is learnt and who is measured, for a reader."""
        there = self.test.targets["user_id"].nunique()
        of_asked = f"{there:,} of the {self.asked:,} users who are asked"
        return (
            f"{self.counts.sum():,} of {self.events:,} events are learnt from, of {self.users:,} "
            f"users in {len(self.learnt)} parts. Measured are {of_asked}: those of the first "
            f"{self.sampled}, which a hash of their ids has put there."
        )


@of_kinds
def split_parts(parted: PartedInteractions, cut: Cut, users: int = MEASURED) -> PartedSplit:
    """Cuts each part as it is read, in memory for one part and for a sample of the users.

    Args:
        cut: a split of one part, such as `last_events_out`, of which users are cut by themselves.
        users: parts are taken into the sample until it asks so many users.

    Raises: ValueError as `cut` does, and where no part has anybody to ask.

    >>> split = split_parts(part_events("log", "parts"), standard)
    >>> model.fit(model.training_data(split.learnt))
    """
    found = _split_parts(parted, cut, users)
    if isinstance(found, PartedSplit):
        return found
    raise found or ValueError(f"There is no event to cut. Received: {parted!r}.")


def standard_cut(
    parted: PartedInteractions, minimum: int | None = None, repeats: bool = False
) -> Cut:
    """The split of each part that fits all of them, chosen as `standard` does of events at once."""
    first = parted.part(0)  # a sample of the users

    def have_baskets(parted: PartedInteractions) -> bool:
        """As features find it: in a part of few users each session may hold one item alone."""
        if "session_id" not in first.events:
            return False
        signs = [signs_of_baskets(part) for part in parted]
        return all(same for same, _ in signs) and any(several for _, several in signs)

    cuts = Cuts(
        given=lambda _: given,
        has_baskets=have_baskets,
        last_basket_out=lambda _, least, new_items_only: partial(
            last_basket_out, minimum_baskets=least, new_items_only=new_items_only
        ),
        random_events_out=lambda _, minimum: partial(random_events_out, minimum=minimum),
        together=lambda _: together(first),
        last_events_out=lambda _, minimum: partial(last_events_out, minimum=minimum),
    )
    chosen: Cut = cuts.by_the_data(parted, first.events.columns, minimum, repeats)
    return chosen


def learnt_of(split: Split) -> Interactions | PartedInteractions:
    """What models learn from."""
    return split.learnt if isinstance(split, PartedSplit) else split.train


def hold_back(
    train: Interactions | PartedInteractions, users: int = 5000, seed: int = 0
) -> Split | None:
    """As `data.hold_back`; where there are parts, a few users of each."""
    if isinstance(train, Interactions):
        return stopping.hold_back(train, users, seed)
    each = -(-users // len(train))
    found = _split_parts(train, lambda part: stopping.hold_back(part, each, seed), users)
    return found if isinstance(found, PartedSplit) else None


def _split_parts(
    parted: PartedInteractions, cut: Cut, users: int
) -> PartedSplit | NobodyAsked | None:
    """The split; where nobody is asked, why, if a part said so."""
    kept: list[Split] = []
    counts: pd.Series | None = None
    refused: NobodyAsked | None = None
    events = everyone = asked = measured = sampled = 0
    for part in parted:
        train, found = _cut(part, cut)
        counts = added(counts, train.events["item_id"])
        events, everyone = events + len(part.events), everyone + part.events["user_id"].nunique()
        sampled += measured < users
        if isinstance(found, Split):
            here = found.test.targets["user_id"].nunique()
            asked += here
            if measured < users:
                kept.append(_of_asked(found))
                measured += here
        elif found is not None:
            refused = found
    if counts is None or not kept:
        return refused
    first = kept[0]
    return PartedSplit(
        name=first.name,
        interactions=_joined([one.interactions for one in kept]),
        train=_joined([one.train for one in kept]),
        validation=_asked([one.validation for one in kept]),
        test=_asked([one.test for one in kept]),
        published=first.published,
        learnt=parted.map(lambda part: _cut(part, cut)[0]),
        counts=counts,
        events=events,
        users=everyone,
        asked=asked,
        sampled=sampled,
    )


def _cut(part: Interactions, cut: Cut) -> tuple[Interactions, Split | NobodyAsked | None]:
    """What is learnt of a part, and its split; where nobody of the part is asked, why."""
    if not len(part.events):  # of what counts
        return part, None
    try:
        found = cut(part)
    except NobodyAsked as nobody:
        return nobody.train, nobody
    return (part, None) if found is None else (found.train, found)


def _of_asked(split: Split) -> Split:
    """The split of the users who are asked anything: others need not be held."""
    ids = pd.concat([split.validation.targets["user_id"], split.test.targets["user_id"]])

    def of_them(data: Interactions) -> Interactions:
        rows = np.flatnonzero(data.users["user_id"].isin(ids))
        return data.take(data.events["user_id"].isin(ids).to_numpy(), users=rows)

    interactions, train = of_them(split.interactions), of_them(split.train)
    return dataclasses.replace(split, interactions=interactions, train=train, left=None)


def _joined(several: list[Interactions]) -> Interactions:
    """The events and users of several parts, which have the same items."""
    first = several[0]
    if len(several) == 1:
        return first
    tables = {"events": [one.events for one in several], "users": [one.users for one in several]}
    whole = {name: pd.concat(frames, ignore_index=True) for name, frames in tables.items()}
    return first._with_checked(**whole)  # each was checked


def _asked(several: list[Part]) -> Part:
    history = [one.history for one in several]
    targets = [one.targets for one in several]
    if len(several) == 1:
        return several[0]
    return Part(pd.concat(history, ignore_index=True), pd.concat(targets, ignore_index=True))
