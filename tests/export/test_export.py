"""An export is the retriever: the same lists, and what it says about itself."""

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.retrieval.toys import MeanOfHistory, item_ids, retriever, texts
from tfrec_recall.export import export, load
from tfrec_recall.retrieval import Auto, EmbeddingRetriever, Exact, ScaNN

COUNT = 1500
INDEXES = {
    "auto": Auto(),  # few items: exact
    "blocks": Exact(block=400),
    "scann": ScaNN(leaves=20, leaves_to_search=8, reorder=100),
}
HISTORIES = [["item 1"], ["item 2", "item 30"], [], ["unknown", "item 7"]]
EXCLUDE = [["item 4"], [], ["item 1", "", "item 2"], ["item 9", "unknown"]]


@pytest.fixture(scope="module", params=INDEXES)
def pair(request, tmp_path_factory):
    """The retriever in process, and its export loaded back."""
    original = retriever(COUNT, index=INDEXES[request.param])
    return original, load(export(original, tmp_path_factory.mktemp("model")))


def test_what_was_traced_is_saved_and_not_traced_again(tmp_path, monkeypatch):
    """TensorFlow would, as while it saves it is in a context of its own: twice the graph."""
    call, save, calls = MeanOfHistory.__call__, tf.saved_model.save, []

    def saved(*arguments):
        before = len(calls)
        save(*arguments)
        assert len(calls) == before > 0

    monkeypatch.setattr(
        MeanOfHistory, "__call__", lambda self, raw: calls.append(raw) or call(self, raw)
    )
    monkeypatch.setattr(tf.saved_model, "save", saved)
    export(retriever(5), tmp_path / "model")


def assert_same(result, expected):
    assert texts(result[0]) == texts(expected[0])
    np.testing.assert_allclose(result[1], expected[1], rtol=1e-5)


@pytest.mark.parametrize("k", [None, 1, 50, 2000])
def test_recommends_the_same(pair, k):
    original, loaded = pair
    query = {"history": HISTORIES}
    assert_same(loaded(query, k, EXCLUDE), original(query, k, EXCLUDE))
    assert_same(loaded(query, k), original(query, k))


def test_finds_the_same_similar_items(pair):
    original, loaded = pair
    items, exclude = ["item 3", "unknown"], [["item 5"], ["item 6"]]
    assert_same(loaded.similar_items(items, 7, exclude), original.similar_items(items, 7, exclude))


def test_embeds_the_same(pair):
    original, loaded = pair
    for name, features in (
        ("embed_query", {"history": HISTORIES}),
        ("embed_item", {"item_id": ["item 3", "unknown"]}),
    ):
        vectors = getattr(loaded, name)(features)
        np.testing.assert_allclose(vectors, getattr(original, name)(features), rtol=1e-6)


def test_offers_the_same(pair):
    original, loaded = pair
    assert loaded.k == original.k == 5
    assert loaded.item_ids.tolist() == original.item_ids.tolist()
    assert loaded.signatures == original.signatures
    assert loaded.report == json.loads(json.dumps(original.report))
    for name in ("inputs", "item_inputs"):
        specs = [
            {key: (spec.shape.as_list(), spec.dtype) for key, spec in getattr(one, name).items()}
            for one in pair
        ]
        assert specs[0] == specs[1]


def test_integer_ids(tmp_path):
    original = retriever(50, int)
    loaded = load(export(original, tmp_path))
    query, exclude = {"history": np.array([[103, -1]])}, np.array([[104, -1]])
    np.testing.assert_array_equal(loaded(query, 60, exclude)[0], original(query, 60, exclude)[0])
    assert loaded(query, 60)[0].numpy()[0, -1] == -1
    np.testing.assert_array_equal(loaded.item_ids, original.item_ids)


def test_a_loaded_retriever_is_exported_again(tmp_path):
    original = retriever(50)
    once = load(export(original, tmp_path / "once"))
    twice = load(export(once, tmp_path / "twice"))
    query = {"history": HISTORIES}
    assert_same(twice(query, 9, EXCLUDE), original(query, 9, EXCLUDE))


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    return export(
        retriever(50),
        tmp_path_factory.mktemp("model"),
        metrics={"recall@50": np.float32(0.25), "users": np.int64(7), "void": float("nan")},
        data={"name": "toy", "events": np.array([1, 2])},
        features=["history"],
        items=pd.DataFrame({"item_id": item_ids(50), "title": [f"title {i}" for i in range(50)]}),
    )


def test_the_model_card(version):
    card = json.loads((version / "assets.extra" / "model_card.json").read_text())
    assert card["metrics"] == {"recall@50": 0.25, "users": 7, "void": None}
    assert card["data"] == {"name": "toy", "events": [1, 2]}
    assert card["features"] == ["history"]
    assert card["k"] == 5
    assert card["items"] == 50
    assert card["inputs"] == {"history": {"dtype": "string", "shape": [None, None]}}
    assert card["retriever"]["index"]["kind"] == "exact"
    assert card["packages"]["tensorflow"] == tf.__version__
    assert pd.Timestamp(card["created"]).tzinfo is not None
    assert card["signatures"]["serving_default"] == {
        "inputs": {
            "exclude": {"dtype": "string", "shape": [None, None]},
            "history": {"dtype": "string", "shape": [None, None]},
        },
        "outputs": {
            "item_id": {"dtype": "string", "shape": [None, 5]},
            "score": {"dtype": "float32", "shape": [None, 5]},
        },
    }
    assert set(card["signatures"]["similar_items"]["inputs"]) == {"item_id", "exclude"}
    assert load(version).card == card


def test_titles_travel_with_the_graph(version):
    items = load(version.parent).items
    assert items["title"][3] == "title 3"


def test_signatures_take_and_give_named_raw_tensors(version):
    signatures = tf.saved_model.load(str(version)).signatures
    original = retriever(50)
    history, exclude = tf.constant([["item 1", ""]]), tf.constant([["item 2"]])
    served = signatures["serving_default"](history=history, exclude=exclude)
    assert_same((served["item_id"], served["score"]), original({"history": history}, None, exclude))
    query = signatures["embed_query"](history=history)["query"]
    np.testing.assert_allclose(query, original.embed_query({"history": history}))
    item_id = tf.constant(["item 1"])
    np.testing.assert_allclose(
        signatures["embed_item"](item_id=item_id)["item"], original.embed_item({"item_id": item_id})
    )
    similar = signatures["similar_items"](item_id=item_id, exclude=exclude)
    assert_same((similar["item_id"], similar["score"]), original.similar_items(item_id, 5, exclude))


def test_features_of_any_name(tmp_path):
    """Names come from the columns of the data: spaces, signs and other alphabets are ordinary."""
    name = "préféré (€/kg) 1"

    class Embedder(tf.Module):
        def __call__(self, raw):
            return tf.one_hot(raw[name], 3)

    specs = {name: tf.TensorSpec([None], tf.int64)}
    original = EmbeddingRetriever(Embedder(), ["a", "b", "c"], np.eye(3), k=1, inputs=specs)
    version = export(original, tmp_path)
    assert texts(load(version)({name: [2, 0]})[0]) == [["c"], ["a"]]
    served = tf.saved_model.load(str(version)).signatures["serving_default"]
    inputs = {"pr_f_r_____kg__1": tf.constant([1], tf.int64), "exclude": tf.constant([[""]])}
    assert texts(served(**inputs)["item_id"]) == [["b"]]


@pytest.mark.parametrize("name", ["class", "self", "from", "None", "args", "inputs"])
def test_features_named_as_words_of_python(name, tmp_path):
    specs = {name: tf.TensorSpec([None], tf.int64)}
    original = EmbeddingRetriever(
        lambda raw: tf.one_hot(raw[name], 2), ["a", "b"], np.eye(2), k=1, inputs=specs
    )
    version = export(original, tmp_path)
    assert texts(load(version)({name: [1, 0]})[0]) == [["b"], ["a"]]


def test_features_that_signatures_cannot_tell_apart(tmp_path):
    specs = {name: tf.TensorSpec([None], tf.int64) for name in ("a b", "a_b")}
    toy = EmbeddingRetriever(
        lambda raw: tf.one_hot(raw["a b"], 2), ["a", "b"], np.eye(2), k=1, inputs=specs
    )
    with pytest.raises(ValueError, match=r"rename a column\. Received: \['a b', 'a_b', "):
        export(toy, tmp_path)


def test_exporting_does_not_change_the_retriever(tmp_path):
    toy = retriever(50)
    before = toy({"history": HISTORIES}, 9, EXCLUDE)
    export(toy, tmp_path)
    assert_same(toy({"history": HISTORIES}, 9, EXCLUDE), before)


def test_a_card_that_json_cannot_hold(tmp_path):
    with pytest.raises(TypeError, match=r"Received: data\['frame'\] is a DataFrame"):
        export(retriever(5), tmp_path / "model", data={"frame": pd.DataFrame()})
    assert not (tmp_path / "model").exists()


def test_a_feature_of_a_reserved_name(tmp_path):
    toy = retriever(5)
    toy.inputs["exclude"] = toy.inputs["history"]
    with pytest.raises(ValueError, match=r"cannot be called 'exclude'"):
        export(toy, tmp_path / "model")
