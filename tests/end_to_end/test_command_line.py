"""The command line as a user runs it, from a folder of events to answers.

What is trained is measured by another process; other commands run in this one.
"""

import json
import os
import pathlib
import subprocess
import sys

import pandas as pd
import pytest

from tests.cli.conftest import printed
from tfrec_recall.data import datasets

EVENTS = 4000
RENAMES = ["visitor=user_id", "listing=item_id", "time=timestamp"]
RENAME = [word for one in RENAMES for word in ("--rename", one)]
SOME = {"users": ["user_id", "age"], "items": ["item_id", "category", "price"]}  # features


def run(*arguments, folder, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "tfrec_recall.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("TF_")},
            "PYTHONPATH": str(pathlib.Path(__file__).parents[2]),
        },
    )
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A simulated marketplace whose tables call their columns otherwise."""
    path = tmp_path_factory.mktemp("market")
    data = datasets.load("simulated", events=EVENTS, seed=1)
    theirs = {"user_id": "visitor", "item_id": "listing", "timestamp": "time"}
    for table in ("events", "users", "items"):
        frame = getattr(data, table)
        frame = frame[SOME.get(table, frame.columns)]
        frame.rename(columns=theirs).to_parquet(path / f"{table}.parquet")
    (path / "settings.toml").write_text("epochs = 2\nbatch_size = 512\n")
    return path


@pytest.fixture(scope="module")
def trained(folder):
    return run(
        "train", "two-tower", "--data", ".", *RENAME, "--settings", "settings.toml",
        "--index", "exact", "--export", "exports/two_tower", "--json", "trained.json", "--seed", 3,
        folder=folder,
    )  # fmt: skip


def test_training_tells_its_progress_and_its_figures(trained, folder):
    figures = json.loads((folder / "trained.json").read_text())
    assert list(figures) == [
        "model",
        "data",
        "split",
        "seed",
        "metrics",
        "train_seconds",
        "examples_per_second",
        "best_epoch",
        "seconds_to_best",
        "settings",
        "curve",
        "field_weights",
        "protocol",
    ]
    assert (figures["model"], figures["seed"]) == ("two-tower", 3)
    assert figures["settings"]["epochs"] == 2
    assert figures["settings"]["temperature"] == 0.2  # which followed the number of items
    assert figures["train_seconds"] > 0
    assert [epoch["epoch"] for epoch in figures["curve"]] == [1, 2]
    assert {"loss", "val_recall@50", "seconds"} < set(figures["curve"][0])
    assert f"{figures['metrics']['recall@50']:.4f}" in trained.stdout
    assert trained.stderr.count("recall@50 on validation") == 2


def test_the_terminal_shows_nothing_of_tensorflow(trained):
    for line in trained.stderr.splitlines():
        assert not line.startswith(("WARNING", "I0000", "W0000", "E0000", "20")), line
    assert "tensorflow" not in trained.stderr.lower()


def test_the_export_measures_the_same_in_another_process(trained, folder):
    run(
        "evaluate", "exports/two_tower", "--lists", "lists.parquet", "--json", "again.json",
        folder=folder,
    )  # fmt: skip
    figures, again = (
        json.loads((folder / name).read_text()) for name in ("trained.json", "again.json")
    )
    assert again["metrics"] == pytest.approx(figures["metrics"])
    for name in ("model", "seed", "split", "settings", "train_seconds"):
        assert again[name] == figures[name]
    lists = pd.read_parquet(folder / "lists.parquet")
    assert lists["user_id"].nunique() == figures["metrics"]["users"]


def test_the_export_recommends_where_it_was_not_trained(trained, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    user = pd.read_parquet("events.parquet")["visitor"].iloc[0]
    said = printed("recommend", capsys, "exports/two_tower", "--user", user, "--k", 3)
    assert f"For user {user}" in said.out


def test_a_wrong_setting_fails_before_anything_is_trained(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    pathlib.Path("wrong.json").write_text('{"epoch": 2}')
    options = ["--data", ".", *RENAME, "--settings", "wrong.json"]
    said = printed("train", capsys, "two-tower", *options, code=1)
    assert "Did you mean epochs?" in said.err
    assert "Traceback" not in said.err
