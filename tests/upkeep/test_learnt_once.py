"""The same events are not learnt twice unless that is asked for."""

import pytest

from tests.upkeep.conftest import EVENTS, day
from tfrec_recall.upkeep import update, updating
from tfrec_recall.upkeep.state import TrainingState


def test_events_that_were_learnt_are_refused_unless_they_are_to_be_learnt_again(
    popular, monkeypatch
):
    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(updating, "export", killed)
        with pytest.raises(KeyboardInterrupt):
            update(popular, day(1), force=True)
    update(popular, day(1), force=True)
    with pytest.raises(
        ValueError, match=r"learnt these very events.*--again.*Received: 120 events"
    ):
        update(popular, day(1), force=True)
    again = update(popular, day(1), force=True, again=True)
    assert TrainingState.of(again.version).size() == 3 * EVENTS
