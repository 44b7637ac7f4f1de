"""Whoever is asked about after an update had what it has learnt, too."""

import json
import shutil

import pandas as pd
import pytest

from tests.cli.conftest import printed, run
from tests.cli.test_update_command import START, catalogue, day
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.commands import diff as command
from tfrec_recall.cli.commands.serve import _known
from tfrec_recall.serving.versions import Versions
from tfrec_recall.upkeep.state import FOLDER

DAY = 24 * 3600


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """An export whose update has learnt what a new user took, and one whom the training held out.

    Of these, the state alone does not know the history.
    """
    folder = tmp_path_factory.mktemp("histories")
    (folder / "data").mkdir()
    first = pd.concat([day(0), day(1)], ignore_index=True)
    first.to_parquet(folder / "data" / "events.parquet")
    catalogue(first).to_parquet(folder / "data" / "items.parquet")
    items = sorted(set(first["item_id"]) - set(first.loc[first["user_id"] == "u1", "item_id"]))
    since = pd.DataFrame({"user_id": ["new", "new", "u1"], "item_id": [*items[:2], items[3]]})
    since["timestamp"] = START + 5 * DAY + since.index
    since.to_parquet(folder / "since.parquet")
    run(
        "train", "popular", "--data", folder / "data", "--split", "users:0.2,targets=1",
        "--export", folder / "export", "--keep-state",
    )  # fmt: skip
    run("update", folder / "export", "--events", folder / "since.parquet", "--force")
    return folder


def had(shop):
    events = pd.concat([pd.read_parquet(one) for one in (shop / "data" / "events.parquet",
                                                         shop / "since.parquet")])  # fmt: skip
    return events.groupby("user_id")["item_id"].agg(set)


def batch(shop, out, capsys):
    """What each user is listed, and what is said."""
    said = printed("batch", capsys, shop / "export", "--k", 500, "--out", out).err
    parts = pd.concat(map(pd.read_parquet, sorted(out.glob("part-*.parquet"))))
    return parts.groupby("user_id")["item_id"].agg(set), " ".join(said.split())


def test_everybody_is_listed_what_they_have_not_had(shop, tmp_path, capsys):
    listed, said = batch(shop, tmp_path / "recs", capsys)
    before = had(shop)
    every = set().union(*before)
    assert "Histories have 3 events that updates have learnt since" in said
    assert listed.to_dict() == {user: every - mine for user, mine in before.items()}
    command = ["recommend", shop / "export", "--user", "new", "--json", "-"]
    (found,) = json.loads(printed(*command[:1], capsys, *command[1:]).out)["lists"]
    assert set(found["history"]) == before["new"]
    known = _known(Versions(shop / "export"), Source())
    assert known.users("new", 5) == [{"user_id": "new", "events": 2}]


def test_exports_are_compared_without_what_users_have_had_since(shop, capsys, monkeypatch):
    """Whichever version has learnt it; the data are read once for both."""
    listed, loads, lists, load = [], [], command._lists, Source.load

    def spied(retriever, users, *others):
        found = lists(retriever, users, *others)
        listed.extend(zip(users, found, strict=True))
        return found

    monkeypatch.setattr(command, "_lists", spied)
    monkeypatch.setattr(Source, "load", lambda self: loads.append(self) or load(self))
    before = had(shop)
    versions = [shop / "export" / number for number in ("1", "2")]
    for pair in (versions, versions[::-1]):
        said = " ".join(printed("diff", capsys, *pair, "--k", 500).err.split())
        assert said.count("Histories have 3 events that updates have learnt since") == 1
        assert len(loads) == 1
        assert {user for user, _ in listed} == set(before.index)
        assert not any({one.decode() for one in items} & before[user] for user, items in listed)
        loads.clear()
        listed.clear()


def test_without_the_data_the_state_tells_them_and_without_it_they_are_old(shop, tmp_path, capsys):
    elsewhere = shutil.copytree(shop, tmp_path / "shop")
    away = shop / "data"
    away.rename(shop / "away")
    try:
        listed, said = batch(elsewhere, tmp_path / "state", capsys)
    finally:
        (shop / "away").rename(away)
    assert "that the training state has learnt from alone" in said
    assert not listed["new"] & had(shop)["new"]
    shutil.rmtree(elsewhere / "export" / FOLDER)
    listed, said = batch(elsewhere, tmp_path / "old", capsys)
    assert "what it has learnt since may not be in them. Give --data with all events" in said
    assert "new" not in listed
