"""The end of a training that a budget sets."""

from __future__ import annotations

import time

import tensorflow as tf


class Deadline(tf.keras.callbacks.Callback):
    """Stops training at the end of the epoch after which another one would come too late.

    The run is not over: one with checkpoints goes on where it has more time, and learns nothing
    more where it has none.

    Args:
        ends: `time.monotonic()` at which training should be over.
    """

    def __init__(self, ends: float):
        super().__init__()
        self.ends = ends
        self._late = False
        self._trial: Deadline | None = None
        self._in_epoch = False
        self._began = self._ended = self._spent = self._longest = self._after = 0.0

    @property
    def reached(self) -> bool:
        """Whether it stopped the training, or the trial before it."""
        return self._late or (self._trial is not None and self._trial.reached)

    @property
    def pauses(self) -> bool:
        """Asked by `Checkpoints`: whether this ends `fit` before its run is over."""
        return self._late

    @property
    def spent(self) -> float:
        """Seconds of epochs, with what is measured and written after each, those of a trial too."""
        return self._spent + (self._trial.spent if self._trial else 0.0)

    @property
    def an_epoch(self) -> float:
        """Seconds that the longest epoch took, as of `spent`, and that of a trial before."""
        return self._longest + (self._trial.an_epoch if self._trial else 0.0)

    def of_trial(self) -> Deadline:
        """That of a trial which finds how many epochs are best: half of what is left, as learning
        all of them then takes as long again."""
        now = time.monotonic()
        self._trial = Deadline(now + (self.ends - now) / 2)
        return self._trial

    def on_train_begin(self, logs=None):
        self._late, self._in_epoch = time.monotonic() >= self.ends, False

    def on_epoch_begin(self, epoch, logs=None):
        self._count()
        self._began, self._in_epoch = time.monotonic(), True

    def on_epoch_end(self, epoch, logs=None):
        self._ended = time.monotonic()
        over = self.model.stop_training or epoch + 1 == self.params["epochs"]  # by itself
        another = self._ended - self._began + 2 * self._after  # of this one, too
        self._late = not over and self._ended + another > self.ends
        if self._late:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        self._count()

    def _count(self) -> None:
        """Counts the epoch that is over, once the callbacks behind this one have had its end:
        `Checkpoints` is the last of all, and takes long where tables are large."""
        if not self._in_epoch:
            return
        now = time.monotonic()
        took, self._in_epoch = now - self._began, False
        self._spent, self._longest = self._spent + took, max(self._longest, took)
        self._after = max(self._after, now - self._ended)
