"""Examples of events without times on Spark are those of pandas, as far as nothing is drawn."""

import numpy as np
import pandas as pd
import pytest

from tests.spark.conftest import same
from tfrec_recall import data

pytest.importorskip("pyspark", reason="these tests need PySpark: pip install 'pyspark>=4,<5'")

from tfrec_recall import spark as on

MOST = 12


def test_examples_without_times_are_those_of_pandas(on_spark, shop):
    untimed = shop.events.drop(columns="timestamp").assign(history_only=shop.events["item_id"] == 2)
    expected = data.held_out(shop.with_events(untimed), MOST, user_weight_power=-0.5)
    there = on_spark.events.drop("timestamp")
    there = on_spark.with_events(there.withColumn("history_only", there["item_id"] == 2))
    columns = ("item_id", "rating")
    found = on.held_out(there, MOST, user_weight_power=-0.5, columns=columns).toPandas()
    targets = expected.events.iloc[expected.target][["user_id", "item_id"]]
    targets = targets.assign(age=0, weight=expected.weight.astype(float))
    same(found[["user_id", "item_id", "age", "weight"]], targets, rtol=1e-6)
    sizes, drawn = shop.events.groupby("user_id")["item_id"].agg(set), set()
    for row in found.itertuples():
        others = sizes[row.user_id] - {row.item_id}
        assert set(row.history) <= others
        assert len(row.history) == len(set(row.history)) == min(len(others), MOST)
        assert len(row.history_rating) == len(row.history)
        drawn.add(len(others) > MOST)
    assert drawn == {True, False}
    ratings = untimed.groupby(["user_id", "item_id"])["rating"].agg(set)
    row = found.iloc[0]
    for item, rating in zip(row["history"], row["history_rating"], strict=True):
        assert rating in ratings[row["user_id"], item] or np.isnan(rating or np.nan)
    with pytest.raises(data.examples.NoExample, match=r"other items of its user.*minimum_history"):
        on.held_out(there, 1_000, minimum_history=900)
    with pytest.raises(ValueError, match="or use held_out"):
        on.next_item(there)


def test_a_limit_and_times(spark):
    events = pd.DataFrame({"user_id": ["a"] * 5 + ["b"], "item_id": [1, 2, 3, 4, 4, 1]})
    events["timestamp"] = 1_600_000_000 + np.arange(6)
    there = on.SparkInteractions(spark.createDataFrame(events.assign(weight=[1.0] * 4 + [9, 1])))
    found = on.held_out(there, history=0, minimum_history=0, per_user=2).toPandas()
    assert found["user_id"].value_counts().to_dict() == {"a": 2, "b": 1}
    assert found["history"].map(len).eq(0).all()
    whole = on.held_out(there).toPandas().set_index("item_id")
    assert whole.loc[4, "age"] == 1  # of the copies the one of the largest weight
    assert whole["weight"].to_dict() == pytest.approx({1: 1 / 3, 2: 1 / 3, 3: 1 / 3, 4: 3})
