"""The recall that a card promises is that of users who were not asked when the index was tuned."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.retrieval import EmbeddingRetriever, Exact, InvertedFile, ScaNN
from tfrec_recall.retrieval.index import unit_vectors

ITEMS, DIM, USERS, K, NEAR = 3_000, 12, 2_000, 20, 0.01
INDEXES = {"inverted file": InvertedFile(recall=0.9), "scann": ScaNN(recall=0.9)}


class ByRow(tf.Module):
    """The vectors of users by their number; of several interests, some users have but one."""

    inputs = {"user": tf.TensorSpec([None], tf.int64)}  # noqa: RUF012

    def __init__(self, vectors):
        super().__init__()
        self.vectors = tf.Variable(vectors)

    def __call__(self, raw):
        found = tf.gather(self.vectors, raw["user"])
        if self.vectors.shape.rank == 2:
            return found
        second = raw["user"][:, tf.newaxis] % 3 > 0
        return found, tf.concat([tf.ones_like(second), second], axis=1)


@functools.cache
def world(kind):
    """Vectors of items and of users, who do not lie where the items do."""
    generator = np.random.default_rng(5)
    centres = generator.normal(size=(40, DIM))
    items = centres[generator.integers(40, size=ITEMS)] + 0.5 * generator.normal(size=(ITEMS, DIM))
    users = generator.normal(size=(USERS, 2, DIM)) + 0.7
    if kind == "cosine":
        items, users = unit_vectors(items), users / np.linalg.norm(users, axis=2, keepdims=True)
    users = users if kind == "interests" else users[:, 0]
    return items.astype("float32"), users.astype("float32")


@functools.cache
def exact_lists(kind):
    return lists(kind, Exact())[0]


def lists(kind, index):
    """What users are listed of whom tuning knew nothing, and what the index says of itself."""
    items, users = world(kind)
    ids, half = np.arange(ITEMS), USERS // 2
    asked = {"user": np.arange(half)}
    made = EmbeddingRetriever(ByRow(users), ids, items, index, K, tuning_queries=asked)
    return made({"user": np.arange(half, USERS)})[0].numpy(), made.report["index"]


@pytest.mark.parametrize("name", INDEXES)
@pytest.mark.parametrize("kind", ["cosine", "dot product", "interests"])
def test_users_get_the_recall_that_the_card_says(kind, name):
    found, report = lists(kind, INDEXES[name])
    assert report["tuned_with"] == "queries"
    share = [len({*a} & {*b}) / K for a, b in zip(found, exact_lists(kind), strict=True)]
    assert np.mean(share) == pytest.approx(report["recall"], abs=NEAR)
    assert np.mean(share) > 0.9 - NEAR
    assert all(len({*row}) == K for row in found)  # none twice
