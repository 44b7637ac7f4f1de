"""`train --data PARTS`: events stay in parts, a sample is measured; what cannot be is refused."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import printed, run
from tests.untraced import training_without_graphs
from tfrec_recall.cli.arguments.protocol import Protocol, read_split
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.data import part_events
from tfrec_recall.export import load
from tfrec_recall.export.version_files import EXTRA, training_in
from tfrec_recall.health import read_reference
from tfrec_recall.models import TwoTower

EVENTS, PARTS = 400, 3


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    random = np.random.default_rng(0)
    events = pd.DataFrame({"user_id": np.arange(EVENTS) % 30, "timestamp": 10**9})
    events["item_id"] = 3 * random.integers(0, 20, EVENTS) + events["user_id"] % 3
    events["timestamp"] += 61 * np.arange(EVENTS)
    events["rating"] = 1 + np.arange(EVENTS) % 5
    events["price"] = np.linspace(1, 9, EVENTS)
    events["device"] = np.array(["phone", "desk"])[np.arange(EVENTS) % 2]
    events.to_parquet(folder / "events.parquet")
    pd.DataFrame({"user_id": np.arange(30), "country": "x"}).to_parquet(folder / "users.parquet")
    part_events(folder, folder / "parts", parts=PARTS)
    return folder / "parts"


def test_a_model_learns_from_parts_and_its_export_is_measured_as_it_was(parts, tmp_path, capsys):
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"epochs": 1, "batch_size": 32, "dim": 4, "hidden": []}))
    command = ["train", "two-tower", "--data", parts, "--settings", settings, "--index", "exact"]
    command += ["--split", "last:1", "--columns", "events.device=Categorical"]
    command += ["--json", tmp_path / "figures.json"]
    with training_without_graphs(TwoTower):
        said = printed(command[0], capsys, *command[1:], "--export", tmp_path / "export").err
    assert f"340 of {EVENTS} events are learnt from, of 30 users in {PARTS} parts" in said
    assert "Measured are 30 of the 30 users who are asked: those of the first 3" in said
    assert "watch cannot look after this export" in said
    figures = json.loads((tmp_path / "figures.json").read_text())
    card = training_in(load(tmp_path / "export").card)
    assert card["rows"] == {"events": EVENTS, "users": 30, "items": 60}
    assert card["data"] == str(parts)
    assert read_reference(next((tmp_path / "export").glob("[0-9]*")) / EXTRA) is None
    capsys.readouterr()
    measured = printed("evaluate", capsys, tmp_path / "export", "--json", "-").out
    assert json.loads(measured)["metrics"] == pytest.approx(figures["metrics"])


def test_events_that_do_not_count_are_left_out_of_all_parts(parts, capsys):
    split = read_split(Source(str(parts)), Protocol("last:1", minimum_rating=2, ties="shuffled:3"))
    assert split.events == EVENTS * 4 // 5
    assert all((part.events["rating"] >= 2).all() for part in split.learnt)
    said = capsys.readouterr().err
    assert f"--split last:1 --minimum-rating 2 --ties shuffled:3 leaves 80 of {EVENTS}" in said
    with pytest.raises(ValueError, match=r"in the order of the file.*Received: --ties file"):
        read_split(Source(str(parts)), Protocol(ties="file"))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["item-cf"], "item-cf learns from all events at once.*two-tower.*--users .*users"),
        (["sdm"], "sdm learns from all events at once"),
        (["two-tower", "--keep-state", "--export", "x"], "--keep-state: this needs all events"),
        (["two-tower", "--popular-by", "country"], "--popular-by country: this needs"),
        (["two-tower", "--popular-half-life", "3"], "--popular-half-life 3.0: this needs"),
        (["two-tower", "--type", "item_id=str"], "--data .*events --items .*leave --type out"),
        (["two-tower", "--columns", "events.price=Numeric"], "'price' has to be Categorical"),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_what_needs_all_events_is_refused_by_name(parts, command, said, capsys, tmp_path):
    command = [tmp_path / one if one == "x" else one for one in command]
    run("train", *command, "--data", parts, "--split", "last:1", code=1)
    err = " ".join(capsys.readouterr().err.split())
    assert re.search(said, err), err
