"""In which type layers sum, whatever the type they are called in."""

from __future__ import annotations

import tensorflow as tf


def full(layer: tf.keras.layers.Layer) -> tf.DType:
    """The type of a layer's sums and softmaxes: float32, for which halves are too coarse, or
    float64 where the layer computes in it."""
    return tf.float64 if layer.compute_dtype == "float64" else tf.float32
