"""A training run: features, model, batches, early stopping, and what it all took."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfrec_recall.cli.console import say, waiting
from tfrec_recall.cli.discovery import Entry
from tfrec_recall.cli.settings import Training, separate
from tfrec_recall.cli.training_progress import Stopwatch, TrainingProgress
from tfrec_recall.data import Interactions, Split
from tfrec_recall.evaluation import RecallOnValidation
from tfrec_recall.models import RecallModel

CUT = 50
MONITORED = f"val_recall@{CUT}"


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained model, and the figures of its training.

    Args:
        seconds: of learning alone, without the measurements on validation in between.
        settings: all of them, defaults included.
    """

    model: RecallModel
    seconds: float
    examples_per_second: float
    settings: dict[str, Any]


def train_model(entry: Entry, split: Split, settings: Mapping[str, Any], seed: int) -> Trained:
    """Trains a model on the training part, and stops by recall@50 on validation.

    Raises: ValueError for an unknown setting, or data that the model cannot learn from.
    """
    model_class = entry.load()
    training, arguments = separate(settings, model_class, entry.name)
    tf.keras.utils.set_random_seed(seed)
    with waiting("Preparing features and examples"):
        features = model_class.default_features(split.train).adapt(split.train)
        model = model_class(features, **arguments)
        batches = model.training_data(split.train, batch_size=training.batch_size, seed=seed)
    clock = Stopwatch()
    used = {**dataclasses.asdict(training), **arguments}
    if isinstance(batches, Interactions):  # it learns in one pass, without steps
        used = arguments
        begin = time.perf_counter()
        with waiting(f"Training {entry.name}"):
            model.fit(batches)
        examples, seconds = len(batches.events), time.perf_counter() - begin
    else:
        model.compile(optimizer=_optimizer(training))
        with TrainingProgress(training.epochs, MONITORED) as shown:
            model.fit(
                batches,
                epochs=training.epochs,
                verbose=0,
                callbacks=[clock, *_early_stopping(split, training), shown],
            )
        examples, seconds = clock.steps * training.batch_size, clock.seconds
    return Trained(
        model=model,
        seconds=round(seconds, 3),
        examples_per_second=round(examples / seconds, 1),
        settings=used,
    )


def _optimizer(training: Training) -> tf.keras.optimizers.Optimizer:
    decay = training.weight_decay or None
    return tf.keras.optimizers.Adam(training.learning_rate, weight_decay=decay)


def _early_stopping(split: Split, training: Training) -> list[tf.keras.callbacks.Callback]:
    if not len(split.validation.targets):
        say(f"[yellow]No validation targets: all {training.epochs} epochs are trained.[/]")
        return []
    return [
        RecallOnValidation(split, cuts=(CUT,)),
        tf.keras.callbacks.EarlyStopping(
            MONITORED, mode="max", patience=training.patience, restore_best_weights=True
        ),
    ]
