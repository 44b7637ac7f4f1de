"""Columns of a log may be called as they are, and stay apart from those that a step adds."""

import numpy as np
import pandas as pd
import pytest

from tests.spark.conftest import listed, same
from tfrec_recall import data

pytest.importorskip("pyspark", reason="these tests need PySpark: pip install 'pyspark>=4,<5'")

from pyspark.sql import functions as F

from tfrec_recall import spark as on

ODD = {"Place": "x", "_PART": 1, "_Size": 2, "_ID": "me", "_number": 3, "_First": 4, "_run": 5}
ODD |= {"_End": 6, "_needed": 7, "_Bucket": 8, "price.usd": 1.5, "a`b": 9}


@pytest.fixture(scope="module")
def odd(shop):
    """The shop with columns that are called nearly as those of steps, or with a dot."""
    events = shop.events.assign(**ODD, weight=np.resize([0.5, 2.0, 3.0], len(shop.events)))
    return data.Interactions(events, shop.users, shop.items, mend_ids=False)


@pytest.fixture(scope="module")
def odd_on_spark(spark, odd, tmp_path_factory):
    place = tmp_path_factory.mktemp("odd") / "events.parquet"
    odd.events.to_parquet(place)
    users = spark.createDataFrame(odd.users)
    found = on.SparkInteractions(spark.read.parquet(str(place)), users, mend_ids=False)
    found.events.persist()
    return found


def test_columns_of_all_names_go_through_the_splits(odd, odd_on_spark):
    found = on.last_events_out(odd_on_spark, test=2, validation=1)
    expected = data.last_events_out(odd, test=2, validation=1)
    same(found.train.events, expected.train.events)
    same(found.test.history, expected.test.history)
    found = on.hold_out_users(odd_on_spark, 0.2, 0.3, seed=4).test.targets
    same(found, data.hold_out_users(odd, 0.2, 0.3, seed=4).test.targets)
    found = on.last_basket_out(odd_on_spark).test.targets
    same(found, data.last_basket_out(odd).test.targets)
    found = on.random_events_out(odd_on_spark, 0.2, 0.1).test.targets
    assert found.columns == list(odd.events)
    assert found.count() == len(data.random_events_out(odd, 0.2, 0.1).test.targets)


def test_columns_of_all_names_go_through_the_other_steps(odd, odd_on_spark, tmp_path):
    rules = {"by": "Place", "gap": 2_000, "max_length": 3}
    expected = odd.events.assign(session=data.sessions(odd.events, **rules))
    same(on.sessions(odd_on_spark.events, **rules), expected)
    found = on.next_item(odd_on_spark, history=4, columns=["item_id", "price.usd", "weight"])
    lists = {"history": "item_id", "history_price.usd": "price.usd", "history_weight": "weight"}
    same(found, listed(data.next_item(odd, history=4), lists), rtol=1e-6)
    counted = on.counts(odd_on_spark.events, "_ID")
    found = on.encode(odd_on_spark.events, on.vocabulary(counted), "_ID")
    same(found, odd.events.assign(_ID=2))
    parts = on.write_parts(odd_on_spark, tmp_path / "parts", parts=2)
    same(pd.concat([part.events for part in parts]), odd.events)


def test_maps_are_carried_along(on_spark):
    events = on_spark.events.withColumn("tags", F.create_map(F.lit("a"), F.lit(1)))
    split = on.random_events_out(on_spark.with_events(events), 0.2, 0.1)
    known = on.vocabulary(on.counts(events, "item_id"))
    (row,) = on.encode(split.test.targets, known, "item_id").take(1)
    assert row.tags == {"a": 1}


@pytest.mark.parametrize(
    ("step", "there", "message"),
    [
        (on.next_item, "age", r"next_item writes a column 'age': rename the one that is there\."),
        (on.next_item, "Weight", "a column 'weight': .* there, 'Weight', which is the same name"),
        (on.next_basket, "HISTORY", "next_basket writes a column 'history'.*'HISTORY'"),
        (lambda one: on.chronological(one.events), "Place", "writes a column 'place'.*'Place'"),
        (lambda one: on.sessions(one.events, gap=1), "Session", "a column 'session'.*'Session'"),
        (lambda one: on.sessions(one.events, by="Session"), "Session", "give that of `by` another"),
        (
            lambda one: on.encode(one.events, on.counts(one.events, "item_id"), "item_id", "NO"),
            "no",
            "encode writes a column 'NO'.*'no'",
        ),
        (lambda one: on.SparkInteractions(one.events), "Rating", r"twice: \['Rating', 'rating'\]"),
    ],
)
def test_a_column_in_the_place_of_a_result_is_refused(on_spark, step, there, message):
    events = on_spark.events.select("*", F.lit(1).alias(there))
    with pytest.raises(ValueError, match=message):
        step(on_spark.with_events(events))


SETTINGS = {
    "spark.sql.ansi.enabled": "false",
    "spark.sql.caseSensitive": "true",
    "spark.sql.execution.arrow.useLargeVarTypes": "true",
    "spark.sql.files.maxRecordsPerFile": "50",
    "spark.sql.requireAllClusterKeysForDistribution": "true",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
}


@pytest.fixture
def unusual(spark):
    """A session with other settings than the defaults."""
    before = {name: spark.conf.get(name) for name in SETTINGS}
    for name, value in SETTINGS.items():
        spark.conf.set(name, value)
    yield
    for name, value in before.items():
        spark.conf.set(name, value)


def test_settings_of_the_session_change_no_result(on_spark, shop, unusual, tmp_path):
    options = {"history": 5, "basket_weight_power": -1.0}
    expected = listed(data.next_basket(shop, **options), {"history": "item_id"})
    events = on_spark.events.withColumn("Weight", F.lit(2))  # another column here than `weight`
    found = on.next_basket(on_spark.with_events(events), **options)
    same(found, expected.assign(Weight=2), rtol=1e-6)
    parts = on.write_parts(on_spark, tmp_path / "parts", parts=2)
    same(pd.concat([part.events for part in parts]), shop.events)
