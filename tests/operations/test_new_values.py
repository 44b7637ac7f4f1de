"""A new table of items whose values are written in another way is told."""

import types
import warnings

import pandas as pd
import pytest
import tensorflow as tf

from tests.retrieval.toys import item_ids, retriever
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.export import export, load
from tfrec_recall.operations.new_values import tell_new_values
from tfrec_recall.operations.reindex import reindexed

BEFORE = pd.DataFrame(
    {
        "item_id": [1, 2, 3, 4],
        "In Stock": ["True", "False", "True", None],
        "tags": [["red", "new"], ["blue"], [], ["red"]],
        "brand": [7, 8, 7, 9],
        "fresh": [True, False, True, True],
        "price": [1.0, 2.0, 3.0, 4.0],
    }
)
EXPORT = types.SimpleNamespace(
    path="saved_models/shop/1",
    items=BEFORE,
    report={"embeds_new_items": True, "filters": ["tags", "fresh", "price"]},
    item_inputs={
        "item_id": tf.TensorSpec([None], tf.int64),
        "in_stock": tf.TensorSpec([None], tf.string),
        "brand": tf.TensorSpec([None], tf.int64),
        "price": tf.TensorSpec([None], tf.float32),
    },
    item_columns={"in_stock": "In Stock"},
    filter_inputs={
        "where_tags": tf.TensorSpec([None, None], tf.string),
        "where_fresh": tf.TensorSpec([None, None], tf.int64),
        "max_price": tf.TensorSpec([None], tf.float64),
    },
)


def told(**columns):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always", ReadingNotice)
        tell_new_values(EXPORT, BEFORE.assign(**columns))
    return [str(one.message) for one in found]


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("In Stock", ["1", "0", "1", "1"], r"4 of 4 .*Received: '1', '0'; before: 'True', 'False'"),
        ("tags", [["Red"], ["Blue"], ["red"], []], "2 of 3 .*'Red', 'Blue'; before: 'red', 'new'"),
        ("brand", [70, 80, 70, 9], "3 of 4 .*Received: '70', '80'; before: '7', '8', '9'"),
    ],
)
def test_a_column_written_in_another_way_is_told_by_name(column, values, said):
    (message,) = told(**{column: values})
    assert f"values of items.{column} are none of those" in message
    assert pd.Series([message]).str.contains(said).all(), message


def test_what_is_known_or_has_no_vocabulary_is_not_told():
    assert told() == []
    assert told(fresh=[1, 0, 1, 1], price=[9.0, 8.0, 7.0, 6.0], brand=[70, 8, 80, 9]) == []
    assert told(item_id=[5, 6, 7, 8], tags=[[], [], [], []]) == []


def test_reindex_tells_it(tmp_path):
    items = pd.DataFrame({"item_id": item_ids(4), "code": ["10", "20", "20", "30"]})
    made = retriever(4).with_filters(items, ["code"])
    before = load(export(made, tmp_path, items=items))
    with pytest.warns(ReadingNotice, match="4 of 4 values of items.code are none of those"):
        reindexed(before, items.assign(code=["a", "b", "b", "c"]))
