"""Times of new events are of the unit of those before."""

import numpy as np
import pytest

from tests.upkeep.conftest import DAY, EVENTS, day, exported
from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.export.versions import versions
from tfrec_recall.upkeep import update
from tfrec_recall.upkeep.new_times import of_newest_day
from tfrec_recall.upkeep.state import TrainingState


def at(times, number=1):
    """The events of a day at other times."""
    return Interactions(day(number).events.assign(timestamp=times), mend_ids=False)


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


def test_the_newest_day_or_the_last_fifth_is_measured_with():
    times = np.arange(10) * DAY
    assert of_newest_day(times, "s").sum() == 1
    assert of_newest_day(times, "order").sum() == of_newest_day(times // DAY, "s").sum() == 2
