"""What has given its number up to what is new leaves the lists, and comes back with an event."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tests.upkeep.conftest import DAY, day
from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.export import load
from tfrec_recall.operations.remembered_items import RememberedItems
from tfrec_recall.upkeep import served_catalogue, update
from tfrec_recall.upkeep.state import TrainingState


def test_items_without_a_number_are_not_listed_until_they_come_back(popular):
    first, fresh = day(0).events, day(1).events
    fresh["item_id"] += " anew"
    new = Interactions(fresh, mend_ids=False)
    with pytest.warns(ReadingNotice, match="items have given their numbers up .* not listed"):
        version = update(popular, new, force=True, minimum_count=2).version
    features = TrainingState.of(version).model().features
    gone, serving = set(features.given_up), load(version)
    assert gone < set(first["item_id"])
    every = {*first["item_id"], *fresh["item_id"]}
    assert set(serving.item_ids) == every - gone == set(features.item_vocabulary.ids)
    assert set(serving.items["item_id"]) == every - gone
    assert gone <= set(RememberedItems.of(serving).ids)  # a reindex may list them

    back = min(gone)
    again = first.tail(40).assign(timestamp=fresh["timestamp"].max() + DAY // 2)
    again = again.assign(item_id=[back] * 20 + ["i0"] * 20)
    with pytest.warns(ReadingNotice, match=f"{len(gone) - 1} items have given"):
        version = update(popular, Interactions(again, mend_ids=False), force=True).version
    assert set(load(version).item_ids) == every - gone | {back}


def test_rows_leave_with_the_last_event(popular):
    late, fresh = day(9).events, day(10).events
    late = late[late["user_id"].isin(["u1", "u2"])]
    fresh["item_id"] += " anew"
    new = Interactions(pd.concat([late, fresh[fresh["user_id"] < "u2"]]), mend_ids=False)
    before = TrainingState.of(load(popular).path)
    gone_users = set(before.ids()["user_id"]) - set(new.events["user_id"])
    with pytest.warns(ReadingNotice) as said:
        version = update(popular, new, force=True, minimum_count=2, keep_days=3).version
    state = TrainingState.of(version)
    features, left = state.model().features, state.ids()
    gone_items = set(features.given_up) - set(state.events()["item_id"])
    assert gone_users
    assert gone_items
    assert set(left["user_id"]) == set(new.events["user_id"]) == set(state.events()["user_id"])
    assert not gone_items & set(left["item_id"])
    assert set(load(version).item_ids) <= set(left["item_id"])
    told = f"rows of {len(gone_users)} users and {len(gone_items)} items"
    assert any(told in str(one.message) for one in said)


def test_in_a_catalogue_that_was_chosen_they_come_back_too(monkeypatch):
    monkeypatch.setattr(served_catalogue, "is_chosen", lambda serving: True)
    items, serving = pd.DataFrame({"item_id": ["a", "b", "c"]}), SimpleNamespace(item_ids=["a"])
    with pytest.warns(ReadingNotice, match="1 items that reindex took out"):
        found = served_catalogue.listed(items, items, serving, np.array(["b"]))
    assert list(found["item_id"]) == ["a", "b"]


def test_items_that_columns_tell_of_stay_listed():
    named, told = SimpleNamespace(name="item_id"), SimpleNamespace(name="category")
    gone = np.array(["b"])
    for item, expected in (([named], ["b"]), ([named, told], [])):
        features = SimpleNamespace(item=item, given_up=gone)
        assert list(served_catalogue.nameless(SimpleNamespace(features=features))) == expected
