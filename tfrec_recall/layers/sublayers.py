"""Layers within layers."""

from __future__ import annotations

import contextlib

import tensorflow as tf


def build_within(owner, layer, input_shape):
    """Build now and under the names of both.

    Keras 3 loads weights into layers that are built; HDF5 tells weights apart by their names, also
    where the owner is built without being called. Within an owner that is frozen it is so, too:
    some layers behave in another way then.
    """
    if not owner.trainable:
        layer.trainable = False
    inside = owner.name in tf.get_current_name_scope().split("/")
    with contextlib.nullcontext() if inside else tf.name_scope(owner.name):  # noqa: SIM117
        with tf.name_scope(layer.name):
            layer.build(input_shape)


def build_activation(owner, activation, input_shape):
    """An activation that is a layer, which may have weights, is built as any other within."""
    if isinstance(activation, tf.keras.layers.Layer) and not activation.built:
        build_within(owner, activation, input_shape)
