"""ScaNN: the recall it promises, exclusions, and searchers that do not mix."""

import gc
import logging

import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.retrieval import Auto, Exact, IndexNotice, InvertedFile, ScaNN
from tfrec_recall.retrieval import auto as auto_module
from tfrec_recall.retrieval.scann_searcher import ScannSearcher, held

pytestmark = pytest.mark.usefixtures("only_its_own")

DIM = 16
TREE = ScaNN(leaves=40, leaves_to_search=6, reorder=30)


def clustered(count, seed):
    """Unit vectors around shared centres, as trained embeddings have them."""
    centres = np.random.default_rng(0).normal(size=(30, DIM))
    rng = np.random.default_rng([seed, count])
    vectors = centres[rng.integers(0, 30, count)] + rng.normal(size=(count, DIM))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("float32")


ITEMS = clustered(6000, seed=1)


@pytest.fixture(scope="module")
def tuned():
    return ScaNN(recall=0.9).build(ITEMS, k=20, queries=clustered(600, seed=2))


def recall(index, queries, k, exclude=None):
    found = index.search(queries, k, exclude)[0].numpy()
    truth = Exact().build(ITEMS).search(queries, k, exclude)[0].numpy()
    return np.mean([len(set(a) & set(b)) / k for a, b in zip(found, truth, strict=True)])


def test_reaches_its_recall_on_queries_it_has_not_seen(tuned):
    assert recall(tuned, clustered(500, seed=3), 20) >= 0.9 - 0.015
    assert tuned.report["recall"] >= 0.9


def test_does_not_search_everything_for_it(tuned):
    report = tuned.report
    assert report["leaves_to_search"] < report["leaves"] / 2
    assert report["reorder"] < len(ITEMS) / 10


def test_a_higher_recall_costs_more_work(tuned):
    high = ScaNN(recall=0.99).build(ITEMS, k=20, queries=clustered(600, seed=2)).report
    assert high["recall"] > 0.98
    share = high["leaves_to_search"] / high["leaves"]
    assert share > tuned.report["leaves_to_search"] / tuned.report["leaves"]


def test_the_same_data_gives_the_same_settings(tuned):
    again = ScaNN(recall=0.9).build(ITEMS, k=20, queries=clustered(600, seed=2))
    names = ("leaves", "leaves_to_search", "reorder", "recall")
    assert [again.report[n] for n in names] == [tuned.report[n] for n in names]


def test_scores_are_exact_inner_products(tuned):
    query = clustered(5, seed=4)
    rows, scores = tuned.search(query, 20)
    products = np.einsum("qd,qkd->qk", query, ITEMS[rows.numpy()])
    np.testing.assert_allclose(scores, products, rtol=1e-4)


@pytest.mark.parametrize("k", [5, 20, 100, 1000])
def test_recall_holds_for_other_lengths(tuned, k):
    assert recall(tuned, clustered(100, seed=5), k) >= 0.87


@pytest.mark.parametrize("width", [10, 200, 1400, 5000])
def test_recall_holds_when_the_best_are_left_out(tuned, width):
    queries = clustered(60, seed=6)
    exclude = np.argsort(-queries @ ITEMS.T, axis=1)[:, :width]
    exclude[1:20, 2:] = -1  # lists of unequal length share a batch
    found = tuned.search(queries, 20, exclude)[0].numpy()
    assert (found >= 0).all()
    assert not any(set(row) & set(out) for row, out in zip(found, exclude, strict=True))
    assert recall(tuned, queries, 20, exclude) >= 0.87


def test_too_few_found_is_searched_exactly():
    """One leaf of 40 holds about 150 items: fewer than asked for."""
    narrow = ScaNN(leaves=40, leaves_to_search=1, reorder=10).build(ITEMS, k=1000)
    queries = clustered(3, seed=7)
    rows, _ = narrow.search(queries, 1000)
    np.testing.assert_array_equal(rows, Exact().build(ITEMS).search(queries, 1000)[0])


def test_two_searchers_never_answer_for_each_other():
    def searched(index):
        return tf.function(lambda query: index.search(query, 3)[0])(clustered(2, seed=8)).numpy()

    one, other = TREE.build(ITEMS, k=10), TREE.build(-ITEMS, k=10)
    assert not np.array_equal(searched(one), searched(other))
    np.testing.assert_array_equal(searched(one), one.search(clustered(2, seed=8), 3)[0])


def test_a_graph_makes_its_searcher_once():
    """All its branches share it: else nine variables are handed to each, at every request."""
    index = TREE.build(ITEMS[:1500], k=10)
    asked = [tf.TensorSpec([None, DIM]), tf.TensorSpec([None, None], tf.int32)]
    searching = tf.function(lambda query, exclude: index.search(query, 3, exclude))
    made = searching.get_concrete_function(*asked).graph.as_graph_def()
    nodes = [*made.node, *(node for inner in made.library.function for node in inner.node_def)]
    assert [node.op for node in nodes].count("Scann>TensorsToScann") == 1


def test_a_searcher_goes_with_its_index():
    """A resource stays, with all vectors, for the life of the process, if it is not let go."""
    searcher = ScannSearcher(ITEMS[:1500], leaves=None)
    name = searcher._shared_name
    held(name)
    del searcher
    gc.collect()
    with pytest.raises(tf.errors.OpError):
        held(name)


def test_a_searcher_may_go_while_a_graph_is_built():
    @tf.function
    def graph(value):
        nonlocal index
        index = None
        gc.collect()
        return value + 1.0

    index = TREE.build(ITEMS[:1500], k=10)
    traced = graph.get_concrete_function(tf.TensorSpec([], tf.float32))
    assert not traced.captured_inputs


def test_building_says_nothing_on_the_terminal(capfd):
    TREE.build(ITEMS[:1500], k=10)
    assert "Partition" not in capfd.readouterr().err


def test_a_graph_outlives_the_index_it_was_saved_from(tmp_path):
    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, DIM])])
        def search(self, query):
            return self.index.search(query, 3)[0]

    module = Module()
    module.index = TREE.build(ITEMS, k=10)
    expected = module.search(ITEMS[:4]).numpy()
    options = tf.saved_model.SaveOptions(namespace_whitelist=["Scann"])
    tf.saved_model.save(module, str(tmp_path), options=options)
    reloaded = tf.saved_model.load(str(tmp_path))
    np.testing.assert_array_equal(reloaded.search(ITEMS[:4]), expected)
    del module  # and its resource, which has the same name
    gc.collect()
    np.testing.assert_array_equal(reloaded.search(ITEMS[:4]), expected)


def test_the_reported_recall_is_that_of_merged_lists():
    """Of 3 interests, of which some are not present: a list of 20 for each user."""
    vectors, random = clustered(3600, seed=9).reshape(-1, 3, DIM), np.random.default_rng(9)
    present = random.random((1200, 3)) < 0.6
    tuning, others = slice(0, 600), slice(600, None)
    index = ScaNN(recall=0.9).build(ITEMS, 20, vectors[tuning], present[tuning])
    asks = present[others].any(axis=1)
    queries, there = vectors[others][asks], present[others][asks]
    found = index.search(queries, 20, present=there)[0].numpy()
    truth = Exact().build(ITEMS).search(queries, 20, present=there)[0].numpy()
    share = np.mean([len(set(a) & set(b)) / 20 for a, b in zip(found, truth, strict=True)])
    assert index.report["recall"] >= 0.9
    assert index.report["tuned_with"] == "queries"
    assert share == pytest.approx(index.report["recall"], abs=0.015)


@pytest.mark.parametrize("queries", [None, np.zeros((3, DIM)), np.full((3, DIM), np.nan)])
def test_item_vectors_stand_in_with_a_warning(queries):
    with pytest.warns(IndexNotice, match="recall that users get may be another"):
        report = TREE.build(ITEMS[:1500], k=10, queries=queries).report
    assert report["tuned_with"] == "item vectors"
    assert "tuning_queries" in report["warning"]


def test_a_few_queries_report_what_item_vectors_chose():
    report = ScaNN(recall=0.2).build(ITEMS[:1500], k=10, queries=clustered(20, seed=3)).report
    assert report["queries"] == 20
    assert report["tuned_with"] == "item vectors, and measured on queries"


def near_each_other(count, seed):
    """What hashing cannot tell apart: all directions are nearly one."""
    return (1.0 + 1e-3 * clustered(count, seed)).astype("float32")


def test_a_recall_that_is_not_reached_is_said_and_served_exactly(monkeypatch):
    monkeypatch.setattr(ScaNN, "reorder_per_k", (1.0,))
    vectors, queries = near_each_other(3000, 1), near_each_other(200, 2)
    with pytest.warns(IndexNotice, match=r"reaches recall 0\.\d+.*0\.95 was asked.*exactly"):
        index = ScaNN(recall=0.95).build(vectors, k=20, queries=queries)
    assert index.report["kind"] == "exact"
    assert index.report["instead_of"]["recall"] < 0.95
    assert "exactly" in index.report["warning"]
    expected = Exact().build(vectors).search(queries, 20)[0]
    np.testing.assert_array_equal(index.search(queries, 20)[0], expected)


def test_settings_given_are_served_with_a_warning_where_they_fall_short():
    poor = ScaNN(recall=0.95, leaves=40, leaves_to_search=1, reorder=20)
    with pytest.warns(IndexNotice, match="as the settings given say"):
        index = poor.build(ITEMS, k=20, queries=clustered(100, seed=2))
    assert index.report["kind"] == "scann"
    assert index.report["recall"] < 0.95


def test_one_of_equal_items_is_as_good_as_another():
    vectors = np.repeat(clustered(300, seed=4), 10, axis=0)
    report = ScaNN(recall=0.9).build(vectors, k=5, queries=clustered(200, seed=5)).report
    assert report["kind"] == "scann"
    assert report["recall"] >= 0.9


def test_a_query_that_finds_too_little_leaves_the_others_as_they_are():
    narrow = ScaNN(leaves=40, leaves_to_search=1, reorder=150).build(ITEMS, k=150)
    queries = clustered(40, seed=7)
    together = narrow.search(queries, 150)[0].numpy()
    alone = np.concatenate([narrow.search(queries[[row]], 150)[0] for row in range(40)])
    np.testing.assert_array_equal(together, alone)


def test_queries_to_tune_with_of_another_length():
    with pytest.raises(ValueError, match=rf"\[\.\.\., {DIM}\].*shape \({DIM}, 3\)"):
        ScaNN().build(ITEMS, queries=np.ones((DIM, 3)))


@pytest.mark.parametrize("dim", [1, 3, 4, 5])
@pytest.mark.parametrize("kind", ["equal", "zero", "normal"])
def test_degenerate_vectors(kind, dim):
    vectors = {
        "equal": np.ones((1100, dim)),
        "zero": np.zeros((1100, dim)),
        "normal": np.random.default_rng(0).normal(size=(1100, dim)),
    }[kind]
    rows, scores = ScaNN().build(vectors, k=10).search(np.ones((2, dim), "float32"), 10)
    assert all(len(set(row)) == 10 for row in rows.numpy())
    np.testing.assert_allclose(scores, vectors[rows.numpy()].sum(axis=2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("recall", [0, 1, 1.5, -0.1, "high"])
def test_a_recall_out_of_reach(recall):
    with pytest.raises(ValueError, match=rf"use Exact\(\)\. Received: recall={recall!r}"):
        ScaNN(recall=recall)
    for settings in (Auto, InvertedFile):
        with pytest.raises(ValueError, match=rf"use Exact\(\)\. Received: recall={recall!r}"):
            settings(recall=recall)


@pytest.mark.parametrize("given", [{"reorder": 5}, {"leaves_to_search": 2, "leaves": 4}])
def test_settings_that_belong_together(given):
    with pytest.raises(ValueError, match=r"together.*Received"):
        ScaNN(**given)


@pytest.mark.parametrize(
    ("settings", "name", "value"),
    [
        *((kind, "leaves", value) for kind in (ScaNN, InvertedFile) for value in (0, 1.5, "many")),
        (ScaNN, "parallel", "no"),
        (InvertedFile, "int8", 2),
        (Auto, "scann", "no"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(settings, name, value):
    with pytest.raises(
        ValueError, match=rf"{settings.__name__} takes {name} as .*: {name}={value!r}"
    ):
        settings(**{name: value})


def test_auto_searches_few_items_exactly_and_says_so(caplog):
    with caplog.at_level(logging.INFO):
        index = Auto().build(ITEMS, k=20)
    assert index.report["kind"] == "exact"
    assert "few" in index.report["why"]
    assert "Auto chose exact search" in caplog.text


@pytest.mark.parametrize(("scann", "kind"), [(0.1, "scann"), (9.0, "exact")])
def test_auto_keeps_scann_where_it_is_faster(monkeypatch, scann, kind):
    attempt = ScaNN.attempt

    def timed(*args, **kwargs):
        index = attempt(*args, **kwargs)
        index.report["milliseconds_per_query"] = {"scann": scann, "exact": 1.0}
        return index

    monkeypatch.setattr(auto_module, "FEWEST_NUMBERS", 0)
    monkeypatch.setattr(ScaNN, "attempt", timed)
    index = Auto(recall=0.8).build(ITEMS[:1500], k=20)
    assert index.report["kind"] == kind
    assert index.report["chosen_by"] == {"recall": 0.8, "scann": True}
    assert f"{scann} ms" in index.report["why"]


def test_auto_requires_the_recall_however_fast(monkeypatch):
    attempt = ScaNN.attempt

    def fast(*args, **kwargs):
        index = attempt(*args, **kwargs)
        index.report["milliseconds_per_query"] = {"scann": 0.001, "exact": 1000.0}
        return index

    monkeypatch.setattr(auto_module, "FEWEST_NUMBERS", 0)
    monkeypatch.setattr(ScaNN, "attempt", fast)
    monkeypatch.setattr(ScaNN, "reorder_per_k", (1.0,))
    vectors, queries = near_each_other(3000, 1), near_each_other(200, 2)
    report = Auto(recall=0.95).build(vectors, k=20, queries=queries).report
    assert report["kind"] != "scann"
    assert "0.95 was asked for; InvertedFile took" in report["why"]


def test_auto_does_without_the_operations_that_the_server_lacks(monkeypatch):
    monkeypatch.setattr(auto_module, "FEWEST_NUMBERS", 0)
    report = (
        Auto(recall=0.8, scann=False).build(ITEMS[:1500], k=20, queries=ITEMS[1500:1600]).report
    )
    assert report["kind"] in ("exact", "inverted file")
    assert report["why"].startswith("InvertedFile took")
