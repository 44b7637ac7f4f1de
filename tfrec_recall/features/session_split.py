"""The latest session of a history, and what came before it."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._keras import saved_by_config


@saved_by_config
class SessionSplit(tf.keras.layers.Layer):
    """Masks of the short-term session and of the long-term events; no event is in both.

    Source: "SDM: Sequential Deep Matching Model for Online Large-scale Recommender System",
    CIKM 2019: section 3.1. Events are of one session while none ends it, and every `most` events of
    a session are one for themselves, the rest following in the next. The latest session is short
    term; the events before it are long term, if they are no older than `past` before its first
    event. A session that reaches back beyond the history is counted from where that begins,
    which is one of its pieces in training and where `SDM` is asked.

    What ends a session: with sessions' ids, that the next event has another id (and, unless `gap`
    is None, follows by `gap` or more: two ids are then one session where they are close); without
    ids, a pause of `gap` or more. Without times, nothing.

    Args:
        gap: seconds, or None.
        most: events of a session.
        past: seconds; None takes all events of the history.

    Input: encoded item ids [batch, history], oldest first and padded on the right; or a tuple of
    these, the events' times [batch, history], int64 seconds, and perhaps numbers that tell their
    sessions apart [batch, history].
    Output: two boolean tensors [batch, history], short and long term.
    """

    def __init__(
        self, gap: float | None = 600.0, most: int = 50, past: float | None = None, **kwargs
    ):
        super().__init__(**{"dtype": "float32", **kwargs}, autocast=False)
        positive = [gap is None or gap > 0, past is None or past > 0]
        if not all(positive) or most < 1:
            raise ValueError(
                "SessionSplit takes a positive gap and past in seconds, and at least one event a "
                f"session. Received: gap={gap!r}, most={most!r}, past={past!r}."
            )
        self.gap, self.most, self.past = gap, most, past

    def call(self, inputs):
        given = tuple(inputs) if isinstance(inputs, tuple | list) else (inputs,)
        ids, times, sessions = (*given, None, None)[:3]
        present = ids != 0
        newer = tf.cumsum(tf.cast(present, tf.int32), axis=1, reverse=True, exclusive=True)
        ends = self._ends(times, sessions)  # the last event of a session
        run = present
        if ends is not None:
            ends = tf.pad(ends & present[:, 1:], [[0, 0], [0, 1]])
            run &= tf.cumsum(tf.cast(ends, tf.int32), axis=1, reverse=True) == 0
        length = tf.reduce_sum(tf.cast(run, tf.int32), axis=1, keepdims=True)
        short = run & (newer <= (length - 1) % self.most)
        long = present & ~short
        if self.past is not None and times is not None:
            begin = tf.reduce_min(tf.where(short, times, times.dtype.max), axis=1, keepdims=True)
            long &= tf.cast(begin - times, tf.float64) <= self.past
        return short, long

    def _ends(self, times, sessions):
        """Which events another session follows, bool [batch, history - 1], or None for none."""
        ends = []
        if sessions is not None:
            ends.append(sessions[:, 1:] != sessions[:, :-1])
        if times is not None and self.gap is not None:
            # Differences of whole seconds: as floats of 32 bits, times stand 64 seconds apart.
            ends.append(tf.cast(times[:, 1:] - times[:, :-1], tf.float64) >= self.gap)
        return tf.reduce_all(tf.stack(ends), axis=0) if ends else None

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        own = {"gap": self.gap, "most": self.most, "past": self.past}
        return {**super().get_config(), **own}
