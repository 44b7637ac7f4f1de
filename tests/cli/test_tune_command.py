"""`tune`: it searches, goes on, takes back, and writes what `train --settings` takes."""

import json
import tomllib

import pytest

from tests.cli.conftest import RENAME, printed, run
from tfrec_recall.cli.arguments.settings import read, separate
from tfrec_recall.cli.discovery import entry
from tfrec_recall.cli.runs import searching, tuned_file
from tfrec_recall.cli.runs.trial import Outcome
from tfrec_recall.data.files import alone_in

pytestmark = pytest.mark.usefixtures("only_its_own")


def command(folder, out, *others):
    searched = ("--search", "neighbours,alpha")
    return ("tune", "item-cf", "--data", folder, *RENAME, *searched, "--out", out, *others)


def test_a_search_is_made_and_goes_on(folder, tmp_path, capsys):
    out = tmp_path / "tuned"
    settings = tmp_path / "base.toml"
    settings.write_text("shrinkage = 1.5\n")
    name, *arguments = command(folder, out, "--settings", settings)
    told = printed(name, capsys, *arguments, "--trials", 3)
    assert "First the defaults." in told.err
    assert "whatever was learnt, and no setting is found by it" in " ".join(told.err.split())
    trials = json.loads((out / "trials.json").read_text())["trials"]
    assert [one["number"] for one in trials] == list(range(len(trials)))
    assert trials[0]["settings"] == {"neighbours": 200, "alpha": 0.3}
    assert 3 <= len(trials) <= 4
    found = tomllib.loads((out / "tuned.toml").read_text())
    assert found["shrinkage"] == 1.5  # what every trial had
    assert set(found) <= {"shrinkage", "neighbours", "alpha"}
    _, given = separate(read(out / "tuned.toml"), entry("item-cf").load(), "item-cf")
    best = max(trials, key=lambda one: one["value"])
    if best["number"]:
        assert given["alpha"] == pytest.approx(best["settings"]["alpha"], rel=1e-3)
    else:  # the defaults, which follow the data
        assert given["alpha"] == "auto"
    assert (out / "trainings.txt").read_text().count("Training item-cf") == len(trials) - 1

    again = printed(name, capsys, *arguments, "--trials", 1)
    assert "First the defaults." not in again.err
    more = json.loads((out / "trials.json").read_text())["trials"]
    assert more[: len(trials)] == trials
    assert len(more) == len(trials) + 1
    told = printed(name, capsys, *arguments, "--repeats", code=1)
    assert "give another --out" in told.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--budget", "0"), "--budget is a length of time"),
        (("--search", "epochs"), "can be searched: "),
        (("--settings", "published"), "tune takes files with settings"),
        (("--out", "tuned [1]"), "for a pattern"),
    ],
)
def test_what_cannot_be_searched_is_refused(options, told, folder, tmp_path, capsys, monkeypatch):
    defaults = Outcome(0.5, True, 1.0, settings={"neighbours": 20})
    monkeypatch.setattr(searching, "outcome", lambda *given, **others: defaults)
    name, *arguments = command(folder, tmp_path / "tuned")
    assert told in printed(name, capsys, *arguments, *options, code=1).err


def test_a_mistyped_name_is_refused_before_anything_is_trained(
    folder, tmp_path, capsys, monkeypatch
):
    made = []

    def outcome(*given, **others):
        made.append(given)
        return Outcome(0.5, True, 1.0, settings={"neighbours": 20, "alpha": 0.3})

    monkeypatch.setattr(searching, "outcome", outcome)
    name, *arguments = command(folder, tmp_path / "tuned", "--trials", 1)
    told = printed(name, capsys, *arguments, "--search", "neigbours", code=1).err
    assert "neighbours" in told
    assert "Received: neigbours." in told
    assert not made
    run(name, *arguments, "--search", " alpha")
    assert len(made) == 2
    told = printed(name, capsys, *arguments, "--search", "neighbours", code=1).err
    assert "give another --out" in told  # trials of other settings do not stand beside these


def test_what_only_training_shows_to_be_no_range_leaves_the_folder_as_good_as_before(
    folder, tmp_path, capsys, monkeypatch
):
    defaults = Outcome(0.5, True, 1.0, settings={"neighbours": 20, "alpha": None})
    monkeypatch.setattr(searching, "outcome", lambda *given, **others: defaults)
    name, *arguments = command(folder, tmp_path / "tuned", "--trials", 1)
    assert "Received: alpha." in printed(name, capsys, *arguments, "--search", "alpha", code=1).err
    run(name, *arguments, "--search", "neighbours")


def test_two_calls_do_not_search_in_one_folder(folder, tmp_path, capsys):
    name, *arguments = command(folder, tmp_path / "tuned")
    with alone_in(tmp_path / "tuned", "searches settings"):
        told = printed(name, capsys, *arguments, "--trials", 1, code=1)
    assert "another process searches settings there" in told.err
    assert not list((tmp_path / "tuned").iterdir())  # no trial of the other one is touched


def test_settings_that_were_found_are_taken_back_one_by_one(tmp_path, monkeypatch):
    from tfrec_recall.search import Space, Study

    made = []

    def outcome(entry, split, settings, *shared, trial=None, ends=None):
        made.append((settings, trial is not None))
        return Outcome(settings["alpha"] - settings["power"], True, 0.0)

    monkeypatch.setattr(searching, "outcome", outcome)
    space = Space({"alpha": 0.5, "power": 0.5})
    study = Study(tmp_path, space, "x")
    study.add_defaults(0.0, 0.0, [])
    run = searching.Searching(None, None, {"last": 9}, 0, False, None, tmp_path, float("inf"))
    assert run.search(study, float("inf"), 12) == 0
    found = study.best
    run.take_back(study, None)
    taken = [settings for settings, searched in made if not searched]
    assert len(taken) == 2
    for settings in taken:
        assert settings["last"] == 9
        back = [name for name in space.defaults if settings[name] == 0.5]
        assert len(back) == 1
    better = study.best
    if better.number == found.number:
        assert study.brought()["alpha"] == pytest.approx(found.settings["alpha"] - 0.5)
        assert study.brought()["power"] == pytest.approx(0.5 - found.settings["power"])
    run.take_back(study, None)
    assert len(made) == 12 + len([one for one in study.tried if one.back])
    told = tuned_file.text(study, space.defaults, {"last": 9, "gap": None}, "recall", "of a test")
    assert tomllib.loads(told)["last"] == 9
    assert "# gap is null in the file that was given" in told


def test_what_was_given_stays_in_the_file_also_where_it_was_searched(tmp_path):
    from tfrec_recall.search import Space, Study

    space = Space({"alpha": 0.5, "power": 0.5})
    study = Study(tmp_path, space, "x")
    study.add_defaults(0.4, 0.0, [])
    given = {"alpha": 0.5, "last": 9, "rate": 0.123456789, "way": 'a "word"', "of": {"a b": [1e-5]}}
    told = tuned_file.text(study, space.defaults, given, "recall", "of a test")
    assert tomllib.loads(told) == given
    assert "# Nothing but the defaults was tried." in told
    study.tell(study.next(), 0.3, 0.0)
    told = tuned_file.text(study, space.defaults, given, "recall", "of a test")
    assert tomllib.loads(told) == given
    assert "# Nothing that was tried is better than the defaults." in told
    trial = study.next()
    study.tell(trial, 0.9, 0.0)
    told = tuned_file.text(study, space.defaults, given, "recall", "of a test")
    found = {name: pytest.approx(value, rel=1e-3) for name, value in trial.params.items()}
    assert tomllib.loads(told) == given | found
    assert "# given 0.5" in told
    assert "# by default 0.5" in told


def test_defaults_that_took_the_whole_budget_are_said(tmp_path, capsys, monkeypatch):
    from tfrec_recall.search import Space, Study

    monkeypatch.setattr(searching, "outcome", lambda *_, **__: Outcome(0.5, True, 1.0))
    study = Study(tmp_path, Space({"alpha": 0.5}), "x")
    study.add_defaults(0.4, 2400.0, [])
    run = searching.Searching(None, None, {}, 0, False, None, tmp_path, 0.0)
    assert run.search(study, 0.0, 3) == 3
    told = "The defaults alone took 40 min 0 s: nothing was searched; the next call goes on"
    assert told in capsys.readouterr().err
    run.search(study, float("inf"), 1)
    run.search(study, 0.0, 3)
    assert "nothing was searched" not in capsys.readouterr().err


def test_a_setting_that_cannot_be_taken_back_is_tried_once(tmp_path, monkeypatch):
    from tfrec_recall.search import Space, Study

    def outcome(entry, split, settings, *shared, trial=None, ends=None):
        if trial is None:
            raise ValueError("the two go together")
        return Outcome(settings["alpha"] + settings["power"], True, 0.0)

    monkeypatch.setattr(searching, "outcome", outcome)
    space = Space({"alpha": 0.1, "power": 0.1})
    study = Study(tmp_path, space, "x")
    study.add_defaults(0.0, 0.0, [])
    run = searching.Searching(None, None, {}, 0, False, None, tmp_path, float("inf"))
    run.search(study, float("inf"), 3)
    run.take_back(study, None)
    assert [one.number for one in study.tried] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("refuses", "made", "told"),
    [(False, 11, "All settings that can be drawn have been tried"), (True, 5, "5 trials in a row")],
)
def test_a_search_ends_without_other_settings_or_with_refused_ones(
    refuses, made, told, tmp_path, capsys, monkeypatch
):
    from tfrec_recall.search import Space, Study

    tried = []

    def outcome(entry, split, settings, *shared, trial=None, ends=None):
        tried.append(tuple(settings.values()))
        if refuses:
            raise ValueError("no")
        return Outcome(0.5, True, 0.0)

    monkeypatch.setattr(searching, "outcome", outcome)
    study = Study(tmp_path, Space({"dim": 8, "weight_decay": 0.0}), "x")
    study.add_defaults(0.4, 0.0, [])
    run = searching.Searching(None, None, {}, 0, False, None, tmp_path, float("inf"))
    assert run.search(study, float("inf"), None) is None
    assert len(tried) == len(set(tried)) == made
    assert told in capsys.readouterr().err


def test_settings_of_times_are_not_searched_without_times(tmp_path, capsys):
    events = "user_id,item_id\n" + "".join(f"u{row % 3},i{row}\n" for row in range(9))
    (tmp_path / "events.csv").write_text(events)
    told = printed("tune", capsys, "popular", "--data", tmp_path, "--out", tmp_path / "o", code=1)
    assert "on events without times, these settings can be searched: none." in told.err
    assert "First the defaults" not in told.err


def test_a_trial_that_is_not_over_is_told(folder, tmp_path, capsys, monkeypatch):
    def outcome(entry, split, settings, seed, repeats, columns, kept, trial=None, ends=None):
        if trial is None:
            return Outcome(0.5, True, 1.0, (0.2, 0.5), {"neighbours": 20, "alpha": 0.3})
        if (kept / "training").exists():
            raise KeyboardInterrupt
        (kept / "training").mkdir()
        (kept / "training" / "checkpoint").touch()
        return Outcome(0.4, False, 9.0, (0.4,), late=True)

    monkeypatch.setattr(searching, "outcome", outcome)
    out = tmp_path / "tuned"
    name, *arguments = command(folder, out)
    told = " ".join(printed(name, capsys, *arguments).err.split())
    assert "0.4000 after 9 s, where the best one had 0.2000. The same command goes on" in told
    file = (out / "tuned.toml").read_text()
    assert "# Not over: neighbours " in file
    assert tomllib.loads(file) == {}
    kept = json.loads((out / "trials.json").read_text())["not_over"]
    assert (kept["seconds"], kept["curve"], kept["back"]) == (9.0, [0.4], None)
    (out / "tuned.toml").unlink()
    run(name, *arguments, code=130)
    assert "# Not over: neighbours " in (out / "tuned.toml").read_text()
