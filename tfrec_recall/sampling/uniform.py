"""Negatives drawn evenly from the known items."""

from __future__ import annotations

import math

import tensorflow as tf

from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.layers.draws import next_seed
from tfrec_recall.sampling.checks import vocabulary_size


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class UniformNegatives(tf.Module):
    """Every known item is as likely as any other.

    Args:
        size: of the vocabulary, padding and unknown included.

    >>> int(tf.reduce_min(UniformNegatives(size=5).sample([100])))
    2
    """

    def __init__(self, size: int):
        super().__init__()
        vocabulary_size("UniformNegatives", size)
        self.size = int(size)

    @property
    def items(self) -> int:
        return self.size - FIRST_KNOWN

    def sample(self, shape, seed: tf.Tensor | None = None) -> tf.Tensor:
        """Encoded ids of this shape, drawn with replacement, int32.

        Args:
            seed: two integers, which alone decide what is drawn; without, the seed of the training
                step, or TensorFlow's own state.
        """
        return uniform_numbers(shape, seed, tf.int32, FIRST_KNOWN, self.size)

    def probability_of(self, ids: tf.Tensor) -> tf.Tensor:
        """The probability of these ids in a draw, float32; 0 for those that are never drawn."""
        return tf.where(ids >= FIRST_KNOWN, tf.constant(1 / self.items, tf.float32), 0.0)

    def log_probability(self, ids: tf.Tensor) -> tf.Tensor:
        """Logarithm of the probability of these ids, float32; 0 for those that are never drawn."""
        return tf.where(ids >= FIRST_KNOWN, tf.constant(-math.log(self.items), tf.float32), 0.0)

    def get_config(self):
        return {"size": self.size}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def uniform_numbers(shape, seed, dtype, low=0, high=None) -> tf.Tensor:
    """Numbers from `low` to below `high` (by default 1), by a seed or by what `draws` has."""
    seed = next_seed() if seed is None else seed
    if seed is None:
        return tf.random.uniform(shape, low, high, dtype)
    return tf.random.stateless_uniform(shape, seed, low, high, dtype)
