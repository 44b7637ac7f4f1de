"""An export over other items answers as a retriever that was made over them."""

import shutil

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.cli.conftest import printed
from tests.retrieval.toys import item_ids, retriever, texts
from tests.untraced import without_graphs
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.items_table import items_table
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.evaluation.item_features import ItemFeatures
from tfrec_recall.evaluation.queries import raw_tensor
from tfrec_recall.export import export, load
from tfrec_recall.export.version_files import EXTRA
from tfrec_recall.export.versions import versions
from tfrec_recall.health.asked import searched_vectors, vectors_of
from tfrec_recall.operations.index_settings import with_recall
from tfrec_recall.operations.kept_tree import KeptTree
from tfrec_recall.operations.reindex import reindex, reindexed
from tfrec_recall.retrieval import (
    Auto,
    Diversity,
    EmbeddingRetriever,
    HistoryMean,
    InvertedFile,
    TriggerRetriever,
    TuningVectors,
    WithNewItems,
)
from tfrec_recall.retrieval.embedding_retriever import EVERYBODY


class OfColours(tf.Module):
    """[size, how red, 1]: a table knows which words are red."""

    inputs = {  # noqa: RUF012
        "size": tf.TensorSpec([None], tf.float32),
        "words": tf.TensorSpec([None, None], tf.string),
    }

    def __init__(self):
        super().__init__()
        pairs = tf.lookup.KeyValueTensorInitializer(["red", "ruby"], [1.0, 0.5])
        self.red = tf.lookup.StaticHashTable(pairs, 0.0)
        self.one = tf.Variable(1.0)

    def __call__(self, raw):
        red = tf.reduce_sum(self.red.lookup(raw["words"]), axis=1)
        return tf.stack([raw["size"], red, tf.fill(tf.shape(red), self.one)], axis=1)


class Wishes(tf.Module):
    """One interest in size, and one in red that is there where it is wished for."""

    inputs = {  # noqa: RUF012
        "size": tf.TensorSpec([None], tf.float32),
        "red": tf.TensorSpec([None], tf.float32),
    }

    def __init__(self, several):
        super().__init__()
        self.sign, self.several = tf.Variable(1.0), several

    def __call__(self, raw):
        none = tf.zeros_like(raw["size"])
        sizes = tf.stack([self.sign * raw["size"], none, none], axis=1)
        reds = tf.stack([none, raw["red"], none], axis=1)
        if not self.several:
            return sizes + reds
        there = tf.stack([tf.fill(tf.shape(none), True), raw["red"] != 0], axis=1)
        reds -= 100 * tf.cast(raw["red"] == 0, tf.float32)[:, tf.newaxis]
        return tf.stack([sizes, reds], axis=1), there


ITEMS = pd.DataFrame(
    {
        "item_id": [f"i{row}" for row in range(8)],
        "size": [float(row) for row in range(8)],
        "words": [["red"], ["blue"], ["ruby", "red"], [], None, ["red"], ["ruby"], ["blue"]],
    }
)
NEW = pd.concat(
    [
        ITEMS[2:].assign(size=lambda table: table["size"].where(table["item_id"] != "i4", 9.0)),
        pd.DataFrame({"item_id": ["n1", "n2"], "size": [5.5, -1.0], "words": [["red"] * 4, []]}),
    ],
    ignore_index=True,
)
ASKED = {"size": [1.0, -1.0, 0.1], "red": [0.0, 3.0, 0.0]}


def over(items, several=False, **arguments):
    embed = OfColours()
    table = items.explode("words").groupby("item_id", sort=False)["words"].agg(list)
    words = tf.ragged.constant([[w for w in row if isinstance(w, str)] for row in table])
    raw = {"size": raw_tensor(items["size"], tf.float32), "words": words.to_tensor()}
    arguments = {"k": 4, "item_embedder": embed, "with_interest": several, **arguments}
    ids = items["item_id"].to_numpy()
    return EmbeddingRetriever(Wishes(several), ids, embed(raw).numpy(), **arguments)


def assert_same(one, other, queries=ASKED):
    with without_graphs():
        answers = one(queries), other(queries)
    for first, second in zip(*answers, strict=True):
        if first.dtype == tf.string:
            assert texts(first) == texts(second)
        else:
            np.testing.assert_allclose(first, second, rtol=1e-5)


def test_it_answers_as_one_made_over_the_new_items(tmp_path):
    metrics = {"recall@5": 0.5}
    version = export(over(ITEMS, True), tmp_path / "model", metrics, items=ITEMS, warmup=ASKED)
    found = reindex(version.parent, NEW)
    assert found.version == tmp_path / "model" / "2"
    changes = found.changes
    assert (changes.items, changes.added) == ((8, 8), ["n1", "n2"])
    assert (changes.removed, changes.changed) == (["i0", "i1"], ["i4"])
    loaded, made = load(found.version), over(NEW, True)
    assert_same(loaded, made)
    assert texts(loaded.similar_items(["n1"])[0]) == texts(made.similar_items(["n1"])[0])
    assert loaded.signatures == made.signatures
    card = loaded.card
    assert card["metrics"] == {}
    assert card["reindexed"]["metrics_before"] == {"recall@5": 0.5}
    assert (card["reindexed"]["from"], card["reindexed"]["added"]) == ("1", 2)
    # And once more, back to where it was; nothing of the version between is in it.
    again = load(reindex(found.version.parent, ITEMS).version)
    assert_same(again, load(version))
    shapes = [variable.shape for variable in again.saved.state if hasattr(variable, "shape")]
    assert shapes.count(tf.TensorShape([8, 3])) <= 2


def test_shortened_vectors_stay_so(tmp_path):
    loaded = load(export(over(ITEMS, shortened=True), tmp_path / "model", items=ITEMS))
    other, made = reindexed(loaded, NEW), over(NEW, shortened=True)
    found = other.similar_items(["n1"])
    for one, wanted in zip(found, made.similar_items(["n1"]), strict=True):
        np.testing.assert_array_equal(one, wanted)
    by_cosine = over(NEW).similar_items(["n1"])
    assert not np.allclose(found[1], by_cosine[1])


def test_an_index_is_tuned_with_the_requests_that_came_with_the_export(tmp_path):
    generator = np.random.default_rng(0)
    tuning = TuningVectors(generator.normal(size=(80, 6)).astype("float32"))
    made = retriever(60, index=InvertedFile(0.5, leaves=4), tuning_queries=tuning)
    made.report["query"] = {"kind": EVERYBODY}
    loaded = load(export(made, tmp_path / "model"))
    np.testing.assert_array_equal(loaded.tuned_with.queries, tuning.queries)
    fewer = pd.DataFrame({"item_id": item_ids(50)})
    found = reindex(tmp_path / "model", fewer)
    assert found.tuned_with == "the 80 requests of users that came with the export"
    assert found.index["settings"]["recall"] == 0.5
    assert (found.index["tuned_with"], found.index["items"]) == ("queries", 50)
    again = load(found.version)
    assert len(again.tuned_with.queries) == 80
    assert again.report["query"] == {"kind": EVERYBODY}


def test_several_interests_of_tuning_are_kept_with_which_are_there(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(40, 2, 3)).astype("float32")
    present = np.arange(80).reshape(40, 2) % 3 > 0
    made = over(ITEMS, True, tuning_queries=TuningVectors(vectors, present))
    kept = load(export(made, tmp_path / "model")).tuned_with
    np.testing.assert_array_equal(kept.queries, vectors)
    np.testing.assert_array_equal(kept.present, present)


def test_which_interests_are_there_is_kept_where_lists_do_not_tell(tmp_path):
    made = over(ITEMS, True, with_interest=False)
    loaded = load(export(made, tmp_path / "model", items=ITEMS, warmup=ASKED))
    assert "recommend_with_interest" not in loaded.signatures
    other = reindexed(loaded, NEW)
    assert_same(other, over(NEW, True, with_interest=False))
    present = [[True, False], [True, True], [True, False]]
    np.testing.assert_array_equal(other.tuned_with.present, present)
    _, asked = vectors_of(loaded, {name: tf.constant(values) for name, values in ASKED.items()})
    np.testing.assert_array_equal(asked.present, present)


def test_histories_know_the_new_items_and_those_that_are_gone(tmp_path):
    embed, ids = OfColours(), ITEMS["item_id"].to_numpy()
    vectors = over(ITEMS).index.vectors_of(tf.range(8)).numpy()
    vectors = vectors[np.argsort(over(ITEMS).item_ids)]
    mean = HistoryMean(ids, vectors, last=2, half_life=1.0)
    lift = np.linspace(0.5, 1.2, 8)
    made = EmbeddingRetriever(mean, ids, vectors, k=3, item_embedder=embed, lift=lift)
    loaded = load(export(made, tmp_path / "model", items=ITEMS))
    other = reindexed(loaded, NEW)
    query = {"history": [["n1", "i0"]]}
    weights = np.array([1.0, 2.0]) / 3
    expected = weights @ [[5.5, 4.0, 1.0], [0.0, 1.0, 1.0]]
    np.testing.assert_allclose(other.embed_query(query), [expected], rtol=1e-5)
    ids, scores = other(query, k=8)
    score = dict(zip(texts(ids)[0], scores.numpy()[0], strict=True))
    assert score["i7"] == pytest.approx(1.2 * expected @ [7.0, 0.0, 1.0], rel=1e-5)
    assert score["n1"] == pytest.approx(0.5 * expected @ [5.5, 4.0, 1.0], rel=1e-5)  # the least
    for _ in range(3):  # a version whose own catalogue and table lack it knows it all the same
        later = load(reindex(tmp_path / "model", NEW).version)
        np.testing.assert_allclose(later.embed_query(query), [expected], rtol=1e-5)
    by_trigger = TriggerRetriever(
        ITEMS["item_id"], vectors, k=3, last=2, half_life=1.0, lift=lift, item_embedder=embed
    )
    loaded = load(export(by_trigger, tmp_path / "trigger", items=ITEMS))
    other = reindexed(loaded, NEW)
    assert (other.report["last"], other.report["merge"]) == (2, "merge_by_sum")
    ids, scores = other({"history": [["n1"]]}, k=1)
    assert texts(ids) == [["i7"]]
    one, two = np.array([5.5, 4.0, 1.0]), np.array([7.0, 0.0, 1.0])
    cosine = one @ two / np.linalg.norm(one) / np.linalg.norm(two)
    assert scores.numpy()[0, 0] == pytest.approx(1.2 * cosine, rel=1e-5)


def test_places_of_new_items_are_served_and_end_with_a_reindex(tmp_path):
    made = WithNewItems(over(ITEMS), ["i0"], 1)
    loaded = load(export(made, tmp_path / "model", items=ITEMS))
    assert texts(loaded({"size": [1.0], "red": [0.0]})[0])[0][-1] == "i0"  # the smallest
    assert_same(loaded, made)
    with pytest.raises(ValueError, match="places to new items, which the nearest items are not"):
        searched_vectors(loaded)
    with pytest.warns(ReadingNotice, match="gives none, until an update gives them again"):
        other = reindexed(loaded, NEW)
    assert_same(other, over(NEW))


def test_a_new_item_has_the_bias_of_one_that_nobody_had(tmp_path):
    bias = np.linspace(0.5, 4.0, 8)
    other = reindexed(load(export(over(ITEMS, bias=bias), tmp_path / "model", items=ITEMS)), NEW)
    kept = dict(zip(other.item_ids, other.of_items["bias"].numpy()[:, 0], strict=True))
    assert kept["i7"] == pytest.approx(4.0)
    assert kept["n1"] == 0


def test_a_new_item_with_a_vector_is_not_put_below_all_with_those_that_have_none(tmp_path):
    bias = np.where(ITEMS["item_id"] == "i3", -2.0, 0.0)
    other = reindexed(load(export(over(ITEMS, bias=bias), tmp_path / "model", items=ITEMS)), NEW)
    kept = dict(zip(other.item_ids, other.of_items["bias"].numpy()[:, 0], strict=True))
    assert (kept["i3"], kept["n1"]) == (0.0, 0.0)  # i3 has a vector by now
    bias = bias + np.where(ITEMS["item_id"] == "i4", 0.5, 0.0)  # of more than who has a vector
    other = reindexed(load(export(over(ITEMS, bias=bias), tmp_path / "other", items=ITEMS)), NEW)
    kept = dict(zip(other.item_ids, other.of_items["bias"].numpy()[:, 0], strict=True))
    assert (kept["i3"], kept["i4"], kept["n1"]) == (-2.0, 0.5, 0.0)


def test_a_new_item_of_which_nothing_is_known_comes_after_all_others(tmp_path):
    embed = OfColours()
    embed.one.assign(0.0)
    made = over(ITEMS, item_embedder=embed)
    plain = pd.DataFrame({"item_id": ["n0"], "size": [0.0], "words": [[]]})
    new = pd.concat([ITEMS, plain], ignore_index=True)
    other = reindexed(load(export(made, tmp_path / "model", items=ITEMS)), new)
    query = {"size": [-1.0], "red": [0.0]}  # of which i0 has 0, and all others less
    ids, scores, evident = other.recommend_with_evidence(query, k=9)
    assert texts(ids) == [[*(f"i{row}" for row in range(8)), "n0"]]
    np.testing.assert_allclose(scores.numpy()[0, :8], -np.arange(8.0))
    assert evident.numpy().tolist() == [8]  # what is behind fills the list


def test_what_comes_back_has_the_bias_that_it_had(tmp_path):
    bias = np.linspace(0.5, 4.0, 8)
    first = load(export(over(ITEMS, bias=bias), tmp_path / "model", items=ITEMS))
    for number in (2, 3):
        assert reindex(tmp_path / "model", NEW).version.name == str(number)
    removed = pd.read_parquet(tmp_path / "model" / "3" / EXTRA / "removed_items.parquet")
    assert dict(zip(removed["item_id"], removed["bias"], strict=True)) == {"i0": 0.5, "i1": 1.0}
    again = load(reindex(tmp_path / "model", ITEMS).version)
    kept = dict(zip(again.item_ids, again.of_items["bias"].numpy()[:, 0], strict=True))
    assert kept == pytest.approx(dict(zip(ITEMS["item_id"], bias, strict=True)))
    assert_same(again, first)


def test_what_was_learnt_by_id_comes_back(tmp_path):
    first = load(export(retriever(20), tmp_path / "model"))
    every = pd.DataFrame({"item_id": item_ids(20)})
    for some in (every[:15], every[8:12]):
        reindex(tmp_path / "model", some)
    again = load(reindex(tmp_path / "model", every).version)
    np.testing.assert_allclose(
        *(one.embed_item({"item_id": every["item_id"]}) for one in (again, first)), rtol=1e-6
    )
    assert not (again.path / EXTRA / "removed_items.parquet").exists()  # nothing is gone


def test_what_was_written_meanwhile_is_not_passed_over(tmp_path):
    first = export(over(ITEMS), tmp_path / "model", items=ITEMS)

    def meanwhile(done, items):
        with pytest.raises(BlockingIOError, match="another process makes the next version"):
            reindex(first.parent, NEW)
        shutil.copytree(first, tmp_path / "model" / "2")

    with pytest.raises(ValueError, match="Version 2 was written while this reindex embedded"):
        reindex(first.parent, NEW, progress=meanwhile)
    assert versions(first.parent) == [1, 2]
    found = reindex(first, NEW)  # which was chosen, although it is not the newest
    assert (found.before, found.version.name) == (first, "3")


def test_what_cannot_be_embedded_is_said(tmp_path):
    loaded = load(export(retriever(20), tmp_path / "model"))
    more = pd.DataFrame({"item_id": item_ids(22)})
    with pytest.raises(ValueError, match=r"items of its training alone.*2 new items"):
        reindexed(loaded, more)
    assert len(reindexed(loaded, more[:15]).item_ids) == 15  # to take items out needs nothing
    with pytest.raises(ValueError, match=r"string in the export.*Received: int64"):
        reindexed(loaded, pd.DataFrame({"item_id": [1]}))
    with pytest.raises(ValueError, match=r"not spread over categories"):
        reindexed(loaded, more[:15], diversity=Diversity(["a"] * 15, 1.0))
    coloured = load(export(over(ITEMS), tmp_path / "colours"))
    with pytest.raises(ValueError, match=r"the table of items lacks \['words'\]"):
        reindexed(coloured, NEW.drop(columns="words"))
    object.__setattr__(coloured, "report", {"kind": "neighbours"})
    with pytest.raises(ValueError, match=r"\(neighbours\) knows items by what training saw"):
        reindexed(coloured, NEW)
    object.__setattr__(coloured, "report", {"kind": "rules"})
    with pytest.raises(ValueError, match=r"by vectors, neighbours or scores.*colours/1, rules"):
        reindexed(coloured, NEW)


def test_a_row_that_is_there_twice_is_left_out_and_told(tmp_path):
    version = export(over(ITEMS), tmp_path / "model", items=ITEMS)
    twice = pd.concat([NEW, NEW[1:3]])
    with pytest.warns(ReadingNotice, match="items: 2 rows repeat another in every column"):
        found = reindex(version, twice)
    assert found.changes.items == (8, 8)
    assert len(load(found.version).items) == 8
    differs = pd.concat([NEW, NEW[1:2].assign(size=0.5)], ignore_index=True)
    with pytest.raises(ValueError, match=r"repeated ids.*An item has one row.*Received .*i3"):
        reindexed(load(version), differs)
    with pytest.raises(ValueError, match=r"whole catalogue.*Received: a table .* without rows"):
        reindexed(load(version), NEW[:0])
    inputs = {"size": tf.TensorSpec([None], tf.float32)}
    with pytest.raises(ValueError, match=r"one row.*Received: 1 items with several.*\['i3'\]"):
        ItemFeatures(differs, inputs)


def test_the_command_reads_items_as_the_training_did(tmp_path, capsys):
    diverse = Diversity(["a", "b"] * 4, 0.5)
    data = {"layout": {"rename": {"sku": "item_id", "visitor": "user_id"}, "separator": ";"}}
    export(over(ITEMS, diversity=diverse), tmp_path / "model", data=data, items=ITEMS)
    table = NEW.assign(sku=NEW["item_id"], kind=["a", "b"] * 4).drop(columns="item_id")
    table.to_parquet(tmp_path / "new.parquet")
    command = [tmp_path / "model", "--items", tmp_path / "new.parquet"]
    assert "spread over categories" in printed("reindex", capsys, *command, code=1).err
    pd.concat([table, table[:1]]).to_parquet(command[-1])  # a row twice
    said = printed("reindex", capsys, *command, "--diverse-by", "kind", "--k", "3")
    assert "items: 1 rows repeat another" in " ".join(said.err.split())
    assert "Added: 2: n1, n2\nRemoved: 2: i0, i1\nChanged: " in said.out
    assert "Index: exact, recall 1.000; tuned with nothing" in said.out
    made = load(tmp_path / "model" / "2")
    assert (len(made.item_ids), made.k) == (8, 3)
    said = printed("reindex", capsys, *command, "--recall", "0.9", code=1).err
    assert "tuned to no recall, as it searches every item" in " ".join(said.split())
    said = printed("reindex", capsys, *command, "--index", "exact", "--recall", "0.9", code=2).err
    assert "exact finds all" in " ".join(said.split())
    table.drop(columns="words").to_csv(tmp_path / "new.csv", sep=";", index=False)
    command[-1] = tmp_path / "new.csv"
    said = printed("reindex", capsys, *command, "--diverse-by", "kind", code=1)
    assert "lacks ['words']" in said.err.replace("\n", " ")


def test_an_index_is_asked_for_another_recall():
    assert with_recall(InvertedFile(0.5, leaves=4), 0.9) == InvertedFile(0.9, leaves=4)
    assert with_recall(InvertedFile(0.5, 4, 2, 9), 0.9) == InvertedFile(0.9)
    assert with_recall(Auto(0.5, scann=False), 0.9) == Auto(0.9, scann=False)


def test_quotation_marks_are_text_where_the_command_or_the_training_says_so(tmp_path):
    path = tmp_path / "new.csv"
    path.write_text('item_id,size,note\n1,2.5,"a" b\n')
    data = {"layout": {"quotes": False}}
    for given, recorded in (({"quotes": False}, {}), ({}, data)):
        loaded = load(export(over(ITEMS), tmp_path / f"{len(recorded)}", data=recorded))
        table = items_table(loaded, Source(items=str(path), layout=given))
        assert table.iloc[0].to_dict() == {"item_id": "1", "size": 2.5, "note": '"a" b'}


def test_another_length_of_lists_needs_no_other_index_of_trigger_items(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(KeptTree, "of", lambda *told: asked.append(told))
    vectors = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    by_trigger = TriggerRetriever(ITEMS["item_id"], vectors, k=3, item_embedder=OfColours())
    loaded = load(export(by_trigger, tmp_path / "trigger", items=ITEMS))
    assert reindexed(loaded, NEW, k=5).k == 5
    assert len(asked) == 1
