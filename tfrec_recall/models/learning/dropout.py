"""Dropout that is a part of what a training step draws."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.layers.draws import next_seed


@saved_by_config
class SeededDropout(tf.keras.layers.Dropout):
    """Keras' dropout, by the seed of the training step where there is one.

    Keras' own follows no seed where XLA compiles it, and a run that goes on from a checkpoint draws
    other numbers than it would have drawn.
    """

    def call(self, inputs, training=None):
        if training is not True or not self.rate:
            return super().call(inputs, training=training)
        seed = next_seed()
        if seed is None:
            return super().call(inputs, training=training)
        return tf.nn.experimental.stateless_dropout(inputs, self.rate, seed)


def dropout(rate: float, **kwargs) -> tf.keras.layers.Layer:
    """Dropout of this share of the numbers, in training."""
    return SeededDropout(rate, **kwargs)
