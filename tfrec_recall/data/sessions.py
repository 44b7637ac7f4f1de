"""Sessions: the runs of events that belong together."""

from __future__ import annotations

import numbers

import numpy as np
import pandas as pd

from tfrec_recall.data.arguments import whole
from tfrec_recall.data.columns.times import seconds
from tfrec_recall.data.order import changes, chronological, rank


def sessions(
    events: pd.DataFrame,
    *,
    by: str | None = None,
    gap: float | None = None,
    max_length: int | None = None,
) -> np.ndarray:
    """The number of each event's session, by any combination of three rules.

    A session never spans two users. It ends where the id changes (`by`), where the user paused for
    longer than `gap`, and after `max_length` events, in that order: what one rule has parted, the
    next does not join. Numbers run from 0, user by user in their sorted order, and within a user in
    the order of the sessions' first events. Ties in time are ordered as in `chronological`.

    Args:
        events: user_id, item_id, timestamp in any order; the rules `gap` and `max_length` need the
            timestamp, `by` alone does not (the sessions of a user are then numbered by their id).
        by: a column whose values tell the sessions of a user apart, such as "session_id".
        gap: the longest pause within a session in seconds; 1800 is usual for a website.
        max_length: the largest number of events in a session.

    Returns: int64 `[events]`, aligned with the rows of `events`.
    Raises: ValueError if no rule is given, or one without the column it needs.

    >>> times = [50, 10, 19, 50]
    >>> events = pd.DataFrame({"user_id": list("aaab"), "item_id": 1, "timestamp": times})
    >>> sessions(events, gap=30)
    array([1, 0, 0, 2])
    """
    _check(events, by, gap, max_length)
    if gap is not None:  # refuses milliseconds and the like, which a gap in seconds would part
        times = seconds(events)[0].to_numpy()
    if "timestamp" in events:
        order = chronological(events)
    else:
        order = np.argsort(rank(events["user_id"]), kind="stable")
    users = rank(events["user_id"])[order]
    runs = [users]
    if by is not None:  # concurrent sessions interleave in time, so each is put together first
        ids = rank(events[by])[order]
        together = np.lexsort((ids, users))
        order, users, ids = order[together], users[together], ids[together]
        runs = [users, ids]
    starts = changes(*runs)
    if gap is not None:
        starts[1:] |= np.diff(times[order]) > gap
    if max_length is not None:
        place = np.arange(len(starts))
        place -= np.maximum.accumulate(np.where(starts, place, 0))  # within the session so far
        starts |= place % max_length == 0
    number = np.cumsum(starts) - 1
    if by is not None and "timestamp" in events:
        number = _by_first_event(number, starts, together)
    result = np.empty(len(events), dtype=np.int64)
    result[order] = number
    return result


def _by_first_event(number: np.ndarray, starts: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Numbers the sessions anew, by the chronological place of their first event."""
    first = place[starts]  # users come one after another in time's order too
    renumbered = np.empty(len(first), dtype=np.int64)
    renumbered[np.argsort(first)] = np.arange(len(first))
    return renumbered[number]


def _check(events: pd.DataFrame, by: str | None, gap: float | None, max_length: int | None) -> None:
    if by is None and gap is None and max_length is None:
        raise ValueError(
            "sessions needs a rule: by='session_id', gap=seconds, max_length=events, or several. "
            "Received: none."
        )
    if gap is not None and not (isinstance(gap, numbers.Real) and gap >= 0):
        raise ValueError(f"gap is a number of seconds from 0 up. Received: {gap!r}.")
    whole("sessions", max_length, "max_length", optional=True)
    if by is not None and by not in events:
        raise ValueError(
            f"by names a column of the events; without one, split by gap= or max_length=. "
            f"Received: by={by!r}, columns {list(events.columns)}."
        )
    if by is not None and events[by].isna().any():
        raise ValueError(
            f"by needs a value in every row. Received: {int(events[by].isna().sum()):,} rows of "
            f"{len(events):,} without {by!r}."
        )
    if "timestamp" not in events and (gap is not None or max_length is not None):
        raise ValueError(
            "gap and max_length follow the order of events, which needs a column 'timestamp'. "
            f"Received columns: {list(events.columns)}."
        )
