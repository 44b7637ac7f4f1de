"""The signatures that take all that a request may say: its length, and what to choose."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.retrieval.toys import item_ids, retriever
from tfrec_recall.export import export, load
from tfrec_recall.export.expected_answers import read_answers
from tfrec_recall.export.version_files import EXTRA
from tfrec_recall.export.warmup import requests
from tfrec_recall.retrieval import Blend

COUNT, K = 30, 6
ITEMS = pd.DataFrame(
    {"item_id": item_ids(COUNT), "kind": ["a", "b"] * 15, "price": np.arange(30) / 2}
)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The retriever, the same loaded from disk, and its signatures."""
    made = retriever(COUNT, k=K).with_filters(ITEMS, ["kind", "price"])
    version = export(made, tmp_path_factory.mktemp("where"))
    return made, load(version), tf.saved_model.load(str(version)).signatures


def inputs(signature, **given):
    """A request; what is not given is left open in the documented way."""
    specs = signature.structured_input_signature[1]
    made = {}
    for name, spec in specs.items():
        shape = [1, 0] if spec.shape.rank == 2 else [1]
        nothing = float("nan") if spec.dtype.is_floating else "" if spec.dtype == tf.string else K
        made[name] = (
            tf.constant(given[name], spec.dtype)
            if name in given
            else tf.fill(shape, tf.constant(nothing, spec.dtype))
        )
    return made


def texts(listed):
    return np.char.decode(listed.numpy().astype(bytes)).tolist()


def test_each_request_has_its_length_and_its_choice(served):
    made, loaded, signatures = served
    assert {"recommend_where", "similar_items_where"} <= set(signatures)
    signature = signatures["recommend_where"]
    history = [["item 3"], ["item 4"], ["item 5"]]
    filters = {
        "where_kind": [["a", ""], ["b", "a"], ["", ""]],
        "max_price": [9.0, 5.0, float("nan")],
    }
    exclude = [["item 3"], ["item 4"], ["item 7"]]
    found = signature(**inputs(signature, history=history, k=[2, 5, 3], exclude=exclude, **filters))
    ids, scores = made({"history": history}, exclude=exclude, filters=filters)
    for row, k in enumerate([2, 5, 3]):
        assert texts(found["item_id"])[row] == texts(ids)[row][:k] + [""] * (5 - k)
        np.testing.assert_allclose(found["score"][row, :k], scores[row, :k], rtol=1e-6)
        assert np.isneginf(found["score"][row, k:]).all()
    again = loaded({"history": history}, exclude=exclude, filters=filters)
    np.testing.assert_array_equal(again[0], ids)


def test_what_is_left_open_is_the_plain_signature(served):
    _, _, signatures = served
    history = tf.constant([["item 3"], ["item 4"]])
    plain = signatures["serving_default"](history=history, exclude=tf.constant([["item 9"]]))
    signature = signatures["recommend_where"]
    found = signature(**inputs(signature, history=history, exclude=[["item 9"]]))
    np.testing.assert_array_equal(found["item_id"], plain["item_id"])
    similar = signatures["similar_items_where"]
    found = similar(**inputs(similar, item_id=["item 3"], k=[1], where_kind=[["b"]]))
    assert found["item_id"].shape == (1, 1)
    assert int(texts(found["item_id"])[0][0].split()[1]) % 2 == 1


def test_an_export_whose_functions_all_take_filters_answers_the_same(served, monkeypatch):
    loaded = load(served[1].path)
    expected = loaded({"history": [["item 3"]]})
    for name in ("recommend", "similar_items"):
        monkeypatch.delattr(loaded.saved, f"{name}_unfiltered")
    loaded._set_functions()
    for found, wanted in zip(loaded({"history": [["item 3"]]}), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
    assert loaded.similar_items(["item 3"])[0].shape == (1, K)


@pytest.mark.parametrize("k", [[0], [-3], [K + 1], [2**31 - 1], [1, 2, 3]])
def test_a_length_that_was_not_exported_is_an_error(served, k):
    signature = served[2]["recommend_where"]
    asked = inputs(signature, history=[["item 3"], ["item 4"]], k=k)
    with pytest.raises(tf.errors.InvalidArgumentError, match="from 1 to 6, for each query"):
        signature(**asked)


def test_servers_warm_it_up_and_it_is_checked_by_each_filter(served):
    made, loaded, signatures = served
    answers = {one.signature: one for one in read_answers(loaded.path / EXTRA)}
    assert set(answers) == set(signatures)
    answer = answers["recommend_where"]
    assert answer.outputs["item_id"].shape == (4, K)
    asked = {name: answer.inputs[name] for name in made.filter_inputs}
    for row, own in enumerate(asked):  # which chooses by it alone
        for name, values in asked.items():
            assert (str(values[row]) in ("[b'']", "nan")) == (name != own)
    ids, _ = made({"history": answer.inputs["history"]}, K, answer.inputs["exclude"], (), asked)
    np.testing.assert_array_equal(answer.outputs["item_id"], ids)
    numbers = [{int(one.split()[1]) for one in row} for row in texts(ids)]
    kinds = [{number % 2 for number in row} for row in numbers]
    values = {name: one[row] for row, (name, one) in enumerate(asked.items())}
    assert values["min_price"] == values["max_price"] == 7.5
    for row, name in enumerate(asked):
        assert name.endswith("_price") or kinds[row] == {int(name == "where_not_kind")}
        assert name != "min_price" or min(numbers[row]) >= 15
        assert name != "max_price" or max(numbers[row]) <= 15


def test_what_a_loaded_export_chooses_by_is_what_it_was_asked(served):
    made, loaded, _ = served
    both = Blend({"here": made, "there": loaded}, k=K)
    of_made, *others = (requests(one, None)["recommend_where"] for one in (made, loaded, both))
    for other in others:
        for name in made.filter_inputs:
            rows = {str(row) for row in other[name].numpy().tolist()}
            assert rows == {str(row) for row in of_made[name].numpy().tolist()}


def test_what_a_loaded_graph_cannot_learn_is_said(served):
    with pytest.raises(ValueError, match=r"before the export. Received: \['kind'\] for"):
        served[1].with_filters(ITEMS, ["kind"])


def test_names_that_requests_use_themselves_are_no_features(tmp_path):
    made = retriever(COUNT)
    made.inputs["k"] = tf.TensorSpec([None], tf.int64)
    with pytest.raises(ValueError, match="cannot be called 'k'"):
        export(made, tmp_path)
