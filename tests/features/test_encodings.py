"""Each encoding says the same in bulk and in the graph, also for what training never saw."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.features import Categorical, MultiValued, Numeric, TimeOf, Words

TRAIN = pd.DataFrame(
    {
        "country": ["fr", "de", "fr", None, "uk"],
        "store": [4, 4, 9, 4, 7],
        "price": [1.0, 3.0, 8.0, np.nan, 100.0],
        "timestamp": [0, 3_600, 86_400, 7, 604_800],
    }
)
NEW = pd.DataFrame(
    {
        "country": ["fr", "xx", None],
        "store": [9, 1, 4],
        "price": [2.0, np.nan, 1e6],
        "timestamp": [90_000, 1, 5],
    }
)
CASES = [
    Categorical("country"),
    Categorical("country", min_count=2),
    Categorical("store"),
    Categorical("country", hash_buckets=3),
    Categorical("store", hash_buckets=5),
    Numeric("price"),
    Numeric("price", log=True),
    Numeric("price", buckets=3),
    Numeric("price", buckets=3, log=True),
    TimeOf(part="hour"),
    TimeOf(part="weekday"),
]


@pytest.mark.parametrize("feature", CASES, ids=repr)
def test_bulk_and_graph_agree(feature):
    encoding = feature.adapt(TRAIN[feature.column])
    for table in (TRAIN, NEW):
        raw = table[feature.column]
        if encoding.raw_spec().dtype == tf.string:
            raw = raw.fillna("")
        tensor = tf.constant(raw.to_numpy(), encoding.raw_spec().dtype)
        bulk = encoding.encode(table[feature.column])
        np.testing.assert_allclose(encoding.graph()(tensor), bulk, rtol=1e-5, atol=1e-6)
        assert bulk.dtype == encoding.dtype.as_numpy_dtype


LIKE_CSV = pd.Series([3.0, None, 7.0, 3.0])  # integers with a gap


@pytest.mark.parametrize(
    ("feature", "values"),
    [
        *((feature, TRAIN[feature.column]) for feature in CASES if feature.column in TRAIN),
        (Categorical("floor"), LIKE_CSV),
        (Categorical("floor", hash_buckets=5), LIKE_CSV),
        (Categorical("floor"), LIKE_CSV.astype("Int64")),
        (Categorical("seen"), pd.Series([True, None, False, True])),
        (Categorical("seen", hash_buckets=5), pd.Series([True, None, False, True])),
        (Numeric("size", decimal=","), pd.Series(["1,5", None, "2"])),
    ],
)
def test_categories_are_the_values_that_they_stand_for(feature, values):
    encoding = feature.adapt(values.astype("category"))
    plain, objects = feature.adapt(values), values.astype(object).astype("category")
    for one in (values, values.astype("category"), objects):
        np.testing.assert_array_equal(encoding.encode(one), plain.encode(values))


def test_a_value_below_min_count_is_unknown_and_a_missing_one_is_padding():
    encoding = Categorical("country", min_count=2).adapt(TRAIN["country"])
    assert encoding.encode(TRAIN["country"]).tolist() == [2, 1, 2, 0, 1]


def test_normalisation_has_mean_zero_and_deviation_one():
    values = Numeric("price").adapt(TRAIN["price"]).encode(TRAIN["price"])
    present = values[[0, 1, 2, 4]]
    assert values[3] == 0
    assert present.mean() == pytest.approx(0, abs=1e-6)
    assert present.std() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "numbers", [[5.0] * 2, [0.99] * 3, [0.1] * 3, [-19.99] * 10, [0.3, 0.1 + 0.2], [0.0] * 2]
)
def test_a_constant_number_is_no_division_by_zero(numbers):
    one = numbers[0]
    encoding = Numeric("price").adapt(pd.Series(numbers))
    asked = pd.Series([one, one + 1, None])
    np.testing.assert_allclose(encoding.encode(asked), [0.0, 1.0, 0.0], atol=1e-6)
    served = encoding.graph()(tf.constant(asked, tf.float32))
    np.testing.assert_allclose(served, [0.0, 1.0, 0.0], atol=1e-6)


def test_small_differences_of_large_numbers_are_differences():
    numbers = pd.Series([1e9, 1e9 + 1])
    assert Numeric("price").adapt(numbers).encode(numbers).tolist() == [-1.0, 1.0]


def test_buckets_hold_equal_counts():
    numbers = pd.Series(np.arange(100.0))
    buckets = Numeric("x", buckets=4).adapt(numbers).encode(numbers)
    assert np.bincount(buckets).tolist() == [0, 0, 25, 25, 25, 25]


@pytest.mark.parametrize(
    ("moment", "hour", "weekday"),
    [("1970-01-01 00:30", 0, 3), ("2011-12-09 12:50", 12, 4), ("2026-11-23 23:59", 23, 0)],
)
def test_parts_of_time_follow_the_calendar(moment, hour, weekday):
    seconds = pd.Series([int(pd.Timestamp(moment).timestamp())])
    assert TimeOf(part="hour").adapt(seconds).encode(seconds) - 2 == hour
    assert TimeOf(part="weekday").adapt(seconds).encode(seconds) - 2 == weekday


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_parts_of_moments_follow_the_calendar_in_all_units(unit):
    """A column of the events beside their times is as it comes, and pandas reads microseconds."""
    moments = pd.Series(pd.to_datetime(["2011-12-09 12:50", "2026-11-23 23:59"]), name="ordered_at")
    for values in (moments.astype(f"datetime64[{unit}]"), moments.dt.tz_localize("Europe/Berlin")):
        hours = (TimeOf("ordered_at").adapt(values).encode(values) - 2).tolist()
        assert hours == ([12, 23] if values.dt.tz is None else [11, 22])
    with pytest.raises(ValueError, match=r"'ordered_at' has times outside.*milliseconds"):
        TimeOf("ordered_at").adapt(moments).encode(moments.astype("datetime64[ms]").astype("int64"))


def test_parts_of_times_of_an_order_are_as_served():
    """Which `Interactions` has taken for an order, and which look like milliseconds or days."""
    for times in ([1_700_000_000_123, 1_700_000_000_999], [20_200_913, 20_201_231], [0.5, 7_201.9]):
        times = pd.Series(times, name="timestamp")
        encoding = TimeOf(part="hour").adapt(times)
        whole = tf.constant(np.floor(times).astype("int64"))
        np.testing.assert_array_equal(encoding.encode(times), encoding.graph()(whole))


def test_lists_are_padded_and_keep_their_rows():
    genres = pd.Series([["war", "drama"], None, ["drama"], []], index=[7, 7, 8, 9])
    encoding = MultiValued("genres").adapt(genres)
    assert encoding.encode(genres).tolist() == [[3, 2], [0, 0], [2, 0], [0, 0]]
    graph = encoding.graph()(tf.constant([["drama", ""], ["new", "war"]]))
    assert graph.numpy().tolist() == [[2, 0], [1, 3]]


def test_words_are_lower_case_runs_of_letters_and_digits():
    titles = pd.Series(["Red T-Light, 12 CM", None, "red_ÉTÉ  café", "--"], index=[3, 3, 1, 0])
    feature = Words("title", min_count=1)
    encoding = feature.adapt(titles)
    words = [encoding.vocabulary.ids[code - 2] for code in encoding.encode(titles)[0]]
    assert words == ["red", "t", "light", "12", "cm"]
    raw = ["Red T-Light, 12 CM", "", "red_ÉTÉ  café", "--", "LIGHT blue"]
    bulk = encoding.encode(pd.Series(raw))
    np.testing.assert_array_equal(encoding.graph()(tf.constant(raw)), bulk)
    assert bulk[1].tolist() == bulk[3].tolist() == [0] * 5
    assert bulk[4, 1] == 1  # blue
    assert Words("title", min_count=2).adapt(titles).size == 3  # red alone is frequent


def test_text_in_a_numeric_column_is_named():
    with pytest.raises(
        ValueError, match=r"Numeric\('price'\) .* numbers are expected; 1 values .*'cheap'"
    ):
        Numeric("price").adapt(pd.Series(["1", "cheap"]))


MOMENTS = pd.Series(pd.to_datetime(["2020-01-01", None, "2021-06-30"]))


@pytest.mark.parametrize(
    "values",
    [
        *(MOMENTS, MOMENTS.astype("datetime64[s]"), MOMENTS.dt.tz_localize("UTC")),
        *(MOMENTS.astype(object), MOMENTS.dt.date, MOMENTS.astype("category")),
        *(MOMENTS - MOMENTS[0], MOMENTS.dt.to_period("D")),
    ],
    ids=lambda values: str(values.dtype),
)
@pytest.mark.parametrize("buckets", [None, 2])
def test_times_in_a_numeric_column_are_refused(values, buckets):
    with pytest.raises(
        ValueError, match=r"Numeric\('price'\) .* these are times.*\.dt\.year.*Received: \['"
    ):
        Numeric("price", buckets=buckets).adapt(values)
    with pytest.raises(ValueError, match="these are times"):
        Numeric("price", buckets=buckets).adapt(TRAIN["price"]).encode(values)


def test_fractions_in_a_categorical_column_are_named():
    with pytest.raises(ValueError, match=r"Categorical\('price'\) .* there are fractions, .*0\.5"):
        Categorical("price").adapt(pd.Series([1.0, 0.5]))


def test_fractions_that_training_never_saw_are_as_if_missing():
    encoding = Categorical("price").adapt(pd.Series([1.0, None, 7.0]))
    encoded = encoding.encode(pd.Series([7.0, 7.5, None, np.inf, 1e300]))
    assert encoded.tolist()[1:] == encoding.encode(pd.Series([None] * 4, dtype="float")).tolist()
    assert encoded[0] > 1


def test_integers_that_stand_for_no_value_are_told():
    with pytest.warns(ReadingNotice, match=r"floor: 2 of 4 values are -1, which stands for no"):
        Categorical("floor").adapt(pd.Series([-1, 3, -1, 0]))
