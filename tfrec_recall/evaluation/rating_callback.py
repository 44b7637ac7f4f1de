"""Errors of ratings on validation while a model trains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import tensorflow as tf

from tfrec_recall._replicas import outside
from tfrec_recall.evaluation.callbacks import with_fewer_users
from tfrec_recall.evaluation.ratings import evaluate_ratings

if TYPE_CHECKING:
    from tfrec_recall.data.splits import Split
    from tfrec_recall.evaluation.ratings import RatingReport


class RatingsOnValidation(tf.keras.callbacks.Callback):
    """Adds `val_rmse` and `val_mae` to the logs after each epoch of a model of ratings.

    `EarlyStopping(monitor="val_rmse", mode="min", restore_best_weights=True)` works, if it stands
    after this callback, since callbacks run in their order.

    Args:
        split: its validation part is measured; test is never looked at.
        batch_size: users in one call.
        users: measure this many users, drawn once by `seed`; None measures all.

    The model's retriever offers `predict_rating`. After each epoch `report` is the whole report.
    """

    def __init__(
        self, split: Split, batch_size: int = 512, users: int | None = None, seed: int = 0
    ):
        super().__init__()
        self.split = split if users is None else with_fewer_users(split, users, seed)
        self.batch_size = batch_size
        self.report: RatingReport | None = None

    def on_epoch_end(self, epoch, logs=None):
        self.report = outside(self._measured)
        if logs is not None:
            for name in ("rmse", "mae"):
                logs[f"val_{name}"] = self.report.metrics[name]

    def _measured(self) -> RatingReport:
        retriever = self.model.retriever(self.split.interactions.items)
        return evaluate_ratings(retriever, self.split, on="validation", batch_size=self.batch_size)
