"""Answers some queries at a time: as many as what they look at allows."""

import resource

import numpy as np
import pytest
import scipy.sparse as sp
import tensorflow as tf

from tfrec_recall.graph.similarity import Cosine
from tfrec_recall.retrieval import (
    RatingRetriever,
    UserNeighbourRetriever,
    rating_retriever,
    user_neighbour_retriever,
)
from tfrec_recall.retrieval.query_blocks import by_query_blocks

ITEMS = 500


@pytest.mark.usefixtures("untraced")
@pytest.mark.parametrize(
    ("cost", "blocks"),
    [(None, [4, 2]), ([1, 1, 3, 9, 1, 2], [2, 1, 1, 2]), ([0, 0, 0, 0, 0, 0], [6])],
)
def test_a_block_holds_what_costs_no_more_together(cost, blocks):
    sizes = []

    def answer(some):
        sizes.append(len(some))
        return some[:, tf.newaxis], tf.cast(some[:, tf.newaxis], tf.float32)

    rows, scores = by_query_blocks(answer, (tf.range(6),), 1, 4, cost)
    np.testing.assert_array_equal(rows[:, 0], range(6))
    np.testing.assert_array_equal(scores[:, 0], range(6))
    assert sizes == blocks


def by_users():
    users = [f"u{n}" for n in range(ITEMS)]
    everything = sp.csr_array(np.ones((ITEMS, ITEMS), "float32"))
    return UserNeighbourRetriever(ids(), users, everything, Cosine(), neighbours=ITEMS)


def by_items():
    others = (np.arange(ITEMS)[:, np.newaxis] + np.arange(1, ITEMS)) % ITEMS
    return RatingRetriever(ids(), others, np.ones(others.shape), None, np.ones(ITEMS))


def ids():
    return [f"i{n}" for n in range(ITEMS)]


@pytest.mark.parametrize("made", [by_items, by_users])
def test_memory_is_bounded_by_the_entries_of_some_queries(monkeypatch, made):
    """Of all queries there are 64 x 250,000 entries, of which each takes 16 bytes and more."""
    for module in (user_neighbour_retriever, rating_retriever):
        monkeypatch.setattr(module, "CELLS_AT_A_TIME", 500_000)
    retriever = made()

    def lists(queries):
        asked = {"user_id": ["new"] * queries, "history": [ids()] * queries}
        asked["history_rating"] = np.ones((queries, ITEMS), "float32")
        return retriever({name: asked[name] for name in retriever.inputs}, k=3)

    lists(2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    lists(64)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100_000, f"peak memory grew by {grown / 1000:.0f} MB"
