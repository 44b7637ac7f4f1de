"""The training loop over windows: many small steps in one compiled call."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfrec_recall.data.feeding.windows import Block, Blocks, Columns, sets_by_length, thin_out
from tfrec_recall.models.fitting.run import Run

# (block, rate, seed) -> loss and pairs of the first lane
Learn = Callable[[Block, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
Found = tuple[dict[str, tf.Tensor], tf.Tensor]


class WindowTraining(tf.keras.layers.Layer):
    """Cuts each batch of sessions into blocks and learns from one after the other.

    The rate falls in a line from `rate` to a thousandth of it over the epochs of `fit`. What is
    random depends on the seed and on the batches seen before, which are counted in a weight: a run
    that goes on from a checkpoint draws what it would have drawn.

    A block is learnt from after the one before it: several replicas are each given the batches of
    all (`whole_batch`), so that their tables stay the same, and as with one replica.

    Args:
        keep: the probability [ids] with which an event of each encoded id is kept.
        rate: of learning, at the start.
        epochs: over which the rate falls; None takes those of `fit`.
        block: events of a lane in a step: the more, the fewer and the less used the matrices.
        lanes: blocks in a step: the more, the fewer steps, and the staler the vectors they read.
        seed: of all that is random.
        all_pairs: of whole sets, however long; see `sets_by_length`.
    """

    def __init__(
        self,
        keep: np.ndarray,
        rate: float,
        epochs: int | None,
        block: int,
        lanes: int,
        seed: int,
        all_pairs: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if rate <= 0 or min(1 if epochs is None else epochs, block, lanes) < 1:
            raise ValueError(
                "rate is above 0; epochs (unless None), block and lanes are at least 1. "
                f"Received: rate={rate}, epochs={epochs}, block={block}, lanes={lanes}."
            )
        self.keep = tf.constant(keep, tf.float32)
        self.all_pairs = all_pairs
        self.rate, self.epochs, self.block, self.lanes, self.seed = rate, epochs, block, lanes, seed
        count = {"shape": (), "dtype": tf.int64, "trainable": False, "initializer": "zeros"}
        self.batches_seen = self.add_weight("batches_seen", **count)
        self.batches_done = self.add_weight("batches_done", **count)  # of those of the decay
        self.batches_of_decay = self.add_weight("batches_of_decay", **count)
        self.begun = False
        self.built = True  # it is never called

    def begin(self, run: Run) -> None:
        """Takes from a call of `fit` where on its way the rate begins.

        Raises: ValueError where the length of the way is not known.
        """
        whose = "The learning rate of vectors that learn from windows"
        epochs = run.epochs if self.epochs is None else self.epochs
        self.batches_of_decay.assign(epochs * run.steps_of(whose))
        self.batches_done.assign(run.done(whose))
        self.begun = True

    def learn(self, batch: Columns, window: int | None, learn: Learn) -> Found:
        """Learns from a batch of sessions; returns the mean loss of a pair, and the pairs.

        Both are of the first lane, a sample.

        Args:
            batch: flat columns.
            window: the farthest context; None takes whole sets, by `sets_by_length`.
            learn: takes a block, the rate and a seed; returns the loss and the pairs of lane 0.
        """
        if not self.begun:
            raise ValueError(
                "The learning rate of vectors that learn from windows falls over the epochs of "
                "fit: learn by model.fit, or say model.begin(Run(epochs, steps)), of "
                "models.fitting.run. "
                "Received: a step outside of fit."
            )
        found = self._run(batch, window, learn, self._rate(0), self._rate(1))
        some = tf.cast(tf.size(batch["item_id"]) > 0, tf.int64)
        self.batches_seen.assign_add(some)
        self.batches_done.assign_add(some)
        return found

    def measure(self, batch: Columns, window: int | None, learn: Learn) -> Found:
        """As `learn`, at the rate 0."""
        return self._run(batch, window, learn, 0.0, 0.0)

    def _run(self, batch, window, learn, first, last) -> Found:
        now = tf.stack([tf.constant(self.seed, tf.int64), self.batches_seen])
        thinning, seed = tf.unstack(tf.random.split(now, 2))
        batch = thin_out(batch, self.keep, thinning)
        if window is None:
            parts = sets_by_length(batch, thinning, self.all_pairs)
        else:
            parts = [(batch, window)]
        blocks = [Blocks(part, reach, self.block, self.lanes) for part, reach in parts]
        steps = tf.add_n([part.steps for part in blocks])
        done, loss, pairs = tf.constant(0), tf.constant(0.0), tf.constant(0.0)
        for some in blocks:

            def one_step(step, loss, pairs, some=some, done=done):
                part = tf.cast(done + step, tf.float32) / tf.cast(steps, tf.float32)
                rate = first + (last - first) * part
                found = learn(some.at(step), rate, tf.random.fold_in(seed, done + step))
                return step + 1, loss + found[0], pairs + found[1]

            _, loss, pairs = tf.while_loop(
                lambda step, *_, some=some: step < some.steps,
                one_step,
                (tf.constant(0), loss, pairs),
                parallel_iterations=1,  # a step reads what the step before has written
            )
            done += some.steps
        loss = tf.math.divide_no_nan(loss, pairs)
        return {"total_loss": loss, "regularization_loss": tf.zeros(())}, pairs

    def _rate(self, ahead: int) -> tf.Tensor:
        """The rate after `ahead` more batches."""
        total = tf.cast(tf.maximum(self.batches_of_decay, 1), tf.float32)
        left = 1.0 - tf.cast(self.batches_done + ahead, tf.float32) / total
        return self.rate * tf.maximum(left, 1e-3)
