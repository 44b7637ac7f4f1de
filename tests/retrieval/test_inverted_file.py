"""The inverted file: its leaves, the recall it promises, and a graph that any server runs."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.retrieval import Exact, InvertedFile, approximate_index
from tfrec_recall.retrieval import leaf_searcher as leaf_searcher_module
from tfrec_recall.retrieval.k_means import LARGEST, leaves_of, nearest
from tfrec_recall.retrieval.leaf_searcher import LeafSearcher

DIM = 16


def clustered(count, seed, unit=True):
    """Vectors around shared centres; of one length, or of lengths from 1/4 to 4."""
    centres = np.random.default_rng(0).normal(size=(30, DIM))
    random = np.random.default_rng([seed, count])
    vectors = centres[random.integers(0, 30, count)] + random.normal(size=(count, DIM))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    if not unit:
        vectors *= 4 ** random.uniform(-1, 1, (count, 1))
    return vectors.astype("float32")


def recall(index, items, queries, k, exclude=None):
    found = index.search(queries, k, exclude)[0].numpy()
    assert all(len(set(row)) == k for row in found)
    truth = Exact().build(items).search(queries, k, exclude)[0].numpy()
    return np.mean([len(set(a) & set(b)) / k for a, b in zip(found, truth, strict=True)])


@pytest.fixture(scope="module", params=["cosine", "dot product", "int8"])
def case(request):
    """items, an index tuned on 300 queries, and other queries."""
    unit = request.param == "cosine"
    items = clustered(6000, 1, unit)
    settings = InvertedFile(recall=0.9, int8=request.param == "int8")
    return items, settings.build(items, 20, clustered(300, 2, unit)), clustered(400, 3, unit)


def test_reaches_its_recall_on_queries_it_has_not_seen(case):
    items, index, others = case
    assert index.report["kind"] == "inverted file"
    assert index.report["recall"] >= 0.9
    assert recall(index, items, others, 20) == pytest.approx(index.report["recall"], abs=0.025)
    assert index.report["leaves_to_search"] < index.report["leaves"] / 2


@pytest.mark.parametrize("k", [5, 300])  # 300 are more than a leaf holds
def test_recall_holds_for_other_lengths(case, k):
    items, index, others = case
    assert recall(index, items, others[:60], k) >= 0.87


@pytest.mark.parametrize("width", [30, 800, 3000])
def test_recall_holds_when_the_best_are_left_out(case, width):
    items, index, others = case
    queries = others[:30]
    exclude = np.argsort(-queries @ items.T, axis=1)[:, :width]
    exclude[1:10, 2:] = -1  # lists of unequal length share a batch
    found = index.search(queries, 20, exclude)[0].numpy()
    assert not any(set(row) & set(out) for row, out in zip(found, exclude, strict=True))
    assert recall(index, items, queries, 20, exclude) >= 0.87


def test_scores_are_exact_inner_products(case):
    items, index, others = case
    rows, scores = index.search(others[:5], 20)
    products = np.einsum("qd,qkd->qk", others[:5], items[rows.numpy()])
    np.testing.assert_allclose(scores, products, rtol=1e-4, atol=1e-5)


def test_blocks_of_queries_are_as_all_at_once(case, monkeypatch):
    _, index, others = case
    whole = index.search(others[:40], 20)[0].numpy()
    monkeypatch.setattr(leaf_searcher_module, "NUMBERS_AT_A_TIME", 20_000 * DIM)
    np.testing.assert_array_equal(index.search(others[:40], 20)[0], whole)


def test_only_the_nearest_leaves_are_looked_at():
    """Of one leaf, the candidates are the items that have its mean as their best one."""
    items, query = clustered(600, 4), clustered(5, 5)
    searcher = LeafSearcher(items, 12)
    leaf = leaves_of(items, 12)
    means = np.stack([items[leaf == one].mean(axis=0) for one in range(leaf.max() + 1)])
    rows = searcher.candidates(query, 600, 600, 1)[0].numpy()
    for row, vector in zip(rows, query, strict=True):
        expected = np.flatnonzero(leaf == (means @ vector).argmax())
        assert sorted(row[row >= 0]) == expected.tolist()


def test_k_means_parts_what_is_apart():
    """Twelve heaps far from each other: no leaf holds items of two heaps."""
    random = np.random.default_rng(0)
    heap = random.integers(0, 12, 900)
    vectors = 100 * np.eye(12, DIM)[heap] + random.normal(size=(900, DIM))
    leaf = leaves_of(vectors.astype("float32"), 48)
    assert all(len(set(heap[leaf == one])) == 1 for one in range(leaf.max() + 1))


@pytest.mark.parametrize("kind", ["one heap", "equal", "zero"])
def test_no_leaf_is_empty_and_none_is_long(kind):
    vectors = clustered(2000, 6)
    vectors[100:] = {"one heap": vectors[0] + vectors[100:] / 1000, "equal": 1.0, "zero": 0.0}[kind]
    size = np.bincount(leaves_of(vectors, 40))
    assert size.min() > 0
    assert size.max() <= LARGEST * 2000 / 40


def test_the_nearest_centroid_is_found_block_by_block(monkeypatch):
    monkeypatch.setattr("tfrec_recall.retrieval.k_means.SCORES_AT_A_TIME", 100)
    vectors, centroids = clustered(70, 7, unit=False), clustered(9, 8, unit=False)
    distance = np.square(vectors[:, np.newaxis] - centroids).sum(axis=2)
    np.testing.assert_array_equal(nearest(vectors, centroids), distance.argmin(axis=1))


@pytest.mark.parametrize("items", [1, 39])
def test_few_items(items):
    vectors = clustered(items, 9)
    index = InvertedFile().build(vectors, k=10, queries=clustered(80, 10))
    k = min(items, 10)
    expected = Exact().build(vectors).search(clustered(4, 11), k)[0]
    np.testing.assert_array_equal(index.search(clustered(4, 11), k)[0], expected)


def test_the_report_says_how_long_a_search_takes(untimed, monkeypatch):
    monkeypatch.setattr(approximate_index, "_milliseconds", untimed)
    settings = InvertedFile(recall=0.1, leaves=6, leaves_to_search=2, reorder=20)
    index = settings.build(clustered(200, 9), k=5, queries=clustered(80, 10))
    took = index.report["milliseconds_per_query"]
    assert set(took) == {"inverted file", "exact"}
    assert all(0 < milliseconds < np.inf for milliseconds in took.values())


def test_its_graph_has_operations_of_tensorflow_alone(case):
    _, index, _ = case

    @tf.function(
        input_signature=[tf.TensorSpec([None, DIM]), tf.TensorSpec([None, None], tf.int32)]
    )
    def search(query, exclude):
        return index.search(query, 20, exclude)

    graph = search.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for f in graph.library.function for node in f.node_def)]
    operations = {node.op for node in nodes}
    assert "TopKV2" in operations
    assert not [name for name in operations if ">" in name or "PyFunc" in name]
