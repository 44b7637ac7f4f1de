"""Negatives drawn log-uniformly by the rank of their popularity, as for Zipf's law."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfrec_recall.data.packing import pack, unpack
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.sampling.checks import counts_of
from tfrec_recall.sampling.uniform import uniform_numbers


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class LogUniformNegatives(tf.Module):
    """The item of rank r, from 0 for the most frequent, has log((r + 2) / (r + 1)) / log(n + 1).

    Ranks come from the counts and not from the ids: a sampler that takes ids for ranks is wrong
    where ids are not sorted by falling frequency, and its correction with it.

    Args:
        counts: training events of each encoded item id, padding and unknown included.

    >>> negatives = LogUniformNegatives([0, 0, 1, 9, 5])
    >>> np.exp(negatives.log_probability([2, 3, 4])).round(2)
    array([0.21, 0.5 , 0.29], dtype=float32)
    """

    def __init__(self, counts: np.ndarray):
        super().__init__()
        self.counts = counts_of("LogUniformNegatives", counts)
        known = self.counts[FIRST_KNOWN:]
        order = np.argsort(-known, kind="stable")
        rank = np.argsort(order)  # of each known item
        self.items = len(known)
        probability = np.log((rank + 2.0) / (rank + 1.0)) / np.log(self.items + 1.0)
        self._by_rank = tf.constant(order + FIRST_KNOWN, tf.int32)
        self._log_probability = tf.constant(
            np.concatenate([np.zeros(FIRST_KNOWN), np.log(probability)]), tf.float32
        )

    def sample(self, shape, seed: tf.Tensor | None = None) -> tf.Tensor:
        """Encoded ids of this shape, drawn with replacement, int32; see `UniformNegatives`."""
        uniform = uniform_numbers(shape, seed, tf.float64)
        rank = tf.exp(uniform * np.log(self.items + 1.0)) - 1.0
        rank = tf.minimum(tf.cast(rank, tf.int32), self.items - 1)
        return tf.gather(self._by_rank, rank)

    def probability_of(self, ids: tf.Tensor) -> tf.Tensor:
        """The probability of these ids in a draw, float32; 0 for padding and unknown."""
        known = tf.convert_to_tensor(ids) >= FIRST_KNOWN
        return tf.where(known, tf.exp(self.log_probability(ids)), 0.0)

    def log_probability(self, ids: tf.Tensor) -> tf.Tensor:
        """Logarithm of the probability of these ids, float32; 0 for padding and unknown."""
        return tf.gather(self._log_probability, ids)

    def get_config(self):
        return {"counts": pack(self.counts)}

    @classmethod
    def from_config(cls, config):
        return cls(unpack(config["counts"]))
