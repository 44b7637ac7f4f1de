"""`compare`: what it runs, keeps, writes and leaves out; runs in processes of their own."""

import dataclasses
import hashlib
import json
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

import tfrec_recall
from tests.cli.conftest import RENAME, printed
from tests.untraced import training_without_graphs
from tfrec_recall.cli.application import main
from tfrec_recall.cli.arguments.compared import parse_models
from tfrec_recall.cli.arguments.durations import seconds, shown
from tfrec_recall.cli.arguments.protocol import Protocol
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.commands.compare import write_report
from tfrec_recall.cli.runs import compared_run
from tfrec_recall.cli.runs import run_apart as module
from tfrec_recall.cli.runs.compared_run import made
from tfrec_recall.cli.runs.comparison_table import ComparisonTable
from tfrec_recall.cli.runs.plan import Plan
from tfrec_recall.cli.runs.run_apart import RunsApart
from tfrec_recall.comparison.runs import Run
from tfrec_recall.data.files import alone_in
from tfrec_recall.data.fingerprint import fingerprint
from tfrec_recall.export.version_files import newest_version
from tfrec_recall.models import ItemCF, TwoTower

MODELS = "item-cf,popular,funk-svd"


@pytest.fixture
def here(monkeypatch):
    """Runs are made in this process; which ones is kept."""
    asked = []

    def made_here(self, run, allowed):
        asked.append(str(run))
        self._plan.runs().write(run, made(self._plan, run, allowed))
        return self._plan.runs().read()[run]

    monkeypatch.setattr(RunsApart, "made", made_here)
    return asked


def command(folder, out, *others):
    return ("compare", "--data", folder, *RENAME, "--models", MODELS, "--out", out, *others)


def test_a_place_that_tensorflow_takes_for_a_pattern_is_refused_before_any_run(
    here, folder, tmp_path, capsys
):
    with pytest.raises(SystemExit):
        main([str(part) for part in command(folder, tmp_path / "report [2]")])
    assert "for a pattern" in capsys.readouterr().err
    assert not here


def test_two_calls_do_not_write_one_report(here, folder, tmp_path, capsys):
    out = tmp_path / "report"
    with alone_in(out, "compares models"), pytest.raises(SystemExit):
        main([str(part) for part in command(folder, out, "--seeds", 1)])
    assert "another process compares models there" in capsys.readouterr().err
    assert not here
    assert not list(out.iterdir())  # nothing of the other one is touched
    with alone_in(out, "compares models"):  # and the hold of a call that failed has ended
        pass


def test_models_that_read_no_columns_are_told_where_these_are_asked_for(
    here, folder, tmp_path, capsys
):
    asked = ("--models", "popular", "--columns", "title=Words")
    name, *arguments = command(folder, tmp_path / "report", *asked)
    told = printed(name, capsys, *arguments).err
    assert "--columns changes nothing in popular: what they know of users and items is" in told


def test_a_comparison_is_made_kept_and_written(here, folder, tmp_path, capsys):
    out = tmp_path / "report"
    name, *arguments = command(folder, out, "--seeds", 2)
    shown = printed(name, capsys, *arguments)
    # Neither counting model draws at random; the data have no ratings for the third.
    assert here == ["item-cf, seed 0", "popular, seed 0", "funk-svd, seed 0"]
    assert "| `popular` | – |" in shown.out
    assert "funk-svd: left out: " in shown.err
    assert "The catalogue has 30 items, and a list of 50 holds all" in " ".join(shown.err.split())
    summary = json.loads((out / "comparison.json").read_text())
    assert {model["model"] for model in summary["models"]} == {"item-cf", "popular"}
    assert summary["absent"][0]["model"] == "funk-svd"
    table = pd.read_csv(out / "leaderboard.csv")
    assert table["recall@10"].tolist() == [
        model["metrics"]["recall@10"]["mean"] for model in summary["models"]
    ]
    assert "Thing [3]" in (out / "report.html").read_text()
    assert (out / "leaderboard.md").read_text() == shown.out

    here.clear()
    again = printed(name, capsys, *arguments)
    assert (here, again.out) == ([], shown.out)  # what is finished is not repeated

    settings = tmp_path / "fewer.json"
    settings.write_text('{"neighbours": 3}')
    again = printed(name, capsys, *arguments, "--settings", f"item-cf={settings}")
    assert here == ["item-cf, seed 0"]
    assert "made again: item-cf, seed 0" in again.err
    summary = json.loads((out / "comparison.json").read_text())
    first = next(model for model in summary["models"] if model["model"] == "item-cf")
    assert first["settings"]["neighbours"] == 3

    other = printed(name, capsys, *arguments, "--repeats", code=1)
    assert "holds a comparison with other protocol" in other.err

    here.clear()  # 20 is measured anyway
    again = printed(name, capsys, *arguments, "--settings", f"item-cf={settings}", "--cuts", 20)
    assert not here
    assert again.out.startswith("| model | seeds | Recall@20 | Recall@50 | NDCG@20 | coverage@50 |")
    assert pd.read_csv(out / "leaderboard.csv")["cuts"].tolist() == ["20 50"] * 2
    other = printed(name, capsys, *arguments, "--cuts", "5", code=1)
    told = " ".join(other.err.split())
    assert "other cuts: figures of both" in told
    assert "Received: cuts [5, 10, 20, 50, 100], there [10, 20, 50, 100]" in told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--models", "popular,itemcf"), "Did you mean item-cf?"),
        (("--cuts", "0,5"), "--cuts takes whole numbers from 1 up"),
        (("--budget", "soon"), "--budget is a length of time, 2h, 90m or 1h30m"),
        (("--settings", "item-cf"), "--settings takes MODEL=FILE or MODEL=published"),
        (("--settings", "popular=published"), "Popular does not say which paper"),
        (("--models", "popular=item-cf"), "that is no other model's. Received: 'popular=item-cf'"),
        (("--models", "a/b=item-cf"), "a name of letters, digits, dots and dashes"),
        (("--models", "a=item-cf,a=mind"), "--models has 'a' for two models: give each a name"),
        (
            ("--models", "popular,item-cf", "--settings", "mind=mind.toml"),
            "--settings is of models that are compared: add mind to --models",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_run(options, told, folder, capsys, tmp_path):
    arguments = ("--data", folder, *RENAME, "--out", tmp_path / "none", *options)
    shown = printed("compare", capsys, *arguments, code=1).err
    assert told in " ".join(shown.split())
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("setting", "told"),
    [("neighbors", "Did you mean neighbours?"), ("epochs", "epochs has no effect, leave it out")],
)
def test_settings_that_a_model_lacks_are_refused_before_any_run(
    setting, told, here, folder, tmp_path, capsys
):
    settings = tmp_path / "other.toml"
    settings.write_text(f"{setting} = 3")
    name, *arguments = command(folder, tmp_path / "none", "--settings", f"item-cf={settings}")
    assert told in " ".join(printed(name, capsys, *arguments, code=1).err.split())
    assert not here
    assert not (tmp_path / "none").exists()


def test_a_model_beside_itself_by_names_of_its_own(here, folder, tmp_path, capsys):
    few = tmp_path / "few.toml"
    few.write_text("neighbours = 3")
    out, models = tmp_path / "report", "item-cf,few=item-cf,paper=item-cf"
    settings = ("few=published", f"few={few}", "paper=published")
    given = [part for one in settings for part in ("--settings", one)]
    arguments = (*("--data", folder), *RENAME, "--models", models, *given, "--out", out)
    printed("compare", capsys, *arguments)
    assert here == [f"{name}, seed 0" for name in ("item-cf", "few", "paper")]
    rows = {
        row["model"]: row for row in json.loads((out / "comparison.json").read_text())["models"]
    }
    assert {row["of"] for row in rows.values()} == {"item-cf"}
    found = {name: row["settings"] for name, row in rows.items()}
    alpha = {name: settings["alpha"] for name, settings in found.items()}
    assert alpha["few"] == alpha["paper"] == ItemCF.PUBLISHED.settings["alpha"] != alpha["item-cf"]
    assert found["few"]["neighbours"] == 3 != found["paper"]["neighbours"]

    here.clear()
    printed("compare", capsys, *arguments)
    assert not here
    of_other = Plan.read(out)
    of_other = dataclasses.replace(of_other, models={**of_other.models, "few": "user-cf"})
    assert of_other.made_of("few") != Plan.read(out).made_of("few")
    assert of_other.made_of("paper") == Plan.read(out).made_of("paper")


def test_an_export_stands_among_models(here, exported, folder, tmp_path, capsys):
    out, version = tmp_path / "report", newest_version(exported).resolve()
    arguments = (*("--data", folder), *RENAME, "--seeds", 1, "--out", out, "--models")
    told = printed("compare", capsys, *arguments, f"popular,{exported}").err
    assert here == ["popular, seed 0", "even, seed 0"]
    summary = json.loads((out / "comparison.json").read_text())
    row = next(row for row in summary["models"] if row["model"] == "even")
    assert row["metrics"]["recall@10"]["mean"] > 0
    assert (row["train_seconds"], row["about"]) == (None, f"the export {version}")
    assert "may have learnt from" in " ".join(told.split())
    assert "`even`" in (out / "leaderboard.md").read_text()

    named = {"even": str(version), "other": str(version)}
    assert parse_models(f"{version},other={exported}") == named
    refused = ("even=published", "leave it out for exports. Received: even")
    for models, settings, why in (
        (exported, *refused),
        (f"even={version}", *refused),
        (tmp_path / "no", "no=no.toml", "There is no export at"),
    ):
        shown = printed("compare", capsys, *arguments, models, "--settings", settings, code=1).err
        assert why in " ".join(shown.split())


@pytest.fixture
def plan(folder, tmp_path):
    source = Source(str(folder), layout={"rename": {"visitor": "user_id", "sku": "item_id"}})
    plan = Plan(tmp_path / "report", source, Protocol(), fingerprint(source.load()))
    plan.write()
    return plan


def program(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_run_that_breaks_is_told_by_its_log_and_harms_no_other(plan, tmp_path, monkeypatch):
    broken = program(tmp_path / "python", "echo 'Killed for memory' >&2; exit 9")
    monkeypatch.setattr(sys, "executable", broken)
    result = RunsApart(plan).made(Run("popular", 0), None)
    assert result["status"] == "failed"
    assert result["why"].startswith("Killed for memory (exit code 9; ")
    monkeypatch.setattr(sys, "executable", program(tmp_path / "slow", "exec sleep 60"))
    monkeypatch.setattr(module, "GRACE", 0)
    result = RunsApart(plan).made(Run("popular", 1), 0.2)
    assert (result["status"], result["seconds_allowed"]) == ("too long", 0.2)
    assert {str(run) for run in plan.runs().read()} == {"popular, seed 0", "popular, seed 1"}


@pytest.mark.parametrize(
    ("script", "allowed", "status"),
    [("echo 'No memory' >&2; exit 9", None, "failed"), ("exec sleep 60", 0.2, "too long")],
)
def test_figures_stay_until_there_are_new_ones(
    script, allowed, status, plan, tmp_path, monkeypatch, capsys
):
    run, made_of = Run("popular", 0), plan.made_of("popular")
    before = {"made_of": made_of, "status": "stopped", "seconds_allowed": 40.0, "metrics": {}}
    plan.runs().write(run, before)
    kept = plan.runs().read()[run]
    monkeypatch.setattr(sys, "executable", program(tmp_path / "python", script))
    monkeypatch.setattr(module, "GRACE", 0)
    assert RunsApart(plan).made(run, allowed) == kept
    assert plan.runs().read()[run] == kept
    told = " ".join(capsys.readouterr().err.split())
    assert f"popular, seed 0: {status}: " in told
    assert told.endswith("Its figures stay.")
    plan.runs().write(run, {**before, "made_of": "other settings"})
    assert RunsApart(plan).made(run, allowed)["status"] == status  # nobody would look at those


def test_a_process_of_its_own_makes_a_run(plan):
    result = RunsApart(plan).made(Run("popular", 0), 60)
    assert (result["status"], result["random"]) == ("done", False)
    assert result["peak_mib"] > 100
    log = plan.runs().path(Run("popular", 0), "log").read_text()
    assert "Measuring on test" in log
    assert "\x1b" not in log
    assert "\r" not in log


def test_a_run_ends_when_the_call_that_began_it_is_gone(plan):
    command = [sys.executable, "-m", compared_run.__name__, str(plan.folder), "popular", "0", "1"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.close()
    assert process.wait(60) == 1
    assert b"The call that began this run is gone" in process.stderr.read()
    assert not plan.runs().path(Run("popular", 0)).exists()


def test_a_run_that_is_quiet_still_says_why_it_ends():
    steps = (
        f"from {compared_run.__name__} import end_with, quiet",
        "end_with(0); quiet(); print('quiet', flush=True)",
        "import time; time.sleep(60)",
    )
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", "\n".join(steps)]
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
    assert process.stdout.readline() == b"quiet\n"
    _, told = process.communicate(timeout=30)  # closes the pipe
    assert b"The call that began this run is gone" in told


def test_a_run_does_not_learn_from_data_that_were_replaced(plan, folder, tmp_path):
    """Its figures would stand beside those of the data before."""
    events = pd.read_csv(folder / "events.csv")
    (tmp_path / "shop").mkdir()
    events.iloc[:-1].to_csv(tmp_path / "shop" / "events.csv", index=False)
    source = dataclasses.replace(plan.source, place=str(tmp_path / "shop"))
    plan = dataclasses.replace(plan, source=source)
    with pytest.raises(ValueError, match=f"has other data than.*, and {plan.fingerprint} then"):
        made(plan, Run("popular", 0))


def test_a_report_is_of_one_call_and_tells_its_command(plan, split, monkeypatch):
    """Tables of a call before, of which nothing stands, are gone."""
    argv = ["tfrec-recall", "compare", "--rename", "Customer ID=user_id", "--separator", ";"]
    monkeypatch.setattr(sys, "argv", argv)
    tables = [plan.folder / name for name in ("leaderboard.csv", "leaderboard.md")]
    for table in tables:
        table.write_text("| `popular` |")
    write_report(plan, split, ["popular"])
    summary = json.loads((plan.folder / "comparison.json").read_text())
    assert (summary["models"], len(summary["absent"])) == ([], 1)
    assert shlex.split(summary["command"]) == argv
    assert not any(table.exists() for table in tables)


def test_a_run_may_end_while_the_table_is_drawn():
    """It is drawn in a thread of its own."""
    runs = [Run(model, 0) for model in ("popular", "item-cf", "mind")]
    failed = {"status": "failed", "why": "of memory", "seconds": 1.0, "random": True}
    tables = []

    class Watched(dict):
        def __getitem__(self, key):
            for table in tables:
                table.ended(runs[1], failed)
            return super().__getitem__(key)

    found = {runs[0]: Watched(failed)}
    tables.append(ComparisonTable([run.model for run in runs], [0], found))
    assert tables[0].table().row_count == 3
    states = [str(cell) for cell in tables[0].table().columns[-1].cells]
    assert states.count("failed: of memory") == 2


def test_the_budget_of_a_run_stops_its_training_and_measures_it(plan, tmp_path):
    settings = {"two-tower": {"epochs": 30, "dim": 4, "hidden": [4], "negatives": 4}}
    plan = Plan(plan.folder, plan.source, plan.measured, plan.fingerprint, settings=settings)
    with training_without_graphs(TwoTower):
        result = made(plan, Run("two-tower", 0), seconds=0.1)
    assert (result["status"], len(result["epochs"])) == ("stopped", 1)
    assert 0 <= result["metrics"]["recall@10"] <= 1
    assert result["features"][0]["side"] == "user"


def test_lengths_of_time():
    assert [seconds(text) for text in ("2h", "90m", "1h 30m", "45s")] == [7200, 5400, 5400, 45]
    assert [shown(length) for length in (7260, 61, 3, None)] == [
        "2 h 1 min",
        "1 min 1 s",
        "3 s",
        "",
    ]


def test_only_a_comparison_is_read(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"plan\.json is missing"):
        Plan.read(tmp_path)
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(ValueError, match="is damaged"):
        Plan.read(tmp_path)


def test_a_comparison_of_before_stands_and_goes_on(plan):
    """Without cuts, which are measured as they were then."""
    parts = [plan._measure(), {}, tfrec_recall.__version__]
    del parts[0]["cuts"]
    then = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
    path = plan.folder / "plan.json"
    kept = json.loads(path.read_text())
    for name in ("cuts", "models", "published"):
        del kept[name]
    path.write_text(json.dumps(kept))
    now = dataclasses.replace(Plan.read(plan.folder), cuts=(20, 50))
    assert now.made_of("popular") == then
    now.write()
    assert Plan.read(plan.folder).cuts == (20, 50)
    more = dataclasses.replace(now, cuts=(5, 50, 200))
    assert (more.length, more.made_of("popular") == then) == (200, False)
    with pytest.raises(ValueError, match="holds a comparison with other cuts"):
        more.write()


def test_a_stopped_run_leaves_nothing_and_none_begins_after_it(plan, tmp_path, monkeypatch):
    said = tmp_path / "said"
    slow = program(tmp_path / "slow", f"echo $TF_NUM_INTRAOP_THREADS > {said}; exec sleep 60")
    monkeypatch.setattr(sys, "executable", slow)
    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    apart = RunsApart(plan, at_once=1_000)
    with ThreadPoolExecutor(1) as threads:
        run = threads.submit(apart.made, Run("popular", 0), None)
        while not (said.exists() and said.read_text()):
            assert not run.done()
            time.sleep(0.01)
        apart.stop()
        with pytest.raises(KeyboardInterrupt):
            run.result(10)
    assert said.read_text() == "1\n"  # a thread, where there are more runs than cores
    with pytest.raises(KeyboardInterrupt):
        apart.made(Run("popular", 1), None)
    assert not plan.runs().read()


def test_a_run_that_is_interrupted_with_the_rest_did_not_fail(plan, tmp_path, monkeypatch):
    # What was started in the background ignores the signal, and so do its children.
    heeds = "import os, signal as s; s.signal(s.SIGINT, s.SIG_DFL); os.kill(os.getpid(), s.SIGINT)"
    python = program(tmp_path / "python", f"exec {sys.executable} -c '{heeds}'")
    monkeypatch.setattr(sys, "executable", python)
    with pytest.raises(KeyboardInterrupt):
        RunsApart(plan).made(Run("popular", 0), None)
    assert not plan.runs().read()
    stopped = {"made_of": plan.made_of("popular"), "status": "stopped"}
    plan.runs().write(Run("popular", 0), stopped)
    with pytest.raises(KeyboardInterrupt):
        RunsApart(plan).made(Run("popular", 0), None)
    assert plan.runs().read()[Run("popular", 0)].items() >= stopped.items()
