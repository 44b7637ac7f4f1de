"""Events that an update has learnt are known again when they come once more."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pandas as pd

from tfrec_recall.data.notices import tell
from tfrec_recall.upkeep.state import TrainingState

LEARNT = "learnt"  # in what a state tells: a fingerprint of the events of each update
COLUMNS = ["user_id", "item_id", "timestamp"]


def fingerprint_of(events: pd.DataFrame) -> str:
    """The same for the same users, items and times in any order: 16 hexadecimal digits.

    >>> events = pd.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "x"]})
    >>> fingerprint_of(events) == fingerprint_of(events[::-1]) != fingerprint_of(events[:1])
    True
    """
    rows = events[[column for column in COLUMNS if column in events]]
    hashes = pd.util.hash_pandas_object(rows, index=False).sort_values()
    return hashlib.sha256(hashes.to_numpy().tobytes()).hexdigest()[:16]


def with_learnt(told: Mapping[str, Any], events: pd.DataFrame, again: bool) -> dict[str, Any]:
    """What the state before tells, and that these events of an update are learnt as well.

    Raises: ValueError where they were learnt already, unless they are to be learnt again.
    """
    before, now = list(told.get(LEARNT, ())), fingerprint_of(events)
    if now not in before:
        return {**told, LEARNT: [*before, now]}
    if not again:
        raise ValueError(
            "An earlier update has learnt these very events, and would count them twice: give "
            "those since, or again=True (--again) to learn them once more. "
            f"Received: {len(events):,} events, the first {events.head(1).to_dict('records')}."
        )
    return dict(told)


def tell_of_learnt(events: pd.DataFrame, state: TrainingState, waiting: pd.DataFrame) -> None:
    """Tells how many events have the user, the item and the time of one that was learnt.

    A file that overlaps with those before has such ones. Without times nothing tells.

    Args:
        events: that came, of the types that those of the state have.
        waiting: those that the state has beside what was learnt.

    Raises: ValueError where all of them do.
    """
    if "timestamp" not in events:
        return
    times = events["timestamp"]
    between = times.min().item(), times.max().item()
    before = state.events_of(events["user_id"].drop_duplicates(), COLUMNS, between)
    before = pd.concat([before, waiting[COLUMNS]])
    twice = pd.MultiIndex.from_frame(events[COLUMNS]).isin(pd.MultiIndex.from_frame(before))
    if twice.all():
        raise ValueError(
            "All of the new events have the user, the item and the time of one that was learnt "
            "already, or that the training held back, and would count twice: give those since, or "
            f"again=True (--again) to learn them once more. Received: {len(events):,} events, the "
            f"first {events.head(1)[COLUMNS].to_dict('records')}."
        )
    if twice.any():
        first = events.loc[twice, COLUMNS].head(1).to_dict("records")
        tell(
            f"{twice.sum():,} of {len(events):,} new events have the user, the item and the time "
            f"of one that was learnt already, or that the training held back, and count twice: "
            f"files that overlap hold such ones. The first is {first}."
        )
