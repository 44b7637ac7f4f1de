"""Negatives drawn by a power of their training frequency."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfrec_recall.data.arguments import number, plain
from tfrec_recall.data.packing import pack, unpack
from tfrec_recall.sampling.checks import counts_of
from tfrec_recall.sampling.uniform import uniform_numbers


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class PopularityNegatives(tf.Module):
    """An item is drawn with a probability proportional to count^power.

    Draws look a uniform number up in the cumulative table, which is kept in float64: in float32 the
    rare items of a large catalogue would share one value and never be drawn.

    Source: "Distributed Representations of Words and Phrases and their Compositionality", NIPS
    2013, section 2.2: the power 3/4.

    Args:
        counts: training events of each encoded id; an id with 0 is never drawn.
        power: 1 follows the frequency, 0 draws all seen items evenly.

    >>> negatives = PopularityNegatives([0, 0, 16, 1], power=0.5)
    >>> negatives.probability.round(2)
    array([0. , 0. , 0.8, 0.2])
    """

    def __init__(self, counts: np.ndarray, power: float = 0.75):
        super().__init__()
        counts = counts_of("PopularityNegatives", counts)
        number("PopularityNegatives", power, "power", least=0)
        if not counts.any():
            raise ValueError("PopularityNegatives takes counts. Received: all of them 0.")
        mass = np.where(counts > 0, np.maximum(counts, 1e-300) ** power, 0.0)
        self.counts, self.power = counts, plain(power)
        self.probability = mass / mass.sum()  # [ids]
        self._share = tf.constant(self.probability, tf.float32)
        self.drawable = np.flatnonzero(mass)
        cumulative = np.cumsum(mass[self.drawable])
        self._upper = tf.constant(cumulative[:-1] / cumulative[-1], tf.float64)
        self._ids = tf.constant(self.drawable, tf.int32)
        self._log_probability = tf.constant(
            np.log(np.where(mass > 0, self.probability, 1.0)), tf.float32
        )

    def sample(self, shape, seed: tf.Tensor | None = None) -> tf.Tensor:
        """Encoded ids of this shape, drawn with replacement, int32; see `UniformNegatives`."""
        uniform = uniform_numbers(shape, seed, tf.float64)
        place = tf.searchsorted(self._upper, tf.reshape(uniform, [-1]), side="right")
        return tf.reshape(tf.gather(self._ids, place), shape)

    def probability_of(self, ids: tf.Tensor) -> tf.Tensor:
        """The probability of these ids in a draw, float32; 0 for those that are never drawn."""
        return tf.gather(self._share, ids)

    def log_probability(self, ids: tf.Tensor) -> tf.Tensor:
        """Logarithm of the probability of these ids, float32; 0 for those that are never drawn."""
        return tf.gather(self._log_probability, ids)

    def get_config(self):
        return {"counts": pack(self.counts), "power": self.power}

    @classmethod
    def from_config(cls, config):
        return cls(unpack(config["counts"]), config["power"])
