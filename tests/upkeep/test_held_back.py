"""What is held back to measure with leaves most events to be learnt, whatever their times."""

import numpy as np
import pytest

from tests.upkeep.conftest import DAY
from tfrec_recall.upkeep.held_back import DRAWN, LAST_FIFTH, NEWEST_DAY, held_back

HOUR = 3_600
A_DAY = np.linspace(0, DAY - 1, 1_000).astype(int)


def of(times, unit="s", seed=0):
    times = np.asarray(times)
    return held_back(times, unit, len(times), seed)


def test_the_newest_day_or_the_last_fifth_is_measured_with():
    times = np.arange(10) * DAY
    for given, unit, events, called in (
        (times, "s", 1, NEWEST_DAY),
        (times, "order", 2, LAST_FIFTH),
        (times // DAY, "s", 2, LAST_FIFTH),
        (np.append(A_DAY, A_DAY + DAY), "s", 1_000, NEWEST_DAY),
    ):
        held, found = of(given, unit)
        assert (found, held.tolist()) == (called, [False] * (len(held) - events) + [True] * events)


@pytest.mark.parametrize(
    "others",
    [
        [-6 * HOUR],  # late, of the evening before
        [-30 * DAY, -DAY],
        [DAY],  # the midnight at both ends
        DAY + np.arange(0, HOUR, 90),  # 25 hours
        [2 * DAY + HOUR],  # of a clock that is ahead, with none on the day between
    ],
)
def test_a_few_events_beside_a_day_are_no_reason_to_hold_it_back_or_them_alone(others):
    times = np.append(A_DAY, others)
    held, called = of(times)
    assert called == LAST_FIFTH
    assert 0.19 < held.mean() < 0.21
    assert times[held].min() >= times[~held].max()


@pytest.mark.parametrize(
    ("times", "unit", "held"),
    [
        ([0, 0, 0, 3_600, 3_600], "s", 2),  # a quarter and more at the newest time
        ([1, 2, 3, 4, 4, 4], "order", 3),
        ([0, 0, 0, 0, 0, 1], "order", 1),
        ([7], "s", 0),
    ],
)
def test_of_a_short_file_the_last_fifth_is_held_with_those_of_its_time(times, unit, held):
    found, _ = of(times, unit)
    assert found.tolist() == [False] * (len(times) - held) + [True] * held


@pytest.mark.parametrize("times", [None, [7] * 1_001, [-DAY, *[0] * 1_000]])  # dates, one late
def test_where_times_do_not_tell_which_come_last_a_fifth_is_drawn(times):
    unit = None if times is None else "s"
    times = None if times is None else np.array(times)
    held, called = held_back(times, unit, 1_001, 1)
    assert (called, held.sum()) == (DRAWN, 200)
    again, other = (held_back(times, unit, 1_001, seed)[0] for seed in (1, 2))
    assert (again == held).all()
    assert (other != held).any()
