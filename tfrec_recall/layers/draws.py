"""What layers draw at random: by the seed of a training step where there is one."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import tensorflow as tf


class _Seeds(threading.local):  # a replica is traced in a thread of its own
    def __init__(self):
        self.inner: list[list] = []  # of each `seeded` around here, its seed and the draws so far


_SEEDS = _Seeds()


@contextlib.contextmanager
def seeded(seed: tf.Tensor) -> Iterator[None]:
    """Everything drawn within follows from the seed, each draw from another one.

    A step that is run again from a checkpoint draws what it drew, in XLA as well, whose own random
    numbers follow no seed.

    Args:
        seed: two integers.
    """
    _SEEDS.inner.append([seed, 0])
    try:
        yield
    finally:
        _SEEDS.inner.pop()


def next_seed() -> tf.Tensor | None:
    """Two integers for one draw within `seeded`; None where TensorFlow's own state decides.

    >>> with seeded(tf.constant([7, 0])):
    ...     print(next_seed().numpy(), next_seed().numpy())
    [8 0] [9 0]
    """
    if not _SEEDS.inner:
        return None
    here = _SEEDS.inner[-1]
    here[1] += 1
    return here[0] + tf.constant([here[1], 0], here[0].dtype)


def uniform(shape) -> tf.Tensor:
    """Numbers from 0 to below 1, float32."""
    seed = next_seed()
    if seed is None:
        return tf.random.uniform(shape)
    return tf.random.stateless_uniform(shape, seed)


def normal(shape) -> tf.Tensor:
    """Numbers with the mean 0 and the standard deviation 1, float32."""
    seed = next_seed()
    if seed is None:
        return tf.random.normal(shape)
    return tf.random.stateless_normal(shape, seed)
