"""Recall on validation while a model trains, for early stopping on what counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall._replicas import outside
from tfrec_recall.evaluation.evaluate import evaluate
from tfrec_recall.evaluation.targets import Targets
from tfrec_recall.retrieval import EmbeddingRetriever, Retriever

if TYPE_CHECKING:
    from tfrec_recall.data.splits import Split
    from tfrec_recall.evaluation.report import Report


class RecallOnValidation(tf.keras.callbacks.Callback):
    """Measures the model's retriever on validation after an epoch and adds the figures to the logs.

    They are called `val_recall@50` and so on: `History` and the progress bar show them, and
    `EarlyStopping(monitor="val_recall@50", mode="max", restore_best_weights=True)` works, if it
    stands after this callback, since callbacks run in their order. Between two measurements the
    last figures stay in the logs, so that `patience` counts epochs.

    The measurement is the whole one: exact search over the whole catalogue, histories left out
    unless `repeats`. A split without a target that a list can hold is refused before training.

    Args:
        split: its validation part is measured; test is never looked at.
        every: epochs from one measurement to the next; the first and the last are always measured.
        cuts: of the metrics.
        metrics: which go into the logs; the rest stays in `report`.
        users: measure this many users, drawn once by `seed`; None measures all.
        repeats: as in `evaluate`.

    The model offers `retriever(items, k=…)`, as every model of this package does. After each
    measurement `report` is its whole report::

        model.fit(batches, epochs=50, callbacks=[
            RecallOnValidation(split),
            tf.keras.callbacks.EarlyStopping("val_recall@50", mode="max", patience=3),
        ])
    """

    kept = ("figures",)  # by checkpoints
    copies_of_vectors = 2  # of the retriever of the epoch before, which stays, and of the new one

    def __init__(
        self,
        split: Split,
        every: int = 1,
        cuts: Sequence[int] = (50,),
        metrics: Sequence[str] = ("recall",),
        users: int | None = None,
        batch_size: int = 512,
        seed: int = 0,
        repeats: bool = False,
    ):
        super().__init__()
        if every < 1:
            raise ValueError(f"every is at least 1. Received: {every}.")
        self.split = split if users is None else with_fewer_users(split, users, seed)
        self.every = every
        self.cuts = tuple(cuts)
        self.metrics = tuple(metrics)
        self.batch_size = batch_size
        self.repeats = repeats
        self.report: Report | None = None
        self.figures: dict[str, float] | None = None  # of the last measurement, as in the logs
        self._retriever: Retriever | None = None

    def on_train_begin(self, logs=None):
        self._retriever = self.figures = None  # those of another run; checkpoints put back theirs
        items = pd.Index(self.split.interactions.items["item_id"])
        Targets.of(self.split.validation, items, self.repeats, "validation")

    def on_epoch_end(self, epoch, logs=None):
        last = epoch + 1 == (self.params or {}).get("epochs")
        if epoch % self.every == 0 or last or self.figures is None:
            self.report = outside(self._measured)
            names = [f"{name}@{cut}" for name in self.metrics for cut in self.cuts]
            self.figures = {f"val_{name}": self.report.metrics[name] for name in names}
        if logs is not None:
            logs.update(self.figures)

    def on_train_end(self, logs=None):
        self._retriever = None

    def _measured(self) -> Report:
        # The one of the epoch before has its functions traced; one of no use goes first.
        if type(self._retriever) is not EmbeddingRetriever:
            self._retriever = None
        newer = self.model.retriever(self.split.interactions.items, k=max(self.cuts))
        if self._retriever is None or not took_over(self._retriever, newer):
            self._retriever = newer
        return evaluate(
            self._retriever,
            self.split,
            on="validation",
            cuts=self.cuts,
            batch_size=self.batch_size,
            repeats=self.repeats,
            lists=False,
        )


def took_over(retriever: Retriever, newer: Retriever) -> bool:
    """Gives a retriever what a newer one of the same model holds; False where it cannot be given.

    What an `EmbeddingRetriever` answers by, beside its catalogue, is all in variables; what others
    hold is not known.
    """
    if not type(retriever) is type(newer) is EmbeddingRetriever:
        return False
    kept, new = retriever.variables, newer.variables
    if [(one.shape, one.dtype) for one in kept] != [(one.shape, one.dtype) for one in new]:
        return False
    for variable, value in zip(kept, new, strict=True):
        if variable is not value:
            variable.assign(value)
    return True


def with_fewer_users(split: Split, users: int, seed: int = 0) -> Split:
    """The split with a random sample of the validation users; train and test stay."""
    part = split.validation
    everyone = np.sort(part.targets["user_id"].unique())
    if users < 1:
        raise ValueError(f"At least one user is measured. Received: users={users}.")
    chosen = np.random.default_rng(seed).permutation(everyone)[:users]

    def of_chosen(events: pd.DataFrame) -> pd.DataFrame:
        return events[events["user_id"].isin(chosen)]

    fewer = dataclasses.replace(
        part, history=of_chosen(part.history), targets=of_chosen(part.targets)
    )
    return dataclasses.replace(split, validation=fewer)
