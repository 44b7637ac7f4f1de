"""Every index against NumPy, over a grid of sizes; and again after it was saved and reloaded."""

import functools
import itertools
import re

import numpy as np
import pytest
import tensorflow as tf

from tests.references.top_k import top_k
from tfrec_recall.retrieval import Exact, InvertedFile, ScaNN

DIM = 7
MOST = 23  # the longest list of rows to leave out
INDEXES = {
    "exact": Exact(),
    "exact, block by block": Exact(block=64),
    "scann": ScaNN(),
    # All leaves and all candidates are searched: the answer is that of exact search.
    "scann, a tree": ScaNN(leaves=9, leaves_to_search=9, reorder=1200),
    "inverted file": InvertedFile(leaves=9, leaves_to_search=1200, reorder=1200),
    "inverted file, int8": InvertedFile(leaves=9, leaves_to_search=1200, reorder=1200, int8=True),
}
GRID = [
    *itertools.product([name for name in INDEXES if "inverted" not in name], (1, 5, 150)),
    ("inverted file", 5),
    ("exact, block by block", 1200),
    ("scann, a tree", 1200),
    ("inverted file", 1200),
    ("inverted file, int8", 1200),
]


@functools.cache
def vectors_of(items):
    return np.random.default_rng(items).normal(size=(items, DIM)).astype("float32")


class Searcher(tf.Module):
    """An index behind one function, as an export holds it."""

    def __init__(self, index):
        super().__init__()
        self.index = index

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, DIM], tf.float32),
            tf.TensorSpec([], tf.int32),
            tf.TensorSpec([None, None], tf.int32),
            tf.TensorSpec([None, None], tf.bool),
        ]
    )
    def search(self, query, k, exclude, present):
        return self.index.search(query, k, exclude, present)


@pytest.fixture(scope="module", params=GRID, ids=str)
def case(request, tmp_path_factory):
    """vectors, the index in process, the same index reloaded."""
    name, items = request.param
    index = INDEXES[name].build(vectors_of(items), k=10)
    path = str(tmp_path_factory.mktemp("index"))
    options = tf.saved_model.SaveOptions(namespace_whitelist=["Scann"])
    tf.saved_model.save(Searcher(index), path, options=options)
    return vectors_of(items), index, tf.saved_model.load(path)


def assert_is_top_k(result, vectors, query, k, exclude, present):
    rows, scores = (part.numpy() for part in result)
    assert rows.dtype == np.int32
    assert scores.dtype == np.float32
    assert rows.shape == scores.shape == (len(query), k)
    for row in range(len(query)):
        expected = top_k(vectors, query[row], k, exclude[row], present[row])
        np.testing.assert_array_equal(rows[row], expected[0])
        np.testing.assert_allclose(scores[row], expected[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("batch", "interests"), [(1, 1), (6, 1), (6, 3)])
def test_finds_the_top_k(case, batch, interests):
    vectors, index, reloaded = case
    for k, width in itertools.product((1, 4, 200), (0, 1, MOST)):
        rng = np.random.default_rng([k, batch, interests, width])
        query = rng.normal(size=(batch, interests, DIM)).astype("float32")
        exclude = rng.integers(-1, len(vectors), size=(batch, width))  # duplicates, and -1 for none
        present = rng.random((batch, interests)) < 0.7

        result = index.search(query, k, exclude, present)
        assert_is_top_k(result, vectors, query, k, exclude, present)
        result = reloaded.search(query, k, exclude.astype("int32"), present)
        assert_is_top_k(result, vectors, query, k, exclude, present)


def test_one_vector_a_query_needs_no_axis_of_interests(case):
    vectors, index, _ = case
    query = np.random.default_rng(1).normal(size=(4, DIM)).astype("float32")
    nothing, everyone = np.zeros((4, 0), int), np.ones((4, 1), bool)
    assert_is_top_k(index.search(query, 3), vectors, query, 3, nothing, everyone)


@pytest.mark.parametrize("k", [1, 40])
def test_leaving_out_nothing_changes_nothing(case, k):
    _, index, _ = case
    query = np.random.default_rng(4).normal(size=(5, DIM)).astype("float32")
    plain, padded = index.search(query, k), index.search(query, k, np.full((5, 2), -1))
    for found, expected in zip(plain, padded, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_batch_equals_its_rows(case):
    vectors, index, _ = case
    rng = np.random.default_rng(2)
    query = rng.normal(size=(5, 2, DIM)).astype("float32")
    exclude = rng.integers(0, len(vectors), size=(5, 3))
    together = index.search(query, 4, exclude)[0].numpy()
    alone = [index.search(query[[i]], 4, exclude[[i]])[0].numpy()[0] for i in range(5)]
    np.testing.assert_array_equal(together, alone)


def test_everything_left_out_leaves_nothing(case):
    vectors, index, _ = case
    query = np.ones((2, DIM), "float32")
    exclude = np.stack([np.arange(len(vectors))] * 2)
    exclude[1, 0] = -1  # the second query may still have row 0
    rows, scores = index.search(query, 3, exclude)
    np.testing.assert_array_equal(rows, [[-1, -1, -1], [0, -1, -1]])
    assert np.isneginf(scores).tolist() == [[True] * 3, [False, True, True]]


def test_an_empty_batch_gives_an_empty_answer(case):
    _, index, _ = case
    rows, scores = index.search(np.zeros((0, DIM), "float32"), 3)
    assert rows.shape == scores.shape == (0, 3)


def test_vectors_of_rows(case):
    vectors, index, _ = case
    rows = np.array([[len(vectors) - 1, -1]])
    np.testing.assert_allclose(index.vectors_of(rows)[0], [vectors[-1], np.zeros(DIM)], rtol=1e-6)


def test_searches_copy_no_vectors_after_some_were_looked_up(case):
    """As TensorFlow's reads of a variable do once it has gathered from it: of a million items, 256
    MB for each query."""
    vectors, index, _ = case
    index.vectors_of(tf.constant([0]))
    index.search(vectors[:1], 1)
    held = [v for v in index.variables if v.dtype == tf.float32 and v.shape == vectors.shape]
    assert held
    for variable in held:
        read = [np.asarray(memoryview(variable.read_value())) for _ in range(2)]
        assert np.shares_memory(*read)


@pytest.mark.parametrize("shape", [(DIM,), (2, DIM + 1), (2, 2, 2 * DIM), (1, 1, 1, DIM)])
def test_queries_of_another_shape(case, shape):
    _, index, _ = case
    message = rf"items' dim is {DIM}.*Received: a tensor of shape {re.escape(str(shape))}"
    with pytest.raises(ValueError, match=message):
        index.search(np.ones(shape, "float32"), 1)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 1e38])
def test_numbers_that_are_none_break_nothing(case, number):
    """A query gone wrong has no good answer, but the other queries of its batch do."""
    vectors, index, _ = case
    query = np.random.default_rng(3).normal(size=(3, DIM)).astype("float32")
    query[1, 2] = number
    rows = index.search(query, 2)[0].numpy()
    for row in (0, 2):
        np.testing.assert_array_equal(rows[row], top_k(vectors, query[row], 2)[0])
    assert ((rows[1] >= -1) & (rows[1] < len(vectors))).all()
