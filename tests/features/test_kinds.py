"""What a column's values suggest: one kind of each, and a word for what is left out."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.features import Categorical, MultiValued, Numeric, Vector, Words, kinds
from tfrec_recall.features.kinds import KINDS, kind_of

ROWS = 60
GENRES = ["Action", "Drama", "War", "Comedy"]
LISTS = [GENRES[row % 3 : row % 3 + 1 + row % 2] for row in range(ROWS)]
NUMBERS = np.random.default_rng(0).random(ROWS).round(3)


def found(values, words=None, name="column"):
    return kind_of(name, name, pd.Series(values, name=name), words)


@pytest.mark.parametrize(
    ("values", "feature"),
    [
        (NUMBERS, Numeric("column", buckets=10)),
        (np.arange(ROWS) * 3, Numeric("column", buckets=10)),
        ([decimal.Decimal(str(number)) for number in NUMBERS], Numeric("column", buckets=10)),
        (np.arange(ROWS) % 3, Categorical("column")),
        ([1e300, 2e300, -1e20] * 20, Numeric("column", buckets=10)),
        ([1.0, np.inf, 3.0] * 20, Numeric("column", buckets=10)),
        (pd.array([1, None, 25] * 20, "Int64"), Categorical("column")),
        (pd.array([True, None, False] * 20, "boolean"), Categorical("column")),
        ([True, None, False] * 20, Categorical("column")),
        (pd.Categorical([7, 9] * 30), Categorical("column")),
        ([-1, 0, 1] * 20, Numeric("column", buckets=10)),  # -1 among categories is nothing
        ([f"{row % 5:05}" for row in range(ROWS)], Categorical("column")),
        (["Korea, Republic of", "France", "Iran, Islamic"] * 20, Categorical("column")),
        ([f"{row},{row % 10}" for row in range(ROWS)], Numeric("column", buckets=10, decimal=",")),
        (["1.234,5", "12", "0,25"] * 20, Numeric("column", buckets=10, decimal=",")),
        (LISTS, MultiValued("column")),
        ([np.array(tags) for tags in LISTS], MultiValued("column")),
        ([[1, 2], [3]] * 30, MultiValued("column")),
        (["|".join(tags) for tags in LISTS], MultiValued("column", separator="|")),
        (["; ".join(tags) for tags in LISTS], MultiValued("column", separator=";")),
        ([", ".join(tags) for tags in LISTS], MultiValued("column", separator=",")),
        ([str(tags) for tags in LISTS], MultiValued("column", separator=",")),
        ([[0.5, 1.0, -2.0], None] * 30, Vector("column")),
        ([np.zeros(8, "float32")] * ROWS, Vector("column")),
    ],
)
def test_values_suggest_a_feature_that_learns_and_encodes_them(values, feature):
    assert found(values) == feature
    column = pd.Series(values)
    assert len(feature.adapt(column).encode(column)) == ROWS


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (None, "no values"),
        ([7] * ROWS, "one value only, 7"),
        (np.arange(1, ROWS + 1), "numbers the rows"),
        ([[]] * ROWS, "all of its lists are empty"),
        (["[]"] * 59 + ["[ ]"], "all of its lists are empty"),
        ([[0.5], [0.5, 1.0]] * 30, "lists of fractions, from 1 to 2"),
        ([[0.5, None]] * ROWS, "numbers are missing"),
        ([[[1]]] * ROWS, "lists of lists"),
        ([{"a": 1}] * ROWS, "structs"),
        ([b"\xff"] * ROWS, "no number or text: bytes"),
        ([np.array(1.5)] * ROWS, "no number or text: ndarray"),
        (np.arange(ROWS) * 1j, "complex128, not numbers"),
        (pd.Series(["x\ud83d", "y"] * 30, dtype="object"), r"UTF-8 cannot hold its texts, as 'x"),
        (["a\0", "b"] * 30, "end in NUL characters"),
        ([[2**63], [1]] * 30, "integers beyond int64, as 9223372036854775808"),
        ([1, "a"] * 30, "several types: int, str"),
        ([datetime.date(2020, 1, 1 + row % 28) for row in range(ROWS)], "date"),
        (pd.date_range("2020", periods=ROWS), "times"),
        ([f"[{row}.5, 2.0]" for row in range(ROWS)], "numbers in texts, as '\\[0.5, 2.0\\]'"),
        (["[0.5 1.]", "[2. 3.]", "[nan 1.]"] * 20, "numbers in texts, as '\\[0.5 1.\\]'"),
        (["[0.5, 1.0]", "[nan, 3.0]"] * 30, "numbers in texts"),
        ([f"{row},500" for row in range(ROWS)], "thousands or for decimals, as '0,500'"),
        ([f"Film {row}" for row in range(ROWS)], "hardly ever come twice, as 'Film 0'"),
        ([f"Smith {row}, John" for row in range(ROWS)], "hardly ever come twice"),
    ],
)
def test_what_is_left_out_is_said(values, why):
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(found([None] * ROWS if values is None else values))


def taken_apart(*_, **__):
    raise AssertionError("each number would be an object")


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([[0.5, 1.0], [2.0, 0.25]], Vector("column")),
        ([[0.5, 1.0], None, [2.0, 3.0]], Vector("column")),
        ([[0.5], [0.5, 1.0]], "it holds lists of fractions, from 1 to 2 of them"),
        ([[0.5, np.nan]], "it holds vectors in which numbers are missing"),
        ([[0.5, np.inf]], "it holds vectors in which numbers are missing"),
    ],
)
def test_vectors_are_known_without_being_taken_apart(cells, expected, monkeypatch):
    arrays = [None if cell is None else np.array(cell, "float32") for cell in cells]
    with monkeypatch.context() as patched:
        patched.setattr(kinds, "of_floats", lambda cell: False)
        assert found(cells * 20) == found(arrays * 20) == expected
    monkeypatch.setattr(pd.Series, "explode", taken_apart)
    assert found(cells * 20) == found(arrays * 20) == expected


@pytest.mark.parametrize("name", ["Unnamed: 0", "__index_level_0__"])
def test_an_index_that_was_written_is_known_by_name(name):
    shuffled = np.random.default_rng(0).permutation(ROWS)
    assert found(shuffled, name=name) == "it numbers the rows"
    assert isinstance(found(shuffled), Numeric)


def test_texts_of_words_that_hardly_come_again_are_left_out():
    codes = pd.Series([f"{hash_of:07x}x" for hash_of in range(ROWS)])
    assert found(codes, words=5) == f"its texts hardly ever come twice, as {codes[0]!r}"
    assert found("cup " + codes, words=5) == Words("column", min_count=5)


def test_texts_are_words_on_request():
    titles = [f"Film {row}" for row in range(ROWS)]
    assert found(titles, words=3) == Words("column", min_count=3)


@pytest.mark.parametrize("categories", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_can_be_asked_for(kind, categories):
    values = {"Vector": [[0.5, 1.0]], "Numeric": ["1,5"], "MultiValued": ["a|b"]}.get(kind, ["x y"])
    values = pd.Series(values * 3)
    if categories and kind != "Vector":  # which can be none
        values = values.astype("category")
    feature = KINDS[kind]("column", "name", values)
    assert (type(feature).__name__, feature.name) == (kind, "name")
    feature.adapt(values)
