"""Whether a step moves whole tables, or the rows of its batch alone: the one rule for it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfrec_recall.features import Features, History, Rows
from tfrec_recall.features.columns import Feature
from tfrec_recall.layers.tables import whole_table

FEW_NUMBERS = 2**20  # in all tables, which are moved in some three milliseconds
TIMES = 4  # what a batch touches; of more, moving the rest takes longer than finding its rows


def moves_rows(model: Any, batch_size: int) -> bool:
    """Whether a step of so many examples should move those rows of the tables that they touch.

    It should where the tables have more than a million numbers, and more than 4 times those in the
    rows that a batch looks up at most (`RecallModel.looked_up`). Up to there a step that moves all
    of them, and that XLA may compile, takes about as long or less (`benchmarks/crossover.py`), and
    lists are a little better when all rows move.
    """
    whole, touched = numbers(model, batch_size)
    return whole > FEW_NUMBERS and whole > TIMES * touched


def numbers(model: Any, batch_size: int) -> tuple[int, int]:
    """How many numbers the tables of a model have that learn, and how many of them are in the rows
    that so many examples look up, at most."""
    learns = {id(whole_table(weight)) for weight in model.trainable_weights}
    tables: list[Rows] = [one for one in model.all_feature_rows() if id(one.weight) in learns]
    looked_up: Mapping[str, int] = model.looked_up(batch_size)
    whole = touched = 0
    for one in tables:
        rows, *width = (int(size) for size in one.weight.shape)
        whole += rows * int(np.prod(width))
        touched += min(rows, looked_up.get(one.feature, rows)) * int(np.prod(width))
    return whole, touched


def noting_batches(training_data: Callable, usual: int) -> Callable:
    """A method `training_data` that keeps how large its batches are, as `batch_size` of the model.

    Args:
        usual: where a method without this argument says nothing.
    """
    wanted = inspect.signature(training_data)

    @functools.wraps(training_data)
    def noting(self, *args, **kwargs):
        made = training_data(self, *args, **kwargs)
        asked = wanted.bind(self, *args, **kwargs)
        asked.apply_defaults()
        self.batch_size = asked.arguments.get("batch_size", usual)
        return made

    return noting


def of_examples(features: Features, batch_size: int) -> dict[str, int]:
    """How many ids of each feature so many examples have at most.

    Their items are the targets and those of the history.
    """
    found = {one.name: batch_size * _values(features, one) for one in features.user}
    histories = [one.length for one in features.histories if one.column == "item_id"]
    return {**found, **of_items(features, batch_size * (1 + sum(histories)))}


def of_items(features: Features, items: int) -> dict[str, int]:
    """How many ids of each of their features so many items have at most."""
    return {one.name: items * _values(features, one) for one in features.item}


def _values(features: Features, feature: Feature) -> int:
    """How many values of a feature stand side by side, at most."""
    of = feature if isinstance(feature, History) else features.encodings[feature.name]
    return int(getattr(of, "length", 1))
