"""What a training run shows, and how long the learning in it took."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator

import tensorflow as tf
from rich.text import Text

from tfrec_recall.cli.console import is_live, notices, tells


class Stopwatch(tf.keras.callbacks.Callback):
    """Steps and seconds of learning alone; stands before callbacks that measure after an epoch.

    Of a run that goes on, those before its last checkpoint count.
    """

    kept = ("steps", "seconds", "seconds_after")  # by checkpoints

    def __init__(self):
        super().__init__()
        self._supports_tf_logs = True  # at the end of a batch it goes by the number alone
        self.steps = 0
        self.seconds = 0.0
        self.seconds_after: list[float] = []  # each epoch

    def on_epoch_begin(self, epoch, logs=None):
        self._since = time.perf_counter()

    def on_train_batch_begin(self, batch, logs=None):
        self._first = batch  # several steps may end at once

    def on_train_batch_end(self, batch, logs=None):
        self.steps += batch + 1 - self._first
        self._lap()  # a checkpoint within an epoch has the seconds of its steps

    def on_epoch_end(self, epoch, logs=None):
        self._lap()
        self.seconds_after.append(self.seconds)

    def _lap(self):
        now = time.perf_counter()
        self.seconds += now - self._since
        self._since = now


@contextlib.contextmanager
def bars() -> Iterator[int]:
    """Keras' own bars while a model fits, if anybody looks; gives `verbose` for `fit`.

    They go where notices go: stdout is for results.
    """
    with contextlib.redirect_stdout(sys.stderr):
        yield int(is_live())


class EpochLines(tf.keras.callbacks.Callback):
    """A line for each epoch where there is no terminal, so that a log file holds whole lines.

    Stands after all that adds to the logs.

    Args:
        monitored: what in the logs says how good the model is, where it is measured.
        mode: whether the best of it is "max" or "min"; None where training does not go by it.
    """

    kept = ("_best",)  # by checkpoints

    def __init__(self, monitored: str, mode: str | None = "max"):
        super().__init__()
        self.monitored = monitored
        self.mode = mode
        self._best = float("-inf")

    def on_epoch_begin(self, epoch, logs=None):
        self._begin = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        if is_live() or not tells():
            return
        logs = logs or {}
        line = Text(f"epoch {epoch + 1:>3}   loss {float(logs.get('loss', float('nan'))):.4f}")
        if self.monitored in logs:
            measured = float(logs[self.monitored])
            line.append(f"   {self.monitored.removeprefix('val_')} on validation {measured:.4f} ")
            line.append("best" if self._is_best(measured) else "    ", "green")
        notices().print(line.append(f"   {time.perf_counter() - self._begin:.1f} s"))

    def _is_best(self, measured: float) -> bool:
        """Whether training goes by the figure, and it is the best so far."""
        good = -measured if self.mode == "min" else measured
        is_best = self.mode is not None and good > self._best
        self._best = max(self._best, good)
        return is_best
