"""Sequences: a user's sessions, or all that he did, with their events side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tfrec_recall.data.examples import NoExample
from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.order import changes, chronological, rank
from tfrec_recall.data.sessions import sessions


def sequences(
    interactions: Interactions,
    by_session: bool | None = None,
    gap: float | None = None,
    ordered: bool = True,
    owner: str = "A sequence of events",
) -> tuple[pd.DataFrame, np.ndarray]:
    """The events with those of a sequence side by side, oldest first, and the sequences' numbers.

    Args:
        by_session: a sequence is a user's session (`session_id`), or else all that he did. None: a
            session where the events have any.
        gap: seconds; a longer pause ends a sequence as well.
        ordered: whether the order of events matters; without, no timestamps are needed.
        owner: what needs it, as the subject of the error.

    Raises: ValueError for events without timestamps where their order matters.

    >>> events = pd.DataFrame({"user_id": ["b", "a", "b"], "item_id": [1, 2, 3]})
    >>> sequences(Interactions(events), by_session=False, ordered=False)[1]
    array([0, 1, 1])
    """
    if ordered:
        interactions.require_time(owner)
    events = interactions.events
    by = "session_id" if by_sessions(interactions, by_session) else None
    if by is not None or gap is not None:
        number = sessions(events, by=by, gap=gap)
    else:
        number = pd.factorize(events["user_id"], sort=True)[0]
    # Without times by id: the order of rows means nothing, and decides nothing.
    order = chronological(events) if interactions.has_time else np.argsort(rank(events["item_id"]))
    order = order[np.argsort(number[order], kind="stable")]
    return events.iloc[order].reset_index(drop=True), number[order]


def by_sessions(interactions: Interactions, by_session: bool | None) -> bool:
    """Whether sequences are sessions: as given, and by default where the events have any."""
    return "session_id" in interactions.events if by_session is None else by_session


def require_pairs(owner: str, events: pd.DataFrame, sequence: np.ndarray) -> None:
    """Raises NoExample where no sequence has two different items.

    Args:
        owner: the model that learns from such pairs.
        events, sequence: the events of a sequence side by side, and the sequences' numbers.

    >>> events = pd.DataFrame({"user_id": ["a", "a"], "item_id": [1, 2], "timestamp": [0, 86400]})
    >>> require_pairs("Item2Vec", events, np.array([0, 1]))
    Traceback (most recent call last):
    ...
    tfrec_recall.data.examples.NoExample: No example is left to learn from: Item2Vec learns from \
different items of one sequence, and each of the 2 sequences has a single item. Some users have \
several: let sequences end later, by a longer gap= (seconds; the shortest pause between two items \
of a user is 86,400) or without sessions. Received: 2 events of 1 users.
    """
    other_item = changes(events["item_id"])
    if (~changes(sequence) & other_item).any():
        return
    number, users = len(np.unique(sequence)), events["user_id"].nunique()
    beside = ~changes(events["user_id"]) & other_item
    remedy = "So has each user: take a model that needs no such pairs, such as Popular."
    if beside.any() and "timestamp" in events:
        shortest = np.abs(np.diff(events["timestamp"], prepend=0))[beside].min()
        remedy = (
            "Some users have several: let sequences end later, by a longer gap= (seconds; the "
            f"shortest pause between two items of a user is {shortest:,.0f}) or without sessions."
        )
    elif beside.any():
        remedy = "Some users have several: take these instead of sessions (by_session=False)."
    raise NoExample(
        f"No example is left to learn from: {owner} learns from different items of one sequence, "
        f"and each of the {number:,} sequences has a single item. {remedy} "
        f"Received: {len(events):,} events of {users:,} users."
    )
