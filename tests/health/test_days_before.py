"""Days that join those before come to what all days at once come to, in bounded space."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from tests.health.shop import CATALOGUE, FIRST, USERS, days
from tfrec_recall.data import Interactions
from tfrec_recall.health import days_before
from tfrec_recall.health.day import DAY, drawn, with_days
from tfrec_recall.health.days_before import DaysBefore
from tfrec_recall.health.days_file import read_days, write_days

BEFORE, NEW = 6, 2


def log(timed=True):
    """Two days among which users and items come, the second of a unit with a new value."""
    events = days(BEFORE + NEW, users_a_day=40)
    rare = events["item_id"].isin([f"item {number}" for number in range(40, 60)])
    early = with_days(events, True)[DAY] < FIRST + BEFORE
    events = events[~(rare & early)].reset_index(drop=True)
    last = events.index[-1]
    events.loc[last, "device"] = "watch"
    return events if timed else events.drop(columns="timestamp")


def apart(events, first=FIRST + BEFORE):
    early = with_days(days_of(events), True)[DAY].to_numpy() < first
    return events[early].reset_index(drop=True), events[~early].reset_index(drop=True)


def days_of(events):
    """The events with times, of a log that may have none: its rows are in order."""
    return log() if "timestamp" not in events else events


def of(events, **others):
    data = Interactions(events, USERS, CATALOGUE)
    return DaysBefore.of(data, data.events["user_id"], **others)


def by_unit(days):
    """Everything that is known of units, in an order of its own."""
    units = pd.DataFrame({"user": days.units.users, "day": days.units.days})
    units["strange"] = days.strange_user
    day = days.day(USERS, CATALOGUE)
    events = days.units.events.assign(
        strange=days.strange_item, popularity=day.popularity, at=days.units.unit
    )
    events = events.join(units[["user", "day"]].add_prefix("unit "), on="at")
    assert (events["unit user"] == events["user_id"]).all()
    assert (events["unit day"] == events[DAY]).all()
    order = ["user_id", DAY, *(["timestamp"] if "timestamp" in events else []), "item_id", "price"]
    events = events.sort_values(order, ignore_index=True).drop(columns="at")
    return units.sort_values(["user", "day"], ignore_index=True), events


def test_days_that_join_are_counted_as_if_they_had_been_there():
    every = log()
    old, new = apart(every)
    before = of(old)
    found = before.later(new, new["user_id"].iloc[:0])
    kept = before.window.index.union(range(FIRST + BEFORE, FIRST + BEFORE + NEW))
    expected = of(every, days=lambda events: events[events[DAY].isin(kept)])
    for mine, theirs in zip(by_unit(found), by_unit(expected), strict=True):
        pd.testing.assert_frame_equal(mine, theirs)
    assert found.strange_item.any()
    pd.testing.assert_frame_equal(found.window, expected.window, check_names=False)
    both = found.items["events"], expected.items["events"].sort_index()
    pd.testing.assert_series_equal(*both, check_names=False)
    assert found.values == expected.values
    assert found.values["device"] == ("app", "watch", "web")
    np.testing.assert_array_equal(found.known.hashes, expected.known.hashes)
    left_out = before.items["left_out"].sum()  # the same day as before
    assert found.popularity(CATALOGUE["item_id"]).sum() == len(every) - left_out
    assert found.units.of_all == expected.units.of_all == len(found.units.users)


def test_without_times_users_of_the_new_events_join():
    old, new = apart(log(timed=False))
    found = of(old).later(new, new["user_id"].iloc[:0])
    units = old["user_id"].nunique() + new["user_id"].nunique()
    assert (found.units.of_all, found.one_day) == (units, True)
    expected = pd.concat([old, new])["item_id"].value_counts()
    day = found.day(USERS, CATALOGUE)
    np.testing.assert_array_equal(day.popularity, expected.reindex(day.events["item_id"]))


def test_a_second_day_leaves_one_out():
    old, new = apart(days(2, users_a_day=30), FIRST + 1)
    one = of(old)
    found = one.later(new, new["user_id"].iloc[:0])
    assert (one.one_day, found.one_day) == (True, False)
    counts = found.popularity(CATALOGUE["item_id"])
    expected = old["item_id"].value_counts().reindex(CATALOGUE["item_id"], fill_value=0)
    np.testing.assert_array_equal(counts, expected)
    theirs = by_unit(of(pd.concat([old, new]), days=lambda events: events))[1]
    np.testing.assert_array_equal(by_unit(found)[1]["popularity"], theirs["popularity"])


def test_users_who_are_learnt_from_only_now_are_known():
    old, new = apart(log())
    data = Interactions(old, USERS, CATALOGUE)
    waiting = old["user_id"].iloc[:1]
    before = DaysBefore.of(data, old.loc[old["user_id"] != waiting.item(), "user_id"])
    again = new.assign(user_id=waiting.item())
    for learnt, strange in ((waiting, 0.0), (waiting.iloc[:0], 1.0)):
        found = before.later(again, learnt)
        mine = (found.units.users == waiting.item()) & (found.units.days == FIRST + BEFORE)
        assert found.strange_user[mine].tolist() == [strange]
        assert not found.known.strange(waiting).any()


def test_units_stay_in_proportion_and_bounded(monkeypatch):
    monkeypatch.setattr(days_before, "DRAWN", 60)
    every = days(12, users_a_day=30)
    old, later = apart(every, FIRST + 6)
    found = of(old, most=60)
    for number in range(6, 12):
        new = later[with_days(later, True)[DAY] == FIRST + number]
        found = found.later(new, new["user_id"].iloc[:0], seed=number)
    assert len(found.units.users) == 60
    assert found.units.of_all == 30 * 9  # three of the first six days are of the newer half
    of_day = pd.Series(found.units.days).value_counts()
    assert of_day.reindex(range(FIRST + 6, FIRST + 12)).between(5, 8).all()
    events = found.units.events.drop(columns=DAY)
    merged = events.merge(every.drop_duplicates(), how="left", indicator=True)
    assert (merged["_merge"] == "both").all()


def test_days_that_are_too_old_go(monkeypatch):
    old, _ = apart(log())
    monkeypatch.setattr("tfrec_recall.health.day.AT_LEAST", 60)
    monkeypatch.setattr("tfrec_recall.health.day.DAYS", 2)
    new = days(2, FIRST + 40, users_a_day=20)
    found = of(old).later(new, new["user_id"].iloc[:0])
    assert found.window.index.tolist() == [FIRST + BEFORE - 1, FIRST + 40, FIRST + 41]
    assert set(found.units.days) == set(found.window.index)


@pytest.mark.parametrize("timed", [True, False])
def test_what_is_written_is_read_back(timed, tmp_path):
    found = of(log(timed))
    write_days(tmp_path, found)
    read = read_days(tmp_path)
    for field in dataclasses.fields(found):
        mine, theirs = (getattr(one, field.name) for one in (found, read))
        if isinstance(mine, pd.DataFrame):
            pd.testing.assert_frame_equal(mine, theirs, check_names=False, check_index_type=False)
        elif isinstance(mine, np.ndarray):
            np.testing.assert_array_equal(mine, theirs)
    for mine, theirs in zip(by_unit(found), by_unit(read), strict=True):
        pd.testing.assert_frame_equal(mine, theirs)
    assert (read.values, read.known.limit) == (found.values, found.known.limit)
    with pytest.raises(ValueError, match=r"earlier version.*--keep-state"):
        read_days(tmp_path / "days")


@pytest.mark.parametrize(
    "ids", [["é", "z", "\uffff", "\U0001f600", "a", "Z", "10", "9"], [10, 9, -3, 2**60, 7, 0, 1, 5]]
)
def test_units_are_drawn_of_users_in_the_order_of_their_ids(ids):
    """By code points, as NumPy sorts text, so that a seed draws the units that it drew before."""
    user = np.random.default_rng(0).choice(ids, 60)
    data = Interactions(pd.DataFrame({"user_id": user, "item_id": "x"}))
    units = drawn(with_days(data.events, False), most=5, seed=3)
    order = np.random.default_rng(3).permutation(len(ids))[:5]
    assert units.users.tolist() == [sorted(ids)[place] for place in order]
    np.testing.assert_array_equal(units.events["user_id"], units.users[units.unit])
