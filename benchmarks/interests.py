"""Claim: MIND's interests are the user's: on a marketplace whose truth is known, they find them.

    python benchmarks/interests.py [--plot interests.png]

Users of the simulated marketplace have 2 to 6 interests, each a topic, one of them a session. MIND
(at most 6 interests, no profile, nothing of ours that all interests share) sees only the items.
Users with 16 events or more, of 2 interests or more, are measured.

- assignment: each event of a user's history goes to the interest nearest to its item. Its adjusted
  Rand index with the true interests of the events: 0 by chance, 1 if they are the same.
- covered: the share of the topics a user was interested in that the first 50 recommended items
  have at least 3 items of, history left out.
- interests: how many of the model's are nearest to some event, beside how many are true.

Exits 1 unless routing assigns better than chance and covers more topics than a single vector does.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import pandas as pd

import tfrec_recall  # noqa: F401  chooses the Keras
from tfrec_recall.data.datasets.simulated import simulate
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.models import MIND

import tensorflow as tf  # isort: skip

MOST, LENGTH, FEWEST_EVENTS, SHOWN, FEWEST_SHOWN = 6, 100, 16, 50, 3
SETTINGS = {
    **{"dim": 32, "recency": False, "common": False, "hidden": (64,), "negatives": 200},
    "power": 10.0,  # the target learns from the interest nearest to it, not from their mean
}
MODELS = {
    "routing": {"interests": MOST},
    "self-attention": {"interests": MOST, "self_attentive": True, "recency": True},
    "single vector": {"interests": 1},
}


def trained(interactions, epochs: int, seed: int, **settings) -> MIND:
    features = Features(user=[History(length=LENGTH)], item=[Categorical("item_id")])
    tf.keras.utils.set_random_seed(seed)
    model = MIND(features.adapt(interactions), **{**SETTINGS, **settings})
    model.compile(optimizer=tf.keras.optimizers.Adam(5e-3))
    data = model.training_data(interactions, batch_size=512, seed=seed)
    model.fit(data, epochs=epochs, verbose=0)
    return model


def adjusted_rand(one: np.ndarray, other: np.ndarray) -> float:
    """How alike two groupings are: 0 by chance, 1 for the same."""

    def pairs(counts):
        return (counts * (counts - 1) / 2).sum()

    table = pd.crosstab(one, other).to_numpy()
    both, rows, columns = pairs(table), pairs(table.sum(1)), pairs(table.sum(0))
    chance = rows * columns / pairs(np.array(len(one)))
    most = (rows + columns) / 2
    return 1.0 if most == chance else float((both - chance) / (most - chance))


def measured(model: MIND, users: list[pd.DataFrame], interactions, topics: pd.Series):
    """A row a user: assignment, covered, interests used and true."""
    generator = np.random.default_rng(0)
    retriever = model.retriever(interactions.items, k=SHOWN)
    histories = [events["item_id"].tolist() for events in users]
    listed, _ = retriever({"history": histories}, exclude=histories)
    raw = tf.ragged.constant(histories).to_tensor("")
    interests, present = (part.numpy() for part in retriever.query_embedder({"history": raw}))
    vectors = dict(
        zip(interactions.items["item_id"], model.embed_items(interactions.items), strict=True)
    )
    rows = []
    for user, events in enumerate(users):
        items = np.array([vectors[item] for item in events["item_id"]])
        nearest = (items @ interests[user][present[user]].T).argmax(1)
        true = events["interest"].to_numpy()
        shown = topics[[item.decode() for item in listed.numpy()[user]]].value_counts()
        wanted = events["topic"].unique()
        rows.append(
            {
                "true": len(np.unique(true)),
                "there": int(present[user].sum()),
                "used": len(np.unique(nearest)),
                "assignment": adjusted_rand(nearest, true),
                "by chance": adjusted_rand(generator.permutation(nearest), true),
                "covered": float((shown.reindex(wanted).fillna(0) >= FEWEST_SHOWN).mean()),
            }
        )
    return pd.DataFrame(rows)


def plot(results: dict[str, pd.DataFrame], path: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    for name, table in results.items():
        means = table.groupby("true").mean()
        for ax, column in zip(axes, ("used", "assignment", "covered"), strict=True):
            ax.plot(means.index, means[column], marker="o", label=name)
    chance = results["routing"].groupby("true")["by chance"].mean()
    axes[1].plot(chance.index, chance, color="grey", linestyle=":", label="by chance")
    axes[0].plot(chance.index, chance.index, color="grey", linestyle=":", label="the truth")
    labels = ("interests used", "adjusted Rand index with the truth", "topics covered by 50 items")
    for ax, label in zip(axes, labels, strict=True):
        ax.set(xlabel="true interests in the history", ylabel=label, ylim=(0, None))
        ax.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", help="write the figure to this file")
    options = parser.parse_args()

    simulation = simulate(
        options.events,
        items=600,
        markets=1,
        sessions_per_user=16,
        drift=0.0,
        seed=options.seed,
    )
    interactions, truth = simulation.interactions, simulation.truth
    sessions = truth.sessions.set_index("session_id")[["interest", "topic"]]
    events = interactions.events.join(sessions, on="session_id")
    latest = [group.tail(LENGTH) for _, group in events.groupby("user_id", sort=True)]
    several = [len(group["interest"].unique()) > 1 for group in latest]
    users = [
        group
        for group, measurable in zip(latest, several, strict=True)
        if measurable and len(group) >= FEWEST_EVENTS
    ]
    topics = truth.items.set_index("item_id")["topic"]

    results = {}
    for name, settings in MODELS.items():
        model = trained(interactions, options.epochs, options.seed, **settings)
        results[name] = measured(model, users, interactions, topics)
        by_truth = results[name].groupby("true").mean().round(3)
        print(f"\n{name}, by the number of true interests\n{by_truth}", flush=True)
    table = pd.DataFrame({name: result.mean() for name, result in results.items()}).T
    print(f"\n{len(users):,} users\n{table.round(3)}")
    if options.plot:
        plot(results, options.plot)

    routing = table.loc["routing"]
    better = routing["assignment"] > routing["by chance"] + 0.1
    wider = routing["covered"] > table.loc["single vector", "covered"]
    sys.exit(0 if better and wider else 1)


if __name__ == "__main__":
    main()
