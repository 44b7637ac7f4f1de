"""Queries by the naming convention, and nothing in them that the user did not have before."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.evaluation import queries
from tfrec_recall.evaluation.item_features import ItemFeatures
from tfrec_recall.evaluation.pairs import Pairs
from tfrec_recall.evaluation.queries import Queries, first_of_each, lists_tensor, raw_tensor

STRINGS = tf.TensorSpec([None, None], tf.string)
EVENTS = pd.DataFrame(
    {
        "user_id": ["b", "b", "x", "a", "b"],  # x is not asked for, c has no event
        "item_id": ["p", "q", "r", "s", "t"],
        "rating": [5.0, 3.0, 1.0, 4.0, np.nan],
        "shop": pd.Categorical(["s1", "s2", "s1", None, "s2"]),
    }
)
USERS = np.array(["a", "b", "c"])


def batch(inputs, rows=(0, 1, 2), **more):
    queries = Queries(inputs, USERS, EVENTS, **more)
    return {name: value.numpy().tolist() for name, value in queries.batch(np.array(rows)).items()}


def test_history_is_oldest_first_and_padded():
    assert batch({"history": STRINGS}, rows=[1, 0, 2])["history"] == [
        [b"p", b"q", b"t"],
        [b"s", b"", b""],
        [b"", b"", b""],
    ]


def test_a_batch_is_as_wide_as_its_own_longest_history():
    assert batch({"history": STRINGS}, rows=[0])["history"] == [[b"s"]]
    assert batch({"history": STRINGS}, rows=[2])["history"] == [[b""]]


def test_event_columns_are_aligned_with_the_history():
    inputs = {
        "history": STRINGS,
        "history_rating": tf.TensorSpec([None, None], tf.float32),
        "history_shop": STRINGS,
    }
    result = batch(inputs, rows=[1, 0])
    np.testing.assert_array_equal(result["history_rating"], [[5, 3, np.nan], [4, np.nan, np.nan]])
    assert result["history_shop"] == [[b"s1", b"s2", b"s2"], [b"", b"", b""]]


def test_a_fixed_width_keeps_the_latest_events():
    result = batch({"history": tf.TensorSpec([None, 2], tf.string)})
    assert result["history"] == [[b"s", b""], [b"q", b"t"], [b"", b""]]


def test_columns_of_the_users_table_come_by_user_not_by_row():
    table = pd.DataFrame(
        {
            "user_id": ["c", "a", "b"],
            "age": [33, 11, None],
            "city": ["C", None, "B"],
            "tags": [["x", "y"], np.array(["z"]), None],
        }
    )
    inputs = {
        "user_id": tf.TensorSpec([None], tf.string),
        "age": tf.TensorSpec([None], tf.int64),
        "city": tf.TensorSpec([None], tf.string),
        "tags": STRINGS,
    }
    assert batch(inputs, rows=[2, 1, 0], table=table) == {
        "user_id": [b"c", b"b", b"a"],
        "age": [33, -1, 11],
        "city": [b"C", b"B", b""],
        "tags": [[b"x", b"y"], [b"", b""], [b"z", b""]],
    }


@pytest.mark.parametrize("kind", ["int64", "category", "UInt64"])
def test_integers_are_exact_beside_a_stranger(kind):
    table = pd.DataFrame({"user_id": ["b", "a"], "code": pd.Series([2**53 + 1, 2**53], dtype=kind)})
    table["member"] = [True, False]
    inputs = {name: tf.TensorSpec([None], tf.int64) for name in ("code", "member")}
    found = batch(inputs, table=table)  # of c nothing is known
    assert found == {"code": [2**53, 2**53 + 1, -1], "member": [0, 1, -1]}
    targets = table.assign(item_id="x", timestamp=9)
    context = first_of_each(targets, USERS)
    assert context["code"].tolist()[:2] == [2**53, 2**53 + 1]
    asked = {"code": tf.TensorSpec([None], tf.int64)}
    assert batch(asked, context=context)["code"] == [2**53, 2**53 + 1, -1]


def test_the_time_of_the_request_keeps_its_seconds():
    times = np.array([1_700_000_001.75, 1_700_000_002.0, 1_700_000_063.0])  # float32 would merge
    result = batch({"timestamp": tf.TensorSpec([None], tf.int64)}, timestamps=times)
    assert result["timestamp"] == [1_700_000_001, 1_700_000_002, 1_700_000_063]


def test_seen_holds_the_whole_history_even_where_the_input_is_cut():
    queries = Queries({"history": tf.TensorSpec([None, 1], tf.string)}, USERS, EVENTS)
    assert queries.seen(np.array([1])).numpy().tolist() == [[b"p", b"q", b"t"]]


def test_text_is_held_once_as_codes():
    """Strings of a tensor take 24 bytes each, and ids and other text repeat."""
    generator = np.random.default_rng(0)
    user, item = generator.integers(0, 7, 300), generator.integers(0, 5, 300)
    events = pd.DataFrame({"user_id": [f"u{n}" for n in user], "item_id": [f"é{n}" for n in item]})
    events["page"] = events["item_id"].where(item > 1).str.upper()
    users = np.array([f"u{n}" for n in range(8)])  # u7 has no event
    inputs = {"history": tf.TensorSpec([None, 4], tf.string), "history_page": STRINGS}
    queries = Queries(inputs, users, events)
    seen = queries.seen(np.arange(8)).numpy()
    pages = queries.batch(np.arange(8))["history_page"].numpy()
    for n in range(8):
        mine = [b"\xc3\xa9%d" % one for one in item[user == n]]
        theirs = [b"\xc3\x89%d" % one if one > 1 else b"" for one in item[user == n]]
        assert seen[n].tolist() == mine + [b""] * (seen.shape[1] - len(mine))
        assert pages[n].tolist() == theirs + [b""] * (seen.shape[1] - len(mine))
    rows, items = queries.seen_pairs()
    assert items.tolist() == events["item_id"].iloc[np.argsort(user, kind="stable")].tolist()
    assert rows.tolist() == sorted(user)
    history = queries._columns["history"]
    assert (len(history.values), len(queries._columns["history_page"].values)) == (6, 4)
    assert queries._seen.codes is history.codes
    assert queries._seen.values is history.values


def test_each_id_is_looked_up_once_however_many_events_it_has(monkeypatch):
    asked, looked_up = [], pd.Index.get_indexer

    def get_indexer(self, target, *more, **others):
        asked.append(len(target))
        return looked_up(self, target, *more, **others)

    monkeypatch.setattr(pd.Index, "get_indexer", get_indexer)
    events = pd.concat([EVENTS] * 50)
    queries = Queries({"history": STRINGS}, USERS, events)
    pairs = Pairs.of_rows(*queries.seen_pairs(), pd.Index(["t", "p", "q", "s"]))
    assert pairs.codes.tolist() == [3, 4, 5, 6]
    assert Pairs.of(events, USERS, pd.Index(["t", "p", "q", "s"])).codes.tolist() == [3, 4, 5, 6]
    assert max(asked) == 5


def test_integer_items_are_padded_with_minus_one():
    events = pd.DataFrame({"user_id": ["a", "b", "b"], "item_id": [0, 5, 6]})
    queries = Queries({"history": tf.TensorSpec([None, None], tf.int64)}, USERS, events)
    everyone = np.arange(3)
    assert queries.batch(everyone)["history"].numpy().tolist() == [[0, -1], [5, 6], [-1, -1]]
    assert queries.seen(everyone).numpy().tolist() == [[0, -1], [5, 6], [-1, -1]]


@pytest.mark.parametrize(
    ("inputs", "more", "message"),
    [
        (
            {"history_price": STRINGS},
            {},
            r"events have no column 'price'",
        ),
        ({"age": STRINGS}, {}, "users have no column 'age'"),
        ({"timestamp": tf.TensorSpec([None], tf.int64)}, {}, "takes the time of the request"),
        ({"history": tf.TensorSpec([None, None], tf.int64)}, {}, "'history' as numbers.*string"),
        ({"history_rating": STRINGS}, {}, "'history_rating' as text.*Received: floating"),
    ],
)
def test_what_the_data_lacks_is_said(inputs, more, message):
    with pytest.raises(ValueError, match=message):
        Queries(inputs, USERS, EVENTS, **more)


@pytest.mark.parametrize("dtype", [tf.string, tf.int64, tf.float32])
@pytest.mark.parametrize("column", [[None, None], [np.nan, np.nan]])
def test_a_column_of_missing_values_fits_every_type(dtype, column):
    result = raw_tensor(pd.Series(column), dtype).numpy()
    expected = {tf.string: [b"", b""], tf.int64: [-1, -1], tf.float32: [np.nan, np.nan]}[dtype]
    np.testing.assert_array_equal(result, np.array(expected, dtype=result.dtype))


@pytest.mark.parametrize("dtype", [tf.float32, tf.int64])
def test_missing_fractions_make_no_objects(dtype):
    values = pd.Series(np.arange(50_000) / 4)
    values[::3] = np.nan
    raw_tensor(values, dtype)  # what the first call keeps
    tracemalloc.start()
    found = raw_tensor(values, dtype, padded=True).numpy()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 48 * len(values)  # with objects above 60
    padding = np.nan if dtype.is_floating else -1
    expected = [padding if np.isnan(one) else one for one in values.tolist()] + [padding]
    np.testing.assert_array_equal(found, np.array(expected).astype(dtype.as_numpy_dtype))


def test_categories_may_be_missing():
    result = raw_tensor(pd.Series(pd.Categorical([7, None, 3])), tf.int64)
    assert result.numpy().tolist() == [7, -1, 3]


@pytest.mark.parametrize("kind", ["datetime64[ms]", "datetime64[us, Europe/Berlin]", "object"])
def test_dates_are_whole_seconds_where_integers_are_taken(kind):
    times = ["2011-12-09 12:50:00.75", None, "2026-11-23 23:59"]
    values = pd.Series(pd.to_datetime(times, format="ISO8601", utc=True), index=[7, 7, 8])
    if kind == "datetime64[ms]":
        values = values.dt.tz_localize(None)
    values = values.astype(kind)
    expected = [1_323_435_000, -1, 1_795_478_340]
    for column in (values, values.astype("category")):
        assert raw_tensor(column, tf.int64).numpy().tolist() == expected
    assert raw_tensor(values, tf.int64, padded=True).numpy().tolist() == [*expected, -1]
    assert raw_tensor(values[:0], tf.int64).shape == [0]
    with pytest.raises(ValueError, match=r"column 'due' has times outside 1980 to 2100"):
        raw_tensor(pd.Series([pd.Timestamp("1970-01-01")]), tf.int64, "due")


@pytest.mark.parametrize("kind", [list, np.array])
def test_vectors_are_taken_as_they_are(kind, monkeypatch):
    vectors = np.random.default_rng(0).normal(size=(5, 3))
    cells = pd.Series([None if row == 3 else kind(vector) for row, vector in enumerate(vectors)])
    table = pd.DataFrame({"item_id": list("abcde"), "image": cells})
    inputs = {"image": tf.TensorSpec([None, 3], tf.float32)}
    rows = np.array(list("dbba"))
    with monkeypatch.context() as patched:
        patched.setattr(queries, "of_floats", lambda cell: False)
        apart = ItemFeatures(table, inputs).of(rows)["image"]

    def taken_apart(*_, **__):
        raise AssertionError("each number would be an object")

    monkeypatch.setattr(pd.Series, "explode", taken_apart)
    found = ItemFeatures(table, inputs).of(rows)["image"]
    np.testing.assert_array_equal(found, apart)
    assert np.isnan(found[0]).all()
    people = table.rename(columns={"item_id": "user_id"})[:4]
    asked = Queries(inputs, np.array(list("ed")), EVENTS[:0], table=people)
    assert np.isnan(asked.batch(np.array([0, 1]))["image"]).all()


def test_items_are_read_from_the_columns_of_their_features():
    table = pd.DataFrame({"item_id": ["a", "b"], "a b": [1, 2], "kind": [3, 4]})
    inputs = {name: tf.TensorSpec([None], tf.int64) for name in ("a_b", "item_kind")}
    columns = {"a_b": "a b", "item_kind": "kind"}
    table["item_kind"] = [5, 6]  # which is another feature's
    found = ItemFeatures(table, inputs, columns).of(np.array(["b", "a"]))
    assert {name: v.numpy().tolist() for name, v in found.items()} == {
        "a_b": [2, 1],
        "item_kind": [4, 3],
    }
    named = table.drop(columns=["a b", "kind"]).assign(a_b=[7, 8])  # as requests are
    found = ItemFeatures(named, inputs, columns).of(np.array(["b"]))
    assert {name: v.numpy().tolist() for name, v in found.items()} == {
        "a_b": [8],
        "item_kind": [6],
    }
    others = {**columns, "item_item_kind": "item_kind"}
    with pytest.raises(ValueError, match=r"table of items lacks \['kind'\]"):
        ItemFeatures(named, inputs, others)


@pytest.mark.parametrize("width", [2, 4, None])
def test_lists_of_another_length_are_cut_or_padded(width):
    column = pd.Series([[0.5, 1.0, 2.0], None, [3.0]])
    found = lists_tensor(column, tf.TensorSpec([None, width], tf.float32), "image")
    expected = np.array([[0.5, 1, 2, np.nan], [np.nan] * 4, [3] + [np.nan] * 3])
    expected = expected[:, :3] if width is None else expected
    expected = np.array([[1, 2], [np.nan] * 2, [3, np.nan]]) if width == 2 else expected
    np.testing.assert_array_equal(found.padded(np.arange(3)), expected)


def test_large_integers_stay_exact():
    assert raw_tensor(pd.Series([2**62 + 1]), tf.int64).numpy().tolist() == [2**62 + 1]


def test_the_history_ends_before_the_first_target(split):
    users = np.sort(split.test.targets["user_id"].unique())
    queries = Queries({"history": STRINGS}, users, split.test.history)
    for row, user in enumerate(users):
        history = queries.batch(np.array([row]))["history"].numpy()[0].tolist()
        past = split.test.history[split.test.history["user_id"] == user].sort_values("timestamp")
        wanted = split.test.targets[split.test.targets["user_id"] == user]
        assert [item.decode() for item in history if item] == past["item_id"].tolist()
        assert past["timestamp"].max() < wanted["timestamp"].min() or not len(past)


def test_what_came_with_a_target_holds_nothing_of_the_choice():
    targets = pd.DataFrame({"user_id": ["a", "a"], "item_id": ["x", "y"], "rating": [5, 4]})
    targets = targets.assign(timestamp=[9, 5], device=["phone", "desk"], event_type="buy")
    context = first_of_each(targets, np.array(["a"]))
    assert context.to_dict("list") == {"timestamp": [5], "device": ["desk"]}
    for name in ("item_id", "rating"):
        asked = {name: tf.TensorSpec([None], tf.string)}
        with pytest.raises(ValueError, match=f"the users have no column '{name}'"):
            Queries(asked, np.array(["a"]), targets[:0], context=context)
