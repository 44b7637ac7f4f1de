"""The data set's tables: one form whatever came in, and errors that name the place."""

import dataclasses
import datetime
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tfrec_recall.data.interactions import Interactions

NOW = 1_000_000_000


def visits(**columns):
    """Three events, with the given columns instead of theirs or beside them."""
    table = {"user_id": ["ann", "bob", "ann"], "item_id": [10, 20, 10], "timestamp": [5, 6, 7]}
    return pd.DataFrame({**table, **columns})


@pytest.mark.parametrize(
    "dtype",
    [
        *("str", "object", "string", "string[python]", "category"),
        pd.ArrowDtype(pa.string()),
        pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string())),
    ],
)
def test_text_ids_come_out_as_str(dtype):
    data = Interactions(visits(user_id=pd.Series(["ann", "bob", "ann"], dtype=dtype)))
    assert data.events["user_id"].dtype == data.users["user_id"].dtype == "str"
    assert data.events["user_id"].tolist() == ["ann", "bob", "ann"]


@pytest.mark.parametrize(
    "dtype", ["int8", "uint32", "Int64", "category", "object", pd.ArrowDtype(pa.int32())]
)
def test_integer_ids_come_out_as_int64(dtype):
    data = Interactions(visits(item_id=pd.Series([10, 20, 10], dtype=dtype)))
    assert data.events["item_id"].dtype == data.items["item_id"].dtype == np.int64
    assert data.items["item_id"].tolist() == [10, 20]


def test_ids_stay_what_they_are():
    data = Interactions(visits(user_id=["007", "7", " 8"]))
    assert data.users["user_id"].tolist() == [" 8", "007", "7"]


def test_the_frames_given_stay_as_they_are():
    events = visits(session_id=["x", "y", "x"]).set_index(pd.Index([7, 7, 9], name="line"))
    users = pd.DataFrame({"age": [30], "user_id": ["bob"]})
    copies = events.copy(), users.copy()
    data = Interactions(events, users)
    pd.testing.assert_frame_equal(events, copies[0])
    pd.testing.assert_frame_equal(users, copies[1])
    events.loc[7, "item_id"] = 99
    users.loc[0, "age"] = 99
    assert data.events["item_id"].tolist() == [10, 20, 10]
    assert data.users["age"].tolist() == [30, pd.NA]


def test_fields_cannot_be_replaced():
    data = Interactions(visits())
    with pytest.raises(dataclasses.FrozenInstanceError):
        data.events = visits()


def test_columns_and_rows_are_in_one_form():
    events = visits(note=["a", "b", "c"])[["note", "timestamp", "item_id", "user_id"]]
    data = Interactions(events.set_index(pd.Index([5, 5, 5])), name="shop")
    assert list(data.events) == ["user_id", "item_id", "timestamp", "note"]
    assert data.events.index.tolist() == [0, 1, 2]
    assert data.events["note"].tolist() == ["a", "b", "c"]
    assert repr(data) == "Interactions('shop': 3 events, 2 users, 2 items)"


def test_repeated_events_are_kept():
    once = visits()
    assert len(Interactions(pd.concat([once, once])).events) == 6


def test_users_and_items_of_events_alone_get_a_row():
    users = pd.DataFrame({"user_id": ["zoe", "bob"], "age": [30, 40], "member": [True, False]})
    items = pd.DataFrame({"item_id": [20, 99], "title": ["tea", "cup"], "tags": [["a"], ["b"]]})
    data = Interactions(visits(), users, items)
    assert data.users["user_id"].tolist() == ["zoe", "bob", "ann"]
    assert data.users["age"].tolist() == [30, 40, pd.NA]  # integers stay integers
    assert data.users["member"].dtype == "boolean"
    assert data.items["item_id"].tolist() == [20, 99, 10]
    assert data.items["tags"].tolist()[:2] == [["a"], ["b"]]
    assert data.items["title"].isna().tolist() == [False, False, True]


def test_a_complete_table_keeps_its_types():
    users = pd.DataFrame({"user_id": ["bob", "ann"], "age": [30, 40], "member": [True, False]})
    pd.testing.assert_frame_equal(Interactions(visits(), users).users, users)


@pytest.mark.parametrize(
    ("given", "expected", "dtype"),
    [
        ([5, 6, 7], [5, 6, 7], "int64"),
        (pd.array([5, 6, 7], dtype="Int32"), [5, 6, 7], "int64"),
        ([5.0, 6.0, 7.0], [5, 6, 7], "int64"),
        ([5.0, 6.5, 7.0], [5, 6.5, 7], "float64"),
        ([NOW + 0.5, NOW], [NOW + 0.5, NOW], "float64"),
        (pd.to_datetime([NOW, NOW + 1], unit="s"), [NOW, NOW + 1], "int64"),
        (pd.to_datetime([NOW, NOW], unit="s").astype("datetime64[ns]"), [NOW, NOW], "int64"),
        (pd.to_datetime([NOW * 1000 + 250], unit="ms"), [NOW + 0.25], "float64"),
        (pd.to_datetime([NOW], unit="s", utc=True).tz_convert("Asia/Tokyo"), [NOW], "int64"),
        ([datetime.date(2001, 9, 9)], [11_574 * 86_400], "int64"),
        (pd.to_datetime([NOW], unit="s").astype("timestamp[ms][pyarrow]"), [NOW], "int64"),
        (
            pd.to_datetime([86_400 * 9999], unit="s").astype("date32[pyarrow]"),
            [86_400 * 9999],
            "int64",
        ),
        (pd.Series([NOW + 0.5], dtype=pd.ArrowDtype(pa.decimal128(12, 2))), [NOW + 0.5], "float64"),
        (pd.Series([decimal.Decimal(f"{NOW}.5")]), [NOW + 0.5], "float64"),
        (pd.Series([NOW, NOW + 1], dtype=object), [NOW, NOW + 1], "int64"),
        (pd.Categorical([NOW, NOW + 1]), [NOW, NOW + 1], "int64"),
    ],
)
def test_timestamps_are_seconds(given, expected, dtype):  # TRAPS 31
    events = visits().head(len(given))
    column = Interactions(events.assign(timestamp=given)).events["timestamp"]
    assert column.tolist() == expected
    assert column.dtype == dtype


def test_time_is_optional_but_never_guessed():
    data = Interactions(visits().drop(columns="timestamp"))
    assert not data.has_time
    with pytest.raises(ValueError, match=r"SDM needs to know.*'timestamp'.*never taken for time"):
        data.require_time("SDM")
    Interactions(visits()).require_time("SDM")


BAD_EVENTS = {
    "no user": (visits().drop(columns="user_id"), r"events: column 'user_id' is missing.*rename"),
    "index": (visits().set_index("user_id"), r"It is the index: use \.reset_index\('user_id'\)"),
    "no frame": ([1, 2], r"events is a pandas DataFrame. Received: list"),
    "twice": (
        pd.DataFrame([[1, 2, 3]], columns=["user_id", "item_id", "item_id"]),
        r"unique. Received twice: \['item_id'\]",
    ),
    "missing": (
        visits(user_id=["ann", None, "bob"]),
        r"events: column 'user_id' has missing values in 1 of 3 rows\..*dropna.*row 1: \{'user_id'",
    ),
    "missing in categories": (
        visits(item_id=pd.Categorical([1, None, 2])),
        r"events: column 'item_id' has missing values in 1 of 3 rows",
    ),
    "float": (visits(item_id=[1.0, 2.0, 3.0]), r"'item_id' has floating-point numbers in 3 of 3"),
    "mixed": (
        visits(item_id=["a", "b", 1]),
        r"has mixed types, int in 1 of 3 rows\. .*str \(2\), int \(1\).*row 2: .*'item_id': 1",
    ),
    "bool": (visits(item_id=[True, False, True]), r"'item_id' has bool in 3 of 3 rows"),
    "bytes": (visits(item_id=[b"a", b"b", b"c"]), r"'item_id' has bytes.*\.str\.decode"),
    "tuple": (visits(item_id=[(1, 2), (3,), ()]), r"'item_id' has tuple in 3 of 3 rows"),
    "date": (visits(item_id=pd.Timestamp(0)), r"'item_id' has Timestamp in 3 of 3 rows"),
    "empty": (visits(user_id=["", "a", ""]), r"'user_id' has the padding value '' in 2 of 3 rows"),
    "minus one": (visits(item_id=[-1, 1, 2]), r"'item_id' has the padding value -1 in 1 of 3 rows"),
    "huge": (
        visits(item_id=np.array([2**63, 1, 2], dtype="uint64")),
        r"'item_id' has integers beyond int64 in 1 of 3 rows.*'item_id': 9223372036854775808",
    ),
    "huge and negative": (
        visits(item_id=pd.Series([-(2**70), 1, 2], dtype=object)),
        r"'item_id' has integers beyond int64 in 1 of 3 rows",
    ),
    "session": (visits(session_id=["x", None, "y"]), r"'session_id' has missing values in 1 of 3"),
    "text time": (
        visits(timestamp=["1/1/2020", "2/1/2020", "3/1/2020"]),
        r"'timestamp' has type str in 3 of 3 rows\. .*time_format.*pd\.to_datetime\(events",
    ),
    "no time": (visits(timestamp=[1, None, np.nan]), r"'timestamp' has missing values in 2 of 3"),
    "NaT": (
        visits(timestamp=pd.to_datetime(["2020-01-01", None, None])),
        r"'timestamp' has missing values in 2 of 3 rows\..*row 1: .*NaT",
    ),
    "float32 time": (
        visits(timestamp=np.array([1, 2, 3], dtype="float32")),
        r"'timestamp' has type float32 in 3 of 3 rows\. float32 has steps of 128 seconds",
    ),
    "milliseconds": (
        visits(timestamp=[1_600_000_000_000, 1, 2]),
        r"'timestamp' has times outside 1980 to 2100.* in 3 of 3 rows\. They look like milliseco",
    ),
    "endless time": (
        visits(timestamp=[1, 2, np.inf]),
        r"'timestamp' has infinite values in 1 of 3",
    ),
    "bool time": (visits(timestamp=[True, True, False]), r"'timestamp' has type bool"),
    "rating": (visits(rating=["5", "4", "1"]), r"'rating' has type str.*pd\.to_numeric"),
    "endless rating": (visits(rating=[5, np.inf, 1]), r"'rating' has infinite values in 1 of 3"),
    "weight": (visits(weight=[1, -1, np.nan]), r"'weight' has missing, negative or.* in 2 of 3"),
    "split": (
        visits(split=["train", "val", None]),
        r"'split' has other values in 1 of 3 rows\. .*validation, test.*row 2: .*'split': nan",
    ),
}


@pytest.mark.parametrize(("events", "message"), BAD_EVENTS.values(), ids=BAD_EVENTS)
def test_bad_events_are_named(events, message):
    with pytest.raises(ValueError, match=message):
        Interactions(events)


@pytest.mark.parametrize(
    ("users", "message"),
    [
        ({"age": [1]}, r"users: column 'user_id' is missing"),
        ({"user_id": ["a", "b", "a"]}, r"users: column 'user_id' has repeated ids in 2 of 3 rows"),
        ({"user_id": ["a", None]}, r"users: column 'user_id' has missing values in 1 of 2 rows"),
        ({"user_id": [1, 2]}, r"users: .*another type than in events.*int64 in users \(first: 1\)"),
    ],
)
def test_bad_users_are_named(users, message):
    with pytest.raises(ValueError, match=message):
        Interactions(visits(), pd.DataFrame(users))


def test_no_more_than_three_bad_rows_are_shown():
    with pytest.raises(ValueError, match=r"in 50 of 50 rows") as caught:
        Interactions(pd.DataFrame({"user_id": [None] * 50, "item_id": "x"}))
    assert str(caught.value).count("; row ") == 2


def test_no_events_are_legal():
    items = pd.DataFrame({"item_id": [7, 8]})
    data = Interactions(visits().iloc[:0], items=items)
    assert (len(data.events), data.items["item_id"].tolist()) == (0, [7, 8])
    assert len(Interactions(pd.DataFrame({"user_id": [], "item_id": []})).users) == 0


def test_with_events_keeps_users_and_items():
    items = pd.DataFrame({"item_id": [10, 20, 30], "title": list("abc")})
    data = Interactions(visits(), items=items, name="shop")
    fewer = data.with_events(data.events.iloc[[1]])
    assert fewer.items is data.items
    assert fewer.users is data.users
    assert fewer.name == "shop"
    assert fewer.events.index.tolist() == [0]
    assert len(data.events) == 3


def test_with_events_knows_the_unit_of_the_times_that_are_there():
    data = Interactions(visits())
    timeless = data.with_events(data.events.drop(columns="timestamp"))
    assert data.time_unit is not None
    assert (timeless.has_time, timeless.time_unit) == (False, None)
    assert timeless.with_events(data.events).time_unit == data.time_unit


def test_with_events_refuses_strangers():
    data = Interactions(visits())
    message = r"'item_id' has ids that items lacks in 1 of 3 rows.*row 2"
    with pytest.raises(ValueError, match=message):
        data.with_events(visits(item_id=[10, 20, 30]))
    with pytest.raises(ValueError, match=r"users: .*another type"):
        data.with_events(visits(user_id=[1, 2, 3]))


def test_take_by_positions_or_mask():
    data = Interactions(visits())
    assert data.take(np.array([2, 0])).events["timestamp"].tolist() == [7, 5]
    assert data.take(np.array([False, True, False])).events["timestamp"].tolist() == [6]
    assert data.take(np.array([1])).users is data.users
    one = data.take(np.array([1]), np.array([1]))
    assert one.users["user_id"].tolist() == one.events["user_id"].tolist() == ["bob"]
    assert one.items is data.items
    assert len(data.users) == 2


@pytest.mark.parametrize(
    ("positions", "received"),
    [
        ([True, False], r"bool \[2\]"),
        ([1.5], r"float64 \[1\]"),
        ([0, 3], r"int64 \[2\], 0 to 3"),
        ([-1], r"int64 \[1\], -1 to -1"),
        ([[0]], r"int64 \[1, 1\]"),
    ],
)
def test_take_refuses_what_is_no_position(positions, received):
    data = Interactions(visits())
    assert len(data.take(np.array([], dtype=bool)[:0]).events) == 0
    with pytest.raises(ValueError, match=rf"mask of all 3 events.*Received: {received}"):
        data.take(positions)


def test_files_are_given_by_their_path():
    for given in (["events.csv"], None):
        with pytest.raises(TypeError, match=r"given by its path: a folder of its parts"):
            Interactions.from_files(given)
    with pytest.raises(ValueError, match=r"Interactions\(events, users, items\) takes tables"):
        Interactions.from_files(visits())


def test_from_frames_renames():
    logs = visits().rename(columns={"item_id": "sku"})
    items = pd.DataFrame({"sku": [10, 20, 30]})
    data = Interactions.from_frames(logs, items=items, rename={"sku": "item_id"}, name="shop")
    assert data.items["item_id"].tolist() == [10, 20, 30]
    assert list(logs) == ["user_id", "sku", "timestamp"]


@pytest.mark.parametrize(
    ("rename", "message"),
    [
        ({"sku": "item_id"}, r"no table has \['sku'\].*columns \{'events': \['user_id'"),
        ({"timestamp": "user_id"}, r"events: rename would give several columns.*\['user_id'\]"),
    ],
)
def test_rename_errors(rename, message):
    with pytest.raises(ValueError, match=message):
        Interactions.from_frames(visits(), rename=rename)


def test_columns_of_arrow_are_as_a_parquet_file_with_them(tmp_path):
    items = pd.DataFrame({"item_id": [10, 20]})
    columns = {
        "price": pa.array([3, None]),
        "tags": pa.array([["a"], ["a", "b"]]),
        "kind": pa.array(["x", "y"]).dictionary_encode(),
        "weight_g": pa.array([decimal.Decimal("1.5"), None]),
    }
    arrow = items.assign(
        **{name: pd.array(values, pd.ArrowDtype(values.type)) for name, values in columns.items()}
    )
    visits().to_parquet(tmp_path / "events.parquet")
    arrow.to_parquet(tmp_path / "items.parquet")
    plain = Interactions.from_parquet(tmp_path, time_unit="order").items
    found = Interactions(visits(), items=arrow.set_axis([3, 4])).items
    assert not any(isinstance(dtype, pd.ArrowDtype) for dtype in found.dtypes)
    plain["kind"] = plain["kind"].astype("str")  # packed
    pd.testing.assert_frame_equal(found, plain, check_dtype=False)
    assert found["price"].dtype == plain["price"].dtype == "Int64"


def test_names_of_several_levels_are_refused_with_the_way_to_join_them():
    items = visits().groupby("item_id").agg({"timestamp": ["min", "max"]}).reset_index()
    with pytest.raises(ValueError, match=r"items: a column has one name.*items\.columns = "):
        Interactions(visits(), items=items)
    with pytest.raises(ValueError, match=r"items: a column has one name"):
        Interactions(visits(), items=items, mend_ids=True)
