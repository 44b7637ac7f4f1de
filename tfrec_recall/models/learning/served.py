"""How vectors leave a model."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall.layers import L2Normalization


def served(normalize: bool) -> tf.keras.layers.Layer:
    """Makes of vectors what is searched: float32 in whatever precision the rest is, and of length
    one if that is wished.
    """
    if normalize:
        return L2Normalization(dtype="float32")
    return tf.keras.layers.Activation("linear", dtype="float32")
