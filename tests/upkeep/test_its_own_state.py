"""An update goes on with the model that was served, and not with another one of its number."""

import json

import pytest

from tests.operations.test_reindex import ASKED, ITEMS, over
from tests.upkeep.conftest import day
from tfrec_recall.export import export
from tfrec_recall.export.version_files import CARD, EXTRA, GRAPH, card_of
from tfrec_recall.operations.reindex import reindex
from tfrec_recall.upkeep import update
from tfrec_recall.upkeep.state import TrainingState, remove_old


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
