"""Means of a history as it was at several of its events."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import flag, whole, without_effect
from tfrec_recall._axes import check_axes, check_ids, check_no_mask
from tfrec_recall.layers.masks import mask_among
from tfrec_recall.layers.precision import full


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class RunningMean(tf.keras.layers.Layer):
    """The mean of a history up to and with each of some places, newer events weighing more or not.

    `MaskedMean` of each beginning of the history, all of them in one product. An event's recency is
    the number of present events after it, up to the place that is asked for.

    Source: "Deep Neural Networks for YouTube Recommendations", RecSys 2016, section 3.2 (the mean).
    Departs: the weights, which are ours.

    Args:
        learned: learn a factor for each recency, all 1 at first.
        positions: how many recencies have a factor of their own; still older events share the last.

    Input: a tuple of a history [batch, history, dim], oldest first, and places in it, integers
    [batch, places]; a mask of the history [batch, history].
    Output: [batch, places, dim], zeros where no event is present up to the place, as up to -1.
    Raises: ValueError for shapes that do not fit, and unless `positions` is positive.

    >>> history = tf.constant([[[1.0], [4.0], [7.0]]])
    >>> RunningMean()((history, tf.constant([[1, 2]]))).numpy()
    array([[[2.5],
            [4. ]]], dtype=float32)
    """

    def __init__(self, learned: bool = False, positions: int = 64, **kwargs):
        super().__init__(**kwargs)
        flag("RunningMean", learned, "learned")
        whole("RunningMean", positions, "positions")
        if not learned:
            without_effect("RunningMean", positions, 64, "positions", "with learned=True")
        self.learned = learned
        self.positions = positions
        self.supports_masking = True

    def build(self, input_shape):
        shapes = [tuple(shape) for shape in input_shape]
        if [len(shape) for shape in shapes] != [3, 2]:
            raise ValueError(
                "RunningMean takes a history [batch, history, dim] and places [batch, places]. "
                f"Received: shapes {shapes}."
            )
        if self.learned:
            self.log_factors = self.add_weight(  # no half: its exponential weighs events
                name="log_factors", shape=(self.positions,), initializer="zeros", autocast=False
            )
        super().build(input_shape)

    def call(self, inputs, mask=None):
        history, places = inputs
        history = tf.cast(history, full(self))
        present = mask_among("RunningMean", mask, 0, 2)
        check_no_mask("RunningMean", places=places)
        check_ids("RunningMean", text=False, places=places)
        check_axes(
            "RunningMean",
            history=(history, "batch history dim"),
            places=(places, "batch places"),
            mask=(present, "batch history"),
        )
        if present is None:
            present = tf.ones(tf.shape(history)[:2], tf.bool)
        present = tf.cast(present, tf.bool)
        history = tf.where(present[:, :, tf.newaxis], history, 0.0)

        places = tf.cast(places, tf.int32)[:, :, tf.newaxis]  # [batch, places, 1]
        counted = present[:, tf.newaxis] & (tf.range(tf.shape(history)[1]) <= places)
        weights = tf.cast(counted, full(self))  # [batch, places, history]
        if self.learned:
            rank = tf.cumsum(tf.cast(present, tf.int32), axis=1)[:, tf.newaxis]
            newest = tf.reduce_max(tf.where(counted, rank, 0), axis=2, keepdims=True)
            recency = tf.clip_by_value(newest - rank, 0, self.positions - 1)
            factors = tf.exp(tf.cast(self.log_factors, full(self)))
            weights *= tf.gather(factors, recency)
        mean = tf.math.divide_no_nan(
            tf.matmul(weights, history), tf.reduce_sum(weights, axis=2, keepdims=True)
        )
        return tf.cast(mean, self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        history, places = (tuple(shape) for shape in input_shape)
        return (*places, history[-1])

    def get_config(self):
        return {**super().get_config(), "learned": self.learned, "positions": self.positions}
