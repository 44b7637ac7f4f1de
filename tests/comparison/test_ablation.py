"""What each feature is worth, of a retriever that looks at one of two on each side."""

import importlib

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.comparison.ablation import ablation
from tfrec_recall.data import Interactions, splits
from tfrec_recall.evaluation import evaluate
from tfrec_recall.evaluation.item_features import ItemFeatures
from tfrec_recall.retrieval import EmbeddingRetriever

MODULE = importlib.import_module("tfrec_recall.comparison.ablation")
USERS, ITEMS, GROUPS = 48, 240, 4


class ByKind(tf.Module):
    """Items by their kind alone."""

    inputs = {  # noqa: RUF012  read only
        name: tf.TensorSpec([None], tf.string, name) for name in ("item_id", "kind", "noise")
    }

    def __call__(self, raw):
        return one_hot(raw["kind"])


def one_hot(text):
    return tf.one_hot(tf.strings.to_number(text, tf.int32), GROUPS)


@pytest.fixture(scope="module")
def split():
    """Users take items of their own group, 60 of them, and have had a few."""
    generator = np.random.default_rng(2)
    rows = [
        (f"u{user}", f"i{item}", 1_600_000_000 + place)
        for user in range(USERS)
        for place, item in enumerate(
            generator.permutation(np.arange(user % GROUPS, ITEMS, GROUPS))[:9]
        )
    ]
    users = pd.DataFrame(
        {
            "user_id": [f"u{user}" for user in range(USERS)],
            "group": [str(user % GROUPS) for user in range(USERS)],
            "mood": [str(mood) for mood in generator.integers(0, 3, USERS)],
        }
    )
    items = pd.DataFrame(
        {
            "item_id": [f"i{item}" for item in range(ITEMS)],
            "kind": [str(item % GROUPS) for item in range(ITEMS)],
            "noise": [str(noise) for noise in generator.integers(0, 9, ITEMS)],
        }
    )
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    return splits.last_events_out(Interactions(events, users, items), test=3, validation=1)


@pytest.fixture(scope="module")
def retriever(split):
    items = split.interactions.items
    names = ("group", "mood")
    return EmbeddingRetriever(
        lambda raw: one_hot(raw["group"]),
        items["item_id"].to_numpy(),
        one_hot(tf.constant(items["kind"].to_list())).numpy(),
        inputs={name: tf.TensorSpec([None], tf.string, name) for name in names},
        item_embedder=ByKind(),
    )


@pytest.fixture(scope="module")
def found(retriever, split):
    return {(one["side"], one["name"]): one for one in ablation(retriever, split)}


def test_what_the_model_looks_at_is_lost(found):
    for feature in (("user", "group"), ("item", "kind")):
        one = found[feature]
        # By chance a quarter still has the right group.
        assert one["recall"] > 0.8
        assert one["lost"] == pytest.approx(0.75 * one["recall"], abs=0.15)
        assert one["low"] < one["lost"] < one["high"]


def test_what_it_does_not_look_at_is_worth_nothing(found):
    for feature in (("user", "mood"), ("item", "noise"), ("item", "item_id")):
        assert found[feature]["lost"] == 0.0
    assert next(iter(found)) in (("user", "group"), ("item", "kind"))
    assert len(found) == 5
    assert {one["users"] for one in found.values()} == {USERS}


class Renamed(ByKind):
    """Items by a column of another name than the input."""

    inputs = {  # noqa: RUF012  read only
        name: tf.TensorSpec([None], tf.string, name) for name in ("item_id", "item_kind", "a_b")
    }
    columns = {"item_kind": "kind", "a_b": "a b"}  # noqa: RUF012

    def __call__(self, raw):
        return one_hot(raw["item_kind"])


def test_features_may_have_other_names_than_their_columns(split):
    data = split.interactions
    items = data.items.rename(columns={"noise": "a b"})
    users = data.users.assign(kind="of users")
    split = splits.last_events_out(Interactions(data.events, users, items), test=3, validation=1)
    retriever = EmbeddingRetriever(
        lambda raw: one_hot(raw["group"]),
        items["item_id"].to_numpy(),
        one_hot(tf.constant(items["kind"].to_list())).numpy(),
        inputs={"group": tf.TensorSpec([None], tf.string, "group")},
        item_embedder=Renamed(),
    )
    lost = {(one["side"], one["name"]): one["lost"] for one in ablation(retriever, split)}
    assert lost["item", "item_kind"] > 0.3
    assert lost["item", "a_b"] == 0.0


def test_queries_are_made_of_those_who_are_asked(retriever, split, monkeypatch):
    made, queries_of = [], MODULE.queries_of

    def spied(*arguments):
        made.append(queries_of(*arguments))
        return made[-1]

    monkeypatch.setattr(MODULE, "queries_of", spied)
    monkeypatch.setattr(MODULE, "USERS", 7)
    found = ablation(retriever, split, seed=4)
    assert [(len(one), one.history_length.tolist()) for one in made] == [(7, [6] * 7)]
    report = evaluate(retriever, split, cuts=(50,), k=50)
    rows = np.random.default_rng(4).permutation(USERS)[:7]
    expected = report.values("recall@50").iloc[rows].mean()
    assert [one["recall"] for one in found if one["side"] == "user"] == [round(expected, 4)] * 2


def test_of_a_low_recall_more_users_are_asked(retriever, split, monkeypatch):
    monkeypatch.setattr(MODULE, "USERS", 7)
    monkeypatch.setattr(MODULE, "LITTLE", 0.15)
    found = ablation(retriever, split)
    (users,) = {one["users"] for one in found}
    assert 7 < users < USERS
    assert all(3 / users <= 0.15 * one["recall"] for one in found)
    monkeypatch.setattr(MODULE, "MOST", 15)  # who could not tell either
    assert {one["users"] for one in ablation(retriever, split)} == {7}


def test_users_are_as_many_as_tell_and_no_more():
    assert MODULE._enough(0.05, 10**6) == 3600
    assert MODULE._enough(0.05, 3100) == 3100
    assert MODULE._enough(0.05, 2900) == 0
    assert MODULE._enough(0.0, 10**6) == MODULE._enough(0.001, 10**6) == 0


def test_what_no_column_tells_of_a_request_is_no_feature():
    names = ("user_id", "history", "history_rating", "objective", "timestamp", "device")
    found = MODULE._features(dict.fromkeys(names))
    assert found == {
        "user_id": ["user_id"],
        "history": ["history", "history_rating"],
        "device": ["device"],
    }


def test_items_are_embedded_in_blocks_and_what_is_shuffled_is_made_alone(
    retriever, split, found, monkeypatch
):
    made, of = [], ItemFeatures.of

    def spied(self, *arguments):
        features = of(self, *arguments)
        made.append((len(arguments[0]), tuple(features)))
        return features

    monkeypatch.setattr(ItemFeatures, "of", spied)
    monkeypatch.setattr(MODULE, "EMBEDDED", 100)
    again = {(one["side"], one["name"]): one for one in ablation(retriever, split)}
    assert again == found
    everything, each = ("item_id", "kind", "noise"), [100, 100, 40]
    assert [rows for rows, names in made if names == everything] == 4 * each
    for name in everything:
        assert [rows for rows, names in made if names == (name,)] == each
