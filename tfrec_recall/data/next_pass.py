"""Where a dataset of batches goes on: with which pass, and with which of its batches."""

from __future__ import annotations

import tensorflow as tf


class NextPass:
    """The number of the pass that begins next, which decides the order of its batches.

    A dataset that follows it calls `begin` when a pass begins; `fit` moves it with `go_to`, so that
    an interrupted run goes on with the batches that would have come.

    Args:
        first: the number of the first pass; of a run that goes on, the one that it began with.
        seed: of the orders, which a run that goes on has to have again.

    >>> following = NextPass(first=3)
    >>> [int(following.begin()[0]) for _ in range(2)]
    [3, 4]
    """

    def __init__(self, first: int, seed: int | None = None):
        self.first, self.seed = first, seed
        with tf.init_scope(), tf.device("CPU:0"):
            self.number = tf.Variable(first, dtype=tf.int64, trainable=False)
            self.skipped = tf.Variable(0, dtype=tf.int64, trainable=False)
            self.step = tf.Variable(1, dtype=tf.int64, trainable=False)  # from pass to pass

    def begin(self) -> tuple[tf.Tensor, tf.Tensor]:
        """The number of the pass that begins now, and how many of its batches are left out."""
        number = self.number.assign_add(self.step) - self.step
        skipped = tf.identity(self.skipped)
        with tf.control_dependencies([skipped]):
            self.skipped.assign(skipped * (1 - self.step))
        return number, skipped

    def go_to(self, number: int, skipped: int = 0, stay: bool = False) -> None:
        """Begins with this pass, and leaves out its first batches.

        Args:
            stay: begin with it again each time, until the next `go_to`: Keras makes iterators that
                it does not use, which on several devices fetch nevertheless.
        """
        self.number.assign(number)
        self.skipped.assign(skipped)
        self.step.assign(0 if stay else 1)

    def mark(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """The dataset, in which `followed_by` finds this."""
        dataset._next_pass = self
        return dataset


def followed_by(dataset: object) -> list[NextPass]:
    """What the passes of a dataset follow, and those that it was made of; empty if nothing.

    >>> len(followed_by(NextPass(0).mark(tf.data.Dataset.range(3)).map(lambda row: row).take(2)))
    1
    """
    if not isinstance(dataset, tf.data.Dataset):
        return []
    own = getattr(dataset, "_next_pass", None)
    inner = [found for part in dataset._inputs() for found in followed_by(part)]
    return ([] if own is None else [own]) + inner
