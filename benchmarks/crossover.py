"""Claim: a step as models choose it, by rows or of whole tables, takes at most 1.5 times the other.

    python -m benchmarks.crossover     # three minutes; LazyAdam beside XLA with FusedAdam

The choice is by the numbers in a model's tables, against those that a batch looks up
(`models/fitting/table_steps.py`). `NeuralCF` learns from batches of 256 and 1,024, with half as
many users as items, and `TwoTower` from batches of 1,024 of 10,000 items. A step is the mean
between the first and the last of 48, the least of two epochs. Exits with 1 where the choice takes
longer, of tables that have more than a million numbers: smaller ones are moved whole in any case.
"""

from __future__ import annotations

import gc
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from benchmarks.memory import features_of, market
from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.features import Categorical
from tfrec_recall.models import NeuralCF, TwoTower
from tfrec_recall.models.fitting.table_steps import FEW_NUMBERS, numbers
from tfrec_recall.optimizers import FusedAdam, LazyAdam

CLAIMED, STEPS = 1.5, 48


class Clock(tf.keras.callbacks.Callback):
    """The seconds of the steps between the first execution and the last."""

    def on_train_begin(self, logs=None):
        self.ends: list[tuple[int, float]] = []

    def on_train_batch_end(self, batch, logs=None):
        self.ends.append((batch, time.perf_counter()))

    @property
    def of_a_step(self) -> float:
        (first, begin), (last, end) = self.ends[0], self.ends[-1]
        return (end - begin) / (last - first)


def milliseconds(model: Any, data: Interactions, batch: int, by_rows: bool) -> float:
    """Of a step by rows, or else of one that XLA compiles."""
    batches = model.training_data(data, batch).take(STEPS).cache()
    made = LazyAdam if by_rows else FusedAdam
    model.compile(made(0.002), jit_compile=not by_rows, steps_per_execution=1 if by_rows else 16)
    model.fit(batches, verbose=0)
    took = []
    for _ in range(2):
        clock = Clock()
        model.fit(batches, verbose=0, callbacks=[clock])
        took.append(clock.of_a_step)
    return 1000 * min(took)


def cases() -> Iterator[tuple[str, Any, Interactions, int]]:
    """A name, what makes a model, its data, and the size of batches."""
    for items in (5_000, 10_000, 20_000, 32_000):
        data = market(items, 10 * items)
        features = features_of(data, user=[Categorical("user_id")])
        for batch in (256, 1024):
            yield f"NeuralCF, {items:,} items", lambda f=features: NeuralCF(f), data, batch
    for users in (20_000, 30_000, 50_000, 100_000):
        draw = np.random.default_rng(0)
        user = np.append(np.arange(users), draw.integers(0, users, 50_000))
        events = pd.DataFrame({"user_id": user, "item_id": draw.integers(0, 10_000, len(user))})
        data = Interactions(events.assign(timestamp=1_600_000_000 + np.arange(len(user))))
        features = features_of(data, user=[Categorical("user_id")])
        yield f"TwoTower, {users:,} users", lambda f=features: TwoTower(f), data, 1024


def main() -> int:
    warnings.simplefilter("ignore", ReadingNotice)  # of what is not as the model would choose
    print(f"{'':26} batch   numbers  of the batch   by rows   by XLA   choice")
    missed = False
    for name, make, data, batch in cases():
        model = make()
        whole, touched = numbers(model, batch)
        chosen = model.optimizer_for(batch) is LazyAdam
        took = {by_rows: milliseconds(make(), data, batch, by_rows) for by_rows in (True, False)}
        ratio = took[chosen] / took[not chosen]
        judged = whole > FEW_NUMBERS
        missed |= judged and ratio > CLAIMED
        print(
            f"{name:26} {batch:5,} {whole:9,} {whole / touched:7.1f} times {took[True]:6.2f} ms "
            f"{took[False]:5.2f} ms   {'rows' if chosen else 'XLA '} {ratio:5.2f}"
            f"{'' if judged else '  (few numbers)'}",
            flush=True,
        )
        gc.collect()
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
