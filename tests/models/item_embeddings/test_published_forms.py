"""The plain forms of the models of item vectors, pair by pair from the papers' equations."""

from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.references.skip_gram import one_by_one
from tfrec_recall.data import Interactions
from tfrec_recall.data.examples import NoExample
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.models import AirbnbListing, AirbnbType, Item2Vec
from tfrec_recall.models.fitting.run import Run

NOISE = 3  # what every draw is: the first known id but one


class Always:
    """A proposal without chance."""

    def sample(self, shape, seed):
        return tf.fill(shape, NOISE)


def made(model_class, interactions, features=None, **settings):
    features = features or model_class.default_features(interactions)
    features = features.adapt(interactions)
    tf.keras.utils.set_random_seed(0)
    return prepared(model_class.published(features, dim=4, **settings))


def prepared(model):
    generator = np.random.default_rng(1)
    for table in (model.tables.input_vectors, model.tables.output_vectors):
        table.assign(generator.normal(size=table.shape))
    model.noise.proposal = Always()
    model.compile()
    return model


def holds(model, batch, centres, pairs):
    """That a step's loss and the vectors after it are those of the centres one by one."""
    inputs, outputs = (
        table.numpy().astype("float64")
        for table in (model.tables.input_vectors, model.tables.output_vectors)
    )
    loss = float(model.compute_loss(batch))
    still = one_by_one(inputs.copy(), outputs.copy(), centres, [0.0] * len(centres))
    assert loss == pytest.approx(np.sum(still) / pairs, rel=1e-4)
    steps, epochs, rate = len(centres), model.PUBLISHED.epochs or 40, model.training.rate
    rates = [rate * (1 - step / steps / epochs) for step in range(steps)]
    one_by_one(inputs, outputs, centres, rates)
    model.begin(Run(epochs, steps=1))
    model.train_step(batch)
    np.testing.assert_allclose(model.tables.input_vectors, inputs, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(model.tables.output_vectors, outputs, rtol=1e-3, atol=1e-5)


def negatives_of(centre, weight, count):
    return [] if centre == NOISE else [(NOISE, 0.0, weight)] * count


def among_many(events, items=5000):
    """Features of a catalogue in which these are the first items, and none is frequent."""
    others = pd.DataFrame({"user_id": "c", "item_id": [f"i{n}" for n in range(items)]})
    others["timestamp"] = range(items)
    interactions = Interactions(pd.concat([events, events, others], ignore_index=True))
    return Item2Vec.default_features(interactions).adapt(interactions)


def test_item2vec_is_the_mean_over_its_sets():
    """Eq. 1: 1/K times the sum over all ordered pairs of a set; Eq. 2: N negatives each."""
    sets = {"a": "vwx", "b": "wyzu"}
    rows = [(user, item, n) for user, items in sets.items() for n, item in enumerate(items)]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    model = prepared(Item2Vec.published(among_many(events), dim=4))
    assert (model.training.keep.numpy()[2:] == 1).all()
    batch = next(iter(model.training_data(Interactions(events), 9, seed=None)))
    ids, session = batch["item_id"].numpy(), batch["session"].numpy()
    centres, total = [], 0.0
    for row, centre in enumerate(ids):
        others = ids[(session == session[row]) & (np.arange(len(ids)) != row)]
        share = 1 / (1 + len(others))
        columns = [(other, share, 0.0) for other in others]
        columns += len(others) * negatives_of(centre, share, 15)
        centres.append((centre, columns))
        total += share * len(others)
    holds(model, batch, centres, total)


def test_item2vec_samples_the_events_of_its_frequent_items():
    events = pd.DataFrame({"user_id": "a", "item_id": list("vwxv"), "timestamp": range(4)})
    features = Item2Vec.default_features(Interactions(events)).adapt(Interactions(events))
    keep = Item2Vec.published(features, dim=4).training.keep.numpy()
    np.testing.assert_allclose(keep[2:], np.sqrt([1e-3 / 0.5, 1e-3 / 0.25, 1e-3 / 0.25]), rtol=1e-6)


def clicks():
    kinds = ["click", "click", "click", "booking", "click", "click"]
    events = pd.DataFrame({"user_id": "a", "item_id": list("uvwxyz"), "event_type": kinds})
    events = events.assign(timestamp=range(6))
    items = pd.DataFrame({"item_id": list("uvwxyz"), "market": ["m", "n"] * 3})
    return Interactions(events, items=items)


@pytest.mark.parametrize("there_is", [False, True])
def test_airbnb_listing_is_equation_4_and_5(there_is):
    """Windows of 2, the booked listing in each of them, and negatives of all and of the market."""
    interactions, name = clicks(), "market" if there_is else "city"
    items = interactions.items.rename(columns={"market": name})
    interactions = Interactions(interactions.events, items=items)
    features = Features(user=[History()], item=[Categorical("item_id"), Categorical(name)])
    settings = {"window": 2, "negatives": 3, "alike_by": (name,)}
    model = made(AirbnbListing, interactions, features, **settings)
    if there_is:
        of_market = model.same_market
        model.same_market = of_market

        def sample(groups, seed):  # the listing of the lowest id
            first = [0, *(min(np.flatnonzero(markets == group)) for group in (2, 3))]
            return tf.gather(tf.constant(first, tf.int32), tf.maximum(groups - 1, 0))

        markets = model.features.item_table["market"]
        of_market.sample = sample
    told = nullcontext() if there_is else pytest.warns(ReadingNotice, match="Eq. 5.*market=")
    with told:
        batch = next(iter(model.training_data(interactions, 9, seed=None)))
    ids, booked = batch["item_id"].numpy(), batch["booked"].numpy()
    session = batch["session"].numpy()
    assert session.tolist() == [0] * 4 + [1] * 2 + sorted([2, 3, 4, 5] * 4)  # one is of a booking
    centres, pairs = [], 0
    for row, centre in enumerate(ids):
        near = [
            ids[other]
            for other in range(max(0, row - 2), min(len(ids), row + 3))
            if other != row and session[other] == session[row]
        ]
        if booked[row] not in (0, centre):
            near.append(booked[row])  # Eq. 4: never leaves the window
        columns = [(other, 1.0, 0.0) for other in near]
        columns += len(near) * negatives_of(centre, 1.0, 3)
        if there_is:
            markets = model.features.item_table["market"]
            same = min(np.flatnonzero(markets == markets[centre]))
            columns += len(near) * 2 * ([(same, 0.0, 1.0)] if same != centre else [])
        centres.append((centre, columns))
        pairs += len(near)
    holds(model, batch, centres, pairs)


def test_airbnb_listing_ends_sessions_after_half_an_hour():
    days = clicks()
    events = days.events.assign(timestamp=np.arange(6) * 86_400)
    model = made(AirbnbListing, days, window=2)
    with pytest.raises(NoExample, match="longer gap="):
        model.training_data(days.with_events(events))


def bookings():
    """Two users of two types, who book listings of three types; one request each is rejected."""
    rooms = {"i0": "flat", "i1": "house", "i2": "tent", "i3": "flat"}
    taken = {"a": ["i0", "i1", "i2", "i1"], "b": ["i2", "i3", "i0"]}
    rows = [(user, item, n) for user, items in taken.items() for n, item in enumerate(items)]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    said_no = events["timestamp"].eq(1).map({True: "rejection", False: "booking"})
    users = pd.DataFrame({"user_id": ["a", "b"], "age": ["young", "old"]})
    items = pd.DataFrame({"item_id": list(rooms), "room": list(rooms.values())})
    return Interactions(events.assign(event_type=said_no), users, items)


def test_airbnb_type_is_equation_7_and_8():
    """Types of the other kind near in (u, l, u, l, …), negatives of all types, and rejections."""
    interactions = bookings()
    features = Features(
        user=[Categorical("user_id"), Categorical("age")],
        item=[Categorical("item_id"), Categorical("room")],
    ).adapt(interactions)
    types = {"user_type": ("age",), "item_type": ("room",)}
    model = AirbnbType.published(features, dim=4, window=1, negatives=2, **types)
    batch = next(iter(prepared(model).training_data(interactions, 9, seed=None)))
    ids, user, no = (batch[name].numpy() for name in ("item_id", "session", "rejected"))
    listing = np.arange(len(ids)) % 2 == 1
    assert len(ids) == 14
    assert no.sum() == 4
    centres, pairs = [], 0
    for row, centre in enumerate(ids):
        near = [
            ids[other]
            for other in range(max(0, row - 2), min(len(ids), row + 3))
            if user[other] == user[row] and listing[other] != listing[row]
            if not no[row] and not no[other]
        ]
        columns = [(other, 1.0, 0.0) for other in near]
        columns += len(near) * negatives_of(centre, 1.0, 2)
        if no[row]:  # the last sums: what was asked for, and who asked
            columns.append((ids[row - 1 if listing[row] else row + 1], 0.0, 1.0))
        centres.append((centre, columns))
        pairs += len(near)
    holds(model, batch, centres, pairs)
    vectors = model.tables.input_vectors.numpy()
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rooms = dict(zip(["i0", "i1", "i2", "i1"], ids[1:8:2], strict=True))  # of the first user
    found = model.embed_items(interactions.items)[:3]
    np.testing.assert_allclose(found, unit[[rooms[i] for i in ("i0", "i1", "i2")]], rtol=1e-5)
    encoded = features.encode_users(interactions.users)
    query = model.query_model({name: encoded[name] for name in model.query_model.input_names})
    np.testing.assert_allclose(query, unit[ids[[0, 8]]], rtol=1e-5)
