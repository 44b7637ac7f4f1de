"""Who is drawn to be replayed: others from update to update, the same when one is run again."""

import numpy as np

from tests.upkeep.conftest import day
from tfrec_recall.data import Interactions
from tfrec_recall.models import Popular
from tfrec_recall.upkeep import update, updating

ONE = "u0"


def of_one(number):
    """Thirty events of a user on one day."""
    events = day(number).events.head(30).assign(user_id=ONE)
    events["timestamp"] += np.arange(30)  # none at the same time
    return Interactions(events, mend_ids=False)


def test_users_are_drawn_anew_for_each_update(popular, monkeypatch):
    drawn, recent = [], updating.recent

    def seen(history, *others):
        drawn.append(set(history.events["user_id"]) - {ONE})
        return recent(history, *others)

    monkeypatch.setattr(updating, "recent", seen)
    for path, number in ((popular, 1), (popular / "1", 1), (popular, 2)):
        update(path, of_one(number), force=True)
    first, newest_day, *again = drawn
    assert again[:2] == [first, newest_day]
    assert newest_day - first
    assert again[2] - first


def test_earlier_events_are_those_that_the_model_reads(popular, monkeypatch):
    given, recent = [], updating.recent

    def seen(history, *others):
        given.append(set(history.events["item_id"]))
        return recent(history, *others)

    monkeypatch.setattr(updating, "recent", seen)
    monkeypatch.setattr(Popular, "reads", lambda _, events: events["item_id"].eq("i0").to_numpy())
    update(popular, day(1), force=True)
    assert given == [{"i0"}] * 2
