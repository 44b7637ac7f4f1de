"""A served request is encoded as the training batches are."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.data import Interactions, next_item
from tfrec_recall.evaluation.queries import Queries
from tfrec_recall.features import (
    Categorical,
    Features,
    History,
    MultiValued,
    Numeric,
    RawItem,
    RawQuery,
    TimeOf,
    example_batches,
)
from tfrec_recall.features.serving import latest


@pytest.fixture(scope="module")
def interactions():
    generator = np.random.default_rng(0)
    events = pd.DataFrame(
        {
            "user_id": generator.choice(["ann", "bob", "cyd"], 40),
            "item_id": generator.choice(list("uvwxyz"), 40),
            "timestamp": generator.permutation(40) * 5_000,
            "kind": generator.choice(["view", "buy"], 40),
        }
    )
    users = pd.DataFrame(
        {"user_id": ["ann", "bob", "cyd"], "country": ["uk", None, "fr"], "age": [20.0, 30.0, 70.0]}
    )
    items = pd.DataFrame({"item_id": list("uvwxyz"), "tags": [["a"], ["b", "a"], [], *[["c"]] * 3]})
    return Interactions(events, users, items)


@pytest.fixture(scope="module")
def features(interactions):
    return Features(
        user=[
            Categorical("user_id"),
            Categorical("country"),
            Numeric("age", buckets=2),
            TimeOf(part="hour"),
            History(length=4),
            History("kind", name="history_kind", length=4),
        ],
        item=[Categorical("item_id"), MultiValued("tags")],
    ).adapt(interactions)


def test_requests_equal_training_batches(features, interactions):
    examples = next_item(interactions, history=4)
    batch = next(iter(example_batches(features, interactions, examples, len(examples), seed=None)))
    events = examples.events
    target = events.iloc[examples.target]
    users = interactions.users.set_index("user_id").loc[target["user_id"]]
    spans = list(zip(examples.history_start, examples.history_end, strict=True))
    raw = {
        "user_id": tf.constant(target["user_id"].tolist()),
        "country": tf.constant(users["country"].fillna("").tolist()),
        "age": tf.constant(users["age"].to_numpy("float32")),
        "timestamp": tf.constant(target["timestamp"].to_numpy()),
    }
    for name, column in (("history", "item_id"), ("history_kind", "kind")):
        rows = [events[column].iloc[first:last].tolist() for first, last in spans]
        raw[name] = tf.constant([[""] * (6 - len(row)) + row for row in rows])  # padded on the left
    query = RawQuery(features)
    assert set(query.inputs) == set(raw)
    for name, encoded in query(raw).items():
        np.testing.assert_array_equal(encoded, batch[name], err_msg=name)
    np.testing.assert_array_equal(
        batch["item_id"], features.item_vocabulary.encode(target["item_id"])
    )
    assert batch["history"].dtype == batch["item_id"].dtype == tf.int32


def test_no_history_of_a_batch_holds_its_target_or_later(features, interactions):
    examples = next_item(interactions, history=4)
    batch = next(iter(example_batches(features, interactions, examples, len(examples), seed=None)))
    times = examples.events["timestamp"].to_numpy()
    for row, target in enumerate(examples.target):
        user = examples.events["user_id"] == examples.events["user_id"].iloc[target]
        past = examples.events[user & (times < times[target])]["item_id"].tail(4)
        expected = features.item_vocabulary.encode(past)
        got = batch["history"][row].numpy()
        assert got[got != 0].tolist() == expected.tolist()


def test_items_are_served_as_they_are_trained(features, interactions):
    raw = {
        "item_id": tf.constant(["v", "never"]),
        "tags": tf.constant([["", "b", "a"], ["a", "new", ""]]),
    }
    encoded = RawItem(features)(raw)
    table = features.item_table
    row = int(encoded["item_id"][0])
    assert encoded["item_id"].numpy().tolist() == [row, 1]
    assert sorted(encoded["tags"][0].numpy()) == sorted(table["tags"][row])


@pytest.mark.parametrize(
    "history", [[0, 0, 5, 0, 3, 9, 7], [5, 3, 9, 7, 0, 0, 0], [8, 8, 5, 3, 0, 9, 7]]
)
def test_the_latest_ids_are_kept_wherever_the_padding_is(history):
    assert latest(tf.constant([history]), 4).numpy().tolist() == [[5, 3, 9, 7]]


def test_places_of_histories_are_those_of_their_items():
    """Whatever the other columns have there: numbers below 0, those of padding, and gaps."""
    times, sessions = [-3, -2, -1, 0, 1], [5, -3, 7, -(2**63), 2**63 - 1]
    events = pd.DataFrame({"user_id": "ann", "item_id": list("vwxyz"), "timestamp": times})
    events = events.assign(session_id=sessions, kind=["view", None, "buy", None, "view"])
    data = Interactions(events, time_unit="order")
    columns = {name: f"history_{name}" for name in ("timestamp", "session_id", "kind")}
    beside = [History(column, name=name, length=3) for column, name in columns.items()]
    features = Features([History(length=3), *beside], [Categorical("item_id")]).adapt(data)
    examples = next_item(data, history=3)
    batch = next(iter(example_batches(features, data, examples, 4, seed=None)))
    encoded = features.encodings["history_session_id"].encode(events["session_id"])
    assert len({*encoded.tolist(), 0}) == 6
    cells = {"history": ["v", "w", "x", "y"], "history_timestamp": times[:4]}
    cells |= {"history_session_id": sessions[:4], "history_kind": ["view", "", "buy", ""]}
    query = RawQuery(features)

    @tf.function(input_signature=[dict(query.inputs)])
    def asked(raw):
        return query(raw)

    for left in (0, 2):
        raw = {}
        for name, row in cells.items():
            padding = [""] * left if isinstance(row[0], str) else [-1] * left
            raw[name] = tf.constant([padding + row], query.inputs[name].dtype)
        for name, found in asked(raw).items():
            np.testing.assert_array_equal(found[0], batch[name][-1], err_msg=name)
    # Without places in common, a column is padded where it is empty.
    raw["history_kind"] = tf.constant([["", "buy"]])
    assert asked(raw)["history_kind"].numpy()[0, 1:].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("feature", "cells", "asked", "known"),
    [
        (Categorical("town"), ["bath", "york", None], ["york", "deal", ""], [True, False, False]),
        (Categorical("town", hash_buckets=3), ["bath", "york", None], ["deal", ""], [True, False]),
        (Categorical("shop", hash_buckets=3), [4, 9, 4], [5, -1], [True, False]),
        (Categorical("user_id", hash_buckets=3), ["ann", "bob", "cyd"], ["eve", ""], [True, False]),
        (Numeric("size"), [1.0, 7.5, None], [7.5, np.nan], [True, False]),
        (Numeric("size", decimal=","), ["1.234,50", "7,5", None], ["7,5", ""], [True, False]),
        (Numeric("size", buckets=2, decimal="."), ["1,234", "7", ""], ["8", " "], [True, False]),
    ],
)
def test_a_request_is_known_by_what_it_says(feature, cells, asked, known):
    ids = ["ann", "bob", "cyd"]
    events = pd.DataFrame({"user_id": ids, "item_id": ["v", "w", "v"], "timestamp": range(3)})
    users = pd.DataFrame({"user_id": ids, feature.column: cells})
    features = Features([feature, History()], [Categorical("item_id")])
    query = RawQuery(features.adapt(Interactions(events, users)))
    raw = {feature.name: tf.constant(asked, query.inputs[feature.name].dtype)}
    raw["history"] = tf.fill([len(asked), 0], "")
    assert tf.function(query.knows)(raw).numpy().tolist() == known


def test_a_request_has_the_columns_of_features_whatever_their_names(interactions):
    """Users have columns that are called as other features are."""
    users = interactions.users.assign(home=["x", "y", "z"], searched=["x", "y", "z"])
    events = interactions.events.assign(past="never")
    data = Interactions(events, users, interactions.items)
    user = [Categorical("user_id", name="who"), Categorical("country", name="home")]
    user += [History(name="past", length=4), History("kind", name="searched", length=4)]
    features = Features(user, [Categorical("item_id")]).adapt(data)
    query = RawQuery(features)
    assert set(query.inputs) == {"user_id", "country", "history", "history_kind"}
    assert {spec.name for spec in query.inputs.values()} == set(query.inputs)
    ids, events = np.array(["ann", "bob", "cyd"]), events.sort_values("timestamp")
    found = query(Queries(query.inputs, ids, events, users).batch(np.arange(3)))
    expected = features.encode_users(users)
    for name in ("who", "home"):
        np.testing.assert_array_equal(found[name], expected[name])
    for row, one in enumerate(ids):
        own = events[events["user_id"] == one].tail(4)
        for name, column in (("past", "item_id"), ("searched", "kind")):
            codes = features.encodings[name].encode(own[column])
            np.testing.assert_array_equal(found[name][row], codes)


def test_an_empty_history_of_any_width_is_padding():
    assert latest(tf.zeros([2, 0], tf.int32), 3).numpy().tolist() == [[0, 0, 0]] * 2
    assert latest(tf.constant([[0, 0]]), 3).numpy().tolist() == [[0, 0, 0]]


def test_epochs_differ_and_a_resumed_one_continues(features, interactions):
    examples = next_item(interactions, history=4)

    def epochs(count, first_epoch=0):
        dataset = example_batches(
            features, interactions, examples, 8, seed=3, first_epoch=first_epoch
        )
        return [[b["item_id"].numpy().tolist() for b in dataset] for _ in range(count)]

    first, second = epochs(2)
    assert first != second
    assert epochs(1, first_epoch=1) == [second]


def test_nothing_to_learn_from_is_an_error(features, interactions):
    examples = next_item(interactions, history=4)
    with pytest.raises(ValueError, match="No example is left to learn from"):
        example_batches(features, interactions, examples.take(np.arange(0)), 8)
