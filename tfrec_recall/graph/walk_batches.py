"""Walks for training, drawn as batches are asked for: never written down, other ones each epoch."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfrec_recall.data.feeding.windows import flatten_sessions
from tfrec_recall.data.streaming import batches
from tfrec_recall.graph.random_walks import RandomWalks


def walk_batches(
    walks: RandomWalks,
    starts: np.ndarray,
    length: int,
    batch_size: int,
    seed: int | None = 0,
    first_epoch: int = 0,
) -> tf.data.Dataset:
    """Batches of walks as flat columns `item_id` and `session`, like those of `session_batches`.

    What is drawn follows `RandomWalks.walk`, in TensorFlow. It depends on the seed and on which
    starts stand in a batch in which order, so that a run that goes on at `first_epoch` draws what
    it would have drawn. With the seed None all epochs are alike.

    Args:
        starts: nodes, which are encoded ids, from 1 up; one that is given twice walks twice.
        length: items of a walk, or fewer where it comes to a dead end.
        batch_size: walks in a batch.

    >>> ring = sp.csr_array(([1.0, 1.0], ([1, 2], [2, 1])), shape=(3, 3))
    >>> batch = next(iter(walk_batches(RandomWalks(ring), [1, 2], 3, batch_size=2, seed=None)))
    >>> batch["item_id"].numpy(), batch["session"].numpy()
    (array([1, 2, 1, 2, 1, 2], dtype=int32), array([0, 0, 0, 1, 1, 1], dtype=int32))
    """
    first = tf.constant(starts, tf.int32)
    degree = tf.constant(walks.degree)
    begin, threshold = tf.constant(walks.begin), tf.constant(walks.threshold)
    target = tf.constant(walks.target, tf.int32)
    end = walks.end  # by itself, so that the arrays of the walks are let go

    def fetch(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        order = tf.reduce_sum(rows * (1 + tf.range(tf.size(rows, tf.int64))))
        shape = [length - 1, tf.size(rows)]
        lots = tf.random.stateless_uniform(shape, tf.stack([seed or 0, order]), dtype=tf.float64)
        node = tf.gather(first, rows)
        walk = [node]
        for step in range(length - 1):
            lot = lots[step] * tf.gather(degree, node)
            entry = tf.floor(lot)
            edge = tf.gather(begin, node) + tf.cast(entry, tf.int64)
            other = lot - entry >= tf.cast(tf.gather(threshold, edge), tf.float64)
            node = tf.gather(target, 2 * edge + tf.cast(other, tf.int64))
            walk.append(node)
        nodes = tf.stack(walk, axis=1)  # [batch, length]
        return flatten_sessions({"item_id": tf.where(nodes == end, 0, nodes)})

    return batches(len(starts), batch_size, fetch, seed=seed, first_epoch=first_epoch)
