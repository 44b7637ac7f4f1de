"""Items of the last day have places in the lists of an updated version, for as long as asked."""

from types import SimpleNamespace

import pandas as pd
import pytest

from tests.upkeep.conftest import DAY, day
from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.export import load
from tfrec_recall.upkeep import update
from tfrec_recall.upkeep.new_items import arrived, places_of


def hour(number, item):
    """Events of users who take what all do, and at last one who takes what nobody had."""
    events = day(number).events[:30]
    events.loc[events.index[-1], "item_id"] = item
    return Interactions(events, mend_ids=False)


def listed(version, item):
    """How many of some lists have it."""
    ids = load(version)({"user_id": ["u1", "nobody"]}, k=20)[0].numpy()
    return int((ids == item.encode()).any(axis=1).sum())


def test_a_new_item_is_listed_for_a_day(popular):
    with pytest.warns(ReadingNotice, match="2 places are for the 1 items of the last day"):
        first = update(popular, hour(1, "fresh"), force=True, new_places=2).version
    assert load(first).report["new_items"] == {"places": 2, "items": 1}
    assert listed(first, "fresh")
    with pytest.warns(ReadingNotice, match="the 1 items of the last day"):  # as before
        second = update(popular, hour(4, "later"), force=True).version
    assert listed(second, "later")
    assert not listed(second, "fresh")


def test_places_are_those_of_before_and_at_most_half_of_a_list():
    serving = SimpleNamespace(report={"new_items": {"places": 2, "items": 1}}, k=50)
    assert [places_of(serving, asked) for asked in (None, 0, 25)] == [2, 0, 25]
    assert places_of(SimpleNamespace(report={}, k=50), None) == 0
    with pytest.raises(ValueError, match=r"at most half .*, 25\. Received: 26"):
        places_of(serving, 26)


def test_without_times_in_seconds_they_are_those_of_the_update():
    events = pd.DataFrame({"item_id": ["a", "b"], "timestamp": [0, 3 * DAY]})
    new = pd.Series(["a", "b"])
    assert arrived([["z", None]], events, new, in_seconds=False) == [["a", None], ["b", None]]
    assert arrived([["z", 2 * DAY + 1]], events, new, in_seconds=True) == [
        ["z", 2 * DAY + 1],
        ["b", 3 * DAY],
    ]
