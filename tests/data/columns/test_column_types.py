"""A column in another's type holds the same values, or is refused."""

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data.columns.column_types import in_type, without_categories

NONE = [None, None]


@pytest.mark.parametrize(
    ("values", "like", "dtype", "expected"),
    [
        ([3, 4], ["10"], "str", ["3", "4"]),
        (pd.Series([3, None], dtype="Int64"), ["10"], "str", ["3", np.nan]),
        ([3.0, 4.0], [1], "int64", [3, 4]),
        ([3.0, None], [1], "Int64", [3, pd.NA]),
        (["3", "4"], [1], "int64", [3, 4]),
        ([3, 4], [0.5], "float64", [3.0, 4.0]),
        ([1, 0], [True], "bool", [True, False]),
        ([True, None], [True], "boolean", [True, pd.NA]),
        (["True", "false"], [True], "bool", [True, False]),
        (["1", "0"], [True], "bool", [True, False]),
        (NONE, [True], "boolean", [pd.NA, pd.NA]),
        (NONE, [1], "Int64", [pd.NA, pd.NA]),
        (NONE, ["a"], "str", [np.nan, np.nan]),
        (["b", "c"], pd.Series(["a"], dtype="category"), "category", ["b", "c"]),
        ([["b"], None], [["a"]], "object", [["b"], np.nan]),
    ],
)
def test_values_stay_what_they_are(values, like, dtype, expected):
    found = in_type(pd.Series(values), pd.Series(like))
    assert found.dtype == dtype
    pd.testing.assert_series_equal(found, pd.Series(expected, dtype=dtype))


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([2**53 + 1, None, 5], dtype="Int64", name="code"),
        pd.Series(["b", None, "a"], index=[7, 8, 9]),
        pd.Series([True, None, False], dtype="boolean"),
        pd.Series([0.5, np.nan, 2.0]),
    ],
    ids=str,
)
def test_categories_are_the_values_that_they_stand_for(values):
    pd.testing.assert_series_equal(without_categories(values.astype("category")), values)
    plain = pd.Series([2**53 + 1, 5, 5])
    found = without_categories(plain.astype("category"))
    pd.testing.assert_series_equal(found, plain.astype("Int64"))


@pytest.mark.parametrize(
    ("values", "like"),
    [
        (["cheap"], [0.5]),
        ([1.5], [1]),
        ([300], pd.Series([1], dtype="int8")),
        ([1.5], ["10"]),
        ([True], ["10"]),
        ([["b"]], ["10"]),
        ([2], [True]),
        (["yes"], [True]),
        (["b"], [["a"]]),
        ([[1]], [["a"]]),
    ],
)
def test_values_that_would_be_others_are_refused(values, like):
    with pytest.raises((TypeError, ValueError)):
        in_type(pd.Series(values), pd.Series(like))
