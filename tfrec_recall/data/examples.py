"""Training examples, held as positions into the sorted events.

An example is a target and the run of events that are its history. Both are rows of one table, so an
example costs four numbers however long its history is, and a batch gathers the columns it needs
(`Examples.histories` in NumPy, `gather_histories` in tf.data).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.order import changes, chronological

HISTORY_ONLY = "history_only"  # an event column: True for what is history and no target
Rows = slice | Sequence[int] | np.ndarray


class NoExample(ValueError):
    """There is nothing to learn from."""


@dataclass(frozen=True, eq=False)
class Examples:
    """What a model learns from: target events, each with the events before it.

    Args:
        events: the table that all positions are rows of. `next_item` and `next_basket` sort it
            chronologically, so the events of a user are neighbours.
        target: int64 [examples], the row to predict.
        history_start, history_end: int64 [examples], the half-open run of rows that is the history,
            oldest first. The run is empty where the two are equal.
        weight: float32 [examples], what the example counts in the loss; 1 on average. The events'
            own column `weight`, if there is one, is a factor of it.
        as_sets: the run of a history is a set that holds the target too: its other rows are the
            history, in an order that means nothing.

    >>> events = pd.DataFrame(
    ...     {"user_id": ["a"] * 3, "item_id": ["x", "y", "z"], "timestamp": [10, 20, 50]}
    ... )
    >>> examples = next_item(Interactions(events), history=50)
    >>> examples.target, examples.age
    (array([1, 2]), array([30,  0]))
    >>> examples.histories(np.array([7, 8, 9]))  # any column of numbers beside the events
    array([[7, 0],
           [7, 8]])
    """

    events: pd.DataFrame
    target: np.ndarray
    history_start: np.ndarray
    history_end: np.ndarray
    weight: np.ndarray
    as_sets: bool = False

    def __len__(self) -> int:
        return len(self.target)

    @property
    def age(self) -> np.ndarray:
        """Seconds from the target to the newest event, [examples]; 0 where events have no time."""
        if "timestamp" not in self.events:
            return np.zeros(len(self), dtype=np.int64)
        timestamp = self.events["timestamp"].to_numpy()
        newest = timestamp.max() if len(timestamp) else 0
        return newest - timestamp[self.target]

    @functools.cached_property
    def longest(self) -> int:
        """The number of events in the longest history."""
        longest = int(np.max(self.history_end - self.history_start, initial=0))
        return max(longest - 1, 0) if self.as_sets else longest

    def take(self, rows: Rows) -> Examples:
        """The examples at these positions, or where this mask is true; weights stay as they are."""
        return Examples(
            events=self.events,
            target=self.target[rows],
            history_start=self.history_start[rows],
            history_end=self.history_end[rows],
            weight=self.weight[rows],
            as_sets=self.as_sets,
        )

    def histories(
        self,
        values: np.ndarray,
        rows: Rows = slice(None),
        length: int | None = None,
        padding: int | str = 0,
    ) -> np.ndarray:
        """The values of the histories' events, oldest first and padded on the right.

        Args:
            values: [events, ...], one row an event: an encoded column of `events`.
            rows: the examples wanted.
            length: the latest events kept, of a set the rows after the target's and then the first
                ones; by default all of them, up to `longest`.
            padding: the value of no event: 0 for encoded columns, "" or -1 for raw ids.

        Returns: [rows, length, ...], of the dtype of `values`.
        Raises: ValueError if `values` does not have one row an event.
        """
        values = np.asarray(values)
        if len(values) != len(self.events):
            raise ValueError(
                f"Examples.histories takes one value an event: {len(self.events):,} rows. "
                f"Received: values of shape {values.shape}."
            )
        length = self.longest if length is None else length
        if self.as_sets:
            place = self.target[rows] + 1 - self.history_start[rows]
            size = self.history_end[rows] - self.history_start[rows]
            return _pad_others(values, self.history_start[rows], size, place, length, padding)
        return pad_runs(values, self.history_start[rows], self.history_end[rows], length, padding)


def pad_runs(
    values: np.ndarray, start: np.ndarray, end: np.ndarray, length: int, padding: int | str = 0
) -> np.ndarray:
    """Lays runs of rows side by side: the last `length` of each, padded on the right.

    Args:
        values: [n, ...]
        start, end: [runs], half-open.

    Returns: [runs, length, ...]

    >>> pad_runs(np.array([5, 6, 7, 8]), start=np.array([0, 3]), end=np.array([3, 4]), length=2)
    array([[6, 7],
           [8, 0]])
    """
    start = np.maximum(start, end - length)
    rows = start[:, np.newaxis] + np.arange(length)  # [runs, length]
    present = rows < end[:, np.newaxis]
    result = np.full((*rows.shape, *values.shape[1:]), padding, dtype=values.dtype)
    result[present] = values[rows[present]]
    return result


def _pad_others(
    values: np.ndarray,
    start: np.ndarray,
    size: np.ndarray,
    place: np.ndarray,
    length: int,
    padding: int | str,
) -> np.ndarray:
    """As `pad_runs`, of runs as circles: `length` rows from `place` on, the one before left out."""
    step = np.arange(length)  # [length]
    rows = start[:, np.newaxis] + (place[:, np.newaxis] + step) % size[:, np.newaxis]
    present = step < size[:, np.newaxis] - 1
    result = np.full((*rows.shape, *values.shape[1:]), padding, dtype=values.dtype)
    result[present] = values[rows[present]]
    return result


@of_kinds
def next_item(
    interactions: Interactions,
    history: int = 50,
    minimum_history: int = 1,
    per_user: int | None = None,
    user_weight_power: float = 0.0,
    targets: np.ndarray | None = None,
    seed: int = 0,
) -> Examples:
    """Every event as a target, with the user's latest events before it as the history.

    Events that share both session and time are a basket: they have no order, so none of them is in
    the history of another, and the history ends where the basket begins. (`next_basket` is made for
    such data: it treats a whole session as one.) Without sessions, events that share a time are
    ordered by `chronological`, whose ties mean nothing.

    Args:
        history: the most events of a history; the latest are kept.
        minimum_history: targets with fewer events before them are left out; 0 keeps all.
        per_user: the most examples of a user, chosen at random.
        user_weight_power: an example weighs (examples of its user) ** power, over the mean of all:
            at -1 all users count the same, at 0 all examples.
        targets: bool, for each of the events: which may be targets; all of them are history.
        seed: of the choice that `per_user` makes.

    Returns: examples in chronological order of their targets within each user.
    Raises: ValueError without timestamps, or if no target has `minimum_history` events before it.

    Source: the next-watch examples of "Deep Neural Networks for YouTube Recommendations",
    RecSys 2016, section 3.4; it also takes a fixed number of examples a user (`per_user`).
    """
    checked(history, minimum_history, per_user)
    events = _sorted(interactions, "next_item examples")
    user = _begin(changes(events["user_id"]))
    end = np.arange(len(events))
    if "session_id" in events:
        end = _begin(changes(user, events["timestamp"].to_numpy(), events["session_id"]))
    wanted = (end - user >= minimum_history) & _may_be(targets, interactions) & learnt(events)
    target = np.flatnonzero(wanted)
    target = target[at_most(per_user, user[target], seed)]
    weight = _sizes(user[target]) ** float(user_weight_power)
    start = np.maximum(user, end - history)[target]
    return examples_of(events, target, start, end[target], weight, minimum_history=minimum_history)


@of_kinds
def next_basket(
    interactions: Interactions,
    history: int = 50,
    minimum_history: int = 1,
    per_user: int | None = None,
    user_weight_power: float = 0.0,
    basket_weight_power: float = 0.0,
    targets: np.ndarray | None = None,
    new_items_only: bool = True,
    seed: int = 0,
) -> Examples:
    """Every event of a basket as a target, all with the history that ends where the basket begins.

    A basket is the events of a user that share a session, or a time where there are no sessions.
    Of what else is in the basket, an example knows nothing.

    Args:
        history: the most events of a history; those of the latest baskets are kept.
        minimum_history: baskets with fewer events before them are left out; 0 keeps all.
        per_user: the most examples of a user, chosen at random.
        user_weight_power: an example weighs (examples of its user) ** power ...
        basket_weight_power: ... times (examples of its basket) ** power, over the mean of all.
            At -1 all baskets count the same, at 0 all examples: a wholesaler's baskets of hundreds
            of items then outweigh the others.
        targets: bool, for each of the events: which may be targets; all of them are history.
        new_items_only: leave out targets that the user has had before the basket.
        seed: of the choice that `per_user` makes.

    Returns: examples in chronological order of their targets within each user.
    Raises: ValueError without timestamps, or if no example is left.

    >>> events = pd.DataFrame(
    ...     {"user_id": ["a"] * 4, "item_id": ["w", "x", "x", "y"], "timestamp": [10, 10, 20, 20]}
    ... )
    >>> examples = next_basket(Interactions(events))
    >>> examples.events["item_id"][examples.target].tolist()  # x was in the basket before
    ['y']
    """
    checked(history, minimum_history, per_user)
    events = _sorted(interactions, "next_basket examples")
    user = _begin(changes(events["user_id"]))
    if "session_id" in events:
        end = first_rows(pairs_of(user, events["session_id"]))  # others may lie in between
    else:
        end = _begin(changes(user, events["timestamp"].to_numpy()))
    wanted = (end - user >= minimum_history) & _may_be(targets, interactions) & learnt(events)
    if new_items_only:
        wanted &= first_rows(pairs_of(user, events["item_id"])) >= end
    target = np.flatnonzero(wanted)
    target = target[at_most(per_user, user[target], seed)]
    weight = _sizes(user[target]) ** float(user_weight_power)
    weight *= _sizes(end[target]) ** float(basket_weight_power)
    start = np.maximum(user, end - history)[target]
    options: dict[str, Any] = {"minimum_history": minimum_history, "new_items_only": new_items_only}
    return examples_of(events, target, start, end[target], weight, **options)


@of_kinds
def pairs(interactions: Interactions) -> Examples:
    """Every event as a target without a history: what models of user and item alone learn from.

    Time is not needed; where it is known the events are sorted, else they stay as they are.

    Raises: ValueError if there are no events.

    >>> events = pd.DataFrame({"user_id": ["a", "b"], "item_id": ["x", "y"]})
    >>> len(pairs(Interactions(events)))
    2
    """
    events = interactions.events
    if interactions.has_time:
        events = _sorted(interactions, "pairs")
    rows = np.flatnonzero(np.full(len(events), True) & learnt(events))
    return examples_of(events, rows, rows, rows, np.ones(len(rows)))


def learnt(events: pd.DataFrame) -> np.ndarray | bool:
    """Which events may be targets: what is `HISTORY_ONLY` is none, and counts among none."""
    return ~history_only(events) if HISTORY_ONLY in events else True


def history_only(events: pd.DataFrame) -> np.ndarray:
    """The column `HISTORY_ONLY`, bool [events]; missing values are False.

    >>> history_only(pd.DataFrame({HISTORY_ONLY: [True, None, False]}))
    array([ True, False, False])
    """
    return events[HISTORY_ONLY].eq(True).fillna(False).to_numpy(bool)


def history_alone(interactions: Interactions, rows: np.ndarray) -> Interactions:
    """The same events, of which these rows, too, are `HISTORY_ONLY`.

    Args:
        rows: bool [events].
    """
    events = interactions.events
    if HISTORY_ONLY in events:
        rows = rows | history_only(events)
    # What was checked stays as it is.
    return interactions._with_checked(events=events.assign(**{HISTORY_ONLY: rows}))


def examples_of(
    events: pd.DataFrame,
    target: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    weight: np.ndarray,
    as_sets: bool = False,
    **options: object,
) -> Examples:
    """Examples of these targets, whose weights are 1 on average and follow those of the events.

    Args:
        target: among what is `learnt`.
        options: what the targets were chosen by, to name where none is left.
    """
    if not len(target):
        received = [f"{len(events):,} events of {events['user_id'].nunique():,} users"]
        received += [f"{name}={value}" for name, value in options.items()]
        raise NoExample(
            "No example is left to learn from: a target needs minimum_history events of its user "
            "before it, and with new_items_only an item that is new to the user. Lower these "
            f"demands, or use `pairs`, which needs no history. Received: {', '.join(received)}."
        )
    if "weight" in events:
        weight = weight * events["weight"].to_numpy(dtype=np.float64)[target]
    if not weight.any():
        raise NoExample("No example is left to learn from: the events' weights are all 0.")
    weight = (weight / weight.mean()).astype(np.float32)
    return Examples(events, target, start, end, weight, as_sets)


def checked(history: int, minimum_history: int, per_user: int | None) -> None:
    if not 0 <= minimum_history <= history:
        raise ValueError(
            "Examples need 0 <= minimum_history <= history. "
            f"Received: minimum_history={minimum_history}, history={history}."
        )
    if per_user is not None and per_user < 1:
        raise ValueError(f"per_user is at least 1, or None for no limit. Received: {per_user}.")


def _sorted(interactions: Interactions, what: str) -> pd.DataFrame:
    interactions.require_time(what, "held_out, to which a user's other items are a set, or pairs")
    return interactions.events.iloc[chronological(interactions.events)].reset_index(drop=True)


def _may_be(targets: np.ndarray | None, interactions: Interactions) -> np.ndarray | bool:
    """Which of the sorted events may be targets."""
    if targets is None:
        return True
    targets = np.asarray(targets)
    if targets.dtype != bool or targets.shape != (len(interactions.events),):
        raise ValueError(
            f"targets says True or False of each of {len(interactions.events):,} events. "
            f"Received: {targets.dtype.name} of shape {targets.shape}."
        )
    return targets[chronological(interactions.events)]


def _begin(starts: np.ndarray) -> np.ndarray:
    """For each row, the row where its run begins, given where runs start."""
    return np.maximum.accumulate(np.where(starts, np.arange(len(starts)), 0))


def pairs_of(user: np.ndarray, column: pd.Series) -> np.ndarray:
    """A number for each combination of user and value.

    Args:
        user: a row or a count that stands for the user; products of raw ids would overflow.
    """
    codes, values = pd.factorize(column)
    return user * len(values) + codes


def first_rows(keys: np.ndarray) -> np.ndarray:
    """For each row, the first row with the same key. Fast where keys are nearly sorted."""
    order = np.argsort(keys, kind="stable")
    first = np.empty_like(order)
    first[order] = order[_begin(changes(keys[order]))]
    return first


def _sizes(rows: np.ndarray) -> np.ndarray:
    """For each entry, how many entries are the same row, as float64."""
    return np.bincount(rows).astype(np.float64)[rows]


def at_most(limit: int | None, user: np.ndarray, seed: int) -> slice | np.ndarray:
    """A random choice of rows, ascending, with no more than `limit` of a user.

    Args:
        user: for each row, where its user begins; the rows of a user are neighbours.
    """
    if limit is None:
        return slice(None)
    lot = np.random.default_rng(seed).integers(2**32, size=len(user))
    order = np.argsort((user << 32) + lot, kind="stable")  # each user's rows in a random order
    place = np.arange(len(user)) - _begin(changes(user))  # in that order
    return np.sort(order[place < limit])
