"""A vector and a bias for each user, or each item."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features.room import check_own_table
from tfrec_recall.layers.tables import rows_of

NUMBERS_AT_A_TIME = 4_000_000  # of factors that are held beside the tables, 16 MB


@saved_by_config
class FactorsAndBias(tf.keras.layers.Layer):
    """A vector and a bias for each encoded id; zeros for padding and unknown.

    Input: encoded ids [...].  Output: factors [..., dim] and biases [...].
    """

    def __init__(self, size: int, dim: int, train_bias: bool, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})  # halves would gain nothing
        self.size, self.dim, self.train_bias = size, dim, train_bias
        check_own_table(
            *("factors", size, dim),
            "take a smaller dim, or the frequent values alone (Categorical(…, min_count=…)). "
            f"Received: dim={dim}.",
        )
        self.factors = self.add_weight("factors", (size, dim), initializer=self._normal())
        self.bias = self.add_weight("bias", (size,), initializer="zeros", trainable=train_bias)

    def _normal(self) -> tf.keras.initializers.Initializer:
        return tf.keras.initializers.RandomNormal(stddev=1 / math.sqrt(self.dim))

    def begin(self, rated: np.ndarray) -> None:
        """Zeros for what has no rating, which is then as what is unknown, until it has one.

        Args:
            rated: the ids of all ratings.
        """
        unrated = np.bincount(rated, minlength=self.size) == 0
        for some in self._some_at_a_time(np.flatnonzero(unrated)):
            self._write(some, tf.zeros([len(some), self.dim]))
        self.draw(rated)  # what the ratings of before knew nothing of

    def draw(self, ids: np.ndarray) -> None:
        """Gives those of these ids that have zeros the factors that others begin with."""
        distinct = np.unique(ids)
        for some in self._some_at_a_time(distinct[self.are_zeros(distinct)]):
            self._write(some, self._normal()([len(some), self.dim]))

    def are_zeros(self, ids: np.ndarray) -> np.ndarray:
        """Of which of these ids [ids] the factors are zeros, bool [ids]."""
        distinct, place = np.unique(ids, return_inverse=True)
        zeros = np.ones(len(distinct), bool)
        done = 0
        for some in self._some_at_a_time(distinct):
            any_factor = rows_of(self.factors, tf.constant(some)).numpy().any(axis=1)
            zeros[done : done + len(some)] = ~any_factor
            done += len(some)
        return zeros[place]

    def _some_at_a_time(self, ids: np.ndarray) -> list[np.ndarray]:
        """A table is never held whole: it may be in parts, on parameter servers."""
        most = max(1, NUMBERS_AT_A_TIME // self.dim)
        return [ids[first : first + most] for first in range(0, len(ids), most)]

    def _write(self, ids: np.ndarray, factors: tf.Tensor) -> None:
        self.factors.scatter_update(tf.IndexedSlices(factors, tf.constant(ids)))

    def call(self, ids):
        known = ids >= FIRST_KNOWN
        factors = tf.where(known[..., tf.newaxis], rows_of(self.factors, ids), 0.0)
        return factors, tf.where(known, rows_of(self.bias, ids), 0.0)

    def get_config(self):
        own = {"size": self.size, "dim": self.dim, "train_bias": self.train_bias}
        return {**super().get_config(), **own}
