"""Items that training never saw are ranked by their features: how far above chance?

    python benchmarks/cold_items.py --data movielens-100k --seeds 3
    python benchmarks/cold_items.py --data online-retail --models eges ges bge --seeds 1

A tenth of the items is hidden: training and its validation lose all their events. Then every user
who took one of them later, in validation or test, is asked for with the warm items of his training
history, and the hidden items alone are ranked, by the vectors that their features give them. A
random order finds k / hidden of them in the first k; the factor is recall@10 over that. Models and
settings are those of the command line, with their default features, or `--settings FILE`.

`bge` knows no features. In its place stands the category mean: a hidden item is the mean, over its
values of the features, of the mean vector of the warm items with that value.

Exits with 1 unless every model is clearly above chance (the factor less two standard errors over
the seeds and users is above 1), and `ges` above the category mean where both are measured.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import sys

import numpy as np
import pandas as pd

from tfrec_recall.cli.arguments.settings import read
from tfrec_recall.cli.discovery import entry  # the package comes first, and chooses the Keras
from tfrec_recall.cli.runs.training import train_model
from tfrec_recall.data import Split, datasets, standard
from tfrec_recall.data.splits import Part
from tfrec_recall.evaluation import evaluate
from tfrec_recall.features import infer
from tfrec_recall.retrieval import EmbeddingRetriever, Exact
from tfrec_recall.retrieval.history_mean import HistoryMean

HIDDEN, CUT = 0.1, 10
CATEGORY_MEAN = "bge"


def hide_items(split: Split, seed: int) -> tuple[Split, pd.Index]:
    """The split without a tenth of its items in training, and these items as its test."""
    events = split.train.events
    items = pd.Index(events["item_id"].unique()).sort_values()
    chosen = np.random.default_rng(seed).permutation(len(items))[: round(HIDDEN * len(items))]
    hidden = items[chosen]

    def warm(table: pd.DataFrame) -> pd.DataFrame:
        return table[~table["item_id"].isin(hidden)].reset_index(drop=True)

    train = split.train.with_events(warm(events))
    validation = Part(warm(split.validation.history), warm(split.validation.targets))
    later = pd.concat([split.validation.targets, split.test.targets])
    targets = later[later["item_id"].isin(hidden)].drop_duplicates(["user_id", "item_id"])
    targets = targets[targets["user_id"].isin(train.events["user_id"])]
    test = Part(validation.history, targets.reset_index(drop=True))
    changed = {"train": train, "validation": validation, "test": test}
    return dataclasses.replace(split, **changed), hidden


def measure(name: str, split: Split, hidden: pd.Index, settings: dict, seed: int):
    """Recall@10 of each user, among the hidden items."""
    model = train_model(entry(name), split, settings, seed).model
    items = split.interactions.items
    if name == CATEGORY_MEAN:
        vectors = category_means(model.embed_items(items), split, hidden)
        ids = items["item_id"].to_numpy()
        mean = HistoryMean(ids, vectors, model.last, model.half_life)
        retriever = EmbeddingRetriever(mean, ids, vectors, Exact(), k=CUT, seed=seed)
    else:
        retriever = model.retriever(items, index=Exact(), k=CUT, seed=seed)
    users = split.test.targets["user_id"].unique()
    among = pd.MultiIndex.from_product([users, hidden], names=["user_id", "item_id"])
    report = evaluate(
        retriever, split, cuts=(CUT,), lists=False, candidates=among.to_frame(index=False)
    )
    return report.values(f"recall@{CUT}")


def category_means(vectors: np.ndarray, split: Split, hidden: pd.Index) -> np.ndarray:
    """The vectors, those of hidden items made of the means of the values they have."""
    items = split.interactions.items
    cold = items["item_id"].isin(hidden).to_numpy()
    features = infer(split.train, words=5).adapt(split.train)
    encoded = features.encode_items(items)
    total, fields = np.zeros_like(vectors), np.zeros((len(vectors), 1))
    for feature in features.item:
        if feature.name == "item_id" or not features.encodings[feature.name].size:
            continue
        codes = encoded[feature.name].reshape(len(vectors), -1)  # [items, values]
        size = features.encodings[feature.name].size
        sums, counts = np.zeros((size, vectors.shape[1])), np.zeros((size, 1))
        for column in codes.T:
            warm = ~cold & (column > 1)
            np.add.at(sums, column[warm], vectors[warm])
            np.add.at(counts, column[warm], 1)
        known = (codes > 1) & (counts[codes, 0] > 0)
        means = sums[codes] / np.maximum(counts[codes], 1) * known[:, :, None]
        there = known.sum(axis=1, keepdims=True)
        total += means.sum(axis=1) / np.maximum(there, 1)
        fields += there > 0
    mean = total / np.maximum(fields, 1)
    length = np.linalg.norm(mean, axis=1, keepdims=True)
    return np.where(cold[:, None], mean / np.maximum(length, 1e-12), vectors).astype("float32")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="movielens-100k")
    parser.add_argument("--models", nargs="+", default=["eges", "ges", CATEGORY_MEAN])
    parser.add_argument("--settings", type=pathlib.Path, help="JSON or TOML, as for `train`")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    settings = read(arguments.settings) if arguments.settings else {}
    split = standard(datasets.load(arguments.data))
    found: dict[str, list[np.ndarray]] = {name: [] for name in arguments.models}
    chance = []
    for seed in range(arguments.seeds):
        without, hidden = hide_items(split, seed)
        chance.append(CUT / len(hidden))
        for name in arguments.models:
            found[name].append(measure(name, without, hidden, settings, seed).to_numpy())
    users = sum(map(len, found[arguments.models[0]]))
    print(f"{arguments.data}: {len(hidden)} hidden items, {users:,} users in all seeds")
    print(f"{'model':14} recall@{CUT}  factor over chance ({np.mean(chance):.4f})")
    fine, factors = True, {}
    for name, values in found.items():
        label = "category mean" if name == CATEGORY_MEAN else name
        ratios = np.array([v.mean() / c for v, c in zip(values, chance, strict=True)])
        pooled = np.concatenate([v / c for v, c in zip(values, chance, strict=True)])
        error = pooled.std() / np.sqrt(len(pooled))
        factors[name] = ratios.mean()
        fine &= pooled.mean() - 2 * error > 1
        print(
            f"{label:14} {np.mean([v.mean() for v in values]):9.4f}  "
            f"{ratios.mean():.2f} ± {ratios.std():.2f} (standard error of users {error:.2f})"
        )
    if "ges" in factors and CATEGORY_MEAN in factors:
        fine &= factors["ges"] > factors[CATEGORY_MEAN]
    return int(not fine)


if __name__ == "__main__":
    sys.exit(main())
