"""Early stopping that first goes on from the best epoch at a lower learning rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfrec_recall.data.arguments import number, whole

Piece = tuple[int, float]
"""Some epochs, and the learning rate that they have."""


class RateDrops(tf.keras.callbacks.EarlyStopping):
    """`EarlyStopping` that, before it stops, learns on from the best epoch at a lower rate.

    At a constant rate the vectors of a large table keep trembling around where they would settle.

    Weights go back, the state of the optimizer does not. When training ends, the rate is again the
    one that it began with: what is learnt later begins as this has begun.

    Args:
        monitor, mode, patience: as of `EarlyStopping`, which restores the best weights.
        drops: of the rate; when the figure gets no better after the last of them, training stops.
        factor: of the rate, at each drop.
        tell: takes a line at each drop; None says nothing.

    Raises: ValueError, from `fit`, for an optimizer whose rate follows a schedule.

    `model.fit(batches, epochs=40, callbacks=[RecallOnValidation(split), RateDrops("val_recall@50",
    mode="max", patience=3)])`
    """

    kept = (  # by checkpoints
        *("wait", "stopped_epoch", "best", "best_epoch", "best_weights"),
        *("first_rate", "begun", "over"),
    )

    def __init__(
        self,
        monitor: str,
        mode: str = "auto",
        patience: int = 0,
        drops: int = 1,
        factor: float = 0.1,
        tell: Callable[[str], None] | None = None,
        **kwargs,
    ):
        super().__init__(monitor, mode=mode, patience=patience, restore_best_weights=True, **kwargs)
        whole("RateDrops", drops, "drops", least=0)
        number("RateDrops", factor, "factor", above=0, below=1)
        self.drops, self.factor, self.tell = drops, factor, tell

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        optimizer = self.model.optimizer
        asked = getattr(optimizer, "inner_optimizer", optimizer).get_config()["learning_rate"]
        if self.drops and isinstance(asked, dict):
            raise ValueError(
                "RateDrops lowers the learning rate, which this optimizer takes from a schedule: "
                f"give it a number. Received: {asked['class_name']}."
            )
        self.first_rate = float(tf.keras.backend.get_value(optimizer.learning_rate))
        self.begun = 0  # the epoch with which the rate of now began
        self.over: list[list[float]] = []  # epochs of use and rate, before it

    @property
    def rate(self) -> float:
        """The learning rate of now."""
        return self.first_rate * self.factor ** len(self.over)

    @property
    def pieces(self) -> Sequence[Piece]:
        """The epochs that have led to the best weights, and their rates: to repeat elsewhere."""
        of_all = [*self.over, [self._of_use(), self.rate]]
        return [(int(epochs), rate) for epochs, rate in of_all if epochs]

    def on_epoch_begin(self, epoch, logs=None):
        super().on_epoch_begin(epoch, logs)
        if self.over:  # a run that goes on from a checkpoint does so at the rate that it had
            tf.keras.backend.set_value(self.model.optimizer.learning_rate, self.rate)

    def on_epoch_end(self, epoch, logs=None):
        ends = self.model.stop_training  # as another callback wants it
        value = (logs or {}).get(self.monitor)
        measured = value is not None and epoch >= self.start_from_epoch
        if measured and self._is_improvement(value, self.best):
            self.best_weights: list[Any] = []  # Keras would hold these while it copies the new ones
        super().on_epoch_end(epoch, logs)
        if ends or not self.model.stop_training or len(self.over) == self.drops:
            return
        self.model.stop_training = False
        self.model.set_weights(self.best_weights)
        self.over.append([self._of_use(), self.rate])
        self.wait, self.stopped_epoch, self.begun = 0, 0, epoch + 1
        if self.tell is not None:
            self.tell(
                f"No better for {self.patience} epochs: back to epoch {self.best_epoch + 1}, "
                f"and on from there at the learning rate {self.rate:.2g}."
            )

    def on_train_end(self, logs=None):
        super().on_train_end(logs)
        if self.over:
            tf.keras.backend.set_value(self.model.optimizer.learning_rate, self.first_rate)

    def _of_use(self) -> int:
        return max(0, self.best_epoch + 1 - self.begun)


class InPieces(tf.keras.callbacks.LearningRateScheduler):
    """The scheduler that, when training ends, goes back to the rate of the first epoch."""

    def on_train_end(self, logs=None):
        super().on_train_end(logs)
        tf.keras.backend.set_value(self.model.optimizer.learning_rate, self.schedule(0, 0.0))


def in_pieces(pieces: Sequence[Piece]) -> InPieces:
    """A callback that gives each epoch the rate that its piece has, and at last the first one.

    >>> in_pieces([(2, 0.1), (1, 0.01)]).schedule(2, 0.1)
    0.01
    """
    rates = [rate for epochs, rate in pieces for _ in range(epochs)]
    return InPieces(lambda epoch, rate: rates[epoch])
