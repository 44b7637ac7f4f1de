"""Unit vectors without the part that all items share."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.layers import L2Normalization


@saved_by_config
class Centring(tf.keras.layers.Layer):
    """The direction of each vector from the mean direction of the items that training knows.

    Skip-gram gives all vectors a common part, which the cosine counts for everything: items near to
    it are near to everyone. The mean is a weight, zeros until `centre` has seen vectors.

    Source: "All-but-the-Top: Simple and Effective Postprocessing for Word Representations",
    ICLR 2018, Algorithm 1, its first step, on unit vectors.

    Input: [..., dim].  Output: the same, of length one; zeros stay zeros.
    """

    def __init__(self, dim: int, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.dim = dim
        self.mean = self.add_weight("mean", (dim,), initializer="zeros", trainable=False)
        self.unit = L2Normalization(dtype="float32")

    def call(self, vectors):
        there = tf.reduce_any(vectors != 0, axis=-1, keepdims=True)
        return self.unit(tf.where(there, self.unit(vectors) - self.mean, 0.0))

    def get_config(self):
        return {**super().get_config(), "dim": self.dim}

    def centre(self, vectors: np.ndarray) -> None:
        """Learns the mean direction of vectors [items, dim]; zeros are no direction."""
        there = vectors[(vectors != 0).any(axis=1)]
        if len(there):
            self.mean.assign(tf.reduce_mean(self.unit(there), axis=0))
