"""Rows of all replicas of a `tf.distribute` strategy.

With one replica, and outside of a step, everything here is as if there were no others.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import tensorflow as tf

Found = TypeVar("Found")


def gather_rows(values: tf.Tensor) -> tf.Tensor:
    """The rows of all replicas in their order, [rows of all, ...]; each may have any number.

    TensorFlow's gather ends the process where all of them are empty, so each replica sends a row
    more, which is taken out again.
    """
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return values
    shape = tf.shape(values)
    more = tf.zeros(tf.concat([[1], shape[1:]], axis=0), values.dtype)
    rows = replica.all_gather(shape[:1] + 1, axis=0)  # [replicas]
    sent = replica.all_gather(tf.concat([values, more], axis=0), axis=0)
    last = tf.cumsum(rows) - 1
    theirs = tf.reduce_all(tf.range(tf.shape(sent)[0])[:, tf.newaxis] != last, axis=1)
    found = tf.boolean_mask(sent, theirs)
    return tf.ensure_shape(found, (None, *values.shape[1:]))


def total(values: tf.Tensor) -> tf.Tensor:
    """The sum over all replicas."""
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return values
    return replica.all_reduce(tf.distribute.ReduceOp.SUM, values)


def rows_before(values: tf.Tensor) -> tf.Tensor | int:
    """How many rows the replicas before this one have."""
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return 0
    sizes = gather_rows(tf.shape(values)[:1])
    number = replica.replica_id_in_sync_group
    return tf.reduce_sum(tf.where(tf.range(tf.size(sizes)) < number, sizes, 0))


def own_first(values: tf.Tensor) -> tf.Tensor:
    """The rows of all replicas, this one's first; a loss of them has gradients on all replicas.

    What a replica's rows are changed by is the sum of what the losses of all replicas say, so that
    their sum descends as the one loss of the whole batch.
    """
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return values
    before = rows_before(values)
    if not values.dtype.is_floating:
        return tf.roll(gather_rows(values), -before, axis=0)

    @tf.custom_gradient
    def gathered(own: tf.Tensor):
        def of_own(upstream: tf.Tensor) -> tf.Tensor:
            upstream = tf.convert_to_tensor(upstream)
            every = replica.all_reduce(tf.distribute.ReduceOp.SUM, upstream)
            return every[before : before + tf.shape(own)[0]]

        return gather_rows(own), of_own

    return tf.roll(gathered(values), -before, axis=0)


def outside(make: Callable[[], Found]) -> Found:
    """What a function gives outside of the strategy in whose scope this is called.

    What it makes, an index with ids of items for instance, belongs to this process alone and is
    sent to no other. (A strategy is entered by a thread; TensorFlow has no other way out of it.)
    """
    if not tf.distribute.has_strategy():
        return make()
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(make).result()
