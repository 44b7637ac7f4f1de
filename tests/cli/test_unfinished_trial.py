"""A training of a search that was interrupted, or that the budget ended, goes on."""

import itertools
import math
import time
import types

import pytest

from tests.cli.test_long_run import Learns
from tests.cli.test_training import SETTINGS, Toy
from tfrec_recall.cli.runs import deadline as of_deadline
from tfrec_recall.cli.runs import searching
from tfrec_recall.cli.runs.searching import Searching
from tfrec_recall.cli.runs.trial import Outcome, outcome
from tfrec_recall.search import Space, Study

pytestmark = pytest.mark.usefixtures("only_its_own")


class Told:
    """A trial that is never given up."""

    def __init__(self):
        self.values = {}

    def report(self, value, step):
        self.values[step] = value

    def should_prune(self):
        return False


def learnt(folder):
    (folder / "training").mkdir(exist_ok=True)
    (folder / "training" / "checkpoint").touch()


def test_a_training_goes_on_and_tells_its_trial_of_all_epochs(split, tmp_path, monkeypatch):
    monkeypatch.setattr(Toy, "split", split)
    entry = types.SimpleNamespace(name="toy", load=lambda: Learns)
    shared = (entry, split, SETTINGS, 0, False, None)

    def within(ends):
        clock = itertools.count()  # which passes as it is asked
        ticks = types.SimpleNamespace(monotonic=lambda: next(clock))
        monkeypatch.setattr(of_deadline, "time", ticks)
        told = Told()
        return outcome(*shared, tmp_path, trial=told, ends=ends), told

    through = Told()
    whole = outcome(*shared, trial=through)
    first, told = within(4.5)
    assert (first.late, first.whole, len(first.curve)) == (True, False, 2)
    assert list(told.values) == [0, 1]
    second, told = within(999.0)
    assert (second.late, second.whole, second.curve) == (False, True, whole.curve)
    assert told.values == through.values
    assert len(told.values) == 5


def test_a_trial_goes_on_in_the_next_call(tmp_path, capsys, monkeypatch):
    made = []

    def outcome(entry, split, settings, *shared, trial=None, ends=None):
        made.append(settings)
        if len(made) < 3:
            learnt(shared[-1])
        if len(made) == 2:
            raise KeyboardInterrupt
        if len(made) == 1:
            return Outcome(0.3, False, 5.0, (0.3,), late=True)
        return Outcome(0.6, True, 2.0)

    def called(trials):
        study = Study(tmp_path, Space({"alpha": 0.5}), "x")
        if not study.tried:
            study.add_defaults(0.4, 0.0, [])
        run = Searching(None, None, {}, 0, False, None, tmp_path, math.inf)
        run.search(study, math.inf, trials)
        return study.tried

    monkeypatch.setattr(searching, "outcome", outcome)
    assert len(called(1)) == 1
    told = "0.3000 so far, ended by the budget: the next call goes on with it, 5 s"
    assert told in " ".join(capsys.readouterr().err.split())
    with pytest.raises(KeyboardInterrupt):
        called(1)
    _, goes_on, other = called(2)
    assert made[0] == made[1] == made[2] == goes_on.settings
    assert made[3] == other.settings != goes_on.settings
    assert (goes_on.value, goes_on.seconds) == (0.6, pytest.approx(7.0, abs=0.9))
    assert not (tmp_path / "unfinished").exists()


def test_settings_that_were_being_taken_back_come_first(tmp_path, monkeypatch):
    made = []

    def outcome(entry, split, settings, *shared, trial=None, ends=None):
        made.append(settings)
        if len(made) == 2:
            learnt(shared[-1])
            return Outcome(None, False, 5.0, late=True)
        return Outcome(settings["alpha"] + settings["power"] + 1.0, True, 0.0)

    monkeypatch.setattr(searching, "outcome", outcome)
    space = Space({"alpha": 0.5, "power": 0.5})
    study = Study(tmp_path, space, "x")
    study.add_defaults(0.0, 0.0, [])
    run = Searching(None, None, {}, 0, False, None, tmp_path, math.inf)
    run.search(study, math.inf, 1)
    run.take_back(study, None)
    assert len(made) == 2
    run.search(study, math.inf, 1)
    assert made[2] == made[1]
    (back,) = [name for name in made[1] if made[1][name] == 0.5]
    assert [one.back for one in study.tried] == [None, None, back]


def test_defaults_that_were_interrupted_go_on_if_they_are_the_same(tmp_path, monkeypatch):
    found = []

    def outcome(entry, split, settings, *shared, trial=None, ends=None):
        found.append((shared[-1] / "training").exists())
        learnt(shared[-1])
        raise KeyboardInterrupt if len(found) < 4 else ValueError

    monkeypatch.setattr(searching, "outcome", outcome)
    run = Searching(None, None, {}, 0, False, None, tmp_path, math.inf)
    for made_of, error in (
        *(("these", KeyboardInterrupt), ("these", KeyboardInterrupt)),
        *(("others", KeyboardInterrupt), ("others", ValueError), ("others", ValueError)),
    ):
        with pytest.raises(error):
            run.defaults(made_of)
    assert found == [False, True, False, True, False]


def test_defaults_that_the_budget_ended_go_on(tmp_path, capsys, monkeypatch):
    made = []

    def outcome(entry, split, settings, *shared, trial=None, ends=None):
        made.append(ends)
        learnt(shared[-1])
        is_late = len(made) == 1
        return Outcome(0.3, not is_late, 5.0, (0.3,), late=is_late)

    monkeypatch.setattr(searching, "outcome", outcome)
    run = Searching(None, None, {}, 0, False, None, tmp_path, 7.0)
    assert run.defaults("these") is None
    told = " ".join(capsys.readouterr().err.split())
    assert "The budget ended the defaults, 0.3000 so far: nothing was searched" in told
    found = run.defaults("these")
    assert (made, found.seconds, found.late) == ([7.0, 7.0], 10.0, False)
    assert run.defaults("these").seconds == 10.0
    assert len(made) == 2


@pytest.mark.parametrize(
    ("budget", "expected"), [(100, [False, True, False, False, True, False]), (1000, [False] * 6)]
)
def test_settings_of_long_trials_are_taken_back_in_between(budget, expected, tmp_path, monkeypatch):
    """Trials of a minute have no room in the last quarter of 100 seconds, and of 1000 they do."""
    made = []

    def outcome(entry, split, settings, *shared, trial=None, ends=None):
        made.append(trial is None)
        return Outcome(1.0 + settings["alpha"] + settings["power"], True, 60.0)

    monkeypatch.setattr(searching, "outcome", outcome)
    study = Study(tmp_path, Space({"alpha": 0.1, "power": 0.1}), "x")
    study.add_defaults(0.0, 60.0, [])
    now = time.monotonic()
    run = Searching(None, None, {}, 0, False, None, tmp_path, now + budget)
    run.search(study, now + 0.75 * budget, 6)
    assert made == expected
    assert [one.back is not None for one in study.tried[1:]] == expected
