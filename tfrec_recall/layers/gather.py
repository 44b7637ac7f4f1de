"""Rows of all replicas of a `tf.distribute` strategy."""

from __future__ import annotations

import tensorflow as tf


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
