"""Who stays in a state that lets old events go, against a reference in pandas."""

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pytest

from tfrec_recall.upkeep.kept_events import DAY, kept_events


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Two files of 20 days, of users who stop coming, one after the other."""
    generator = np.random.default_rng(3)
    user = generator.integers(0, 30, 600)
    time = (generator.random(600) * np.minimum(user + 1, 20) * DAY).astype("int64")
    events = pd.DataFrame({"user_id": [f"u{one}" for one in user], "timestamp": time})
    events["item_id"] = np.arange(600)
    folder = tmp_path_factory.mktemp("parts")
    files = [folder / "0.parquet", folder / "1.parquet"]
    events[:400].to_parquet(files[0], index=False)
    events[400:].to_parquet(files[1], index=False)
    return events, files


def reference(events, new, days, length):
    newest = events["timestamp"] >= new["timestamp"].max() - days * DAY
    counts = pd.concat([events.loc[newest, "user_id"], new["user_id"]]).value_counts()
    recent = events["user_id"].map(counts).fillna(0)
    kept = recent > 0
    if length is not None:
        kept &= newest | (recent < length)
    return set(events.loc[kept, "item_id"])


@pytest.mark.parametrize("length", [None, 0, 1, 8])
@pytest.mark.parametrize("days", [2, 6.5])
def test_users_who_come_and_what_histories_reach_stay(parts, days, length):
    events, files = parts
    new = pd.DataFrame({"user_id": ["u3", "u29"], "timestamp": [20 * DAY, 20 * DAY + 5]})
    stay = kept_events(files, new, days, length)
    kept = ds.dataset([str(file) for file in files]).to_table(filter=stay)
    expected = reference(events, new, days, length)
    assert set(kept["item_id"].to_pylist()) == expected
    assert 0 < len(expected) < len(events)
    if length == 8:  # nobody's last eight events are gone
        late = events.sort_values("timestamp").groupby("user_id").tail(7)
        there = events[events["item_id"].isin(expected)]["user_id"].unique()
        assert set(late.loc[late["user_id"].isin(there), "item_id"]) <= expected


def test_old_events_that_waited_keep_nobody(parts):
    events, files = parts
    new = pd.DataFrame({"user_id": ["u29", "u0"], "timestamp": [20 * DAY, 5]})
    stay = kept_events(files, new, 2, None)
    kept = ds.dataset([str(file) for file in files]).to_table(filter=stay)
    assert set(kept["item_id"].to_pylist()) == reference(events, new.iloc[:1], 2, None)
    assert "u0" not in set(kept["user_id"].to_pylist())


def test_nothing_is_written_again_for_a_few(parts):
    _, files = parts
    new = pd.DataFrame({"user_id": ["u1"], "timestamp": [20 * DAY]})
    assert kept_events(files, new, 100, None) is None


def test_events_that_are_not_read_fill_no_history(tmp_path):
    """The newest clicks of a user are many; of bookings, which alone are read, the last is old."""
    rows = [("u", 0, "booking"), *[("u", 9 * DAY + step, "click") for step in range(5)]]
    rows += [("gone", step, "click") for step in range(6)]
    events = pd.DataFrame(rows, columns=["user_id", "timestamp", "event_type"])
    events.to_parquet(tmp_path / "0.parquet", index=False)
    new = pd.DataFrame([("u", 10 * DAY, "click")], columns=events.columns)

    def kept(reads):
        stay = kept_events([tmp_path / "0.parquet"], new, 2, 2, reads)
        return ds.dataset(tmp_path / "0.parquet").to_table(filter=stay).to_pandas()

    found = kept(lambda came: (came["event_type"] == "booking").to_numpy())
    assert found["event_type"].tolist() == ["booking", *["click"] * 5]
    assert kept(None)["event_type"].tolist() == ["click"] * 5
