"""Whoever measures an export that was updated is told what it has learnt since its training."""

import functools
import json
import shutil

import pytest

from tests.cli.conftest import RENAME, printed
from tfrec_recall.export.version_files import CARD, EXTRA

WORDS = "updated from version 1 with 1,234 events"


@pytest.fixture(scope="module")
def updated(exported, tmp_path_factory):
    """The export as an update would have left its card."""
    path = tmp_path_factory.mktemp("exports") / "updated"
    shutil.copytree(exported, path)
    file = path / "1" / EXTRA / CARD
    card = json.loads(file.read_text())
    card["data"]["updated"] = {"from": "1", "events": 1234}
    card["metrics"] = {"newest day recall@50": 0.25, "newest day users": 7}
    file.write_text(json.dumps(card))
    return path


@pytest.fixture
def said(capsys):
    def run(command, *arguments, code=0):
        return " ".join(printed(command, capsys, *arguments, code=code).err.split())

    return run


def test_evaluate_says_that_the_split_was_learnt(exported, updated, folder, tmp_path, said):
    assert f"was {WORDS}: it has learnt what it is asked" in said("evaluate", updated, "--k", 5)
    elsewhere = tmp_path / "since"
    shutil.copytree(folder, elsewhere)
    others = said("evaluate", updated, "--data", elsewhere, *RENAME, "--k", 5)
    assert f"was {WORDS}: it may have learnt" in others
    assert "was updated" not in said("evaluate", exported, "--k", 5)


def test_weights_are_not_fitted_to_what_a_channel_has_learnt(
    exported, updated, folder, tmp_path, said
):
    refused = said("blend", exported, updated, code=1)
    assert "blend the versions that training wrote, such as EXPORT/1, give --data" in refused
    assert f"Received: updated, {WORDS}." in refused
    elsewhere, figures = tmp_path / "since", tmp_path / "figures.json"
    shutil.copytree(folder, elsewhere)
    files = ["--data", elsewhere, *RENAME, "--export", tmp_path / "blend", "--json", figures]
    assert f"updates may have learnt: updated, {WORDS}." in said("blend", exported, updated, *files)
    assert "may have learnt" in said("evaluate", tmp_path / "blend", *files[:2], *RENAME)


def test_show_tells_it(updated, capsys):
    shown = printed("show", capsys, updated).out
    assert WORDS.removeprefix("updated ") in shown
    assert "newest day users 7" in shown


def test_diff_tells_it_and_compares_no_figures_of_other_days(exported, updated, capsys):
    run = functools.partial(printed, "diff", capsys)
    shown = run(exported, updated, "--sample", 0)
    assert f"was {WORDS}: its figures are of the newest day" in shown.err
    assert "from version 1 with 1,234 events" in shown.out
    assert "was updated" not in run(updated, updated, "--sample", 0).err
