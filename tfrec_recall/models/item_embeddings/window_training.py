"""The training loop over windows: many small steps in one compiled call."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfrec_recall.data.windows import Block, Blocks, Columns, thin_out

# (block, rate, seed) -> loss and pairs of the first lane
Learn = Callable[[Block, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class WindowTraining(tf.keras.layers.Layer):
    """Cuts each batch of sessions into blocks and learns from one after the other.

    The rate falls in a line from `rate` to a thousandth of it over `epochs`. What is random depends
    on the seed and on the batches seen before, which are counted in a weight: a run that goes on
    from a checkpoint draws what it would have drawn.

    Args:
        keep: the probability [ids] with which an event of each encoded id is kept.
        rate: of learning, at the start.
        epochs: over which the rate falls.
        block: events of a lane in a step: the more, the fewer and the less used the matrices.
        lanes: blocks in a step: the more, the fewer steps, and the staler the vectors they read.
        seed: of all that is random.
    """

    def __init__(
        self,
        keep: np.ndarray,
        rate: float,
        epochs: int,
        block: int,
        lanes: int,
        seed: int,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if rate <= 0 or min(epochs, block, lanes) < 1:
            raise ValueError(
                "rate is above 0; epochs, block and lanes are at least 1. "
                f"Received: rate={rate}, epochs={epochs}, block={block}, lanes={lanes}."
            )
        self.keep = tf.constant(keep, tf.float32)
        self.rate, self.epochs, self.block, self.lanes, self.seed = rate, epochs, block, lanes, seed
        count = {"shape": (), "dtype": tf.int64, "trainable": False, "initializer": "zeros"}
        self.batches_seen = self.add_weight("batches_seen", **count)
        self.batches_an_epoch = self.add_weight("batches_an_epoch", **count)
        self.built = True  # it is never called

    def begin(self, data: tf.data.Dataset) -> None:
        """Learns how many batches an epoch has, which the decay of the rate depends on."""
        if isinstance(data, tf.data.Dataset) and data.cardinality() > 0:
            self.batches_an_epoch.assign(data.cardinality())

    def learn(self, batch: Columns, window: int | tf.Tensor, learn: Learn) -> tf.Tensor:
        """Learns from a batch of sessions; returns the mean loss of a pair, of the first lane.

        Args:
            batch: flat columns.
            window: the farthest context.
            learn: takes a block, the rate and a seed; returns the loss and the pairs of lane 0.
        """
        loss = self._run(batch, window, learn, self._rate(0), self._rate(1))
        self.batches_seen.assign_add(1)
        return loss

    def measure(self, batch: Columns, window: int | tf.Tensor, learn: Learn) -> tf.Tensor:
        """As `learn`, at the rate 0."""
        return self._run(batch, window, learn, 0.0, 0.0)

    def _run(self, batch, window, learn, first, last) -> tf.Tensor:
        now = tf.stack([tf.constant(self.seed, tf.int64), self.batches_seen])
        thinning, seed = tf.unstack(tf.random.split(now, 2))
        batch = thin_out(batch, self.keep, thinning)
        blocks = Blocks(batch, window, self.block, self.lanes)

        def one_step(step, loss, pairs):
            part = tf.cast(step, tf.float32) / tf.cast(blocks.steps, tf.float32)
            rate = first + (last - first) * part
            found = learn(blocks.at(step), rate, tf.random.fold_in(seed, step))
            return step + 1, loss + found[0], pairs + found[1]

        _, loss, pairs = tf.while_loop(
            lambda step, *_: step < blocks.steps,
            one_step,
            (tf.constant(0), tf.constant(0.0), tf.constant(0.0)),
            parallel_iterations=1,  # a step reads what the step before has written
        )
        return tf.math.divide_no_nan(loss, pairs)

    def _rate(self, ahead: int) -> tf.Tensor:
        """The rate after `ahead` more batches."""
        total = tf.cast(tf.maximum(self.batches_an_epoch, 1) * self.epochs, tf.float32)
        left = 1.0 - tf.cast(self.batches_seen + ahead, tf.float32) / total
        return self.rate * tf.maximum(left, 1e-3)
