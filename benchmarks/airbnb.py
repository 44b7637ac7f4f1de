"""Claim: on a marketplace whose truth is known, each part of Airbnb's models does what it is for.

    python benchmarks/airbnb.py [--seeds 3]

Prints a table a claim, a row a seed, and exits 1 when a direction fails on any of them.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import pandas as pd

import tfrec_recall  # noqa: F401  chooses the Keras
from tfrec_recall.data.datasets.simulated import simulate
from tfrec_recall.models import AirbnbListing, AirbnbType

CLICKS = ("click", "booking")


def trained(model_class, interactions, epochs, **settings):
    import tensorflow as tf

    features = model_class.default_features(interactions).adapt(interactions)
    tf.keras.utils.set_random_seed(0)
    model = model_class(features, decay_epochs=epochs, **settings)
    model.compile()
    model.fit(model.training_data(interactions, batch_size=256), epochs=epochs, verbose=0)
    return model


def market_negatives(seed):
    """How often a listing of the own topic is nearer than another one of the same market."""
    simulation = simulate(
        20_000, items=400, topics=6, markets=16, explore=1.0, seed=seed, event_types=CLICKS
    )
    items = simulation.interactions.items
    topic, market = simulation.truth.items["topic"].to_numpy(), items["market"].to_numpy()
    counts = simulation.interactions.events["item_id"].value_counts()
    warm = counts.reindex(items["item_id"]).fillna(0).to_numpy() >= 10

    def wins(**settings):
        vectors = trained(AirbnbListing, simulation.interactions, 4, **settings).embed_items(items)
        found = []
        for row in np.flatnonzero(warm):
            cosines = vectors @ vectors[row]
            others = warm & (market == market[row]) & (np.arange(len(items)) != row)
            near, far = (
                cosines[others & (topic == topic[row])],
                cosines[others & (topic != topic[row])],
            )
            if len(near) and len(far):
                found.append((near[:, np.newaxis] > far).mean())
        return np.mean(found)

    return {"without": wins(), "with": wins(market="market")}


def global_context(seed):
    """The product of a click's vector and the booked listing's as a context, mean over clicks."""
    interactions = simulate(
        12_000, items=300, topics=5, markets=4, booking=0.6, seed=seed, event_types=CLICKS
    ).interactions
    events = interactions.events
    booked = events[events["event_type"] == "booking"].groupby("session_id")["item_id"].last()
    clicks = events[(events["event_type"] == "click") & events["session_id"].isin(booked.index)]
    booked = booked.loc[clicks["session_id"]].to_numpy()
    other = clicks["item_id"].to_numpy() != booked

    def score(**settings):
        model = trained(AirbnbListing, interactions, 4, window=2, **settings)
        encode = model.features.encodings["item_id"].encode
        u = model.tables.input_vectors.numpy()[encode(clicks["item_id"])[other]]
        v = model.tables.output_vectors.numpy()[encode(pd.Series(booked))[other]]
        return (u * v).sum(axis=1).mean()

    return {"without": score(global_context=False), "with": score()}


def rejections(seed):
    """The score of requests that were booked, less that of those that were rejected."""
    interactions = simulate(
        15_000,
        items=300,
        topics=4,
        markets=4,
        booking=0.6,
        seed=seed,
        event_types=(*CLICKS, "rejection"),
    ).interactions
    events = interactions.events
    user = pd.Index(interactions.users["user_id"]).get_indexer(events["user_id"])
    item = pd.Index(interactions.items["item_id"]).get_indexer(events["item_id"])
    kind = events["event_type"].to_numpy()

    def lead(weight):
        types = {"user_type": ("age", "device"), "item_type": ("category", "price")}
        model = trained(AirbnbType, interactions, 10, rejection_weight=weight, **types)
        encoded = model.features.encode_users(interactions.users)
        users = model.query_model({name: encoded[name] for name in model.query_model.input_names})
        scores = (users.numpy()[user] * model.embed_items(interactions.items)[item]).sum(axis=1)
        return scores[kind == "booking"].mean() - scores[kind == "rejection"].mean()

    return {"without": lead(0.0), "with": lead(5.0)}


def cold_listings(seed):
    """How like a cold listing a ranking's first 20 are: true cosine plus share of its market."""
    simulation = simulate(20_000, items=300, topics=5, markets=4, seed=seed, event_types=CLICKS)
    generator = np.random.default_rng(seed)
    items, truth = simulation.interactions.items, simulation.truth.item_vectors
    market = items["market"].to_numpy()
    cold = generator.choice(len(items), 40, replace=False)
    events = simulation.interactions.events
    known = events[~events["item_id"].isin(items["item_id"].to_numpy()[cold])]
    model = trained(
        AirbnbListing,
        simulation.interactions.with_events(known),
        4,
        alike_by=("category", "brand", "market", "price"),
    )
    counts = known["item_id"].value_counts().reindex(items["item_id"]).fillna(0).to_numpy()
    warm = np.flatnonzero(counts > 0)
    vectors = model.embed_items(items)

    def quality(ranking):
        first = [ranking(row)[:20] for row in cold]
        return np.mean(
            [
                (truth[found] @ truth[row]).mean() + (market[found] == market[row]).mean()
                for found, row in zip(first, cold, strict=True)
            ]
        )

    return {
        "random": quality(lambda row: generator.permutation(warm)),
        "popularity": quality(lambda row: warm[np.argsort(-counts[warm])]),
        "nearest 3": quality(lambda row: warm[np.argsort(-(vectors[warm] @ vectors[row]))]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    holds = True
    for claim in (market_negatives, global_context, rejections, cold_listings):
        table = pd.DataFrame([claim(seed) for seed in seeds], index=pd.Index(seeds, name="seed"))
        print(
            f"\n{claim.__name__.replace('_', ' ')}: {claim.__doc__}\n{table.round(4)}", flush=True
        )
        holds &= bool((table.iloc[:, -1] > table.iloc[:, :-1].max(axis=1)).all())
    if not holds:
        sys.exit(1)


if __name__ == "__main__":
    main()
