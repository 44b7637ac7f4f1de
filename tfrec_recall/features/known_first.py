"""Histories without the items that training never saw."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data.vocabulary import FIRST_KNOWN


@saved_by_config
class KnownFirst(tf.keras.layers.Layer):
    """Moves what a history knows to the left, in its order, and pads the rest with 0.

    What follows takes as long as the histories are wide, and most are far shorter than the longest
    that is read: they end with the last event of the batch's longest.

    Input: a tuple of encoded item ids [batch, history], places in that history, int32
    [batch, places], and any columns beside it [batch, history].
    Output: the same, histories being as wide as the longest, at least 1; a place is that of the
    last known event up to it, -1 before the first one.

    >>> ids, places = tf.constant([[5, 1, 7, 0]]), tf.constant([[0, 1, 2]])
    >>> [part.numpy().tolist() for part in KnownFirst()((ids, places))]
    [[[5, 7]], [[0, 0, 1]]]
    """

    def __init__(self, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs}, autocast=False)

    def call(self, inputs):
        ids, places, *beside = inputs
        known = ids >= FIRST_KNOWN
        order = tf.argsort(tf.cast(~known, tf.int32), axis=1, stable=True)
        events = tf.reduce_sum(tf.cast(known, tf.int32), axis=1)
        order = order[:, : tf.maximum(tf.reduce_max(events), 1)]
        there = tf.gather(known, order, batch_dims=1)
        moved = [
            tf.where(there, tf.gather(column, order, batch_dims=1), tf.zeros([], column.dtype))
            for column in (ids, *beside)
        ]
        so_far = tf.cumsum(tf.cast(known, tf.int32), axis=1)
        place = tf.gather(so_far, tf.maximum(places, 0), batch_dims=1) - 1
        return (moved[0], tf.where(places < 0, -1, place), *moved[1:])

    def compute_mask(self, inputs, mask=None):
        return None
