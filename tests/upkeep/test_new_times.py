"""Times of new events are of the unit of those before, and none is of a wrong clock."""

import warnings

import numpy as np
import pandas as pd
import pytest

from tests.upkeep.conftest import DAY, EVENTS, day, exported
from tfrec_recall.data import Interactions
from tfrec_recall.data.columns import clock
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.export.versions import versions
from tfrec_recall.health import DaysBefore
from tfrec_recall.upkeep import update
from tfrec_recall.upkeep.new_times import check_clock, check_times
from tfrec_recall.upkeep.state import TrainingState

BEGIN, IN_2037 = 1_600_000_000, 2_130_000_000


def at(times, number=1, unit=None):
    """The events of a day at other times."""
    events = day(number).events.assign(timestamp=times)
    return Interactions(events, time_unit=unit, mend_ids=False)


def before(*logs):
    events = pd.concat([log.events for log in logs], ignore_index=True)
    data = Interactions(events, time_unit="s", mend_ids=False)
    return DaysBefore.of(data, data.events["user_id"])


def one_wrong(number):
    times = day(number).events["timestamp"].to_numpy().copy()
    times[7] = IN_2037
    return at(times, number, unit="s")  # as they are


def test_an_event_of_a_wrong_clock_is_refused_by_its_row(popular):
    said = r"ahead of this machine's clock in 1 of 120 rows.*mend or drop.*row 7: .*2130000000"
    with pytest.raises(ValueError, match=said):
        update(popular, one_wrong(1), keep_days=90)
    assert versions(popular) == [1]


def test_events_ahead_of_the_clock_go_on_where_those_before_were_ahead(monkeypatch):
    early, late = BEGIN - 300 * DAY, BEGIN + 2 * DAY
    monkeypatch.setattr(clock, "now", lambda: early)
    check_clock(day(1), before(day(0)), early)
    monkeypatch.setattr(clock, "now", lambda: late)
    check_clock(day(2), before(day(0), day(1)), late)
    check_clock(day(4), before(day(0), day(1)), early)  # those before were ahead when learnt
    with pytest.raises(ValueError, match="in 120 of 120 rows"):
        check_clock(day(4), before(day(0), day(1)), late)


def test_one_wrong_clock_before_does_not_let_others_pass():
    with pytest.raises(ValueError, match="in 1 of 120 rows"):
        check_clock(one_wrong(2), before(day(0), one_wrong(1)), BEGIN + 2 * DAY)


@pytest.mark.parametrize("times", [range(EVENTS), np.arange(EVENTS) * DAY // EVENTS])
def test_times_of_another_unit_are_refused(popular, times):
    said = r"trained on times that are Unix seconds or dates.*Received: numbers of order, .*\[0, "
    with pytest.raises(ValueError, match=said):
        update(popular, at(times))
    assert versions(popular) == [1]


def test_numbers_of_order_go_on_without_days(tmp_path):
    numbers = 1_000 * np.arange(EVENTS)
    path = exported(tmp_path / "popular", at(numbers, 0))
    with pytest.raises(ValueError, match=r"that are numbers of order.*Received: Unix seconds"):
        update(path, day(1))
    for name in ("unseen_days", "keep_days"):
        with pytest.raises(ValueError, match=rf"{name} counts days.*{name}=3, and numbers of ord"):
            update(path, at(numbers + numbers.max() + 1), **{name: 3})
    found = update(path, at(numbers + numbers.max() + 1), force=True)
    assert TrainingState.of(found.version).time_unit == "order"
    with pytest.warns(ReadingNotice, match="numbers go on from day to day, and do not start over"):
        update(path, at(numbers, 2), force=True)


def test_days_that_came_late_are_told(popular):
    state = TrainingState.of(popular / "1")
    newest = day(0).events["timestamp"].max()
    assert state.newest() == newest
    with pytest.warns(ReadingNotice, match="are of 2019-11-18 or before.*of 2020-09-14 were lear"):
        check_times(at(np.arange(EVENTS) + BEGIN - 300 * DAY), state)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_times(at(np.arange(EVENTS) + newest - DAY), state)


def test_an_update_without_events_says_what_it_takes(popular):
    nothing = Interactions(day(1).events.iloc[:0], items=day(0).items, mend_ids=False)
    with pytest.raises(ValueError, match=r"learns new events.*Received: no event"):
        update(popular, nothing)
    assert versions(popular) == [1]
