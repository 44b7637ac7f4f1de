"""Steps for a table whose rows are touched as often as their ids come: each at its own rate."""

from __future__ import annotations

import tensorflow as tf

TINY = 1e-12  # beside a squared gradient


class AdaptiveRows(tf.keras.layers.Layer):
    """Adagrad with one sum a row, that touches no row but those of a block.

    A rate for all rows is too high for a genre, which half of the items have, or too low for an
    item that comes seldom. Here a row's steps shrink with what its own gradients have added up to:
    G += mean of g², row -= rate * g / sqrt(G), where g is the sum over the block.

    Source: "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", JMLR
    2011, section 1.1.
    Departs: the numbers of a row share one sum, so that it moves against its gradient.

    Args:
        rows: of the table.
        longest_step: the most that a row moves in one block; what is longer is shortened. None
            shortens nothing.
    """

    def __init__(self, rows: int, longest_step: float | None, **kwargs):
        super().__init__(trainable=False, dtype="float32", **kwargs)
        self.longest_step = longest_step
        with tf.name_scope(self.name):  # HDF5 knows weights by their names, and a table has several
            self.sums = self.add_weight("sums", (rows,), trainable=False, initializer="zeros")
        self.built = True  # it is never called

    def descend(self, table: tf.Variable, ids: tf.Tensor, gradient: tf.Tensor, rate: tf.Tensor):
        """Moves the rows of the ids.

        Args:
            table: [rows, dim], always the same one.
            ids: [...]; the gradients of an id that comes twice are added up.
            gradient: [..., dim]
            rate: at 0, which measures, nothing changes.
        """
        ids, gradient = by_id(ids, gradient)
        added = tf.where(rate > 0, tf.reduce_mean(gradient**2, axis=1), 0.0)
        self.sums.scatter_add(tf.IndexedSlices(added, ids))
        scale = tf.math.rsqrt(tf.gather(self.sums, ids) + TINY)[:, tf.newaxis]
        step = rate * scale * gradient
        if self.longest_step is not None:
            step = tf.clip_by_norm(step, self.longest_step, axes=[-1])
        table.scatter_sub(tf.IndexedSlices(step, ids))


def by_id(ids: tf.Tensor, gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Each id once, and its gradients added up.

    Args:
        ids: [...]
        gradient: [..., dim]

    Returns: [ids] and [ids, dim].
    """
    ids, place = tf.unique(tf.reshape(ids, [-1]))
    gradient = tf.reshape(gradient, [-1, gradient.shape[-1]])
    return ids, tf.math.unsorted_segment_sum(gradient, place, tf.size(ids))
