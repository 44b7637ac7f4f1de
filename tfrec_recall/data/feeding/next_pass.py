"""Where a dataset of batches goes on: with which pass, and with which of its batches."""

from __future__ import annotations

import math

import tensorflow as tf


class NextPass:
    """The number of the pass that begins next, which decides the order of its batches.

    A dataset that follows it calls `begin` when a pass begins; `fit` moves it with `go_to`, so that
    an interrupted run goes on with the batches that would have come.

    Args:
        first: the number of the first pass; of a run that goes on, the one that it began with.
        steps: batches of a pass.
        seed: of the orders, which a run that goes on has to have again.

    >>> following = NextPass(first=3, steps=7)
    >>> following.go_to(3, skipped=2)
    >>> [following.begin().numpy().tolist() for _ in range(2)]
    [[[3, 2, 7], [4, 0, 2]], [[4, 2, 7], [5, 0, 2]]]
    """

    def __init__(self, first: int, steps: int, seed: int | None = None):
        self.first, self.steps, self.seed = first, steps, seed
        with tf.init_scope(), tf.device("CPU:0"):
            self.number = tf.Variable(first, dtype=tf.int64, trainable=False)
            self.skipped = tf.Variable(0, dtype=tf.int64, trainable=False)
            self.step = tf.Variable(1, dtype=tf.int64, trainable=False)  # from pass to pass

    def begin(self) -> tf.Tensor:
        """What a pass that begins now consists of, int64 [2, 3].

        A row is the number that an order is drawn by, and from which of its batches to which. Those
        that are left out at the beginning are made up for by as many of the order after it: a pass
        has as many batches as its dataset says, and `repeat` gives the stream that would have come.
        """
        number = self.number.assign_add(self.step) - self.step
        none = tf.zeros_like(self.skipped)
        ours = [number, self.skipped, none + self.steps]
        return tf.stack([ours, [number + self.step, none, self.skipped]])

    def go_to(self, number: int, skipped: int = 0, stay: bool = False) -> None:
        """Begins with this pass after the batches that are skipped, and so each pass from there on.

        Args:
            skipped: batches, of this pass and of those that follow it.
            stay: begin with it again each time, until the next `go_to`: Keras makes iterators that
                it does not use, which on several devices fetch nevertheless.
        """
        whole, skipped = divmod(skipped, self.steps)
        self.number.assign(number if stay else number + whole)
        self.skipped.assign(skipped)
        self.step.assign(0 if stay else 1)

    def leads(self, dataset: tf.data.Dataset) -> bool:
        """Whether a dataset made of what follows this leaves out its own first batches with it.

        One that goes through several datasets, or parts of a pass, one after another does not.
        """
        if getattr(dataset, "_next_pass", None) is self:
            return True
        inputs = dataset._inputs()
        lengths = [length_of(part) for part in inputs]
        longer = any(length_of(dataset) > length for length in lengths)  # as a zip never is
        if longer and (len(inputs) > 1 or lengths[0] % self.steps):
            return False
        return all(self.leads(part) for part in inputs if self in followed_by(part))

    def mark(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """The dataset, in which `followed_by` finds this."""
        dataset._next_pass = self
        return dataset


def length_of(dataset: tf.data.Dataset) -> float:
    """Its batches; NaN where that is not known.

    >>> length_of(tf.data.Dataset.range(3).repeat())
    inf
    """
    special = {tf.data.INFINITE_CARDINALITY: math.inf, tf.data.UNKNOWN_CARDINALITY: math.nan}
    size = int(dataset.cardinality())
    return special.get(size, float(size))


def followed_by(dataset: object) -> list[NextPass]:
    """What the passes of a dataset follow, and those that it was made of; empty if nothing.

    >>> marked = NextPass(0, steps=3).mark(tf.data.Dataset.range(3))
    >>> len(followed_by(marked.map(lambda row: row).take(2)))
    1
    """
    if not isinstance(dataset, tf.data.Dataset):
        return []
    own = getattr(dataset, "_next_pass", None)
    inner = [found for part in dataset._inputs() for found in followed_by(part)]
    return ([] if own is None else [own]) + inner
