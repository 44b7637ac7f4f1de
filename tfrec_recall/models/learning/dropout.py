"""Dropout for models whose training step XLA may compile."""

from __future__ import annotations

import tensorflow as tf


def dropout(rate: float, **kwargs) -> tf.keras.layers.Layer:
    """Dropout that follows `tf.keras.utils.set_random_seed` even where XLA compiles it.

    Keras's default draws by an operation whose numbers, in XLA, no seed decides.
    """
    return tf.keras.layers.Dropout(rate, rng_type="stateful", **kwargs)
