"""Requests to every model's retriever in the forms that people send them."""

import numpy as np
import pandas as pd
import pytest

from tests.contract.model_cases import CASES, SEEN, asked, requests, retrieving, the_board
from tfrec_recall.export import export, load
from tfrec_recall.retrieval import ScaNN, TriggerRetriever

THREE = slice(0, 3)


def three_queries(retriever):
    queries = {**requests(the_board()), "objective": [""] * (len(the_board().users) + 1)}
    return {name: list(queries[name][THREE]) for name in retriever.inputs}


def lists(retriever, queries, **options):
    ids, _ = retriever(queries, k=4, **options)
    return np.char.decode(ids.numpy().astype(bytes)).tolist()


def trigger_retriever(index=None):
    items = the_board().items["item_id"].to_numpy()
    vectors = np.random.default_rng(3).normal(size=(len(items), 8)).astype("float32")
    return TriggerRetriever(items, vectors, index=index, k=7, neighbours=9)


@pytest.fixture(params=[*CASES, "triggers", "triggers by ScaNN"])
def retriever(request):
    if isinstance(request.param, type):
        return retrieving(request.param)
    return trigger_retriever(ScaNN(0.9, 5, 5, 30) if "ScaNN" in request.param else None)


def test_one_row_to_leave_out_is_that_of_every_query(retriever):
    queries = three_queries(retriever)
    best = [row[0] for row in lists(retriever, queries)]
    each = lists(retriever, queries, exclude=[best] * 3)
    assert not {item for row in each for item in row} & set(best)
    assert lists(retriever, queries, exclude=[best]) == each


def test_what_to_leave_out_comes_in_any_container_of_rows(retriever):
    queries = three_queries(retriever)
    best = [row[0] for row in lists(retriever, queries)]
    expected = lists(retriever, queries, exclude=[[item] for item in best])
    for rows in (
        [{item} for item in best],
        pd.Series([[item] for item in best]),
        np.array([[item] for item in best], dtype=object),
        [[item, None] for item in best],
        [np.array([item]) for item in best],
    ):
        assert lists(retriever, queries, exclude=rows) == expected
    assert (
        lists(retriever, queries, exclude=[[best[0]], None, []])[1:]
        == lists(retriever, queries)[1:]
    )


def test_other_rows_to_leave_out_are_refused(retriever):
    queries = three_queries(retriever)
    with pytest.raises(ValueError, match=r"\[batch, any\].*\[1, any\]. Received: 5 rows for 3"):
        retriever(queries, exclude=[["x"]] * 5)
    with pytest.raises(ValueError, match=r"'exclude' has the shape \[batch, any\]"):
        retriever(queries, exclude=["x", "y", "z"])
    for without_order in ({"x"}, {"x": 1}, iter([["x"]] * 3)):
        with pytest.raises(ValueError, match=r"'exclude' has the shape \[batch, any\].*Received"):
            retriever(queries, exclude=without_order)


def test_features_of_other_sizes_are_refused_and_shared_ones_repeated(retriever):
    queries = three_queries(retriever)
    if len(queries) < 2:
        pytest.skip("one feature has one size")
    everyone = lists(retriever, queries)
    for name, values in queries.items():
        short = {**queries, name: values[:1]}
        with pytest.raises(ValueError, match=f"(?s)a row for each query.*{name}' of 1"):
            retriever(short)
        repeated = lists(retriever, {**queries, name: values[:1] * 3})
        assert lists(retriever, short, shared=[name]) == repeated
        assert repeated[0] == everyone[0]
    with pytest.raises(ValueError, match="shared lists features of one row"):
        retriever(queries, shared=["history", *queries])


def test_a_table_of_queries_is_a_request():
    retriever = next(  # of the models that are asked with a history beside other features
        found
        for found in (retrieving(model_class) for model_class in CASES)
        if {"history", "country"} <= set(found.inputs)
    )
    queries = {n: v for n, v in three_queries(retriever).items() if n != "objective"}
    table = pd.DataFrame({name: pd.Series(values) for name, values in queries.items()})
    assert lists(retriever, table) == lists(retriever, queries)
    gone = table.assign(history=pd.Series([None, *table["history"][1:]], dtype=object))
    nobody = {**queries, "history": [[], *queries["history"][1:]]}
    assert lists(retriever, gone) == lists(retriever, nobody)
    nowhere = {**queries, "country": [None, *queries["country"][1:]]}
    assert lists(retriever, nowhere) == lists(
        retriever, {**queries, "country": ["", *queries["country"][1:]]}
    )


def test_an_empty_batch_has_no_lists():
    retriever = trigger_retriever()
    assert retriever({"history": []}, k=3)[0].shape == (0, 3)
    assert retriever({"history": np.zeros((0, SEEN), object)}, k=3, exclude=[["x"]])[0].shape == (
        0,
        3,
    )


@pytest.mark.parametrize("k", [0, -1, 2.5, "5", True])
def test_a_length_that_is_none_is_refused(k):
    with pytest.raises(ValueError, match="k is the length of the lists"):
        trigger_retriever()({"history": [["x"]]}, k=k)


def test_the_served_graph_knows_the_same_rules(tmp_path):
    import tensorflow as tf

    original = trigger_retriever()
    signature = tf.saved_model.load(str(export(original, tmp_path))).signatures["serving_default"]
    queries = three_queries(original)
    best = [row[0] for row in lists(original, queries)]
    history = tf.constant(queries["history"])
    served = signature(history=history, exclude=tf.constant([best]))["item_id"].numpy()
    expected = original(queries, exclude=[best] * 3)[0].numpy()
    np.testing.assert_array_equal(served, expected)
    with pytest.raises(tf.errors.InvalidArgumentError, match="exclude has a row of ids"):
        signature(history=history, exclude=tf.constant([["x"], ["y"]]))
    ids, _ = asked(load(tmp_path), {"history": queries["history"]}, k=7, exclude=[best])
    np.testing.assert_array_equal(ids, np.char.decode(expected.astype(bytes)))
