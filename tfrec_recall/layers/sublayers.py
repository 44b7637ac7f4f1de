"""Layers within layers."""

from __future__ import annotations

import tensorflow as tf


def build_within(layer, input_shape):
    """Build now and under its own name: Keras 3 loads weights into layers that are built."""
    with tf.name_scope(layer.name):
        layer.build(input_shape)
