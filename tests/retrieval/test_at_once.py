"""A look into an approximate index: what `search` gives, or a word that it is not."""

import numpy as np
import pytest
import tensorflow as tf

from tests.retrieval.test_scann_index import DIM, clustered
from tfrec_recall.retrieval import Exact, InvertedFile, ScaNN

pytestmark = pytest.mark.usefixtures("only_its_own")

ITEMS = clustered(3000, seed=1)
QUERIES = clustered(20, seed=2)


@pytest.fixture(scope="module", params=[ScaNN, InvertedFile])
def index(request):
    settings = request.param(leaves=60, leaves_to_search=3, reorder=20)
    return settings.build(ITEMS, k=20, queries=clustered(80, seed=3))


@pytest.mark.parametrize("k", [1, 20, 50])
def test_as_search(index, k):
    rows, scores, whole = index.at_once(QUERIES, k, True)
    assert whole
    expected = index.search(QUERIES, k)
    assert (rows.numpy() == expected[0].numpy()).all()
    np.testing.assert_allclose(scores, expected[1], rtol=1e-5)


@pytest.mark.parametrize(
    ("queries", "k", "asked"),
    [
        (QUERIES, 20, False),
        (QUERIES[:0], 20, True),
        (QUERIES, 1000, True),  # searched exactly
        (QUERIES, 4000, True),  # more than there are
    ],
)
def test_not_what_search_gives(index, queries, k, asked):
    assert not index.at_once(queries, k, asked)[2]


def test_leaves_that_hold_too_little(index):
    index = InvertedFile(leaves=600, leaves_to_search=1, reorder=20).build(ITEMS, k=20)
    assert not index.at_once(QUERIES, 20, True)[2]
    assert (index.search(QUERIES, 20)[0] >= 0).numpy().all()


def test_queries_of_other_dimensions(index):
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError), match=r"\[20,17\]|20, 17"):
        index.at_once(tf.zeros([20, DIM + 1]), 20, True)


def test_exact_search_has_no_such_way():
    assert Exact().build(ITEMS).at_once(QUERIES, 20, True) is None
