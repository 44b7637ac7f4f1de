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
        self._spent = self._longest = 0.0

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
        """Seconds of epochs, with what is measured after each, those of a trial too."""
        return self._spent + (self._trial.spent if self._trial else 0.0)

    @property
    def an_epoch(self) -> float:
        """Seconds that the longest epoch took, and that of a trial before."""
        return self._longest + (self._trial.an_epoch if self._trial else 0.0)

    def of_trial(self) -> Deadline:
        """That of a trial which finds how many epochs are best: half of what is left, as learning
        all of them then takes as long again."""
        now = time.monotonic()
        self._trial = Deadline(now + (self.ends - now) / 2)
        return self._trial

    def on_train_begin(self, logs=None):
        self._late = time.monotonic() >= self.ends

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        now = time.monotonic()
        took = now - self._began
        self._spent, self._longest = self._spent + took, max(self._longest, took)
        over = self.model.stop_training or epoch + 1 == self.params["epochs"]  # by itself
        self._late = not over and now + took > self.ends
        if self._late:
            self.model.stop_training = True
