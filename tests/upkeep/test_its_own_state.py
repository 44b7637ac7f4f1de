"""An update goes on with the model that was served, and not with another one of its number."""

import errno
import json
import os
import shutil

import pytest

from tests.operations.test_reindex import ASKED, ITEMS, over
from tests.upkeep.conftest import EVENTS, day
from tfrec_recall.export import export
from tfrec_recall.export.version_files import CARD, EXTRA, GRAPH, card_of
from tfrec_recall.operations.reindex import reindex
from tfrec_recall.upkeep import update
from tfrec_recall.upkeep.state import FOLDER, TrainingState, _link, remove_old


def test_the_state_of_another_export_is_not_taken(popular):
    file = popular / "1" / EXTRA / CARD
    card = json.loads(file.read_text())
    card["data"]["training_state_id"] = "of another"
    file.write_text(json.dumps(card))
    with pytest.raises(ValueError, match=r"belongs to another export.*Received: .*of another"):
        update(popular, day(1))


@pytest.mark.parametrize("told", ["a shop", ["a", "shop"], None])
def test_an_export_of_python_has_none_whatever_it_tells_of_its_data(tmp_path, told):
    (tmp_path / "1" / EXTRA).mkdir(parents=True)
    (tmp_path / "1" / EXTRA / CARD).write_text(json.dumps({"data": told}))
    (tmp_path / "1" / GRAPH).touch()
    with pytest.raises(ValueError, match="has no training state"):
        TrainingState.of(tmp_path / "1")
    remove_old(tmp_path)
    assert (tmp_path / "1").is_dir()


def test_each_state_has_an_id_of_its_own(popular):
    found = update(popular, day(1), force=True)
    ids = [card_of(one)["data"]["training_state_id"] for one in (popular / "1", found.version)]
    assert len({*ids, TrainingState.of(found.version).told["id"]}) == 2


def test_another_directory_has_not_its_state(tmp_path):
    told = {"model": "toy", "training_state": 1, "training_state_id": "a"}
    version = export(over(ITEMS), tmp_path / "one", data=told, items=ITEMS, warmup=ASKED)
    there = reindex(version, ITEMS[:6], to=tmp_path / "two").version
    assert card_of(there)["data"] == {"model": "toy"}
    assert card_of(reindex(version, ITEMS[:6], to=tmp_path / "one").version)["data"] == told


def test_a_state_whose_removal_was_cut_off_is_gone(popular, monkeypatch):
    for number in (2, 3):
        shutil.copytree(popular / "1", popular / str(number))
        shutil.copytree(popular / FOLDER / "1", popular / FOLDER / str(number))
        file = popular / str(number) / EXTRA / CARD
        card = json.loads(file.read_text())
        card["data"]["training_state"] = number
        file.write_text(json.dumps(card))
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    remove_old(popular)
    with pytest.raises(ValueError, match="state of this version is gone"):
        TrainingState.of(popular / "1")
    assert TrainingState.of(popular / "2").size() == EVENTS


def test_where_files_have_no_links_events_are_copied(popular, monkeypatch, tmp_path):
    def refused(*_):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    state = TrainingState.of(popular / "1")
    (part,) = (state.folder / "events").iterdir()
    monkeypatch.setattr(os, "link", refused)
    _link(part, tmp_path / "copied")
    assert (tmp_path / "copied").read_bytes() == part.read_bytes()
