"""Items of the last day have places in the lists of an updated version, for as long as asked."""

from types import SimpleNamespace

import pandas as pd
import pytest

from tests.upkeep.conftest import DAY, day
from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.export import load
from tfrec_recall.upkeep import update
from tfrec_recall.upkeep.new_items import ARRIVED, arrived, places_of
from tfrec_recall.upkeep.state import TrainingState


def test_a_new_item_is_listed(popular):
    """One that nobody had, of one event, beside items that are popular."""
    events = day(1).events[:30].assign(item_id=day(0).events["item_id"][:30])
    events.loc[events.index[-1], "item_id"] = "fresh"
    new = Interactions(events, mend_ids=False)
    with pytest.warns(ReadingNotice, match="2 places are for the 1 items of the last day"):
        made = load(update(popular, new, force=True, new_places=2).version)
    assert made.report["new_items"] == {"places": 2, "items": 1}
    ids = made({"user_id": ["u1", "nobody"]}, k=20)[0].numpy()
    assert (ids[:, -1] == b"fresh").all()
    told = TrainingState.of(made.path).told
    assert told[ARRIVED] == [["fresh", int(events["timestamp"].iloc[-1])]]


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
