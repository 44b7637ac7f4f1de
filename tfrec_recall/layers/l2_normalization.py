"""Vectors of length one, whose inner product is a cosine."""

from __future__ import annotations

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class L2Normalization(tf.keras.layers.Layer):
    """Divides vectors by their length, and leaves those without one as zeros.

    A vector no longer than `epsilon` has no direction: it becomes zeros and gets no gradient, where
    the quotient's own would be 1 / epsilon. Any other comes out with length one.

    Args:
        axis: along which the vectors lie.
        epsilon: the length up to which a vector counts as none.

    Input and output: [..., dim], if `axis` is the last; a mask passes unchanged.

    >>> L2Normalization()(tf.constant([[3.0, 4.0], [0.0, 0.0]])).numpy()
    array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)
    """

    def __init__(self, axis: int = -1, epsilon: float = 1e-6, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis
        self.epsilon = epsilon
        self.supports_masking = True

    def call(self, inputs):
        vectors = tf.cast(inputs, tf.float32)  # the sum of squares overflows in float16
        squared = tf.reduce_sum(tf.square(vectors), axis=self.axis, keepdims=True)
        directed = squared > self.epsilon**2
        # The maximum keeps the gradient of rsqrt finite where the selection drops it.
        scale = tf.where(directed, tf.math.rsqrt(tf.maximum(squared, self.epsilon**2)), 0.0)
        return tf.cast(vectors * scale, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}
