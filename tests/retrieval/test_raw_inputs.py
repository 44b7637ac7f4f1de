"""What raw features may come in, and what is missing among them."""

import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import tensorflow as tf

from tfrec_recall.evaluation.queries import raw_tensor
from tfrec_recall.operations.arrow_tensors import raw_feature
from tfrec_recall.retrieval.filters import chosen
from tfrec_recall.retrieval.raw_inputs import dense, tensors

TEXT, ROWS = (tf.TensorSpec(shape, tf.string) for shape in ([None], [None, None]))
HOLDERS = {
    "list": list,
    "text": lambda values: pd.Series(values, dtype="str"),
    "objects": lambda values: pd.Series(values, dtype=object),
    "categories": lambda values: pd.Series(values, dtype="category"),
    "array": lambda values: np.array(values, dtype=object),
}
MISSING = pytest.mark.parametrize("gap", [None, np.nan, pd.NA], ids=["None", "NaN", "NA"])


@MISSING
@pytest.mark.parametrize("held", HOLDERS.values(), ids=HOLDERS)
def test_a_text_that_is_missing_is_padding(held, gap):
    values = held(["France", gap, "Côte d'Ivoire"])
    expected = [b"France", b"", "Côte d'Ivoire".encode()]
    assert dense(values, TEXT, "country").numpy().tolist() == expected
    assert dense([values], ROWS, "countries").numpy().tolist() == [expected]
    uneven = dense([values, ["a"]], ROWS, "countries").numpy().tolist()
    assert uneven == [expected, [b"a", b"", b""]]
    if not isinstance(values, list):  # as it is measured, it is asked
        assert raw_tensor(pd.Series(values), tf.string).numpy().tolist() == expected


@MISSING
def test_a_row_of_nothing_but_what_is_missing_is_padding(gap):
    assert dense([["lamps"], [gap]], ROWS, "where_category").numpy().tolist() == [[b"lamps"], [b""]]
    assert dense([["a", "b"], gap], ROWS, "history").numpy().tolist() == [[b"a", b"b"], [b"", b""]]


@pytest.mark.parametrize(
    ("values", "spec", "told"),
    [
        (["a", 1], TEXT, "int 1"),
        (pd.Series(["a", 2.5]), TEXT, "float 2.5"),
        ([["a", True]], ROWS, "bool True"),
        ([[1, 2], ["a"]], ROWS, "int 1"),
        ([np.array([1, 2]), np.array(["a"])], ROWS, "int 1"),
        ([["a"], [["b"], ["c", "d"]]], ROWS, r"list \['b'\]"),
        (np.array([1, 2]), TEXT, "int64"),
    ],
)
def test_what_is_no_text_is_refused_among_texts(values, spec, told):
    with pytest.raises(ValueError, match=f"'tag' is string. Received: {told}.* training data had"):
        dense(values, spec, "tag")


def test_texts_of_any_kind_are_taken_together():
    rows = [np.array(["a"]), np.array([b"b"]), [np.str_("c")], {"d"}, pd.Index(["e"]), ()]
    found = dense(rows, ROWS, "tags").numpy()[:, 0]
    assert found.tolist() == [b"a", b"b", b"c", b"d", b"e", b""]


@pytest.mark.parametrize("held", [list, np.array, pd.Series, lambda v: pd.array(v, "Float64")])
def test_whole_numbers_that_pandas_made_floats_of_are_whole(held):
    spec, rows = (tf.TensorSpec(shape, tf.int64) for shape in ([None], [None, None]))
    assert dense(held([3.0, np.nan, -2.0]), spec, "age").numpy().tolist() == [3, -1, -2]
    assert dense([[3.0, None], [2]], rows, "history").numpy().tolist() == [[3, -1], [2, -1]]
    for other in (2.5, np.inf, 2.0**53):
        with pytest.raises(ValueError, match=r"'age' is int64\. Received: float64"):
            dense(held([3.0, other]), spec, "age")
    with pytest.raises(ValueError, match=r"'age' is int64\. Received: float32"):
        dense(np.array([2.0**24], "float32"), spec, "age")
    with pytest.raises(ValueError, match=r"'k' is int32\. Received: float64"):
        dense(held([2.0**31]), tf.TensorSpec([None], tf.int32), "k")


def test_numbers_among_objects_are_taken_and_nothing_keeps_its_axes():
    spec = tf.TensorSpec([None, None], tf.int64)
    values = np.array([[1, 2], [3, None]], dtype=object)
    assert dense(values, spec, "hours").numpy().tolist() == [[1, 2], [3, -1]]
    assert dense(values[:1], spec, "hours").numpy().tolist() == [[1, 2]]
    assert dense(values[:0], spec, "hours").shape == (0, 2)
    assert dense(values[:0].astype(str), ROWS, "tags").shape == (0, 2)


@pytest.mark.parametrize("gap", [None, pd.NA], ids=["None", "NA"])
def test_a_truth_that_is_missing_is_none(gap):
    spec = tf.TensorSpec([None], tf.bool)
    assert dense([True, gap, False], spec, "member").numpy().tolist() == [True, False, False]
    column = pd.Series([True, gap, False], dtype=object)
    assert raw_tensor(column, tf.bool).numpy().tolist() == [True, False, False]
    for table in (pa.array([True, None, False]), pa.array([1, None, 0])):
        assert raw_feature(table, spec, "member").numpy().tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([b"a", b"b", b"c"], [[b"a", b"b"], [b"", b""], [b"c", b""]]),
        ([5, 6, 7], [[5, 6], [-1, -1], [7, -1]]),
        ([0.5, 0.25, 1.0], [[0.5, 0.25], [np.nan, np.nan], [1.0, np.nan]]),
    ],
)
def test_sparse_rows_are_padded_as_ragged_ones(values, expected):
    sparse = tf.SparseTensor([[0, 0], [0, 1], [2, 0]], values, [3, 2])
    found = dense(sparse, tf.TensorSpec([None, None], sparse.dtype), "history").numpy()
    np.testing.assert_array_equal(found, np.array(expected, found.dtype))


MOMENTS = ["2020-09-13 12:26:40.5", None, "2020-09-14"]
DATES = {
    "Series": pd.Series(pd.to_datetime(MOMENTS, format="ISO8601")),
    "of a zone": pd.Series(pd.to_datetime(MOMENTS, format="ISO8601", utc=True)),
    "array": np.array(MOMENTS, dtype="datetime64[ms]"),
    "list": [pd.Timestamp(MOMENTS[0]), None, pd.Timestamp(MOMENTS[2])],
}


@pytest.mark.parametrize("held", DATES.values(), ids=DATES)
def test_dates_are_whole_seconds_as_in_training(held):
    spec, expected = tf.TensorSpec([None], tf.int64), [1_600_000_000, -1, 1_600_041_600]
    assert dense(held, spec, "timestamp").numpy().tolist() == expected
    assert raw_tensor(pd.Series(held), tf.int64).numpy().tolist() == expected
    rows = tf.TensorSpec([None, None], tf.int64)
    uneven = dense([held, list(held)[2:]], rows, "history_timestamp").numpy().tolist()
    assert uneven == [expected, [expected[2], -1, -1]]


def test_days_are_dates_and_those_out_of_range_are_named():
    spec = tf.TensorSpec([None], tf.int64)
    assert dense([datetime.date(2020, 9, 14)], spec, "timestamp").numpy() == [1_600_041_600]
    with pytest.raises(ValueError, match="'timestamp' has times outside 1980 to 2100"):
        dense([pd.Timestamp(0)], spec, "timestamp")


class Frame:
    """As of another library: columns by name, but none of a mapping's methods."""

    def __iter__(self):
        return iter([pd.Series(["u1"])])


@pytest.mark.parametrize("rows", [[{"user_id": "u1"}], Frame(), pa.table({"user_id": ["u1"]})])
def test_rows_and_other_tables_are_refused_with_the_way_to_columns(rows):
    for refuse in (
        lambda: tensors(rows, {"user_id": TEXT}, "retriever"),
        lambda: chosen(rows, {"where_kind": ROWS}),
    ):
        with pytest.raises(ValueError, match=r"columns by their names.*for row in rows.*Received"):
            refuse()
    frame = pd.DataFrame({"user_id": ["u1"]})
    assert tensors(frame, {"user_id": TEXT}, "retriever")["user_id"].numpy() == [b"u1"]
