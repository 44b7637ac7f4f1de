"""A blend of several models finds more than the best of them, with weights of validation alone.

    python -m benchmarks.blend --runs DIR --seeds 3
    python -m benchmarks.blend --runs DIR --data movielens-100k --table
    python -m benchmarks.blend --runs DIR --data gowalla --settings two-tower=fewer.json

Trains each channel as `tfrec-recall train` does and keeps its lists of 100 in DIR, so that a call
goes on where another stopped; other settings take another DIR. For each seed the weights of every
way to merge are fitted on validation, which also chooses the way; test is looked at once. A line of
DIR/figures.jsonl holds what each channel and the blend found on test. Where no validation came with
the data, channels are trained without some events, which weights are fitted to, and then once more
on all of train.

Prints Recall@50 of the best channel, by test, and of the blend, recall@20 and NDCG@20.

Exits with 1 where a blend finds less than the best channel.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import pathlib
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from tfrec_recall.cli.arguments.settings import read as settings_file
from tfrec_recall.cli.arguments.settings import separate
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.discovery import Entry, entries
from tfrec_recall.cli.runs.training import train_model
from tfrec_recall.data import Interactions, Split, hold_back, standard
from tfrec_recall.evaluation.blending import ChannelLists, fit_weights
from tfrec_recall.evaluation.metrics import ndcg, recall
from tfrec_recall.models import RecallModel
from tfrec_recall.models.recall_model import BATCH_SIZE
from tfrec_recall.retrieval import Exact, Quotas, ReciprocalRank, WeightedScores
from tfrec_recall.retrieval.merging import Merging

import tensorflow as tf  # isort: skip  # after the package, which selects Keras 2

DEPTH, CUT = 100, 50
METRICS = {"recall": recall, "ndcg": ndcg}
FIGURES = (("recall", CUT), ("recall", 20), ("ndcg", 20))
WAYS = (WeightedScores(), ReciprocalRank(), Quotas())
CHANNELS = {
    "movielens-100k": ("item-cf", "user-cf", "two-tower", "youtube-dnn", "sdm"),
    "online-retail": ("item-cf", "user-cf", "two-tower", "youtube-dnn", "item2vec"),
    "gowalla": ("item-cf", "user-cf", "item2vec", "two-tower"),
}
WHOLE = Exact()


@dataclasses.dataclass(frozen=True)
class Parts:
    """Where weights are fitted, and where blends are measured: one split, or two."""

    fitted: Split
    measured: Split

    @classmethod
    def of(cls, split: Split) -> Parts:
        if len(split.validation.targets):
            return cls(split, split)
        trial = hold_back(split.train)
        if trial is None:
            raise ValueError(f"Nobody in train has two events. Received: {split.name}.")
        return cls(trial, split)


def learnt(
    entry: Entry, train: Interactions, epochs: int, seed: int, settings: Mapping[str, Any]
) -> RecallModel:
    """A model that has learnt all of train for as many epochs as the trial found best."""
    model_class = entry.load()
    training, arguments = separate(settings, model_class, entry.name)
    tf.keras.utils.set_random_seed(seed)
    model = model_class(model_class.default_features(train, None).adapt(train), **arguments)
    data = model.training_data(train, training.batch_size or BATCH_SIZE, seed=seed)
    model.compile(
        model.optimizer_class(training.learning_rate),
        jit_compile=model.can_compile,
        steps_per_execution=model.recommended_steps,
    )
    model.fit(data, epochs=epochs, verbose=0)
    return model


def channel(
    name: str, parts: Parts, seed: int, settings: Mapping[str, Any]
) -> dict[str, ChannelLists]:
    """The lists of a channel, for validation and for test."""
    entry = entries()[name]
    trained = train_model(entry, parts.fitted, settings, seed)
    model = trained.model
    validation = listed(name, model, parts.fitted, "validation")
    if parts.measured is not parts.fitted:
        if trained.best_epoch is None:
            model = train_model(entry, parts.measured, settings, seed).model
        else:
            model = learnt(entry, parts.measured.train, trained.best_epoch, seed, settings)
    return {"validation": validation, "test": listed(name, model, parts.measured, "test")}


def listed(name: str, model: RecallModel, split: Split, on: str) -> ChannelLists:
    retriever = model.retriever(split.interactions.items, index=WHOLE, k=DEPTH)
    return ChannelLists.of({name: retriever}, split, on, DEPTH)


def read(path: pathlib.Path, names: list[str], parts: Parts) -> dict[str, ChannelLists]:
    """The lists of these channels beside each other."""
    found = {}
    for on, split in (("validation", parts.fitted), ("test", parts.measured)):
        kept = [np.load(path / f"{name}.npz") for name in names]
        found[on] = dataclasses.replace(
            ChannelLists.of({}, split, on),
            names=tuple(name.partition("-seed-")[0] for name in names),
            rows=tuple(one[f"{on}_rows"] for one in kept),
            scores=tuple(one[f"{on}_scores"] for one in kept),
            giving_way=None,  # each channel knows the users whom it lists for
        )
    return found


def blended(lists: dict[str, ChannelLists]) -> dict:
    """What the channels and their blend find on test; all choices are validation's."""
    validation, test = lists["validation"], lists["test"]
    fitted = [fit_weights(validation, way, CUT) for way in WAYS]
    merging = max(fitted, key=lambda one: validation.recall(one, CUT))
    alone = {
        name: WeightedScores({other: float(other == name) for other in test.names})
        for name in test.names
    }
    return {
        "by": merging.report,
        "blend": found(test, merging),
        "channels": {name: found(test, one) for name, one in alone.items()},
    }


def found(lists: ChannelLists, merging: Merging) -> dict[str, float]:
    return {
        f"{name}@{cut}": round(lists.mean(METRICS[name], merging, cut), 4) for name, cut in FIGURES
    }


def seeds_of(name: str, seeds: int) -> range:
    """One where nothing is random."""
    return range(1 if name in ("item-cf", "user-cf", "popular") else seeds)


def train_all(
    data: str,
    parts: Parts,
    names: list[str],
    seeds: int,
    path: pathlib.Path,
    settings: Mapping[str, Mapping[str, Any]],
) -> None:
    path.mkdir(parents=True, exist_ok=True)
    for seed in range(seeds):
        for name in names:
            file = path / f"{name}-seed-{seed}.npz"
            if seed not in seeds_of(name, seeds) or file.exists():
                continue
            began = time.perf_counter()
            found = channel(name, parts, seed, settings.get(name, {}))
            arrays = {}
            for on, lists in found.items():
                arrays |= {f"{on}_rows": lists.rows[0], f"{on}_scores": lists.scores[0]}
            partial = file.with_suffix(".part.npz")
            np.savez(partial, **arrays)
            partial.rename(file)
            print(f"{data} {name}, seed {seed}: {time.perf_counter() - began:.0f} s", flush=True)
            gc.collect()


def figures(data: str, parts: Parts, names: list[str], seeds: int, path: pathlib.Path) -> list:
    rows = []
    for seed in range(seeds):
        files = [f"{name}-seed-{min(seed, seeds_of(name, seeds)[-1])}" for name in names]
        missing = [file for file in files if not (path / f"{file}.npz").exists()]
        if missing:
            print(f"{data}, seed {seed}: not trained yet: {', '.join(missing)}")
            continue
        rows.append({"data": data, "seed": seed, **blended(read(path, files, parts))})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def shown(data: str, rows: list[dict]) -> bool:
    """Prints the means; whether the blend finds at least what the best channel does."""
    best = {}
    for figure in rows[0]["blend"]:
        each = {n: [row["channels"][n][figure] for row in rows] for n in rows[0]["channels"]}
        best[figure] = max(each, key=lambda name: np.mean(each[name]))
        alone, whole = each[best[figure]], [row["blend"][figure] for row in rows]
        print(
            f"{data}, {len(rows)} seeds, {figure}: "
            f"{best[figure]} {np.mean(alone):.4f} ± {np.std(alone):.4f}, "
            f"blend {np.mean(whole):.4f} ± {np.std(whole):.4f}"
        )
    claimed = f"recall@{CUT}"
    return all(row["blend"][claimed] >= row["channels"][best[claimed]][claimed] for row in rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=pathlib.Path, required=True, help="a folder")
    parser.add_argument("--data", nargs="*", default=list(CHANNELS), help="names, or folders")
    parser.add_argument("--models", nargs="*", help="the channels; by default those of the data")
    parser.add_argument("--settings", nargs="*", default=[], help="MODEL=FILE, as of `compare`")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--train", action="store_true", help="train what is missing, blend nothing")
    parser.add_argument("--table", action="store_true", help="blend what is there, train nothing")
    options = parser.parse_args()

    chosen = (one.partition("=") for one in options.settings)
    settings = {name: settings_file(pathlib.Path(file)) for name, _, file in chosen}
    holds = True
    for given in options.data:
        data = pathlib.Path(given).name
        parts = Parts.of(standard(Source(given).load()))
        names, path = options.models or list(CHANNELS[data]), options.runs / data
        if not options.table:
            train_all(data, parts, names, options.seeds, path, settings)
        if options.train:
            continue
        rows = figures(data, parts, names, options.seeds, path)
        if rows:
            with (options.runs / "figures.jsonl").open("a") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
            holds &= shown(data, rows)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
