"""The recall that a card promises is that of users who were not asked when the index was tuned."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.model_cases import SEEN, asked, retrieving, the_board, trained
from tests.contract.test_tuning_queries import SEARCHED
from tfrec_recall.retrieval import (
    EmbeddingRetriever,
    Exact,
    InvertedFile,
    ScaNN,
    ScoringRetriever,
    TriggerRetriever,
)
from tfrec_recall.retrieval.index import unit_vectors

NEAR = 0.01
KINDS = {InvertedFile: "inverted file", ScaNN: "scann"}


def recall(found, exact):
    """The mean share of the lists that is among the best, or scores as they do: which of equal
    items is no matter, and a score near 0 is as inexact as the larger parts that it is a sum of.

    Args:
        found, exact: ids and scores; no item comes twice.
    """
    ids, scores = found
    assert all(len({*row}) == len(row) for row in ids)
    least = exact[1][:, -1:]
    same = (ids[:, :, np.newaxis] == exact[0][:, np.newaxis]).any(axis=2)
    return np.mean(same | (scores >= least - 1e-6 * np.abs(least)))


def strangers(seed, count=2_000):
    """Requests of users with histories that nobody of the board has."""
    generator, board = np.random.default_rng(seed), the_board()
    items = board.items["item_id"].to_numpy()
    histories = generator.permuted(np.tile(items, (count, 1)), axis=1)[:, :SEEN]
    padded = np.arange(SEEN) >= generator.integers(1, SEEN + 1, size=(count, 1))
    return {
        "user_id": generator.choice(board.users["user_id"].to_numpy(), count),
        "country": generator.choice(["fr", "uk"], count),
        "history": np.where(padded, "", histories),
        "objective": np.full(count, ""),
    }


@pytest.mark.parametrize("model_class", SEARCHED)
@pytest.mark.filterwarnings("ignore::tfrec_recall.retrieval.IndexNotice")
def test_users_of_every_model_get_the_recall_that_its_card_says(model_class):
    k, index = 4, InvertedFile(leaves=6, leaves_to_search=4, reorder=4)
    model, items = trained(model_class)[0], the_board().items
    made = model.retriever(items, index=index, k=k, tuning_queries=strangers(0))
    exact = retrieving(model_class)
    assert exact.report["index"]["kind"] == "exact"
    report, others = made.report["index"], strangers(1)
    assert report["tuned_with"] == "queries"
    found = recall(asked(made, others, k), asked(exact, others, k))
    assert found == pytest.approx(report["recall"], abs=NEAR)


ITEMS, SOME, DIM, USERS, K = 3_000, 600, 12, 2_000, 20
HALF = USERS // 2  # of them tune


class ByRow(tf.Module):
    """The vectors of users by their number; of several interests, some users have but one. As a
    scorer, it knows items by their numbers from 2 on.
    """

    inputs = {"user": tf.TensorSpec([None], tf.int64)}  # noqa: RUF012

    def __init__(self, vectors, items=None):
        super().__init__()
        self.vectors, self.items = tf.Variable(vectors), items

    def __call__(self, raw):
        found = tf.gather(self.vectors, raw["user"])
        if self.vectors.shape.rank == 2:
            return found
        second = raw["user"][:, tf.newaxis] % 3 > 0
        return found, tf.concat([tf.ones_like(second), second], axis=1)

    query = __call__

    def knows(self, raw):
        return None

    def score(self, query, items):
        return tf.reduce_sum(query[:, tf.newaxis] * tf.gather(self.items, items - 2), axis=2)

    def query_vectors(self, query):
        return query

    def item_vectors(self, items):
        return self.items[items - 2]


@functools.cache
def world(kind):
    """Vectors of items and of users, who do not lie where the items do."""
    generator, count = np.random.default_rng(5), SOME if kind in OTHERS else ITEMS
    centres = generator.normal(size=(40, DIM))
    items = centres[generator.integers(40, size=count)] + 0.5 * generator.normal(size=(count, DIM))
    users = generator.normal(size=(USERS, 2, DIM)) + 0.7
    if kind == "cosine":
        items, users = unit_vectors(items), users / np.linalg.norm(users, axis=2, keepdims=True)
    users = users if kind == "interests" else users[:, 0]
    return items.astype("float32"), users.astype("float32")


def biased(index, items, users, tuning):
    bias = np.random.default_rng(6).normal(size=len(items))
    arguments = {"bias": bias, "tuning_queries": tuning}
    return EmbeddingRetriever(ByRow(users), np.arange(len(items)), items, index, K, **arguments)


def shortlisted(index, items, users, tuning):
    """The lists are as long as what the index proposes."""
    encoded = np.arange(2, len(items) + 2)
    scorer = ByRow(users, items)
    return ScoringRetriever(scorer, encoded - 2, encoded, K, index, K, tuning_queries=tuning)


def by_triggers(index, items, users, tuning):
    """Of the items that each user would like best, the tenth is what he has."""
    own = np.argsort(-users @ items.T, axis=1)[:, 9:10]
    arguments = {"last": 1, "neighbours": K + 1, "tuning_queries": {"history": own[:HALF]}}
    made = TriggerRetriever(np.arange(len(items)), items, index, K, **arguments)
    return made, {"history": own[HALF:]}


OTHERS = {"bias": biased, "shortlist": shortlisted, "triggers": by_triggers}


def lists(kind, index):
    """What users are listed of whom tuning knew nothing, and what the index says of itself."""
    items, users = world(kind)
    tuning, asked = {"user": np.arange(HALF)}, {"user": np.arange(HALF, USERS)}
    if kind in OTHERS:
        made = OTHERS[kind](index, items, users, tuning)
        made, asked = made if isinstance(made, tuple) else (made, asked)
    else:
        ids = np.arange(len(items))
        made = EmbeddingRetriever(ByRow(users), ids, items, index, K, tuning_queries=tuning)
    return [part.numpy() for part in made(asked)], made.report["index"]


@pytest.mark.parametrize(
    ("kind", "index"),
    [
        ("cosine", InvertedFile(0.9)),
        ("interests", ScaNN(0.9)),
        ("dot product", ScaNN(0.9)),
        ("bias", ScaNN(0.9)),
        ("shortlist", InvertedFile(0.9)),
        ("triggers", InvertedFile(0.9)),
    ],
    ids=lambda one: one if isinstance(one, str) else type(one).__name__.lower(),
)
def test_a_recall_that_was_asked_for_is_that_of_others_too(kind, index):
    """Of every kind of retriever that searches an index; what leaves something out finds more."""
    found, report = lists(kind, index)
    assert (report["kind"], report["tuned_with"]) == (KINDS[type(index)], "queries")
    share = recall(found, lists(kind, Exact())[0])
    assert kind == "triggers" or share < report["recall"] + NEAR
    assert share > max(report["recall"], 0.9) - NEAR
