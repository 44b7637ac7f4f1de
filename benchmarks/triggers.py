"""Users by the mean of their latest items, and through the neighbours of each (trigger items).

    python benchmarks/triggers.py --data movielens-100k --seeds 3

Recall@50 of both retrievers of the graph models, on one training each, as `tfrec-recall train` does
it. Choose on validation (`--on validation`); look at test once.
"""

from __future__ import annotations

import argparse

import numpy as np

from tfrec_recall.cli.discovery import entry  # the package comes first, and chooses the Keras
from tfrec_recall.cli.runs.training import train_model
from tfrec_recall.data import datasets, standard
from tfrec_recall.evaluation import evaluate

MODELS = ("bge", "ges", "eges", "graph-sage", "pin-sage")
CUT = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="movielens-100k")
    parser.add_argument("--on", choices=("validation", "test"), default="test")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    split = standard(datasets.load(arguments.data))
    items = split.interactions.items
    for name in arguments.models:
        found = []
        for seed in range(arguments.seeds):
            model = train_model(entry(name), split, {}, seed).model
            both = model.retriever(items, k=CUT), model.trigger_retriever(items, k=CUT)
            reports = [evaluate(r, split, on=arguments.on, cuts=(CUT,), lists=False) for r in both]
            found.append([report.metrics[f"recall@{CUT}"] for report in reports])
        (mean, triggers), (of_mean, of_triggers) = np.mean(found, axis=0), np.std(found, axis=0)
        print(
            f"{name:12} mean of the latest {mean:.4f} ± {of_mean:.4f}, "
            f"through triggers {triggers:.4f} ± {of_triggers:.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
