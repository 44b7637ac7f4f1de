"""Events held back from training where no validation came with the data."""

import numpy as np
import pandas as pd

from tfrec_recall.data import Interactions, hold_back


def interactions(time=True, seed=0):
    rng = np.random.default_rng(seed)
    events = pd.DataFrame(
        {"user_id": rng.integers(40, size=400), "item_id": rng.integers(50, size=400)}
    ).drop_duplicates()
    if time:
        events["timestamp"] = rng.permutation(len(events)) * 100
    return Interactions(events)


def test_the_last_event_of_each_user_is_held_back():
    data = interactions()
    split = hold_back(data)
    latest = data.events.sort_values("timestamp").groupby("user_id")["item_id"].last()
    asked = split.validation.targets.set_index("user_id")["item_id"]
    pd.testing.assert_series_equal(asked.sort_index(), latest, check_dtype=False)
    assert len(split.train.events) == len(data.events) - len(latest)
    assert (
        split.validation.history["timestamp"]
        .lt(
            split.validation.history["user_id"].map(
                data.events.groupby("user_id")["timestamp"].max()
            )
        )
        .all()
    )


def test_without_time_it_is_any_event():
    data = interactions(time=False)
    first, second = (hold_back(data, seed=seed).validation.targets for seed in (0, 1))
    assert len(first) == data.events["user_id"].nunique()
    assert not first["item_id"].equals(second["item_id"])
    together = pd.concat([hold_back(data).train.events, first])[["user_id", "item_id"]]
    assert set(map(tuple, together.to_numpy())) == set(
        map(tuple, data.events[["user_id", "item_id"]].to_numpy())
    )


def test_no_more_users_than_wanted_are_asked():
    assert hold_back(interactions(), users=7).validation.targets["user_id"].nunique() == 7


def test_a_user_with_one_event_keeps_it():
    events = pd.DataFrame({"user_id": ["a", "b", "b"], "item_id": [1, 2, 3]})
    assert hold_back(Interactions(events)).validation.targets["user_id"].tolist() == ["b"]
    assert hold_back(Interactions(events.iloc[:2])) is None


def test_a_basket_is_held_back_whole():
    events = pd.DataFrame(
        {
            "user_id": ["a"] * 4,
            "session_id": [1, 1, 2, 2],
            "item_id": [1, 2, 3, 4],
            "timestamp": [10, 10, 20, 20],
        }
    )
    split = hold_back(Interactions(events))
    assert sorted(split.validation.targets["item_id"]) == [3, 4]
    assert sorted(split.train.events["item_id"]) == [1, 2]
