"""The one order of events: by user, time and session, ties by a hash that means nothing."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd

TIE_ORDER = "tie_order"
BLOCK = 2**20  # rows that are hashed at once


def chronological(events: pd.DataFrame) -> np.ndarray:
    """Positions that sort events by user, time, session, and then by a hash of user and item.

    Half of the neighbouring events of MovieLens-100k share their second. Ordered by item id, such
    ties would tell a sequence model that the next item has a larger id, so they are ordered by the
    SHA-256 of `user_id:item_id` as hexadecimal text, which is computed for tied rows only. Exact
    copies keep their order. Where events have a column `tie_order`, its numbers order ties instead.

    Args:
        events: user_id, item_id, timestamp and, if sessions are known, session_id.

    Returns: int64 `[events]`, for `events.iloc[...]`; the events of a user are neighbours.
    Raises: ValueError without timestamps: the order of rows is never taken for time.

    >>> events = pd.DataFrame(
    ...     {"user_id": ["b", "a", "a"], "item_id": ["x", "y", "z"], "timestamp": [1, 3, 2]}
    ... )
    >>> chronological(events)
    array([2, 1, 0])
    """
    if "timestamp" not in events:
        raise ValueError(
            "chronological order needs the column 'timestamp' (Unix seconds): the order of rows is "
            f"never taken for time. Received columns: {list(events.columns)}."
        )
    if not pd.api.types.is_numeric_dtype(events["timestamp"].dtype):
        raise ValueError(
            "chronological order needs timestamps in Unix seconds; Interactions(events).events has "
            f"them. Received: a column of {events['timestamp'].dtype}."
        )
    keys = [rank(events["user_id"]), events["timestamp"].to_numpy()]
    if "session_id" in events:
        keys.append(rank(events["session_id"]))
    order = _sorted_by(keys)
    starts = changes(*(key[order] for key in keys))  # where a run of ties begins
    tied = ~starts
    tied[:-1] |= ~starts[1:]  # the first row of a run of ties is tied with the next
    if not tied.any():
        return order
    rows = order[tied]
    run = np.cumsum(starts)[tied]
    if TIE_ORDER in events:
        order[tied] = rows[np.lexsort((_tie_order(events)[rows], run))]
    else:
        words = hashes(*(events[name].iloc[rows] for name in ("user_id", "item_id")))
        order[tied] = rows[_by_words(run, words)]
    return order


def _by_words(run: np.ndarray, words: np.ndarray) -> np.ndarray:
    """The stable order by run and then by all words, whose first almost always tells them apart."""
    order = np.lexsort((words[0], run))
    alike = ~changes(run[order], words[0][order])
    alike[:-1] |= alike[1:]
    if alike.any():  # exact copies, or two hashes that begin alike
        rows = order[alike]
        order[alike] = rows[np.lexsort((*words[::-1, rows], run[rows]))]
    return order


def _tie_order(events: pd.DataFrame) -> np.ndarray:
    values = events[TIE_ORDER]
    numbers = pd.api.types.is_numeric_dtype(values.dtype) and not values.isna().any()
    if not numbers:
        raise ValueError(
            f"The column {TIE_ORDER!r} orders events at one time by its numbers, one in each row: "
            "drop it, or give it another name if it means something else. Received: "
            f"{values.dtype}, {int(values.isna().sum())} missing values."
        )
    return values.to_numpy()


def newer_events(events: pd.DataFrame) -> np.ndarray:
    """How many of its user's events come after each event, int64 `[events]`.

    Args:
        events: as for `chronological`, in any order.

    >>> events = {"user_id": ["a", "a", "b"], "item_id": ["x", "y", "x"], "timestamp": [2, 1, 3]}
    >>> newer_events(pd.DataFrame(events))
    array([0, 1, 0])
    """
    order = chronological(events)
    user = events["user_id"].iloc[order]
    newer = np.empty(len(events), "int64")
    newer[order] = user.groupby(user, observed=True, sort=False).cumcount(ascending=False)
    return newer


def tie_numbers(events: pd.DataFrame, first: int = 0) -> np.ndarray:
    """Numbers from `first` up, a row each, that as `tie_order` leave the order as it is.

    Args:
        events: as for `chronological`; what they have as `tie_order` counts among themselves alone.

    >>> events = {"user_id": "a", "item_id": ["x", "y"], "timestamp": 5, "tie_order": [9, 7]}
    >>> tie_numbers(pd.DataFrame(events), first=20)
    array([21, 20])
    """
    numbers = np.empty(len(events), "int64")
    numbers[chronological(events)] = np.arange(first, first + len(events))
    return numbers


def rank(column: pd.Series) -> np.ndarray:
    """Integers `[rows]` that compare as the values of the column do.

    >>> rank(pd.Series(["b", "a", "b"]))
    array([1, 0, 1])
    """
    if pd.api.types.is_integer_dtype(column.dtype):
        return column.to_numpy()
    return pd.factorize(column, sort=True)[0]


def changes(*columns: pd.Series | np.ndarray) -> np.ndarray:
    """Whether each row differs from the row before it in any of the columns; True at row 0.

    On chronologically sorted events, `changes(events["user_id"])` marks where users begin.

    >>> changes(pd.Series(["a", "a", "b"]), np.array([1, 2, 2]))
    array([ True,  True,  True])
    """
    result = np.zeros(len(columns[0]), dtype=bool)
    result[:1] = True
    for column in columns:
        values = column if isinstance(column, np.ndarray) else column.array
        result[1:] |= np.asarray(values[1:] != values[:-1], dtype=bool)
    return result


def _sorted_by(keys: list[np.ndarray]) -> np.ndarray:
    """The stable order by the keys, the first one first."""
    packed = np.zeros(len(keys[0]), dtype=np.int64)
    room = 2**62
    for key in keys:
        if len(key) == 0 or not np.issubdtype(key.dtype, np.integer):
            return np.lexsort(keys[::-1])
        span = int(key.max()) - int(key.min()) + 1
        room //= span
        if room == 0:
            return np.lexsort(keys[::-1])
        packed *= span
        # In int64, which wraps where the key does not fit and back: narrower types would keep less.
        packed += key.astype("int64") - key.min().astype("int64")
    return np.argsort(packed, kind="stable")  # one sort instead of one a key


def hashes(*columns: pd.Series) -> np.ndarray:
    """SHA-256 of each row's values, joined by ":", as numbers that compare as its hexadecimal text.

    Returns: uint64 [4, rows], the first words first. Python's objects are those of a block of rows.

    >>> hashes(pd.Series(["a", "b"]))[0] == [0xCA978112CA1BBDCA, 0x3E23E8160039594A]
    array([ True,  True])
    """
    words = np.empty((4, len(columns[0])), dtype=np.uint64)
    for start in range(0, words.shape[1], BLOCK):
        block = slice(start, start + BLOCK)
        values = zip(*(column.iloc[block].tolist() for column in columns), strict=True)
        texts = (":".join(map(str, row)) for row in values)
        digests = b"".join(hashlib.sha256(text.encode()).digest() for text in texts)
        words[:, block] = np.frombuffer(digests, dtype=">u8").reshape(-1, 4).T
    return words
