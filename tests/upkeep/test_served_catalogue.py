"""An update keeps the catalogue that a reindex has chosen."""

import pandas as pd
import pytest

from tests.upkeep.conftest import day
from tfrec_recall.data import Interactions
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


def test_what_reindex_added_and_changed_stays(popular):
    state = TrainingState.of(popular / "1")
    items = state.items().assign(colour="red")
    items.to_parquet(state.folder / "items.parquet", index=False)
    changed, (added, twice) = items["item_id"][3], ("i1000", "i1001")
    others = pd.DataFrame({"item_id": [added, twice], "colour": ["blue", "green"], "title": "new"})
    chosen = pd.concat([items, others], ignore_index=True)
    chosen.loc[3, "colour"] = "pink"
    retriever = state.model().retriever(chosen, k=50)
    export(retriever, popular, data=state.card, items=chosen, reindexed={"from": "1"})
    first = day(1)
    rows = first.items.assign(colour=None)
    rows.loc[len(rows)] = [twice, "white"]  # what the update is given counts for more
    found = update(popular, Interactions(first.events, items=rows, mend_ids=False), force=True)
    told = load(found.version).items.set_index("item_id")["colour"]
    assert (told[changed], told[added], told[twice]) == ("pink", "blue", "white")
    known = TrainingState.of(found.version).items().set_index("item_id")["colour"]
    assert known[[changed, added, twice]].tolist() == ["pink", "blue", "white"]
