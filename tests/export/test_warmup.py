"""Warm-up requests: what TensorFlow Serving asks before it takes traffic."""

import json
import sys

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.retrieval.toys import retriever
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.export import export
from tfrec_recall.export.warmup import requests
from tfrec_recall.operations.check import check
from tfrec_recall.retrieval import EmbeddingRetriever

QUERIES = {"history": [["item 1", "item 2"], ["item 3"]]}
SIGNATURES = {
    *("serving_default", "recommend_where", "embed_query", "embed_item"),
    *("similar_items", "similar_items_where"),
}


def card(version):
    return json.loads((version / "assets.extra" / "model_card.json").read_text())


@pytest.mark.parametrize("queries", [None, QUERIES], ids=["padding", "given"])
def test_requests_are_answered(tmp_path, queries):
    toy = retriever(20)
    signatures = tf.saved_model.load(str(export(toy, tmp_path))).signatures
    made = requests(toy, queries)
    assert set(made) == set(signatures)
    of_users = {"serving_default", "recommend_where", "embed_query"}
    for name, inputs in made.items():
        (first, *_) = signatures[name](**inputs).values()
        assert first.shape[0] == (2 if queries and name in of_users else 1), name


@pytest.mark.parametrize("kind", [str, int])
def test_every_signature_is_asked_by_ids_of_its_type(kind, tmp_path):
    pytest.importorskip("tensorflow_serving")
    version = export(retriever(20, kind), tmp_path)
    assert card(version)["warmup"] == {"requests": len(SIGNATURES)}
    assert check(version, [1], 1).problems == ()


def test_padding_fills_features_of_a_fixed_width_and_truths():
    toy = retriever(20)
    toy.inputs["age (years)"] = tf.TensorSpec([None, 3], tf.float32)
    toy.inputs["member"] = tf.TensorSpec([None], tf.bool)
    made = requests(toy, None)["serving_default"]
    assert made["age__years_"].shape == (1, 3)
    assert made["member"].numpy().tolist() == [False]
    assert made["history"].shape == (1, 1)


def test_without_the_extra_the_card_says_how_to_get_it(tmp_path, monkeypatch):
    for name in ("tensorflow_serving", "tensorflow_serving.apis"):
        monkeypatch.setitem(sys.modules, name, None)
    version = export(retriever(20), tmp_path)
    assert not (version / "assets.extra" / "tf_serving_warmup_requests").exists()
    assert card(version)["warmup"]["requests"] == 0
    assert "pip install 'tfrec-recall[serving]'" in card(version)["warmup"]["why"]


def test_the_file_holds_prediction_logs(tmp_path):
    logs = pytest.importorskip("tensorflow_serving.apis.prediction_log_pb2")
    version = export(retriever(20), tmp_path, warmup=QUERIES)
    path = version / "assets.extra" / "tf_serving_warmup_requests"
    records = tf.data.TFRecordDataset([str(path)])
    read = [logs.PredictionLog.FromString(record.numpy()).predict_log for record in records]
    sent = {log.request.model_spec.signature_name: log.request.inputs for log in read}
    assert set(sent) == SIGNATURES
    history = tf.make_ndarray(sent["serving_default"]["history"])
    assert history.tolist() == [[b"item 1", b"item 2"], [b"item 3", b""]]
    assert card(version)["warmup"] == {"requests": len(SIGNATURES)}


def test_a_query_of_padding_that_is_refused_is_not_asked(tmp_path):
    def embed(raw):
        return tf.gather(tf.eye(3), raw["place"])

    inputs = {"place": tf.TensorSpec([None], tf.int64)}
    picky = EmbeddingRetriever(embed, ["a", "b", "c"], np.eye(3), inputs=inputs)
    with pytest.warns(ReadingNotice, match="No request is kept .* a query of padding is refused"):
        version = export(picky, tmp_path)
    assert card(version)["warmup"]["requests"] == 0
    assert "a query of padding is refused" in card(version)["warmup"]["why"]
    assert not (version / "assets.extra" / "tf_serving_warmup_requests").exists()
    told = card(export(picky, tmp_path, warmup={"place": [2]}))["warmup"]
    assert told == {"requests": len(SIGNATURES)}
    with pytest.raises(
        ValueError, match=r"that the export answers. Received: .*is not in \[0, 3\)"
    ):
        export(picky, tmp_path, warmup={"place": [7]})


def test_the_vector_of_an_item_is_asked_for_with_what_the_table_tells(tmp_path):
    """Of padding, where it tells nothing: a signature that refuses that is not asked."""

    ids = ["a", "b", "c"]
    toy = EmbeddingRetriever(
        lambda raw: tf.ones([tf.shape(raw["history"])[0], 3]),
        ids,
        np.eye(3),
        inputs={"history": tf.TensorSpec([None, None], tf.string)},
        item_embedder=lambda raw: tf.gather(tf.eye(3), raw["row"]),
        item_inputs={"row": tf.TensorSpec([None], tf.int64)},
    )
    with pytest.warns(ReadingNotice, match=r"embed_item refuses the request .* not in \[0, 3\)"):
        version = export(toy, tmp_path)
    told = card(version)["warmup"]
    assert told["requests"] == len(SIGNATURES) - 1
    (problem,) = check(version, [1], 1).problems
    assert problem.startswith("embed_item: nothing to compare with")
    assert "is not in [0, 3)" in problem
    assert "is not in [0, 3)" in told["refused"]["embed_item"]
    items = pd.DataFrame({"item_id": ids, "row": [2, 1, 0]})
    of_first = dict(zip(ids, items["row"], strict=True))[toy.item_ids[0]]
    assert requests(toy, None, items)["embed_item"]["row"].numpy().tolist() == [of_first]


def test_queries_that_do_not_fit_leave_no_version(tmp_path):
    pytest.importorskip("tensorflow_serving")
    with pytest.raises(ValueError, match=r"\['history'\] is missing"):
        export(retriever(20), tmp_path / "model", warmup={"user": ["a"]})
    assert not (tmp_path / "model").exists()
