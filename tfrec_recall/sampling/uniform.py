"""Negatives drawn evenly from the known items."""

from __future__ import annotations

import tensorflow as tf

FIRST_KNOWN = 2  # 0 is padding, 1 is unknown


class UniformNegatives(tf.Module):
    """Every known item is as likely as any other.

    Args:
        size: of the vocabulary, padding and unknown included.

    >>> int(tf.reduce_min(UniformNegatives(size=5).sample(100)))
    2
    """

    def __init__(self, size: int):
        super().__init__()
        if size <= FIRST_KNOWN:
            raise ValueError(f"There is no known item to draw. Received: a vocabulary of {size}.")
        self.size = size

    @property
    def items(self) -> int:
        return self.size - FIRST_KNOWN

    def sample(self, count: int) -> tf.Tensor:
        """`count` encoded ids, with replacement, int32."""
        return tf.random.uniform([count], FIRST_KNOWN, self.size, dtype=tf.int32)
