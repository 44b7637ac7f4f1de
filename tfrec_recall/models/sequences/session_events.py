"""The latest session cut out of a history, and how far into it a place has come."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._keras import saved_by_config


@saved_by_config
class SessionEvents(tf.keras.layers.Layer):
    """The events of the latest session, at the front, and the place where it begins.

    Args:
        most: events of a session.

    Input: a tuple of events [batch, history, width], padded on the right, and which of them are of
        the session, bool [batch, history].
    Output: events [batch, most, width], after the session's whatever follows; and int32 [batch, 1],
        0 where there is none.
    """

    def __init__(self, most: int, **kwargs):
        super().__init__(**kwargs)
        self.most = most

    def call(self, inputs):
        events, short = inputs
        begin = tf.argmax(short, axis=1, output_type=tf.int32)[:, tf.newaxis]
        rows = tf.minimum(begin + tf.range(self.most), tf.shape(events)[1] - 1)  # [batch, most]
        return tf.gather(events, rows, batch_dims=1), begin

    def compute_mask(self, inputs, mask=None):
        return None

    def get_config(self):
        return {**super().get_config(), "most": self.most}


@saved_by_config
class EventsReached(tf.keras.layers.Layer):
    """Which events of the session lie at a place of the history or before it.

    Args:
        most: events of a session.

    Input: a tuple of places [batch, places] and the session's begin [batch, 1], both int32.
    Output: bool [batch, places, most].
    """

    def __init__(self, most: int, **kwargs):
        super().__init__(**kwargs)
        self.most = most

    def call(self, inputs):
        places, begin = inputs
        return tf.range(self.most) <= (places - begin)[:, :, tf.newaxis]

    def get_config(self):
        return {**super().get_config(), "most": self.most}
