"""A log that is written in parts is the log that is held."""

import pandas as pd
import pytest

from tfrec_recall.data import Interactions, datasets
from tfrec_recall.data.datasets import simulated
from tfrec_recall.data.datasets.simulated import generate


def test_it_is_the_log_of_the_same_seed(tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "BLOCK", 5000)  # so that there are several blocks
    folder = simulated.write(tmp_path / "log", 2500, rows_a_part=600, items=300, seed=7)
    expected = simulated.load(events=2500, items=300, seed=7)
    found = datasets.load(folder)
    names = sorted(path.name for path in (folder / "events").iterdir())
    assert len(names) > 2
    assert names[1] == "part-00001.parquet"
    for table in ("events", "users", "items"):
        ours, theirs = getattr(found, table), getattr(expected, table)
        order = list(theirs.columns)
        pd.testing.assert_frame_equal(
            ours.sort_values(order, ignore_index=True),
            theirs.sort_values(order, ignore_index=True),
        )
    last = Interactions.from_parquet(folder / "events" / names[-1]).events
    runs = (last["user_id"] != last["user_id"].shift()).sum()
    assert runs == last["user_id"].nunique()  # a user's events are together ...
    assert last.groupby("user_id")["timestamp"].is_monotonic_increasing.all()  # ... and in order


def test_nothing_is_left_of_what_is_not_whole(tmp_path):
    with pytest.raises(ValueError, match=r"items of 96 at least\. Received: 3"):
        simulated.write(tmp_path / "log", 100, items=3)
    with pytest.raises(ValueError, match="None of the events asked for"):
        simulated.write(tmp_path / "log", 10, event_types=["booking"], booking=0.0)
    assert not list(tmp_path.iterdir())
    (tmp_path / "log").mkdir()
    with pytest.raises(ValueError, match=r"log is there already: remove it"):
        simulated.write(tmp_path / "log", 100)
