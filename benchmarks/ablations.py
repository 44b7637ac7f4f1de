"""What each correction and setting brings: a model as it is by default, and one thing changed.

    python benchmarks/ablations.py --data movielens-100k --on validation
    python benchmarks/ablations.py --data online-retail --rows YouTubeDNN "without logQ" --seeds 3
    python benchmarks/ablations.py --data gowalla --out gowalla.jsonl   # goes on where it stopped

A row a setting: recall, coverage and popularity bias (the mean popularity rank of what is listed,
higher is less popular) at 50, the mean and the deviation over the seeds, and the seconds of
learning until the best epoch. Rows below a model's own name change one thing of that model; unless
they say otherwise, the user's own items are among the negatives, other than by default. Choose on
validation; look at test once. Where the data have no validation, an event each of 5,000 users is
held back from training, as `train` holds it back to stop. With `--out`, each run is a line of a
file, and what is there is not run again.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.discovery import entry
from tfrec_recall.cli.runs.training import Unsuitable, train_model
from tfrec_recall.data import Interactions, Split, hold_back, standard
from tfrec_recall.evaluation import evaluate
from tfrec_recall.models.learning import next_choice
from tfrec_recall.sampling import (
    Hard,
    InBatch,
    LogUniform,
    Popularity,
    Uniform,
    Unmet,
    WithoutOwn,
)

METRICS = ("recall@50", "coverage@50", "popularity_rank@50")
COLUMNS = (*METRICS, "seconds")


class Row(NamedTuple):
    """A model by its name, what is changed, and whether users have ids; None: as the model says."""

    model: str
    settings: dict[str, Any]
    user_id: bool | None = None


YOUTUBE, TOWERS, CORRECTED = "youtube-dnn", "two-tower", "sampling-bias-corrected-two-tower"
BESIDE = [InBatch(), Uniform(1000)]
ROWS = {
    "YouTubeDNN": Row(YOUTUBE, {}),
    "without logQ": Row(YOUTUBE, {"correct": False}),
    "temperature 1": Row(YOUTUBE, {"temperature": 1.0}),
    "temperature 0.2": Row(YOUTUBE, {"temperature": 0.2}),
    "temperature 0.05": Row(YOUTUBE, {"temperature": 0.05}),
    "no normalisation": Row(YOUTUBE, {"normalize": False, "temperature": 1.0}),
    "uniform negatives": Row(YOUTUBE, {"negatives": Uniform(1000)}),
    "in-batch negatives": Row(YOUTUBE, {"negatives": InBatch()}),
    "mixed negatives": Row(YOUTUBE, {"negatives": BESIDE}),
    "negatives by rank": Row(YOUTUBE, {"negatives": LogUniform(1000)}),
    "4 unmet items more": Row(YOUTUBE, {"negatives": [Popularity(1000, 0.5), Unmet(4)]}),
    "100 negatives": Row(YOUTUBE, {"negatives": Popularity(100, 0.5)}),
    "4,000 negatives": Row(YOUTUBE, {"negatives": Popularity(4000, 0.5)}),
    "10 hard negatives more": Row(
        YOUTUBE, {"negatives": [Popularity(1000, 0.5), Hard(10, every=2)]}
    ),
    "never the user's own items": Row(
        YOUTUBE, {"negatives": [Popularity(1000, 0.5), WithoutOwn()]}
    ),
    "without dropout": Row(YOUTUBE, {"dropout": 0.0}),
    "dropout 0.5": Row(YOUTUBE, {"dropout": 0.5}),
    "learning rate 0.0005": Row(YOUTUBE, {"learning_rate": 0.0005}),
    "learning rate 0.005": Row(YOUTUBE, {"learning_rate": 0.005}),
    "items by their ids alone": Row(YOUTUBE, {"item_side_info": False}),
    "with the user's id": Row(YOUTUBE, {}, user_id=True),
    "without the user's id": Row(YOUTUBE, {}, user_id=False),
    "with example age": Row(YOUTUBE, {"example_age": True}),
    "equal weight per user": Row(YOUTUBE, {"user_weight_power": -1.0}),
    "without recency": Row(YOUTUBE, {"recency": False}),
    "without residual": Row(YOUTUBE, {"residual": False}),
    "TwoTower": Row(TOWERS, {}),
    "TwoTower, without logQ": Row(TOWERS, {"correct": False}),
    "TwoTower, temperature 0.2": Row(TOWERS, {"temperature": 0.2}),
    "TwoTower, temperature 0.05": Row(TOWERS, {"temperature": 0.05}),
    "TwoTower, in-batch negatives": Row(TOWERS, {"negatives": InBatch()}),
    "TwoTower, negatives by popularity": Row(TOWERS, {"negatives": Popularity(1000, 0.5)}),
    "TwoTower, 4,000 negatives": Row(TOWERS, {"negatives": [InBatch(), Uniform(4000)]}),
    "TwoTower, never the user's own items": Row(TOWERS, {"negatives": [*BESIDE, WithoutOwn()]}),
    "TwoTower, without dropout": Row(TOWERS, {"dropout": 0.0}),
    "TwoTower, dropout 0.5": Row(TOWERS, {"dropout": 0.5}),
    "TwoTower, learning rate 0.0005": Row(TOWERS, {"learning_rate": 0.0005}),
    "TwoTower, learning rate 0.005": Row(TOWERS, {"learning_rate": 0.005}),
    "TwoTower, the rate drops twice": Row(TOWERS, {"rate_drops": 2}),
    "TwoTower, the rate never drops": Row(TOWERS, {"rate_drops": 0}),
    "TwoTower, an item tower": Row(TOWERS, {"item_hidden": (128,)}),
    "TwoTower, with the user's id": Row(TOWERS, {}, user_id=True),
    "TwoTower, without the user's id": Row(TOWERS, {}, user_id=False),
    "with SENet": Row("senet-two-tower", {}),
    "with SENet, 2 channels": Row("senet-two-tower", {"channels": 2}),
    "SamplingBiasCorrectedTwoTower": Row(CORRECTED, {}),
    "without log p": Row(CORRECTED, {"correct": False}),
    "with accidental hits": Row(CORRECTED, {"distinct": False}),
    "its batch's negatives alone": Row(CORRECTED, {"negatives": InBatch()}),
    "a stream of days": Row(CORRECTED, {"span_days": 1.0}),
    "MIND": Row("mind", {}),
    "MIND, temperature 0.2": Row("mind", {"temperature": 0.2}),
    "MIND, 4,000 negatives": Row("mind", {"negatives": [InBatch(), Uniform(4000)]}),
    "MIND, without dropout": Row("mind", {"dropout": 0.0}),
    "MIND, learning rate 0.005": Row("mind", {"learning_rate": 0.005}),
    "MIND, one interest": Row("mind", {"interests": 1}),
    "MIND, with the user's id": Row("mind", {}, user_id=True),
    "MIND, without the user's id": Row("mind", {}, user_id=False),
    "SDM": Row("sdm", {}),
    "SDM, temperature 0.2": Row("sdm", {"temperature": 0.2}),
    "SDM, 4,000 negatives": Row("sdm", {"negatives": [InBatch(), Uniform(4000)]}),
    "SDM, without dropout": Row("sdm", {"dropout": 0.0}),
    "SDM, learning rate 0.005": Row("sdm", {"learning_rate": 0.005}),
    "SDM, with the user's id": Row("sdm", {}, user_id=True),
    "SDM, without the user's id": Row("sdm", {}, user_id=False),
}


@contextlib.contextmanager
def ids_of_users(wanted: bool | None) -> Iterator[None]:
    """Features that have the user's id or not, whatever the data say; None: as they say."""
    if wanted is None:
        yield
        return
    why = "" if wanted else "it is left out to see what it brings"
    with mock.patch.object(next_choice, "_against_ids", return_value=why):
        yield


def some_users(interactions: Interactions, count: int | None) -> Interactions:
    """The events of so many users, drawn at random and the same ones each time."""
    everyone = interactions.users["user_id"].to_numpy()
    if count is None or count >= len(everyone):
        return interactions
    kept = np.random.default_rng(0).choice(everyone, count, replace=False)
    events = interactions.events
    return interactions.with_events(events[events["user_id"].isin(kept)])


def with_validation(split: Split, on: str) -> Split:
    """The split, or one of its training events where it has no validation and that is asked for."""
    if on != "validation" or len(split.validation.targets):
        return split
    held = hold_back(split.train)
    if held is None:
        raise SystemExit("No user has an event that could be held back for validation.")
    print(f"No validation came with the data: {held.validation} are held back.")
    return held


def found(row: Row, split: Split, settings: dict[str, Any], seed: int, on: str) -> dict[str, Any]:
    """The figures of one run."""
    with ids_of_users(row.user_id):
        negatives = Popularity(1000, 0.5) if row.model == YOUTUBE else BESIDE
        own = {"negatives": negatives, **settings, **row.settings}
        run = train_model(entry(row.model), split, own, seed)
    retriever = run.model.retriever(split.interactions.items, k=50)
    report = evaluate(retriever, split, on=on, cuts=(50,), lists=False)
    seconds = run.seconds if run.seconds_to_best is None else run.seconds_to_best
    figures = {metric: float(report.metrics[metric]) for metric in METRICS}
    users = int(report.metrics["users"])
    return {**figures, "seconds": seconds, "best_epoch": run.best_epoch, "users": users}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="movielens-100k")
    parser.add_argument("--on", choices=("validation", "test"), default="validation")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=list(ROWS))
    parser.add_argument("--users", type=int, help="the events of so many alone, drawn at random")
    parser.add_argument("--settings", type=json.loads, default={}, help="for all rows, as JSON")
    parser.add_argument("--out", type=pathlib.Path, help="a line a run; what it has is not run")
    options = parser.parse_args()

    interactions = some_users(Source(options.data).load(), options.users)
    split = with_validation(standard(interactions), options.on)
    asked = {name: getattr(options, name) for name in ("data", "on", "users", "settings")}
    done: dict[str, dict[str, Any]] = {}
    if options.out is not None and options.out.exists():
        lines = map(json.loads, options.out.read_text(encoding="utf-8").splitlines())
        done = {json.dumps(line["run"]): line["found"] for line in lines}
    print(f"| {options.data}, {options.on} | {' | '.join(COLUMNS)} |")
    print(f"| --- |{' --- |' * len(COLUMNS)}")
    for name in options.rows:
        row, runs = ROWS[name], []
        for seed in range(options.seeds):
            run = {**asked, "row": name, "of": repr(row), "seed": seed}
            key = json.dumps(run)
            if key not in done:
                try:
                    done[key] = found(row, split, options.settings, seed, options.on)
                except Unsuitable as error:
                    print(f"| {name} | none: {error} |", flush=True)
                    break
                if options.out is not None:
                    with options.out.open("a", encoding="utf-8") as file:
                        file.write(json.dumps({"run": run, "found": done[key]}) + "\n")
            runs.append([done[key][column] for column in COLUMNS])
        if runs:
            figures = zip(np.mean(runs, axis=0), np.std(runs, axis=0), strict=True)
            cells = [f"{mean:.4g}" + f" ± {std:.2g}" * (len(runs) > 1) for mean, std in figures]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
