"""The latest session cut out of a history, and how far into it a place has come."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._keras import saved_by_config


@saved_by_config
class SessionEvents(tf.keras.layers.Layer):
    """The events of the latest session, at the front, and the place where it begins.

    Input: a tuple of events [batch, history, width], padded on the right, and which of them are of
        the session, bool [batch, history].
    Output: events [batch, session, width], as many as the batch's longest session has and at least
        1, after a shorter session's whatever follows; and int32 [batch, 1], 0 where there is none.
    """

    def call(self, inputs):
        events, short = inputs
        longest = tf.reduce_max(tf.reduce_sum(tf.cast(short, tf.int32), axis=1))
        begin = tf.argmax(short, axis=1, output_type=tf.int32)[:, tf.newaxis]
        rows = begin + tf.range(tf.maximum(longest, 1))  # [batch, session]
        return tf.gather(events, tf.minimum(rows, tf.shape(events)[1] - 1), batch_dims=1), begin

    def compute_mask(self, inputs, mask=None):
        return None


@saved_by_config
class EventsReached(tf.keras.layers.Layer):
    """Which events of the session lie at a place of the history or before it.

    Input: a tuple of places [batch, places] and the session's begin [batch, 1], both int32, and the
        session's events [batch, session, width].
    Output: bool [batch, places, session].
    """

    def call(self, inputs):
        places, begin, events = inputs
        return tf.range(tf.shape(events)[1]) <= (places - begin)[:, :, tf.newaxis]
