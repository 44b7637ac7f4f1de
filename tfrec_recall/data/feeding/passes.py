"""Examples of one session side by side, so that a model goes through the session once for all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfrec_recall.data.examples import Examples
from tfrec_recall.data.order import changes


@dataclass(frozen=True, eq=False)
class Passes:
    """Histories, each with all targets that are asked for along its last session.

    Args:
        histories: an example a pass, whose history holds those of all its targets; its own target
            is the first of them.
        places: int64 [passes, places], the events of the history after which a target is asked
            for, counted from its first one; -1 where a pass has fewer places than others.
        splits: int64 [passes + 1]; the targets of pass n are those from splits[n] to splits[n + 1].
        target: int64 [targets], the row to predict.
        place: int64 [targets], which of the pass' places asks for it.
        weight: float32 [targets].
    """

    histories: Examples
    places: np.ndarray
    splits: np.ndarray
    target: np.ndarray
    place: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.places)


def passes(
    examples: Examples,
    gap: float | None,
    most: int,
    by: str | None = None,
    apart: np.ndarray | None = None,
    alone: bool = False,
) -> Passes:
    """Puts examples together whose histories end in the same session.

    A session ends as in `SessionSplit`, which knows whole seconds: before a pause of `gap` or more,
    or, with `by`, where the id changes (and the pause is as long, unless `gap` is None); and after
    `most` events. Without times, after `most` events alone. Every example is the target of exactly
    one place, and at that place a causal model has seen what is in the example's history, back to
    where the pass' history begins. The items of a next basket share one history: they are targets
    of one place.

    Args:
        examples: in chronological order, as `next_item` and `next_basket` give them, with the same
            length of history, `most` or more.
        gap: seconds, or None.
        most: events of a session.
        by: a column of the events that tells a user's sessions apart.
        apart: numbers, [events]: targets with different ones have places of their own, though they
            share a history, as the items of a basket that were asked for in different ways do.
        alone: each history is a pass of its own, for a model that is not causal.

    Raises: ValueError if a history is empty, or shorter than what a session has behind it.

    >>> import pandas as pd
    >>> from tfrec_recall.data import Interactions, next_item
    >>> events = pd.DataFrame(
    ...     {"user_id": ["a"] * 4, "item_id": ["w", "x", "y", "z"], "timestamp": [1, 2, 3, 99]}
    ... )
    >>> found = passes(next_item(Interactions(events), history=9), gap=10, most=9)
    >>> found.places, found.target  # after each of the first three, for the one that follows
    (array([[0, 1, 2]]), array([1, 2, 3]))
    """
    runs = _runs(examples, gap, by)
    sessions = _sessions(runs, most)
    session = examples.history_end if alone else sessions[examples.history_end - 1]
    empty = examples.history_end <= examples.history_start
    if empty.any():
        raise ValueError(
            "A pass asks after an event: every history needs one, minimum_history=1. "
            f"Received: {empty.sum():,} empty histories of {len(empty):,}."
        )
    kind = np.zeros(len(examples), int) if apart is None else apart[examples.target]
    order = np.lexsort((examples.target, kind, examples.history_end, session))
    session, end, kind = session[order], examples.history_end[order], kind[order]
    first = np.flatnonzero(changes(session))
    splits = np.append(first, len(order))
    number = np.repeat(np.arange(len(first)), np.diff(splits))  # of each target's pass
    last = order[splits[1:] - 1]  # the example with the longest history of each pass
    start = examples.history_start[last]
    # A history that begins within the session's run begins with a session, so that counting from
    # there finds the same sessions.
    run_start = _first(runs)[examples.history_end[last] - 1]
    own_start = _first(sessions)[examples.history_end[last] - 1]
    whole = own_start - (own_start - start) // most * most
    start = np.where((run_start < start) & (start <= own_start), whole, start)
    where = end - 1 - start[number]
    if (where < 0).any():
        raise ValueError(
            f"Histories are shorter than a session may be: choose at least {most} events of "
            f"history, or shorter sessions. Received: {examples.longest} at most."
        )
    new = changes(session, end, kind)
    place = np.cumsum(new) - 1
    place -= place[first][number]
    places = np.full((len(first), int(place.max()) + 1), -1, dtype=np.int64)
    places[number, place] = where
    return Passes(
        histories=Examples(
            events=examples.events,
            target=examples.target[order][first],
            history_start=start,
            history_end=examples.history_end[last],
            weight=np.ones(len(first), np.float32),
        ),
        places=places,
        splits=splits,
        target=examples.target[order],
        place=place,
        weight=examples.weight[order],
    )


def _runs(examples: Examples, gap: float | None, by: str | None) -> np.ndarray:
    """A number for each event, another one where a session ends, however long it is."""
    events = examples.events
    ends = []
    if by is not None:
        ends.append(changes(events[by])[1:])
    if "timestamp" in events and gap is not None:
        # In whole seconds, by which `SessionSplit` cuts a history: else it would hold its target.
        ends.append(np.diff(np.floor(events["timestamp"].to_numpy())) >= gap)
    starts = changes(events["user_id"])
    if ends:
        starts[1:] |= np.logical_and.reduce(ends)
    return np.cumsum(starts)


def _sessions(runs: np.ndarray, most: int) -> np.ndarray:
    """A number for the session of each event: runs in pieces of `most`."""
    return np.cumsum(changes(runs) | ((np.arange(len(runs)) - _first(runs)) % most == 0))


def _first(runs: np.ndarray) -> np.ndarray:
    """The first row of each event's run."""
    row = np.arange(len(runs))
    return np.maximum.accumulate(np.where(changes(runs), row, 0))
