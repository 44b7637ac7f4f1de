"""What is seen of a training run: on a terminal, in a file, when only results are wanted, later."""

import io
import re
import sys

import numpy as np
import pytest
from google.protobuf import text_format
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

from tests.cli.conftest import RENAME, run, scalars
from tests.cli.test_training import STEPS, Toy, without_validation
from tfrec_recall.cli import console
from tfrec_recall.cli.runs import tensorboard, training
from tfrec_recall.cli.runs.training import train_model

pytestmark = pytest.mark.usefixtures("only_its_own")

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")  # all but the end of a line


@pytest.fixture
def entry(split, monkeypatch):
    monkeypatch.setattr(Toy, "split", split)
    return type("Entry", (), {"name": "toy", "load": staticmethod(lambda: Toy)})


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_the_bars_of_keras_and_stdout_nothing(entry, split, monkeypatch, capsys):
    seen = Terminal()
    monkeypatch.setattr(sys, "stderr", seen)
    monkeypatch.setenv("TERM", "xterm")
    train_model(entry, split, {"epochs": 2}, seed=0)
    assert f"{STEPS}/{STEPS} [=====" in seen.getvalue()
    assert len(re.findall(r"val_recall@50: [\de.+-]+\s*\n", seen.getvalue())) == 2
    assert "epoch   1" not in seen.getvalue()
    assert capsys.readouterr().out == ""


def test_a_file_gets_whole_lines_without_control_characters(folder, capsys):
    run("train", "popular", "--data", folder, *RENAME, "--index", "exact")
    shown = capsys.readouterr()
    assert not CONTROL.search(shown.out + shown.err)
    assert "Training popular …\n" in shown.err


def test_quiet_leaves_the_results(folder, capsys):
    told = ["train", "popular", "--data", folder, *RENAME, "--index", "exact"]
    run(*told, "--quiet")
    shown = capsys.readouterr()
    assert "recall" in shown.out
    assert shown.err == ""
    run(*told)
    assert capsys.readouterr().err != ""  # it is as talkative as ever again


def test_quiet_leaves_warnings_and_errors(capsys):
    console.only_warnings()
    try:
        console.say("a notice")
        console.warn(("a warning", "yellow"))
        console.say_error(ValueError("an error"))
        with console.waiting("a wait"), console.progress("a bar") as tell:
            tell(1, 2)
    finally:
        console.only_warnings(False)
    assert capsys.readouterr().err.splitlines()[:2] == ["a warning", "Error: an error"]
    console.say("a notice")
    assert capsys.readouterr().err == "a notice\n"


def test_a_run_for_tensorboard_has_figures_on_test_and_vectors(folder, tmp_path, capsys):
    place = tmp_path / "runs" / "first"
    told = ["train", "popular", "--data", folder, *RENAME, "--index", "exact"]
    told += ["--tensorboard", place]
    run(*told)
    measured = scalars(place / "test")
    assert f"{measured['recall@50'][0]:.4f}" in capsys.readouterr().out
    config = text_format.Parse(
        (place / "test" / "projector_config.pbtxt").read_text(), ProjectorConfig()
    )
    vectors = np.loadtxt(place / "test" / config.embeddings[0].tensor_path, delimiter="\t")
    about = (place / "test" / config.embeddings[0].metadata_path).read_text().splitlines()
    assert vectors.shape == (30,)  # of one dimension
    assert about[:2] == ["item_id\ttitle", "s00\tThing [0]"]

    run(*told, code=1)  # before any training
    refused = capsys.readouterr().err
    assert "a folder of its own" in refused
    assert "Preparing" not in refused


def test_epochs_and_trials_are_runs_beside_each_other(entry, split, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "hold_back", lambda train, seed: split)
    settings = {"epochs": 3, "patience": 2}
    train_model(entry, without_validation(split), settings, seed=0, board=tmp_path)
    found = scalars(tmp_path / "trial" / "validation")["epoch_recall@50"]
    assert len(found) == 3
    assert found == sorted(found)  # as the toy gets better
    assert len(scalars(tmp_path / "train")["epoch_loss"]) == 3


def test_models_without_vectors_and_many_items_are_told(folder, tmp_path, capsys, monkeypatch):
    about = ["--data", folder, *RENAME, "--index", "exact", "--quiet", "--tensorboard"]
    run("train", "item-cf", *about, tmp_path / "first")
    assert "no vectors of items" in capsys.readouterr().err
    assert not list((tmp_path / "first").rglob("*.tsv"))
    monkeypatch.setattr(tensorboard, "MOST_ITEMS", 10)
    run("train", "popular", *about, tmp_path / "second")
    assert "has the 10 items with the most events, of 30" in capsys.readouterr().err
    assert len(np.loadtxt(tmp_path / "second" / "test" / "vectors.tsv")) == 10
