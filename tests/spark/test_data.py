"""What Spark makes of a log is what pandas makes of it, row for row."""

import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from tests.spark.conftest import listed, same
from tfrec_recall import data
from tfrec_recall.data.notices import ReadingNotice

pytest.importorskip("pyspark", reason="these tests need PySpark: pip install 'pyspark>=4,<5'")

from tfrec_recall import spark as on


def test_the_tables_are_those_of_pandas(on_spark, shop):
    for table in ("events", "users", "items"):
        same(getattr(on_spark, table), getattr(shop, table))
    assert (on_spark.name, on_spark.time_unit) == (shop.name, shop.time_unit)


def test_what_is_saved_is_read_by_pandas_and_there_is_no_half_of_it(on_spark, shop, tmp_path):
    on_spark.save(tmp_path / "log")
    read = data.Interactions.from_folder(tmp_path / "log", mend_ids=False)
    for table in ("events", "users", "items"):
        same(getattr(read, table), getattr(shop, table))
    with pytest.raises(ValueError, match="is there already"):
        on_spark.save(tmp_path / "log")
    broken = on_spark.with_events(on_spark.events.selectExpr("raise_error('no') AS user_id"))
    with pytest.raises(Exception, match="no"):
        broken.save(tmp_path / "other")
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"user_id": ["a", None, "b"]}, r"events: column 'user_id' has missing values in 1 of 3"),
        ({"item_id": [1, -1, 2]}, "the padding value -1 in 1 of 3"),
        ({"item_id": [1.5, 2.5, 3.5]}, "ids are text or integers, and column 'item_id' is neither"),
        ({"timestamp": [1.6e12, 1.6e12, 1.7e12]}, "look like milliseconds: time_unit='ms'"),
        ({"timestamp": [202011, 202012, 202101]}, "look like months as yyyymm: make timestamps"),
        ({"timestamp": [13092020, 1102020, 25122020]}, "look like days as ddmmyyyy: make"),
        ({"timestamp": [2020091312, 2020123100, 2021010123]}, "dates written as yyyymmddHH"),
        ({"weight": [1.0, -2.0, 1.0]}, "negative or infinite values in 1 of 3"),
        ({"split": ["train", "dev", "test"]}, "column 'split' has other values in 1 of 3"),
        ({"user_id": ["a", " a", "b"]}, "differ from another by blanks"),
    ],
)
def test_bad_rows_are_refused_with_their_number(spark, change, message):
    good = {"user_id": ["a", "b", "c"], "item_id": [1, 2, 3], "timestamp": [1_600_000_000] * 3}
    events = spark.createDataFrame(pd.DataFrame({**good, **change}))
    with pytest.raises(ValueError, match=message):
        on.SparkInteractions(events)


@pytest.mark.parametrize(("ahead", "unit"), [(1, None), (1, "s"), (3, None)])
def test_times_ahead_of_the_clock_are_as_those_of_pandas(spark, ahead, unit):
    times = np.where(np.arange(200) < ahead, 4_000_000_000, 1_600_000_000)
    frame = pd.DataFrame({"user_id": 1, "item_id": np.arange(200), "timestamp": times})
    said = []
    for make, events in ((data.Interactions, frame), (on.SparkInteractions, None)):
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            try:
                make(spark.createDataFrame(frame) if events is None else events, time_unit=unit)
            except ValueError as error:
                said.append(str(error).partition(" rows")[0])
            else:
                ours = [one for one in told if one.category is ReadingNotice]
                said.append([str(one.message) for one in ours])
    assert said[0] == said[1]
    assert bool(said[0]) == (unit is None)


def test_ids_that_meet_but_for_those_with_zeros_are_refused(spark):
    events = pd.DataFrame({"user_id": ["1", "10", "100", "200"], "item_id": "x"})
    users = pd.DataFrame({"user_id": ["001", "010", "100", "200"], "age": 3})
    frames = spark.createDataFrame(events), spark.createDataFrame(users)
    message = r"users: 2 of 2 user_ids of events.*leading zeros alone.*Received: '10?' beside '0"
    with pytest.raises(ValueError, match=message):
        on.SparkInteractions.from_frames(*frames)


def test_ids_that_are_shortened_or_not_in_the_table_are_told(spark):
    events = pd.DataFrame({"user_id": ["1.2E+10", "b", "c", "d"], "item_id": "x"})
    users = pd.DataFrame({"user_id": ["1.2E+10"], "age": 3})
    told = r"1 of 4 user_ids look like numbers.*1\.2E\+10|3 of 4 user_ids of events are not there"
    for read, frames in (
        (data.Interactions.from_frames, (events, users)),
        (
            on.SparkInteractions.from_frames,
            (spark.createDataFrame(events), spark.createDataFrame(users)),
        ),
    ):
        with pytest.warns(data.notices.ReadingNotice, match=told) as found:
            read(*frames)
        texts = " ".join(str(one.message) for one in found)
        assert "look like numbers" in texts
        assert "are not there" in texts


def test_ids_are_mended_and_times_read_by_their_unit(spark):
    events = pd.DataFrame({"user": [" 13", "108"], "item_id": ["x", "y"]})
    events["timestamp"] = [1_600_000_000_500, 1_600_000_001_000]
    events["session_id"] = ["morning ", "morning"]
    users = pd.DataFrame({"user": ["13.0", "0108"], "age": [3, 4]})
    options = {"rename": {"user": "user_id"}, "time_unit": "ms", "mend_ids": True}
    with pytest.warns(data.notices.ReadingNotice, match="were mended, such as ' 13'"):
        found = on.SparkInteractions.from_frames(
            spark.createDataFrame(events), spark.createDataFrame(users), **options
        )
    with pytest.warns(data.notices.ReadingNotice):
        expected = data.Interactions.from_frames(events, users, **options)
    same(found.events, expected.events)
    same(found.users, expected.users)


def test_a_table_whose_log_says_which_files_count_is_refused(spark, tmp_path):
    frame = pd.DataFrame({"user_id": ["a"], "item_id": ["b"]})
    frame.to_parquet(tmp_path / "events.parquet")
    (tmp_path / "users").mkdir()
    frame[["user_id"]].to_parquet(tmp_path / "users" / "0.parquet")
    read = on.SparkInteractions.from_parquet
    assert read(spark, tmp_path.as_uri()).users.count() == 1
    (tmp_path / "users" / "_delta_log").mkdir()
    for place in (tmp_path, tmp_path.as_uri()):
        with pytest.raises(ValueError, match=r"users is a table of Delta Lake.*_delta_log"):
            read(spark, place)


@pytest.mark.parametrize(
    ("log", "part", "said"),
    [("_delta_log/0.json", "region=eu", "Delta"), ("metadata/v1.metadata.json", "data", "Iceberg")],
)
def test_a_part_of_a_table_with_a_log_is_refused_wherever_it_is(spark, tmp_path, log, part, said):
    table = tmp_path / "orders"
    for folder in (table / log).parent, table / part:
        folder.mkdir(parents=True)
    frame = pd.DataFrame({"user_id": ["a"], "item_id": ["b"]})
    frame.to_parquet(table / part / "0.parquet")
    read = on.SparkInteractions.from_parquet
    if part == "data":  # of which the folder of its log alone says nothing yet
        assert read(spark, f"file://{table / part}").events.count() == 1
    (table / log).write_text("{}")
    for place in (table / part, f"file://{table / part}"):
        with pytest.raises(ValueError, match=rf"orders is a table of .*{said}"):
            read(spark, place)


def test_times_without_a_zone_are_of_utc_in_any_session(spark, tmp_path):
    """The session's zone has no half past two on that day."""
    times = ["2024-03-10 02:30:00", "2024-03-10 02:30:00.25", "2024-11-03 01:59:59.000001"]
    frame = pd.DataFrame({"user_id": "a", "item_id": range(3), "timestamp": times})
    frame["timestamp"] = pd.to_datetime(frame["timestamp"], format="ISO8601")
    long_ago = frame.assign(timestamp=frame["timestamp"] - pd.Timedelta(days=80 * 365))
    for number, (events, unit) in enumerate([(frame, None), (frame[:1], "s"), (long_ago, "order")]):
        place = tmp_path / f"{number}.parquet"
        events.astype({"timestamp": "datetime64[us]"}).to_parquet(place)
        read = spark.read.parquet(str(place))
        assert dict(read.dtypes)["timestamp"] == "timestamp_ntz"
        found = on.SparkInteractions.from_frames(read, time_unit=unit)
        found = [row.timestamp for row in found.events.orderBy("item_id").collect()]
        expected = data.Interactions.from_frames(events, time_unit=unit).events["timestamp"]
        assert found == expected.tolist()
        assert number == 2 or found[0] == 1_710_037_800


def test_times_keep_the_digits_of_their_unit(spark):
    ticks = [2_678_322_394_412_010_887, 1_700_000_000_999_999_999, 1_600_000_000_000_000_000]
    frame = pd.DataFrame({"user_id": "a", "item_id": range(3), "timestamp": ticks})
    found = on.SparkInteractions(spark.createDataFrame(frame), time_unit="ns").events
    found = [row.timestamp for row in found.orderBy("item_id").collect()]
    assert found == data.Interactions(frame, time_unit="ns").events["timestamp"].tolist()


NAN, ENDLESS = float("nan"), float("-inf")


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([NAN, 1.6e9, 1.7e9], "column 'timestamp' has missing values in 1 of 3"),
        ([ENDLESS, 1.0, 2.0], "column 'timestamp' has infinite values in 1 of 3"),
        ([1e19, 1.6e9, 1.7e9], r"column 'timestamp' has times outside 1980 to 2100.* in 1 of 3"),
    ],
)
def test_times_that_are_no_numbers_are_refused(spark, times, message):
    events = pd.DataFrame({"user_id": "a", "item_id": range(3), "timestamp": times})
    rows = [("a", number, time) for number, time in enumerate(times)]
    there = spark.createDataFrame(rows, "user_id string, item_id bigint, timestamp double")
    for make, frame in ((on.SparkInteractions, there), (data.Interactions, events)):
        with pytest.raises(ValueError, match=message):
            make(frame)


def test_nan_is_no_rating_no_session_and_no_id(spark):
    rows = [("a", 1, 10, NAN), ("a", 2, 20, 3.0)]
    kinds = "user_id string, item_id bigint, timestamp bigint, rating double"
    events = on.SparkInteractions(spark.createDataFrame(rows, kinds)).events
    assert [row.rating for row in events.orderBy("item_id").collect()] == [None, 3.0]
    with pytest.raises(ValueError, match="1 rows without 'rating'"):
        on.sessions(spark.createDataFrame(rows, kinds), by="rating")
    known = on.vocabulary(on.counts(events, "item_id"))
    with pytest.raises(ValueError, match=r"This vocabulary holds bigint.*Received: double"):
        on.encode(events, known, "rating")


def test_text_ids_compare_by_their_characters(spark):
    events = spark.createDataFrame([("A", 1), ("a", 1)], "user_id string, item_id bigint")
    alike = events.selectExpr("user_id COLLATE UTF8_LCASE AS user_id", "item_id")
    assert on.SparkInteractions(alike).users.count() == 2


@pytest.mark.parametrize("ansi", ["true", "false"])
def test_integers_beyond_int64_are_refused(spark, ansi):
    before = spark.conf.get("spark.sql.ansi.enabled")
    spark.conf.set("spark.sql.ansi.enabled", ansi)
    try:
        events = spark.range(2).selectExpr("id + 9223372036854775807bd AS user_id", "id AS item_id")
        with pytest.raises(ValueError, match="'user_id' has integers beyond int64 in 1 of 2"):
            on.SparkInteractions(events)
    finally:
        spark.conf.set("spark.sql.ansi.enabled", before)


SPLITS = {
    "last": lambda of, one: of.last_events_out(one, test=2, validation=1),
    "minimum": lambda of, one: of.last_events_out(one, test=3, validation=4, minimum=2),
    "basket": lambda of, one: of.last_basket_out(one),
    "temporal": lambda of, one: of.temporal(one, 1_600_027_000, 1_600_036_000, minimum=2),
    "users": lambda of, one: of.hold_out_users(one, 0.2, 0.3, targets=3, seed=4),
}


@pytest.mark.parametrize("name", SPLITS)
def test_a_split_is_that_of_pandas(on_spark, shop, name):
    found, expected = SPLITS[name](on, on_spark), SPLITS[name](data, shop)
    assert found.name == expected.name
    same(found.train.events, expected.train.events)
    for part in ("validation", "test"):
        for table in ("history", "targets"):
            same(getattr(getattr(found, part), table), getattr(expected.part(part), table))


def test_too_few_users_for_the_parts_are_refused(spark):
    events = {"user_id": [1, 1, 2, 3], "item_id": 1, "timestamp": [10, 20, 30, 40]}
    one = on.SparkInteractions(spark.createDataFrame(pd.DataFrame(events)), time_unit="order")
    with pytest.raises(ValueError, match=r"for each part.*Received: 1 such users of 3"):
        on.hold_out_users(one, targets=1)


def test_a_random_split_has_as_many_of_each_user(on_spark, shop):
    found = on.random_events_out(on_spark, 0.2, 0.1, seed=1).test.targets.toPandas()
    expected = data.random_events_out(shop, 0.2, 0.1, seed=1).test.targets
    sizes = [one.groupby("user_id").size().sort_index() for one in (found, expected)]
    assert sizes[0].to_dict() == sizes[1].to_dict()
    other = on.random_events_out(on_spark, 0.2, 0.1, seed=2).test.targets.toPandas()
    keys = ["user_id", "item_id", "timestamp"]
    assert len(found.merge(other, on=keys)) < 0.5 * len(found)


def test_a_given_split_is_followed_and_saved(spark, shop, tmp_path):
    split = np.resize(["train", "train", "validation", "test"], len(shop.events))
    whole = data.Interactions(shop.events.drop(columns="timestamp").assign(split=split))
    found = on.standard(on.SparkInteractions(spark.createDataFrame(whole.events)))
    expected = data.standard(whole)
    found.save(tmp_path / "split")
    read = data.Interactions.from_folder(tmp_path / "split" / "train")
    same(read.events, expected.train.events)
    same(read.items, expected.train.items)
    same(pd.read_parquet(tmp_path / "split" / "test" / "history"), expected.test.history)
    again = data.load_split(tmp_path / "split")
    assert (again.name, again.published) == (expected.name, True)
    same(again.interactions.events, whole.events)
    for on_part in ("validation", "test"):
        for table in ("history", "targets"):
            same(getattr(again.part(on_part), table), getattr(expected.part(on_part), table))


def test_what_may_be_baskets_is_told_as_of_frames(spark):
    events = {"user_id": np.repeat(range(4), 18), "item_id": np.arange(72) % 29}
    times = np.tile(1_600_041_600 + np.arange(18) // 3 * 86_400, 4)
    frame = pd.DataFrame({**events, "timestamp": times})
    frame.loc[frame["user_id"] == 0, "timestamp"] += np.arange(18) * 60
    with pytest.warns(data.notices.ReadingNotice, match="75% of the events are at one time"):
        data.standard(data.Interactions(frame))
    with pytest.warns(data.notices.ReadingNotice, match="75% of the events are at one time"):
        on.standard(on.SparkInteractions(spark.createDataFrame(frame)))
    frame["timestamp"] += 7
    with warnings.catch_warnings():
        warnings.simplefilter("error", data.notices.ReadingNotice)
        on.standard(on.SparkInteractions(spark.createDataFrame(frame)))


def test_overlapping_baskets_are_refused(spark):
    events = {"user_id": 1, "item_id": [1, 2, 3], "timestamp": [10, 20, 30]}
    events = pd.DataFrame({**events, "session_id": [7, 8, 7]})
    one = on.SparkInteractions(spark.createDataFrame(events), time_unit="order")
    assert not on.has_baskets(one)
    events = pd.concat([events, events.assign(session_id=[9, 9, 9])])
    one = on.SparkInteractions(spark.createDataFrame(events), time_unit="order")
    with pytest.raises(ValueError, match=r"do not overlap in time.*1 users with overlaps"):
        on.last_basket_out(one)


@pytest.mark.parametrize(
    "rules",
    [
        {"gap": 2_000},
        {"gap": 1_000, "max_length": 2},
        {"by": "session_id", "max_length": 3},
        {"by": "rating_id", "gap": 4_000},
    ],
)
def test_sessions_have_the_numbers_of_pandas(on_spark, shop, rules):
    events = shop.events.assign(rating_id=shop.events["rating"].fillna(0).astype(int))
    frame = on_spark.events.selectExpr("*", "int(coalesce(rating, 0)) AS rating_id")
    expected = events.assign(session=data.sessions(events, **rules))
    same(on.sessions(frame, **rules), expected)


def test_sessions_keep_events_without_a_user_and_refuse_milliseconds(spark):
    rows = [("a", 1, 1_600_000_000), (None, 2, 1_600_000_100), (None, 3, 1_600_009_000)]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    there = spark.createDataFrame(rows, "user_id string, item_id bigint, timestamp bigint")
    found = on.sessions(there, gap=1_800).orderBy("item_id").collect()
    assert [row.session for row in found] == data.sessions(events, gap=1_800).tolist() == [2, 0, 1]
    there = there.withColumn("timestamp", there["timestamp"] * 1_000)
    with pytest.raises(ValueError, match="They look like milliseconds"):
        on.sessions(there, gap=1_800)


def test_a_vocabulary_is_that_of_pandas(on_spark, shop, tmp_path, monkeypatch):
    expected = data.Vocabulary.build(shop.events["item_id"], min_count=3)
    counted = on.counts(on_spark.events, "item_id")
    place = tmp_path / "für 100% Öl.parquet"
    on.save_vocabulary(counted, f"file://{place}", min_count=3)
    found = data.Vocabulary.load(place)
    assert found.ids.tolist() == expected.ids.tolist()
    assert found.counts.tolist() == expected.counts.tolist()

    known = on.vocabulary(counted, min_count=3)
    encoded = shop.events.assign(number=expected.encode(shop.events["item_id"]))
    for head in (10_000, 3):  # with and without ids beyond those that all workers hold
        monkeypatch.setattr(sys.modules["tfrec_recall.spark.vocabulary"], "HEAD", head)
        same(on.encode(on_spark.events, known, "item_id", "number"), encoded)
    with pytest.raises(ValueError, match=r"This vocabulary holds bigint"):
        on.encode(on_spark.events, known, "user_id")


def test_an_order_needs_times_and_a_free_name(on_spark):
    events = on_spark.events
    with pytest.raises(ValueError, match="needs the column 'timestamp'"):
        on.chronological(events.drop("timestamp"))
    with pytest.raises(ValueError, match="in Unix seconds"):
        on.chronological(events.withColumn("timestamp", events["timestamp"].cast("timestamp")))
    with pytest.raises(ValueError, match="writes a column 'place'"):
        on.chronological(on.chronological(events))


def test_missing_ids_are_padding(spark):
    known = on.vocabulary(
        on.counts(spark.createDataFrame([("x",), ("x",), ("y",)], "a string"), "a")
    )
    some = spark.createDataFrame([("y",), ("",), (None,), ("z",)], "a string")
    assert sorted(row.a for row in on.encode(some, known, "a").collect()) == [0, 0, 1, 3]


EXAMPLES = {
    "next_item": {"history": 4, "user_weight_power": -0.5},
    "next_basket": {
        **{"history": 5, "minimum_history": 2},
        **{"user_weight_power": 0.5, "basket_weight_power": -1.0},
    },
}


def some_alone(shop, on_spark):
    """Both, with some events that are history alone and no targets."""
    events, there = shop.events, on_spark.events
    return (
        shop.with_events(events.assign(history_only=events["item_id"] % 3 == 0)),
        on_spark.with_events(there.withColumn("history_only", there["item_id"] % 3 == 0)),
    )


@pytest.mark.parametrize("some", [False, True])
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_those_of_pandas(on_spark, shop, spark, name, some):
    if some:
        shop, on_spark = some_alone(shop, on_spark)
    expected = listed(
        getattr(data, name)(shop, **EXAMPLES[name]),
        {"history": "item_id", "history_rating": "rating"},
    )
    before = spark.conf.get("spark.sql.execution.arrow.maxRecordsPerBatch")
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 7)  # histories over batches
    try:
        lists = {"columns": ("item_id", "rating"), "shuffled": not some}
        found = getattr(on, name)(on_spark, **lists, **EXAMPLES[name])
        found = pd.DataFrame([row.asDict() for row in found.collect()], columns=found.columns)
        same(found, expected, rtol=1e-6)
        of_one_user = (found["user_id"] == found["user_id"].shift()).mean()
        assert of_one_user > 0.7 if some else of_one_user < 0.2
    finally:
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", before)


def test_a_limit_of_examples_a_user(on_spark, shop):
    for one, other in ((shop, on_spark), some_alone(shop, on_spark)):
        found = on.next_item(other, per_user=3).groupBy("user_id").count().toPandas()
        expected = data.next_item(one, per_user=3)
        users = expected.events["user_id"].iloc[expected.target].value_counts()
        assert found.set_index("user_id")["count"].to_dict() == users.to_dict()
    with pytest.raises(ValueError, match="No example is left"):
        on.next_item(on_spark, history=1_000, minimum_history=900)


@pytest.mark.parametrize("name", EXAMPLES)
def test_events_without_times_have_a_way_to_examples(on_spark, name):
    untimed = on_spark.with_events(on_spark.events.drop("timestamp"))
    with pytest.raises(ValueError, match=rf"^{name} examples.*held_out, whose histories are sets"):
        getattr(on, name)(untimed)


@pytest.mark.parametrize("name", EXAMPLES)
def test_users_of_one_basket_have_no_example(spark, name):
    events = pd.DataFrame({"user_id": ["a", "a", "b"], "item_id": [1, 2, 1]})
    events = events.assign(timestamp=1_600_000_000, session_id="s")
    there = on.SparkInteractions(spark.createDataFrame(events))
    for of, one in ((data, data.Interactions(events)), (on, there)):
        with pytest.raises(data.examples.NoExample, match=r"No example is left.*minimum_history=1"):
            getattr(of, name)(one)


def test_ids_that_are_taken_as_they_are_stay_so_in_parts(spark, tmp_path):
    events = pd.DataFrame({"user_id": ["a", "a"], "item_id": ["x", "x "]})
    there = on.SparkInteractions(spark.createDataFrame(events), mend_ids=False)
    (part,) = on.write_parts(there, tmp_path / "parts")
    same(part.events, events)


def test_parts_are_those_of_pandas(on_spark, folder, tmp_path):
    found = on.write_parts(on_spark, f"file://{tmp_path}/für 100% Öl", parts=3)
    expected = data.part_events(folder, tmp_path / "pandas", parts=3)
    assert (found.rows, found.name, len(found)) == (expected.rows, expected.name, len(expected))
    for own, other in zip(found, expected, strict=True):
        for table in ("events", "users", "items"):
            same(getattr(own, table), getattr(other, table))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["für 100% Öl", "pandas"]
