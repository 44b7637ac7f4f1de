"""Which earlier events are learnt once more beside new ones."""

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions, recent

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
