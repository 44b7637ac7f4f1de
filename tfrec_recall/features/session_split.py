"""The latest session of a history, and what came before it."""

from __future__ import annotations

import tensorflow as tf


class SessionSplit(tf.keras.layers.Layer):
    """Masks of the short-term session and of the long-term events; no event is in both.

    Source: "SDM: Sequential Deep Matching Model for Online Large-scale Recommender System",
    CIKM 2019: section 3.1. An event that follows another by less than `gap` is of its session; a
    session has at most `most` events. The latest session is short term; the events before it are
    long term, if they are no older than `past` before its first event.

    Args:
        gap: seconds.
        most: events of a session.
        past: seconds; None takes all events of the history.

    Input: a tuple of encoded item ids [batch, history], oldest first and padded on the right, and
    the events' times [batch, history], int64 seconds. Without times, the ids alone: the latest
    `most` events are the session then.
    Output: two boolean tensors [batch, history], short and long term.
    """

    def __init__(self, gap: float = 600.0, most: int = 50, past: float | None = None, **kwargs):
        super().__init__(dtype="float32", autocast=False, **kwargs)
        if gap <= 0 or most < 1 or (past is not None and past <= 0):
            raise ValueError(
                "SessionSplit takes a positive gap and past in seconds, and at least one event a "
                f"session. Received: gap={gap!r}, most={most!r}, past={past!r}."
            )
        self.gap, self.most, self.past = gap, most, past

    def call(self, inputs):
        ids, times = inputs if isinstance(inputs, tuple | list) else (inputs, None)
        present = ids != 0
        newer = tf.cumsum(tf.cast(present, tf.int32), axis=1, reverse=True, exclusive=True)
        short = present & (newer < self.most)
        if times is None:
            return short, present & ~short
        # Differences of whole seconds: as floats of 32 bits, times stand 64 seconds apart.
        pause = tf.cast(times[:, 1:] - times[:, :-1], tf.float64) >= self.gap
        ends = tf.pad(pause & present[:, 1:], [[0, 0], [0, 1]])  # the last event of a session
        later = tf.cumsum(tf.cast(ends, tf.int32), axis=1, reverse=True)
        short &= later == 0
        long = present & ~short
        if self.past is not None:
            begin = tf.reduce_min(tf.where(short, times, times.dtype.max), axis=1, keepdims=True)
            long &= tf.cast(begin - times, tf.float64) <= self.past
        return short, long

    def compute_mask(self, inputs, mask=None):
        return None
