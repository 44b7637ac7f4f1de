"""What a training run shows, and how long the learning in it took."""

from __future__ import annotations

import time

import tensorflow as tf
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from tfrec_recall.cli.console import notices


class Stopwatch(tf.keras.callbacks.Callback):
    """Steps and seconds of learning alone; stands before callbacks that measure after an epoch."""

    def __init__(self):
        super().__init__()
        self.steps = 0
        self.seconds = 0.0
        self.seconds_after: list[float] = []  # each epoch
        self._done = 0  # of this epoch; several steps may end at once

    def on_epoch_begin(self, epoch, logs=None):
        self._begin = time.perf_counter()
        self._done = 0

    def on_train_batch_end(self, batch, logs=None):
        self.steps += batch + 1 - self._done
        self._done = batch + 1

    def on_epoch_end(self, epoch, logs=None):
        self.seconds += time.perf_counter() - self._begin
        self.seconds_after.append(self.seconds)


class TrainingProgress(tf.keras.callbacks.Callback):
    """A bar over the steps, and a line for each epoch; stands after all that adds to the logs.

    Args:
        epochs: at most.
        monitored: what in the logs says how good the model is, where it is measured.
        mode: whether the best of it is "max" or "min".
    """

    def __init__(self, epochs: int, monitored: str, mode: str = "max"):
        super().__init__()
        self.epochs = epochs
        self.monitored = monitored
        self._sign = -1 if mode == "min" else 1
        self._best = float("-inf")
        console = notices()
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("Epoch 1", total=None)

    def __enter__(self) -> TrainingProgress:
        self._bar.start()
        return self

    def __exit__(self, *raised) -> None:
        self._bar.stop()

    def on_epoch_begin(self, epoch, logs=None):
        self._begin = time.perf_counter()
        steps = (self.params or {}).get("steps")
        self._bar.reset(self._task, total=steps, description=f"Epoch {epoch + 1}/{self.epochs}")

    def on_train_batch_end(self, batch, logs=None):
        self._bar.update(self._task, completed=batch + 1)

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        line = Text(f"epoch {epoch + 1:>3}   loss {float(logs.get('loss', float('nan'))):.4f}")
        if self.monitored in logs:
            measured = float(logs[self.monitored])
            line.append(f"   {self.monitored.removeprefix('val_')} on validation {measured:.4f} ")
            line.append("best" if self._sign * measured > self._best else "    ", "green")
            self._best = max(self._best, self._sign * measured)
        self._bar.console.print(line.append(f"   {time.perf_counter() - self._begin:.1f} s"))
