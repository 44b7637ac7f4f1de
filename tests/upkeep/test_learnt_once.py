"""The same events are not learnt twice unless that is asked for."""

import warnings

import pandas as pd
import pytest

from tests.upkeep.conftest import EVENTS, day
from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.upkeep import update, updating
from tfrec_recall.upkeep.learnt_once import tell_of_learnt
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


def test_what_the_training_had_is_no_new_event(popular):
    some = Interactions(day(0).events[20:50], mend_ids=False)
    with pytest.raises(ValueError, match=r"All of the new.*--again.*Received: 30 events, the fir"):
        update(popular, some)


def test_events_of_files_that_overlap_are_told(popular):
    state, new = TrainingState.of(popular / "1"), day(1).events
    both = pd.concat([new, day(0).events[:20]], ignore_index=True)
    none = new.iloc[:0]
    with pytest.warns(ReadingNotice, match=r"20 of 140 new events have.*count twice"):
        tell_of_learnt(both, state, none)
    with pytest.warns(ReadingNotice, match="1 of 120 new events"):
        tell_of_learnt(new, state, waiting=new[7:8])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tell_of_learnt(new.assign(item_id=new["item_id"].to_numpy()[::-1]), state, none)
        tell_of_learnt(day(0).events.drop(columns="timestamp"), state, none)


def test_ids_that_are_written_otherwise_are_told(popular, monkeypatch):
    def stopped(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(TrainingState, "model", stopped)
    events = day(1).events.assign(item_id=lambda table: table["item_id"].str.upper())
    with (
        pytest.warns(ReadingNotice, match=r"item_ids of the new.*capital letters, \d+ would"),
        pytest.raises(KeyboardInterrupt),
    ):
        update(popular, Interactions(events, mend_ids=False))
