"""Batches of which each worker fetches its own part alone."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

# The replicas whose parts are wanted, among so many -> their parts, batch after batch, endlessly
PartsOf = Callable[[range, int], tf.data.Dataset]


def divisible(dataset: tf.data.Dataset, parts_of: PartsOf) -> tf.data.Dataset:
    """The dataset, of which `parts_of` gives the parts."""
    dataset._parts_of = parts_of
    return dataset


def parts_of(dataset: object) -> PartsOf | None:
    """What gives the parts of a dataset's batches, if it can: that of `divisible` itself can.

    >>> parts_of(tf.data.Dataset.range(3)) is None
    True
    """
    return getattr(dataset, "_parts_of", None)


def part(rows: tf.Tensor, number: tf.Tensor, count: int) -> tf.Tensor:
    """The part of a replica of the rows of a batch, as many as of the others, or one more.

    >>> [part(tf.range(5), number, 3).numpy().tolist() for number in range(3)]
    [[0], [1, 2], [3, 4]]
    """
    size = tf.size(rows, out_type=tf.int64)
    number = tf.cast(number, tf.int64)
    return rows[size * number // count : size * (number + 1) // count]
