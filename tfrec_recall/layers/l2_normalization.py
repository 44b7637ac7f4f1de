"""Vectors of length one, whose inner product is a cosine."""

from __future__ import annotations

import numbers

import tensorflow as tf

from tfrec_recall._arguments import number, refuse
from tfrec_recall.layers.precision import full

SHORTEST = 1e-25  # squared: float32 does not hold the gradient of rsqrt, its cube, much below


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class L2Normalization(tf.keras.layers.Layer):
    """Divides vectors by their length, and leaves those without one as zeros.

    A vector no longer than `epsilon` has no direction: it becomes zeros and gets no gradient, where
    the quotient's own would be 1 / epsilon. Any other comes out with length one.

    Args:
        axis: along which the vectors lie.
        epsilon: the length up to which a vector counts as none; one of 3e-13 and below always does.

    Input and output: [..., dim], if `axis` is the last; a mask passes unchanged.

    >>> L2Normalization()(tf.constant([[3.0, 4.0], [0.0, 0.0]])).numpy()
    array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)
    """

    def __init__(self, axis: int = -1, epsilon: float = 1e-6, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(axis, numbers.Integral):
            refuse("L2Normalization", axis, "axis", "a whole number")
        number("L2Normalization", epsilon, "epsilon", above=0)
        self.axis = axis
        self.epsilon = epsilon
        self.supports_masking = True

    def call(self, inputs):
        return tf.cast(unit(inputs, self.epsilon**2, self.axis, full(self)), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "axis": self.axis, "epsilon": self.epsilon}


def unit(
    vectors: tf.Tensor, least: float, axis: int = -1, dtype: tf.DType = tf.float32
) -> tf.Tensor:
    """Vectors over their lengths; zeros without a gradient for those of none.

    Args:
        vectors: of any floating type: the sum of squares would overflow in float16.
        least: the squared length up to which a vector counts as none, if `SHORTEST` is not longer.
        axis: along which the vectors lie.
        dtype: in which they are divided, as of `full`.
    """
    least = max(least, SHORTEST)
    vectors = in_full(vectors, dtype)
    squared = tf.reduce_sum(tf.square(vectors), axis=axis, keepdims=True)
    # The maximum keeps the gradient of rsqrt finite where the selection drops it.
    scale = tf.where(squared > least, tf.math.rsqrt(tf.maximum(squared, least)), 0.0)
    return vectors * scale


def in_full(vectors: tf.Tensor, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """In no half. A gradient that overflows on its way back to float16 does so in all its numbers.

    Short vectors have steep gradients. A scaled loss is to skip a step in which some overflow, but
    Keras 3 misses one that stands beside a finite gradient of the same row of an embedding.
    """
    return _of_half(vectors) if vectors.dtype == tf.float16 else tf.cast(vectors, dtype)


@tf.custom_gradient
def _of_half(halves):
    def backward(upstream):
        gradient = tf.cast(upstream, tf.float16)
        finite = tf.reduce_all(tf.math.is_finite(gradient))
        return tf.where(finite, gradient, tf.constant(float("nan"), tf.float16))

    return tf.cast(halves, tf.float32), backward
