"""What SENet, the correction by frequency, temperature and normalisation each bring.

    python benchmarks/corrections.py [--data movielens-100k] [--seeds 1] [--epochs 40]

A row for each model and each of its variations, measured on validation by the protocol: recall,
coverage, and popularity bias (the mean popularity rank and the Gini coefficient of what is listed).
Training stops as it does on the command line. There is no claim to fail.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
import tensorflow as tf

import tfrec_recall  # noqa: F401  chooses the Keras
from tfrec_recall.data import standard
from tfrec_recall.data.datasets import load
from tfrec_recall.evaluation import RecallOnValidation, evaluate
from tfrec_recall.models import SamplingBiasCorrectedTwoTower, SENetTwoTower, TwoTower

SHOWN = ("recall@50", "coverage@50", "popularity_rank@50", "gini@50")
BATCH = 1024


class CountedFrequency(tf.keras.layers.Layer):
    """The probability that an item is in a batch, from its training events: no stream needed."""

    def __init__(self, counts: np.ndarray):
        super().__init__()
        share = np.maximum(counts, 1) / counts[2:].sum()
        self.probability = tf.constant(-np.expm1(BATCH * np.log1p(-share)), tf.float32)

    def call(self, ids, training=False):
        return tf.gather(self.probability, ids)


def counted(features, **settings):
    model = SamplingBiasCorrectedTwoTower(features, **settings)
    model.frequency = CountedFrequency(features.item_counts)
    return model


VARIATIONS = {
    "two-tower": (TwoTower, {}),
    "  with SENet": (SENetTwoTower, {}),
    "  with SENet, 2 channels": (SENetTwoTower, {"channels": 2}),
    "sampling-bias-corrected": (SamplingBiasCorrectedTwoTower, {}),
    "  log p from counts": (counted, {}),
    "  without log p": (SamplingBiasCorrectedTwoTower, {"correct": False}),
    "  temperature 0.05": (SamplingBiasCorrectedTwoTower, {"temperature": 0.05}),
    "  temperature 1": (SamplingBiasCorrectedTwoTower, {"temperature": 1.0}),
    "  without normalisation, temperature 1": (
        SamplingBiasCorrectedTwoTower,
        {"normalize": False, "temperature": 1.0},
    ),
    "  mixed over all time": (SamplingBiasCorrectedTwoTower, {"span_days": None}),
    "  a stream of days": (SamplingBiasCorrectedTwoTower, {"span_days": 1.0}),
}


def measured(build, settings, split, seed, epochs):
    tf.keras.utils.set_random_seed(seed)
    defaults = build if isinstance(build, type) else SamplingBiasCorrectedTwoTower
    features = defaults.default_features(split.train).adapt(split.train)
    model = build(features, **settings)
    model.compile(optimizer=tf.keras.optimizers.Adam(2e-3))
    stopping = tf.keras.callbacks.EarlyStopping(
        "val_recall@50", mode="max", patience=4, restore_best_weights=True
    )
    model.fit(
        model.training_data(split.train, batch_size=BATCH, seed=seed),
        epochs=epochs,
        verbose=0,
        callbacks=[RecallOnValidation(split, cuts=(50,)), stopping],
    )
    retriever = model.retriever(split.interactions.items)
    report = evaluate(retriever, split, on="validation", cuts=(50,), lists=False)
    return {name: report.metrics[name] for name in SHOWN}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="movielens-100k")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=40, help="at most")
    parser.add_argument("--only", default="", help="variations whose name holds this")
    arguments = parser.parse_args()
    split = standard(load(arguments.data))
    print(f"{arguments.data}, validation, mean of {arguments.seeds} seeds")
    print("".join(f"{name:>20}" for name in SHOWN))
    for name, (build, settings) in VARIATIONS.items():
        if arguments.only not in name:
            continue
        runs = [
            measured(build, settings, split, seed, arguments.epochs)
            for seed in range(arguments.seeds)
        ]
        mean = pd.DataFrame(runs).mean()
        print("".join(f"{mean[figure]:>20.4f}" for figure in SHOWN), f"  {name}", flush=True)


if __name__ == "__main__":
    main()
