"""How popular the items of a day are, of days of one distribution."""

import numpy as np
import pandas as pd

from tfrec_recall.data import Interactions
from tfrec_recall.health.bins import Bins
from tfrec_recall.health.day import Day, drawn, with_days
from tfrec_recall.health.days_before import DaysBefore
from tfrec_recall.health.judge import Compared, judge
from tfrec_recall.health.popularity_of_events import PopularityOfEvents

DAY = 24 * 3600
FIRST, DAYS, ITEMS = 19_000, 10, 70


def of_one_distribution():
    """Events of some days and of the one after, a fifth of them with the first item."""
    generator = np.random.default_rng(0)
    count = 300 * (DAYS + 1)
    share = 1 / np.arange(1, ITEMS + 1)
    events = pd.DataFrame({"user_id": generator.integers(0, 300, count)})
    events["item_id"] = generator.choice(ITEMS, count, p=share / share.sum())
    events["timestamp"] = FIRST * DAY + generator.integers(0, (DAYS + 1) * DAY, count)
    new = events["timestamp"] >= (FIRST + DAYS) * DAY
    return events[~new].reset_index(drop=True), events[new].reset_index(drop=True)


def test_an_item_that_many_take_is_as_popular_on_each_day():
    """It has a few more or fewer events on the others, by which no day is unlike them."""
    before, new = of_one_distribution()
    days = DaysBefore.of(Interactions(before), before["user_id"])
    units = drawn(with_days(new, timed=True))
    count = len(units.users)
    popularity = days.popularity(units.events["item_id"].to_numpy()).astype(float)
    known = np.zeros(count), np.zeros(len(new), bool)
    day = Day(units.users, units.events, units.unit, True, *known, popularity)
    usual = days.day(before[["user_id"]], before[["item_id"]])
    learning = usual.part(0, usual.units // 3)
    (check,) = PopularityOfEvents.learn(learning)
    counting = usual.part(usual.units // 3, usual.units)
    (found,) = judge([Compared(check, check.counts(counting), check.counts(day))], [])
    assert found.change < 0.2  # of 0.25
    several = counting.popularity[counting.events["item_id"] == 0]
    assert len(set(several)) > 3  # and all in one bin
    assert len(set(check.bins.of_numbers(several))) == 1
    assert len(check.bins) > 6


def test_numbers_of_one_alone_are_not_parted():
    numbers = np.arange(100.0)
    assert Bins.between(numbers, pd.Series(["one"] * 100)).edges == ()
    assert Bins.between(np.ones(9), pd.Series(range(9))).edges == ()
    each = Bins.between(numbers, pd.Series(range(100)))
    assert len(each.edges) == len(Bins.of_quantiles(numbers).edges)
