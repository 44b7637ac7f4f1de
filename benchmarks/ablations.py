"""What each correction brings: a model as it is by default, and below it with one thing changed.

    python benchmarks/ablations.py --data movielens-100k --on validation
    python benchmarks/ablations.py --data online-retail --rows YouTubeDNN "without logQ" --seeds 3

A row a setting: recall, coverage and popularity bias (the mean popularity rank of what is listed,
higher is less popular) at 50, the mean and the deviation over the seeds. Choose on validation; look
at test once.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import numpy as np

from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.discovery import entry
from tfrec_recall.cli.runs.training import train_model
from tfrec_recall.data import standard
from tfrec_recall.evaluation import evaluate
from tfrec_recall.sampling import Hard, Popularity, Uniform, WithoutOwn

METRICS = ("recall@50", "coverage@50", "popularity_rank@50")
ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "YouTubeDNN": ("youtube-dnn", {}),
    "without logQ": ("youtube-dnn", {"correct": False}),
    "temperature 1": ("youtube-dnn", {"temperature": 1.0}),
    "temperature 0.05": ("youtube-dnn", {"temperature": 0.05}),
    "no normalisation": ("youtube-dnn", {"normalize": False, "temperature": 1.0}),
    "uniform negatives": ("youtube-dnn", {"negatives": Uniform(1000)}),
    "in-batch negatives": ("youtube-dnn", {"negatives": 0}),
    "mixed negatives": ("youtube-dnn", {"negatives": 1000}),
    "10 hard negatives more": (
        "youtube-dnn",
        {"negatives": [Popularity(1000, 0.5), Hard(10, every=2)]},
    ),
    "never the user's own items": (
        "youtube-dnn",
        {"negatives": [Popularity(1000, 0.5), WithoutOwn()]},
    ),
    "with example age": ("youtube-dnn", {"example_age": True}),
    "equal weight per user": ("youtube-dnn", {"user_weight_power": -1.0}),
    "without recency": ("youtube-dnn", {"recency": False}),
    "without residual": ("youtube-dnn", {"residual": False}),
    "TwoTower": ("two-tower", {}),
    "with SENet": ("senet-two-tower", {}),
    "with SENet, 2 channels": ("senet-two-tower", {"channels": 2}),
    "SamplingBiasCorrectedTwoTower": ("sampling-bias-corrected-two-tower", {}),
    "without log p": ("sampling-bias-corrected-two-tower", {"correct": False}),
    "a stream of days": ("sampling-bias-corrected-two-tower", {"span_days": 1.0}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="movielens-100k")
    parser.add_argument("--on", choices=("validation", "test"), default="validation")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=list(ROWS))
    parser.add_argument("--settings", type=json.loads, default={}, help="for all rows, as JSON")
    options = parser.parse_args()

    split = standard(Source(options.data).load())
    print(f"| {options.data}, {options.on} | {' | '.join(METRICS)} |")
    print(f"| --- |{' --- |' * len(METRICS)}")
    for name in options.rows:
        model, settings = ROWS[name]
        found = []
        for seed in range(options.seeds):
            run = train_model(entry(model), split, {**options.settings, **settings}, seed)
            retriever = run.model.retriever(split.interactions.items, k=50)
            report = evaluate(retriever, split, on=options.on, cuts=(50,), lists=False)
            found.append([report.metrics[metric] for metric in METRICS])
        figures = zip(np.mean(found, axis=0), np.std(found, axis=0), strict=True)
        cells = [f"{mean:.4g}" + f" ± {std:.2g}" * (len(found) > 1) for mean, std in figures]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
