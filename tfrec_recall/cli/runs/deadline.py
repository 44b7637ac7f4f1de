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
        self.reached = False

    def on_epoch_begin(self, epoch, logs=None):
        self._began = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        now = time.monotonic()
        if now + (now - self._began) > self.ends:
            self.reached = True
            self.model.stop_training = True
