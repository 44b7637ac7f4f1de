"""Examples of events without an order: a user's other items are a set, the target taken out."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data.examples import (
    HISTORY_ONLY,
    Examples,
    at_most,
    checked,
    examples_of,
    first_rows,
    history_only,
    learnt,
    pairs_of,
)
from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.order import changes, rank

_LONGEST = 2**24  # rows of a user; strides are primes above it, so they visit every row once
_STRIDES = 256


@of_kinds
def held_out(
    interactions: Interactions,
    history: int = 50,
    minimum_history: int = 1,
    per_user: int | None = None,
    user_weight_power: float = 0.0,
    seed: int = 0,
) -> Examples:
    """Every item of a user as a target, with the user's other items as the history: leave one out.

    For events without times, whose order means nothing. An item that a user has several times is
    there once, so that no copy of the target is in its history: the copy that may be a target, if
    one may, and of these the one of the largest weight. Of more than `history` others, a
    batch draws as many at random, others each time (`gather_others`).

    Args:
        minimum_history: items of users with fewer others are no targets; 0 keeps all.
        per_user, user_weight_power, seed: as in `next_item`.

    Returns: examples whose `as_sets` is true, the items of a user together.
    Raises: ValueError if no target has `minimum_history` others beside it, or if a user has more
        than 16,777,216 events.

    >>> events = {"user_id": ["a", "a", "b", "a"], "item_id": ["x", "y", "x", "z"]}
    >>> examples = held_out(Interactions(pd.DataFrame(events)))
    >>> examples.histories(np.array([7, 8, 9, 5]))  # of x, y and z, each beside the other two
    array([[8, 9],
           [9, 7],
           [7, 8]])
    """
    checked(history, minimum_history, per_user)
    events = _with_copies_last(interactions.events)
    copies = first_rows(pairs_of(np.cumsum(changes(events["user_id"])), events["item_id"]))
    events = events[copies == np.arange(len(events))].reset_index(drop=True)
    starts = changes(events["user_id"])
    begin = np.flatnonzero(starts)
    end = np.append(begin[1:], len(events))
    run = np.cumsum(starts) - 1
    user, end = begin[run], end[run]  # of each event
    if len(events) and (end - user).max() > _LONGEST:
        raise ValueError(
            f"held_out takes at most {_LONGEST:,} different items of a user. "
            f"Received: {(end - user).max():,} of {events['user_id'][(end - user).argmax()]!r}."
        )
    target = np.flatnonzero((end - user - 1 >= minimum_history) & learnt(events))
    target = target[at_most(per_user, user[target], seed)]
    return examples_of(
        events,
        target,
        start=user[target],
        end=end[target],
        weight=np.bincount(user[target])[user[target]].astype(float) ** user_weight_power,
        as_sets=True,
        minimum_history=minimum_history,
    )


def _with_copies_last(events: pd.DataFrame) -> pd.DataFrame:
    """The events user by user; of two of one item, the one that is learnt, and how, comes first."""
    keys = [rank(events["user_id"])]
    if HISTORY_ONLY in events:
        keys.append(history_only(events))
    if "weight" in events:
        keys.append(-events["weight"].to_numpy(dtype=np.float64))
    return events.iloc[np.lexsort(keys[::-1])].reset_index(drop=True)


def gather_others(
    values: tf.Tensor,
    start: tf.Tensor,
    end: tf.Tensor,
    target: tf.Tensor,
    length: int,
    seed: tf.Tensor,
) -> tf.Tensor:
    """The values of up to `length` rows of each run but the target's, padded on the right with 0.

    All others where there are no more; else as many different ones, each as likely as any. The
    order means nothing. The work does not grow with the runs.

    Args:
        values: [events, ...]
        start, end, target: integers [batch]; the run is half-open, and the target is in it.
        seed: two integers, of which rows are drawn.

    Returns: [batch, length, ...], of the dtype of `values`; strings are padded with "".
    """
    values = tf.convert_to_tensor(values)
    start, end, target, seed = (tf.cast(each, tf.int64) for each in (start, end, target, seed))
    others = (end - start - 1)[:, tf.newaxis]  # [batch, 1]
    first, stride = tf.unstack(
        tf.random.stateless_uniform(
            [2, *tf.unstack(tf.shape(others))], seed, maxval=2**62, dtype=tf.int64
        )
    )
    stride = tf.gather(tf.constant(_strides()), stride % _STRIDES)
    place = tf.range(length, dtype=tf.int64)  # [length]
    row = start[:, tf.newaxis] + (first + place * stride) % tf.maximum(others, 1)
    row += tf.cast(row >= target[:, tf.newaxis], tf.int64)  # the rows after the target move up
    present = place < others  # [batch, length]
    found = tf.gather(values, tf.where(present, row, 0))
    for _ in values.shape[1:]:
        present = present[..., tf.newaxis]
    found = tf.where(present, found, tf.zeros([], values.dtype))
    return tf.ensure_shape(found, [*target.shape, length, *values.shape[1:]])


@functools.cache
def _strides() -> np.ndarray:
    """Primes above `_LONGEST`: stepping by one, modulo a smaller number, meets no row twice."""
    small = np.arange(2, int(_LONGEST**0.5) + 100)
    small = small[[all(n % d for d in range(2, int(n**0.5) + 1)) for n in small]]
    candidates = np.arange(_LONGEST + 1, _LONGEST + 40 * _STRIDES, 2)
    prime = np.ones(len(candidates), bool)
    for divisor in small:
        prime &= candidates % divisor != 0
    return candidates[prime][:_STRIDES]
