"""The sum of a row's field vectors."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._keras import saved_by_config


@saved_by_config
class FieldSum(tf.keras.layers.Layer):
    """Adds the vectors of all fields up, in float32 whatever the policy.

    Args:
        average: divide by the number of fields.

    Input: [..., fields, dim], as `FeatureEncoder` gives them.  Output: [..., dim].
    """

    def __init__(self, average: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.average = average

    def call(self, fields):
        together = tf.reduce_mean if self.average else tf.reduce_sum
        return tf.cast(together(tf.cast(fields, tf.float32), axis=-2), self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "average": self.average}
