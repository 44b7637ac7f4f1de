"""Events of an update follow those of the state that have the same time."""

import numpy as np

from tests.upkeep.conftest import EVENTS, day, exported
from tfrec_recall.data import ties_in_file_order
from tfrec_recall.upkeep import update
from tfrec_recall.upkeep.state import TrainingState


def test_the_next_number_is_told_without_a_row_read(tmp_path, monkeypatch):
    first = ties_in_file_order(day(0))
    learnt, waiting = first.take(np.arange(20, EVENTS)), first.events.iloc[:20]
    state = TrainingState.of(exported(tmp_path / "popular", learnt, waiting) / "1")
    monkeypatch.delattr("pyarrow.dataset.dataset")
    assert state.next_tie() == EVENTS


def test_ties_are_numbered_on_from_those_of_the_state(tmp_path):
    first = ties_in_file_order(day(0))
    learnt, waiting = first.take(np.arange(20, EVENTS)), first.events.iloc[:20]
    path = exported(tmp_path / "popular", learnt, waiting)
    for number, new in ((1, ties_in_file_order(day(1))), (2, day(2))):
        path = update(path, new, force=True).version
        found = TrainingState.of(path).events()
        assert sorted(found["tie_order"]) == [*range((number + 1) * EVENTS)]
        in_time = found.sort_values("tie_order")["timestamp"].to_numpy()
        assert (in_time[number * EVENTS :] >= new.events["timestamp"].min()).all()
