"""A reindexed export keeps the tree of its index: what is new is found, what is gone is not."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.retrieval.toys import texts
from tfrec_recall.export import export, load
from tfrec_recall.operations.kept_tree import KeptTree, Tree
from tfrec_recall.operations.reindex import reindex
from tfrec_recall.retrieval import EmbeddingRetriever, ScaNN, TriggerRetriever, TuningVectors
from tfrec_recall.retrieval.scann_changes import changed_parts
from tfrec_recall.retrieval.scann_searcher import ScannSearcher
from tfrec_recall.upkeep.next_retriever import retriever_of

ITEMS, DIM = 1_500, 8
CENTRES = np.random.default_rng(1).normal(size=(12, DIM))


def drawn(count, seed):
    generator = np.random.default_rng(seed)
    near = CENTRES[generator.integers(0, len(CENTRES), count)]
    return (near + 0.4 * generator.normal(size=(count, DIM))).astype("float32")


class AsTold(tf.Module):
    """The numbers of the request, or of the item, are its vector."""

    def __init__(self):
        super().__init__()
        self.inputs = {f"x{one}": tf.TensorSpec([None], tf.float32) for one in range(DIM)}

    def __call__(self, raw):
        return tf.stack([raw[f"x{one}"] for one in range(DIM)], axis=1)


def table(ids, vectors):
    columns = {f"x{one}": vectors[:, one] for one in range(DIM)}
    return pd.DataFrame({"item_id": ids, **columns})


IDS = [f"i{number}" for number in range(ITEMS)]
VECTORS = drawn(ITEMS, 0)
OLD = table(IDS, VECTORS)
QUERIES = drawn(120, 2)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    index = ScaNN(0.8, leaves=16, leaves_to_search=8, reorder=60)
    arguments = {"item_embedder": AsTold(), "tuning_queries": TuningVectors(drawn(100, 3))}
    made = EmbeddingRetriever(AsTold(), IDS, VECTORS, index, k=10, **arguments)
    return export(made, tmp_path_factory.mktemp("kept") / "model", items=OLD)


@pytest.fixture(scope="module")
def changed():
    """40 items removed, 30 added, 20 moved."""
    new = table([f"n{number}" for number in range(30)], drawn(30, 4))
    moved = table(IDS[100:120], drawn(20, 5))
    return pd.concat([OLD[40:100], moved, OLD[120:], new], ignore_index=True)


def asked(queries):
    return {f"x{one}": queries[:, one] for one in range(DIM)}


def exactly(items, queries, k):
    vectors = items[[f"x{one}" for one in range(DIM)]].to_numpy()
    best = np.argsort(-(queries @ vectors.T), axis=1)[:, :k]
    return items["item_id"].to_numpy()[best]


def told(report):
    """How many items are new in the tree, and since it was built."""
    return report["kept"]["now"], report["kept"]["anew"]


def test_coded_by_the_tree_that_is_there_is_as_coded_when_it_was_built():
    searcher = ScannSearcher(VECTORS, 16)
    parts = {name: part.numpy() for name, part in searcher.parts.items()}
    again = changed_parts(parts, VECTORS, np.where(np.arange(ITEMS) % 3, np.arange(ITEMS), -1))
    for name, part in parts.items():
        np.testing.assert_array_equal(again[name], part)
    order = np.random.default_rng(0).permutation(ITEMS)
    other = changed_parts(parts, VECTORS[order], order)
    np.testing.assert_array_equal(other["hashed_dataset"], parts["hashed_dataset"][order])


def test_a_version_with_the_same_tree_finds_what_is_new_and_nothing_that_is_gone(
    exported, changed, tmp_path
):
    found = reindex(exported, changed, to=tmp_path / "kept")
    assert told(found.index) == (50, 50)
    assert "its tree was kept, 50 of 1,490 items are new in it or have moved" in found.tuned_with
    assert (found.index["leaves"], found.index["tuned_with"]) == (16, "queries")
    loaded = load(found.version)
    lists = np.array(texts(loaded(asked(QUERIES), k=10)[0]))
    truth = exactly(changed, QUERIES, 10)
    recall = np.mean([len({*a} & {*b}) / 10 for a, b in zip(lists, truth, strict=True)])
    assert recall == pytest.approx(found.index["recall"], abs=0.05)
    assert recall >= 0.8
    assert not {*lists.reshape(-1)} & {*IDS[:40]}
    listed, gone = {*lists.reshape(-1)}, {*truth.reshape(-1)} - {*IDS}
    assert len(listed & gone) > 0.7 * len(gone) > 0  # those that were added
    new = changed.iloc[-1:]
    mine = loaded(asked(new[[f"x{one}" for one in range(DIM)]].to_numpy()), k=1)[0]
    assert texts(mine) == exactly(changed, new.iloc[:, 1:].to_numpy(), 1).tolist()


class Anew:
    """Settings that say that the index would be built."""

    def build(self, *given):
        return "anew"


def tree(vectors, report):
    parts = {name: part.numpy() for name, part in ScannSearcher(vectors, 16).parts.items()}
    settings = {"recall": 0.5, "parallel": True}
    made = {"leaves": 16, "leaves_to_search": 8, "reorder": 60, "settings": settings, **report}
    return Tree(parts, made)


def kept(report, rows):
    return KeptTree(Anew(), [tree(VECTORS, report)], rows)


def test_too_many_changes_or_a_missed_recall_build_the_tree_anew(monkeypatch):
    rows = np.where(np.arange(ITEMS) < 200, -1, np.arange(ITEMS))
    built = kept({"kept": {"anew": 990}}, rows).build(VECTORS, 10, QUERIES)
    assert told(built.report) == (200, 1190)  # those of versions before count
    assert kept({"kept": {"anew": 1001}}, rows).build(VECTORS, 10, QUERIES) == "anew"
    assert kept({}, rows).build(VECTORS[:, :4], 10) == "anew"  # vectors of another model
    monkeypatch.setattr(
        "tfrec_recall.operations.kept_tree.with_searcher",
        lambda *given: type("Index", (), {"report": {"recall": 0.49}}),
    )
    assert kept({}, rows).build(VECTORS, 10, QUERIES) == "anew"


def test_items_unlike_the_others_build_the_tree_anew():
    """They would all be in few leaves, which every search among them meets."""
    rows = np.where(np.arange(ITEMS) < 600, -1, np.arange(ITEMS))
    alike = np.where(rows[:, np.newaxis] < 0, drawn(ITEMS, 6), VECTORS)
    fuller = kept({}, rows).build(alike, 10, QUERIES).report["kept"]["fuller"]
    assert fuller == pytest.approx(1, abs=0.1)
    assert kept({"kept": {"fuller": 1.3 / fuller}}, rows).build(alike, 10, QUERIES) == "anew"
    unlike = np.where(rows[:, np.newaxis] < 0, VECTORS[:1] + 0.1 * alike, VECTORS)
    assert kept({}, rows).build(unlike, 10, QUERIES) == "anew"


def test_many_more_items_build_the_tree_anew():
    more = np.concatenate([VECTORS, drawn(ITEMS, 6)])
    rows = np.append(np.arange(ITEMS), np.full(ITEMS, -1))
    assert kept({}, rows).build(more, 10, QUERIES) == "anew"
    report = kept({}, rows[:2000]).build(more[:2000], 10, QUERIES).report
    assert report["kept"]["fuller"] == pytest.approx((2000 / ITEMS) ** 0.5, abs=0.05)


def test_trees_of_queries_and_of_similar_items_may_be_of_another_width():
    """As where items have a bias: it is one number more of what queries search."""
    biased = np.hstack([VECTORS, np.linspace(0, 1, ITEMS, dtype="float32")[:, np.newaxis]])
    both = KeptTree(Anew(), [tree(biased, {}), tree(VECTORS, {})], np.arange(ITEMS))
    asked_with = np.hstack([QUERIES, np.ones((len(QUERIES), 1), "float32")])
    for vectors, queries in ((biased, asked_with), (VECTORS, QUERIES)):
        assert both.build(vectors, 10, queries).report["kept"]["anew"] == 0


class Embeds:
    """A model whose vectors are those of the table."""

    def retriever(self, items, index, k, tuning_queries):
        vectors = items[[f"x{one}" for one in range(DIM)]].to_numpy()
        options = {"item_embedder": AsTold(), "tuning_queries": tuning_queries}
        return EmbeddingRetriever(AsTold(), items["item_id"], vectors, index, k=k, **options)


def test_an_update_keeps_the_tree_unless_the_vectors_have_moved(exported, changed):
    like = load(exported)
    made = retriever_of(Embeds(), changed, like, since=None)
    assert told(made.report["index"]) == (50, 50)
    moved = retriever_of(Embeds(), changed.assign(x0=changed["x0"] + 1), like, since=None)
    assert "kept" not in moved.report["index"]
    assert moved.report["index"]["leaves"] == 16


def test_the_tree_of_a_trigger_retriever_is_kept(tmp_path):
    index = ScaNN(0.5, leaves=16, leaves_to_search=8, reorder=60)
    made = TriggerRetriever(IDS, VECTORS, index, k=10, neighbours=10, item_embedder=AsTold())
    version = export(made, tmp_path / "model", items=OLD)
    found = reindex(version, OLD[10:].reset_index(drop=True))
    assert told(found.index) == (0, 0)
