"""An update keeps the catalogue that a reindex has chosen."""

import pytest

from tests.upkeep.conftest import day
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.export import export, load
from tfrec_recall.upkeep import update
from tfrec_recall.upkeep.state import TrainingState


def test_what_reindex_took_out_stays_out_and_what_is_new_comes_in(popular):
    state = TrainingState.of(popular / "1")
    items = state.items()
    gone, kept = set(items["item_id"][:8]), items[8:]
    retriever = state.model().retriever(kept, k=50)
    export(retriever, popular, data=state.card, items=kept, reindexed={"from": "1"})
    known = set(items["item_id"])
    for number in (1, 2):
        with pytest.warns(ReadingNotice, match="8 items that reindex took out of the catalogue"):
            found = update(popular, day(number), force=True)
        known |= set(day(number).items["item_id"])
        served = load(found.version)
        assert set(served.item_ids) == set(served.items["item_id"]) == known - gone
        assert set(TrainingState.of(found.version).items()["item_id"]) == known
