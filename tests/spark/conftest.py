"""One local Spark for all of these tests; without PySpark or Java they are left out."""

import os
import shutil
import sys

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions

SETTINGS = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",  # small data: compile little
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.shuffle.partitions": "3",
    "spark.sql.session.timeZone": "America/New_York",  # nothing depends on it
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


@pytest.fixture(scope="session")
def spark():
    pytest.importorskip("pyspark", reason="these tests need PySpark: pip install 'pyspark>=4,<5'")
    if shutil.which("java") is None:
        pytest.skip("these tests need Java 17, which runs Spark")
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").appName("tfrec-recall tests")
    session = builder.config(map=SETTINGS).getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.fixture(scope="session")
def shop():
    """40 users in sessions, half of whose events share a second, copies and an idle user."""
    generator = np.random.default_rng(5)
    count = 700
    user = generator.integers(0, 40, count)
    visit = generator.integers(0, 6, count)
    events = pd.DataFrame({"user_id": [f"u{one}" for one in user]})
    events["item_id"] = generator.zipf(1.5, count) % 60
    events["timestamp"] = 1_600_000_000 + 9_000 * visit + 1_200 * generator.integers(0, 3, count)
    events["session_id"] = [f"{one}-{other}" for one, other in zip(user, visit, strict=True)]
    events["rating"] = generator.integers(1, 6, count).astype(float)
    events.loc[::9, "rating"] = None
    events = events.drop_duplicates(["user_id", "item_id", "timestamp"], ignore_index=True)
    users = pd.DataFrame({"user_id": [f"u{one}" for one in range(1, 42)], "age": range(41)})
    items = pd.DataFrame({"item_id": range(1, 55), "brand": [f"b{one % 5}" for one in range(54)]})
    return Interactions(events, users, items, name="shop", mend_ids=False)


@pytest.fixture(scope="session")
def folder(shop, tmp_path_factory):
    """The shop as files, the events in parts."""
    place = tmp_path_factory.mktemp("shop") / "shop"
    (place / "events").mkdir(parents=True)
    shop.events[:300].to_parquet(place / "events" / "part-0.parquet")
    shop.events[300:].to_parquet(place / "events" / "part-1.parquet")
    shop.users.to_parquet(place / "users.parquet")
    shop.items.to_parquet(place / "items.parquet")
    return place


@pytest.fixture(scope="session")
def on_spark(spark, folder):
    from tfrec_recall.spark import SparkInteractions

    found = SparkInteractions.from_parquet(spark, folder, mend_ids=False)
    for table in ("events", "users", "items"):
        getattr(found, table).persist()
    return found


def same(found, expected, **options):
    """Two frames have the same rows, in whatever order; `found` may be Spark's."""
    if not isinstance(found, pd.DataFrame):
        found = pd.DataFrame([row.asDict() for row in found.collect()], columns=found.columns)
    assert set(found.columns) == set(expected.columns)
    found = found[list(expected.columns)]
    keys = [name for name in expected if not isinstance(expected[name].iloc[0], list)]
    found = found.astype({name: expected[name].dtype for name in keys})
    found, expected = (one.sort_values(keys, ignore_index=True) for one in (found, expected))
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, **options)


def listed(examples, columns):
    """The examples of pandas as rows with lists."""
    frame = examples.events.iloc[examples.target].reset_index(drop=True)
    frame["age"], frame["weight"] = examples.age, examples.weight.astype(float)
    runs = list(zip(examples.history_start, examples.history_end, strict=True))
    for name, column in columns.items():
        values = examples.events[column].astype(object)
        values = values.where(values.notna(), None).tolist()
        frame[name] = [values[start:end] for start, end in runs]
    return frame
