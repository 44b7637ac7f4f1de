"""Runs of a comparison that were interrupted, or that the budget stopped, go on."""

import dataclasses
import sys
import types

import pytest

from tests.cli.test_compare_command import plan, program  # noqa: F401  a fixture
from tests.cli.test_long_run import Learns, without_seconds
from tests.cli.test_training import SETTINGS, STEPS, Passing, Toy, without_validation
from tests.untraced import training_without_graphs
from tfrec_recall.cli.runs import deadline as of_deadline
from tfrec_recall.cli.runs import run_apart, training
from tfrec_recall.cli.runs.compared_run import ended, made
from tfrec_recall.cli.runs.long_run import LongRun
from tfrec_recall.cli.runs.run_apart import RunsApart
from tfrec_recall.cli.runs.training import train_model
from tfrec_recall.comparison.runs import Run
from tfrec_recall.models import TwoTower
from tfrec_recall.training import is_over

pytestmark = pytest.mark.usefixtures("untraced", "only_its_own")

RUN = Run("two-tower", 0)


@pytest.fixture
def within(split, monkeypatch, tmp_path):
    """Trains the toy for some more seconds, of which each epoch takes one."""
    monkeypatch.setattr(Toy, "split", split)
    entry = types.SimpleNamespace(name="toy", load=lambda: Learns)

    def trained(seconds, split=split):
        clock = Passing(1, 1)
        monkeypatch.setattr(of_deadline, "time", types.SimpleNamespace(monotonic=lambda: clock.now))
        ends = of_deadline.Deadline(seconds)
        watching, kept = [clock, ends], LongRun(tmp_path)
        return train_model(entry, split, SETTINGS, 0, watching=watching, long_run=kept), ends, clock

    return trained


def begun(plan, **about):  # noqa: F811
    """What is kept of a run with a checkpoint."""
    unfinished = plan.unfinished(RUN)
    unfinished.begins(about or plan.about(RUN))
    (unfinished.folder / "training").mkdir(parents=True)
    (unfinished.folder / "training" / "checkpoint").touch()
    return unfinished


def test_a_training_that_a_deadline_ended_goes_on(within, split, tmp_path, capsys):
    through = train_model(
        types.SimpleNamespace(name="toy", load=lambda: Learns), split, SETTINGS, seed=0
    )
    for seconds in (2.5, 0):  # without time for more, it is as it was
        trained, ends, clock = within(seconds)
        assert (len(trained.curve), float(trained.model.done.numpy())) == (2, 2 * STEPS)
        assert ends.reached
        assert not is_over(tmp_path / "training")
    assert clock.now == 0
    assert "is over" not in capsys.readouterr().err
    trained, ends, clock = within(99)
    assert clock.now == ends.spent == len(through.curve) - 2
    assert (trained.best_epoch, without_seconds(trained)) == (3, without_seconds(through))
    assert not ends.reached
    assert is_over(tmp_path / "training")


def test_where_nothing_is_kept_an_epoch_is_learnt_even_without_time(within):
    trained, ends, _ = within(0)
    assert (len(trained.curve), ends.reached, ends.an_epoch) == (1, True, 1)


def test_what_is_written_after_an_epoch_is_a_part_of_it(monkeypatch):
    now, epochs = 0, 0
    monkeypatch.setattr(of_deadline, "time", types.SimpleNamespace(monotonic=lambda: now))
    ends = of_deadline.Deadline(18)
    ends.set_model(types.SimpleNamespace(stop_training=False))
    ends.set_params({"epochs": 9})
    ends.on_train_begin()
    while not ends.model.stop_training:
        ends.on_epoch_begin(epochs)
        now += 3
        ends.on_epoch_end(epochs)
        now, epochs = now + 2, epochs + 1  # a checkpoint is written
    ends.on_train_end()
    assert (ends.spent, ends.an_epoch, ends.reached) == (now, 5, True)
    assert epochs == 3  # the end of a fourth one would be on disk two seconds late


def test_a_trial_goes_on_and_all_of_train_with_it(within, split, tmp_path, monkeypatch):
    monkeypatch.setattr("tests.cli.test_training.QUALITY", (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0))
    monkeypatch.setattr(training, "hold_back", lambda train, seed: split)
    first, ends, _ = within(8, without_validation(split))
    assert (len(first.curve), first.settings["epochs"], ends.reached) == (4, 4, True)
    again, ends, clock = within(99, without_validation(split))
    assert (len(again.curve), again.settings["epochs"], ends.reached) == (7, 5, False)
    assert float(again.model.done.numpy()) == 5 * STEPS
    assert clock.now == 3 + 1  # the trial's, then those that it found more
    assert all(is_over(tmp_path / part) for part in ("trial", "training"))


def test_a_run_goes_on_from_what_it_had_learnt(plan, monkeypatch):  # noqa: F811
    settings = {"two-tower": {"epochs": 3, "dim": 4, "hidden": [4], "negatives": 4}}
    plan = dataclasses.replace(plan, settings=settings)
    unfinished = begun(plan, made_of="other settings")
    assert not plan.goes_on(RUN)
    monkeypatch.setattr("tfrec_recall.comparison.figures", lambda *_, **__: {"metrics": {}})

    def called(seconds):
        with training_without_graphs(TwoTower):
            result = made(plan, RUN, seconds)
        plan.runs().write(RUN, result)
        ended(plan, RUN, result)
        return result

    first = called(0.1)
    assert (first["status"], len(first["epochs"]), plan.goes_on(RUN)) == ("stopped", 1, True)
    assert first["goes_on_with"] > 0
    unfinished.keeps(learnt=True)  # as if it had been killed then
    assert unfinished.is_learnt
    second = called(60)
    assert (second["status"], second["epochs"]) == ("stopped", first["epochs"])
    assert second["seconds_allowed"] == pytest.approx(60.1)
    assert second["goes_on_with"] >= first["goes_on_with"]
    assert not unfinished.is_learnt
    last = called(600)
    assert (last["status"], len(last["epochs"])) == ("done", 3)
    assert last["epochs"][:1] == first["epochs"]
    assert last["seconds"] >= second["seconds"] >= first["seconds"]
    assert not unfinished.folder.exists()


@pytest.mark.parametrize(("seconds", "is_learnt"), [(None, False), (60, True), (0, True)])
def test_a_call_that_learns_on_leaves_more_than_measuring_to_the_next_one(
    seconds,
    is_learnt,
    plan,  # noqa: F811
    monkeypatch,
):
    unfinished = begun(plan)
    unfinished.keeps(learnt=True)

    def killed(*_, **__):
        raise InterruptedError

    monkeypatch.setattr(training, "train_model", killed)
    with pytest.raises(InterruptedError):
        made(plan, RUN, seconds)
    assert plan.goes_on(RUN)
    assert unfinished.is_learnt == is_learnt


@pytest.mark.parametrize(
    ("script", "allowed", "status", "told", "is_there"),
    [
        ("exit 9", None, "failed", "(exit code 9", False),  # perhaps of what it went on from
        ("kill -9 $$", None, "failed", "(exit code -9", True),  # as where memory runs out
        ("exec sleep 60", 0.2, "too long", "learnt, but not measured within", True),
    ],
)
def test_what_is_kept_of_a_run_that_did_not_end(
    script,
    allowed,
    status,
    told,
    is_there,
    plan,  # noqa: F811
    tmp_path,
    monkeypatch,
):
    unfinished = begun(plan)
    unfinished.keeps(learnt=True)
    monkeypatch.setattr(sys, "executable", program(tmp_path / "python", script))
    monkeypatch.setattr(run_apart, "GRACE", 0)
    result = RunsApart(plan).made(RUN, allowed)
    assert result["status"] == status
    assert told in result["why"]
    assert plan.goes_on(RUN) == is_there
