"""The end of a training that a budget sets."""

from __future__ import annotations

import time

import tensorflow as tf


class Deadline(tf.keras.callbacks.Callback):
    """Stops training at the end of the epoch after which another one would come too late.

    Args:
        ends: `time.monotonic()` at which training should be over.
    """

    def __init__(self, ends: float):
        super().__init__()
        self.ends = ends
        self._late = False
        self._trial: Deadline | None = None

    @property
    def reached(self) -> bool:
        """Whether it stopped the training, or the trial before it."""
        return self._late or (self._trial is not None and self._trial.reached)

    def of_trial(self) -> Deadline:
        """That of a trial which finds how many epochs are best: half of what is left, as learning
        all of them then takes as long again."""
        now = time.monotonic()
        self._trial = Deadline(now + (self.ends - now) / 2)
        return self._trial

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        now = time.monotonic()
        over = self.model.stop_training or epoch + 1 == self.params["epochs"]  # by itself
        if not over and now + (now - self._began) > self.ends:
            self._late = True
            self.model.stop_training = True
