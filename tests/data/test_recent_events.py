"""Which earlier events are learnt once more beside new ones."""

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions, recent, ties_in_file_order
from tfrec_recall.data.order import chronological

USERS, EACH, NEW = 8, 10, 15


@pytest.fixture(params=[True, False], ids=["timed", "untimed"])
def both(request):
    """Eight users with ten events each, and new ones of three of them."""
    old = pd.DataFrame({"user_id": np.repeat(np.arange(USERS), EACH)})
    old["item_id"] = np.arange(len(old))
    new = pd.DataFrame({"user_id": np.arange(NEW) % 3, "item_id": np.arange(NEW)})
    events = [old.assign(timestamp=old["item_id"] % EACH), new.assign(timestamp=EACH)]
    return [Interactions(one if request.param else one.drop(columns="timestamp")) for one in events]


@pytest.mark.parametrize("replay", [0.0, 1.0, 2.0])
def test_models_without_a_history_replay_as_many_as_are_asked_for(both, replay):
    found = recent(*both, length=0, replay=replay)
    assert found.is_replayed.sum() == replay * NEW
    assert found.is_new.sum() == NEW
    assert len(found.interactions.events) == (1 + replay) * NEW  # and no history
    learnt = found.interactions.events[found.is_replayed]
    assert not learnt.duplicated().any()
    assert bool(replay) == (learnt["user_id"] > 2).any()
    assert len(found.new.events.merge(both[1].events)) == NEW


def test_others_replay_of_what_histories_have(both):
    found = recent(*both, length=4, replay=1.0)
    assert found.is_replayed.sum() == NEW
    old = found.interactions.events[~found.is_new]
    if both[0].has_time:
        assert old["timestamp"].min() == EACH - 4
    assert set(old["user_id"]) > {0, 1, 2}


@pytest.mark.parametrize("ordered", [(True, True), (True, False), (False, True)])
def test_new_events_come_after_earlier_ones_of_the_same_time(ordered):
    """Ties of each are numbered from 0, or not at all."""
    both = []
    for first, is_ordered in zip((0, 9), ordered, strict=True):
        items = first + np.array([4, 1, 7, 0, 8, 3])
        one = Interactions(pd.DataFrame({"user_id": "a", "item_id": items, "timestamp": 1}))
        both.append(ties_in_file_order(one) if is_ordered else one)
    found = recent(*both, replay=0)
    order = chronological(found.interactions.events)
    assert found.is_new[order].tolist() == [False] * 6 + [True] * 6
    items = found.interactions.events["item_id"].to_numpy()[order].reshape(2, 6)
    for own, one in zip(items, both, strict=True):
        assert own.tolist() == one.events["item_id"].iloc[chronological(one.events)].tolist()
