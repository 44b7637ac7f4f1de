"""Requests whose session is longer than the history that the model reads."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import Features, RawQuery, SessionSplit
from tfrec_recall.features.serving import ALL, latest


class SessionQuery(RawQuery):
    """`RawQuery` of a model with sessions: where the latest is longer than the history, what is
    kept of it begins with one of its pieces, as in training, so that from there `SessionSplit`
    finds the same ones.

    Items that training never saw are no events, as in the histories of training.

    Args:
        features: adapted, with a history of a limited length.
        beside: the histories beside that of the items, as `SessionSplit` takes them.
        gap: what ends a session, as of `SessionSplit`.
        most: events of a piece; no more than the history has.
    """

    def __init__(self, features: Features, beside: Sequence[str], gap: float | None, most: int):
        super().__init__(features)
        assert features.history is not None
        self._length, self._beside, self._most = features.history.length, beside, most
        self._whole = SessionSplit(gap, most=tf.int32.max)

    def events(self, encoded):
        events = encoded[self._items] >= FIRST_KNOWN
        beside = [tf.shape(encoded[name]) == tf.shape(events) for name in self._beside]
        if not beside:
            return self._kept(encoded, events)
        # Where another history has no place for each event, it tells no sessions: see `latest`.
        alike = tf.reduce_all(tf.stack(beside))
        return tf.cond(alike, lambda: self._kept(encoded, events), lambda: events)

    def _kept(self, encoded, events):
        """Of these events, those of whole pieces of the latest session, if that is too long."""
        histories = [latest(encoded[name], ALL, events) for name in (self._items, *self._beside)]
        session, _ = self._whole(tuple(histories))
        size = tf.reduce_sum(tf.cast(session, tf.int32), axis=1, keepdims=True)
        piece = (size - 1) % self._most + 1  # the latest of the session
        pieces = piece + (self._length - piece) // self._most * self._most
        kept = tf.where(size > self._length, pieces, self._length)
        newer = tf.cumsum(tf.cast(events, tf.int32), axis=1, reverse=True, exclusive=True)
        return events & (newer < kept)
