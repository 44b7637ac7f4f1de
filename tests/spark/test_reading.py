"""Tables of Parquet files are on Spark what pandas makes of them."""

import pandas as pd
import pytest

from tests.spark.conftest import same
from tfrec_recall import data
from tfrec_recall.data.notices import ReadingNotice

pytest.importorskip("pyspark", reason="these tests need PySpark: pip install 'pyspark>=4,<5'")

from tfrec_recall import spark as on
from tfrec_recall.spark.parquet import read_parts

NOW = 1_600_000_000
MOMENTS = pd.to_datetime([NOW * 10**9, NOW * 10**9 + 123_456_000, NOW * 10**9 + 1_000], unit="ns")


def written(place, *parts):
    """A table in parts, as pandas writes them."""
    place.mkdir(parents=True)
    for number, part in enumerate(parts):
        part.to_parquet(place / f"part-{number}.parquet")


@pytest.mark.parametrize(("first", "is_text"), [("7", False), ("007", True)])
def test_names_of_folders_are_numbers_where_all_are(spark, tmp_path, first, is_text):
    for name, user in ((f"item_id={first}/rating=5", "a"), ("item_id=12/rating=4.5", "b")):
        place = tmp_path / "events" / name
        place.mkdir(parents=True)
        pd.DataFrame({"user_id": [user], "timestamp": NOW}).to_parquet(place / "part-0.parquet")
    expected = data.Interactions.from_parquet(tmp_path)
    found = on.SparkInteractions.from_parquet(spark, tmp_path)
    same(found.events, expected.events)
    assert dict(found.events.dtypes)["item_id"] == ("string" if is_text else "bigint")
    pd.DataFrame({"item_id": [7, 12]}).to_parquet(tmp_path / "items.parquet")
    if not is_text:
        same(on.SparkInteractions.from_parquet(spark, tmp_path).items, expected.items)
        return
    clash = "'item_id' is an integer in items and text in events"
    with pytest.raises(ValueError, match=clash):
        data.Interactions.from_parquet(tmp_path)
    with pytest.raises(ValueError, match=clash):
        on.SparkInteractions.from_parquet(spark, tmp_path)


@pytest.mark.parametrize("columns", [None, []])
def test_copies_are_those_of_the_columns_that_are_kept(spark, tmp_path, columns):
    events = pd.DataFrame({"user_id": ["x", "a", "a", "a", "b"], "item_id": [1, 1, 1, 1, 2]})
    events = events.assign(timestamp=NOW, request_id=["q", "r", "s", "r", "t"])
    events[events["user_id"] != "x"].to_parquet(tmp_path / "events.parquet")  # with row labels
    users = pd.DataFrame({"user_id": ["a", "a", "b"], "age": [3, 3, 4]})
    users.to_parquet(tmp_path / "users.parquet")
    options = {"columns": columns, "drop_duplicates": True}
    left_out = "users: 1 rows repeat another in every column and are left out"
    with pytest.warns(ReadingNotice, match=left_out):
        expected = data.Interactions.from_parquet(tmp_path, **options)
    with pytest.warns(ReadingNotice, match=left_out):
        found = on.SparkInteractions.from_parquet(spark, tmp_path, **options)
    assert len(expected.events) == (2 if columns == [] else 3)
    same(found.events, expected.events)
    same(found.users, expected.users)
    users.assign(age=[3, 5, 4]).to_parquet(tmp_path / "users.parquet")
    with pytest.raises(ValueError, match="users: column 'user_id' has 1 ids in several rows"):
        on.SparkInteractions.from_parquet(spark, tmp_path)


@pytest.mark.parametrize("name", ["{}.parquet", "day=3/{}-0.parquet"])
def test_parts_of_a_split_are_not_one_table_wherever_they_are(spark, tmp_path, name):
    for part in ("train", "test"):
        place = tmp_path / "events" / name.format(part)
        place.parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame({"user_id": ["a"], "item_id": ["x"]}).to_parquet(place)
    for place in (tmp_path, tmp_path.as_uri(), (tmp_path / "events").as_uri()):
        with pytest.raises(ValueError, match=r"what is tested would be learnt.*split=train/"):
            on.SparkInteractions.from_parquet(spark, place)


@pytest.mark.filterwarnings("ignore::tfrec_recall.data.notices.ReadingNotice")
def test_tables_are_looked_at_behind_the_mending_of_ids(spark):
    events = pd.DataFrame({"user_id": ["a"], "item_id": ["x"]})
    users = pd.DataFrame({"user_id": ["z "]})
    there = [spark.createDataFrame(frame) for frame in (events, users)]
    for make, tables in ((data.Interactions, (events, users)), (on.SparkInteractions, there)):
        with pytest.raises(ValueError, match="almost no user_id"):
            make(*tables, mend_ids=True)


def test_a_path_without_a_scheme_is_of_the_default_file_system(spark, shop, folder):
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    before = hadoop.get("fs.defaultFS")
    hadoop.set("fs.viewfs.mounttable.shop.link./data", folder.as_uri())
    hadoop.set("fs.defaultFS", "viewfs://shop/")
    try:
        found = on.SparkInteractions.from_parquet(spark, "/data", mend_ids=False)
        same(found.events, shop.events)
        same(found.users, shop.users)
    finally:
        hadoop.set("fs.defaultFS", before)


def test_parts_of_other_types_and_nanoseconds_are_read(spark, tmp_path):
    events = pd.DataFrame({"user_id": ["a", "b", "c"], "item_id": [1, 2, 3], "session_id": None})
    nanos = events.assign(
        timestamp=MOMENTS, rating=[1, 2, 3], born=MOMENTS - pd.Timedelta(99 * 365, "D")
    )
    micros = events.assign(timestamp=MOMENTS.astype("datetime64[us]"), rating=[1.5, None, 2])
    nanos["times"] = pd.Series([1, 2, 3], dtype="int32")
    micros["times"], micros["only"] = [4, 5, 2**40], ["x", None, "z"]
    nanos["place"], micros["place"] = None, ["x", "y", "z"]
    written(tmp_path / "events" / "day=01", nanos)
    written(tmp_path / "events" / "day=ä b", micros)
    users = pd.DataFrame({"user_id": ["a"], "seen": (MOMENTS - pd.Timedelta(60 * 365, "D"))[1:2]})
    users["seen"] = users["seen"].dt.tz_localize("UTC")
    users.to_parquet(tmp_path / "users.parquet")
    empty = "events: column 'session_id' has no value in any row and is left out"
    with pytest.warns(ReadingNotice, match=empty):
        expected = data.Interactions.from_parquet(tmp_path)
    with pytest.warns(ReadingNotice, match=empty):
        found = on.SparkInteractions.from_parquet(spark, tmp_path)
    assert found.events.schema["times"].dataType.simpleString() == "bigint"
    same(found.events, expected.events)
    seen = found.users.where("user_id = 'a'").selectExpr("unix_micros(seen)").first()[0]
    assert seen == users["seen"].iloc[0].value // 1_000


@pytest.mark.parametrize(
    "times",
    [
        ["2020-09-13 12:00:00 UTC", "2020-09-13T12:00:00.5+02:00", "2020-09-13"],
        ["1600000000", "1600000001.5", "1600000002"],
    ],
)
def test_times_in_text_are_read(spark, tmp_path, times):
    events = pd.DataFrame({"user_id": ["a", "b", "c"], "item_id": [1, 2, 3], "timestamp": times})
    written(tmp_path / "events", events.assign(rating=float("nan"), split=" "))
    with pytest.warns(ReadingNotice, match="'rating' has no value.*|'split' has no value"):
        expected = data.Interactions.from_parquet(tmp_path)
    with pytest.warns(ReadingNotice, match="'split' has no value in any row"):
        found = on.SparkInteractions.from_parquet(spark, tmp_path)
    same(found.events, expected.events)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (2**53 + 1, 0.5, "integers beyond what the doubles of another part hold in 1 of 1 rows"),
        ("x", 0.5, r"nothing in common.*in all parts\. Received: \['double', 'string'\]"),
    ],
)
def test_parts_with_nothing_in_common_are_refused_by_name(spark, tmp_path, one, other, said):
    written(tmp_path / "events", pd.DataFrame({"n": [one]}), pd.DataFrame({"n": [other]}))
    with pytest.raises(ValueError, match=rf"events: column 'n' has .*{said}"):
        read_parts(spark, str(tmp_path / "events"))
    with pytest.raises(Exception, match="PATH_NOT_FOUND"):
        read_parts(spark, str(tmp_path / "none"))
