"""A model that learns by a schedule is measured at places of it, and learns as it would without."""

import types

import pytest

from tests.cli.conftest import RENAME, printed
from tests.cli.test_long_run import Killed, Learns, without_seconds
from tests.cli.test_training import STEPS, Toy, without_validation
from tests.cli.test_unfinished_trial import Told
from tfrec_recall.cli.runs import validation
from tfrec_recall.cli.runs.long_run import LongRun
from tfrec_recall.cli.runs.training import train_model
from tfrec_recall.cli.runs.trial import outcome
from tfrec_recall.cli.runs.validation import MONITORED, check_curve, on_validation, places_of
from tfrec_recall.models import Item2Vec

pytestmark = pytest.mark.usefixtures("only_its_own")

SETTINGS = {"epochs": 7, "batch_size": 16}


@pytest.fixture
def entry(split, monkeypatch):
    monkeypatch.setattr(Toy, "split", split)
    monkeypatch.setattr(Toy, "stops_early", False)
    return types.SimpleNamespace(name="toy", load=lambda: Learns)


def test_the_places_are_even_and_the_last_is_the_end():
    assert sorted(places_of(40)) == [8, 16, 24, 32, 40]
    assert sorted(places_of(7)) == [2, 3, 5, 6, 7]
    assert sorted(places_of(2)) == [1, 2]


def test_a_schedule_is_measured_at_its_places_on_the_same_users(entry, split, capsys, monkeypatch):
    monkeypatch.setattr(validation, "MEASURED_USERS", 5)
    trained = train_model(entry, split, SETTINGS, seed=0, on_schedule=True)
    assert float(trained.model.done.numpy()) == 7 * STEPS
    found = {one["epoch"]: one[MONITORED] for one in trained.curve if MONITORED in one}
    assert list(found) == [2, 3, 5, 6, 7]
    assert max(found.values()) == found[3] > found[5] == found[7] > found[2] > 0
    assert trained.best_epoch is None
    told = capsys.readouterr().err
    assert "5 drawn at random are measured at some places of its schedule" in told
    lines = [line for line in told.splitlines() if line.startswith("epoch")]
    assert sum("recall@50 on validation" in line for line in lines) == 5
    assert not any("best" in line for line in lines)


def test_a_catalogue_that_a_list_holds_whole_is_told_where_training_goes_by_it(split, capsys):
    kind = {"stops_early": True, "scores_pairs": False, "learns_ratings": False}
    on_validation(types.SimpleNamespace(**kind), split, repeats=False)
    told = " ".join(capsys.readouterr().err.split())
    assert "The catalogue has 30 items, and a list of 50 holds all of them" in told
    assert "cuts=(6,)) measures shorter lists" in told
    for other in ({"stops_early": False}, {"learns_ratings": True}):
        on_validation(types.SimpleNamespace(**{**kind, **other}), split, repeats=False)
    assert capsys.readouterr().err == ""


def test_it_is_not_unless_it_is_asked_for_and_can_be(entry, split):
    for part, asked in ((split, False), (without_validation(split), True)):
        trained = train_model(entry, part, SETTINGS, seed=0, on_schedule=asked)
        assert {name for one in trained.curve for name in one} == {"epoch", "loss", "seconds"}
        assert float(trained.model.done.numpy()) == 7 * STEPS


def test_a_run_that_goes_on_has_the_places_before(entry, split, tmp_path):
    through = train_model(entry, split, SETTINGS, seed=0, on_schedule=True)
    shared = {"seed": 0, "on_schedule": True, "long_run": LongRun(tmp_path)}
    with pytest.raises(InterruptedError):
        train_model(entry, split, SETTINGS, watching=[Killed()], **shared)
    trained = train_model(entry, split, SETTINGS, **shared)
    assert without_seconds(trained) == without_seconds(through)


def test_a_trial_is_told_of_the_places_and_its_value_is_that_of_the_end(entry, split):
    class Worse(Told):
        """Others went better at first, which tells little, and at the end, when all is learnt."""

        def should_prune(self):
            asked.append(len(self.values))
            return len(self.values) not in (3, 4)

    asked, told = [], Worse()
    found = outcome(entry, split, SETTINGS, 0, trial=told)
    assert list(told.values.values()) == pytest.approx(found.curve, abs=1e-5)  # which is rounded
    assert (asked, len(found.curve), found.whole) == ([3, 4], 5, True)
    assert found.value == found.curve[-1] < max(found.curve)


@pytest.mark.parametrize(
    ("model", "told"),
    [("item-cf", "learns in one pass"), ("two-tower", "measured after each epoch by itself")],
)
def test_what_has_no_places_of_a_schedule_is_refused(model, told, folder, capsys):
    shown = printed("train", capsys, model, "--data", folder, *RENAME, "--curve", code=1)
    assert f"Received: {model}, which" in shown.err
    assert told in shown.err


def test_so_are_data_without_validation(split):
    check_curve("item2vec", Item2Vec, split)
    with pytest.raises(ValueError, match=r"leave it out\. Received: data with training and test"):
        check_curve("item2vec", Item2Vec, without_validation(split))
