"""Events of all days have the types of the training's, whatever a day's columns happen to be."""

import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.upkeep.conftest import EVENTS, day, exported
from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.upkeep import state, update
from tfrec_recall.upkeep.state import TrainingState, schema_of

LARGE = 2**53 + 1


def with_columns(number, **columns):
    events = day(number).events.assign(**columns)
    return Interactions(events, mend_ids=False)


@pytest.fixture
def path(tmp_path):
    first = with_columns(0, tags=[["new"]] * EVENTS, campaign=LARGE)
    return exported(tmp_path / "popular", first)


def learnt(path):
    return TrainingState.of(max(path.glob("[0-9]*")))


def test_days_without_values_keep_the_types_of_lists_and_integers(path, monkeypatch):
    monkeypatch.setattr(state, "MANY", 2)  # parts are put together early
    with pytest.warns(ReadingNotice, match="have no tags, campaign"):
        update(path, day(1))
    for number in (2, 3):
        tags = [["red", "blue"]] * EVENTS if number == 2 else [[]] * EVENTS
        update(path, with_columns(number, tags=tags, campaign=number))
    found = learnt(path)
    assert len(found._parts()) < 4
    schemas = [pq.read_schema(part) for part in found._parts()]
    assert all(one.types == found.schema.types for one in schemas)
    every = found.events()
    assert len(every) == 4 * EVENTS
    assert every["campaign"].dtype == "Int64"
    assert every["campaign"].value_counts(dropna=False).to_dict() == dict.fromkeys(
        (LARGE, 2, 3, pd.NA), EVENTS
    )
    some = found.events_of(every["user_id"].drop_duplicates().head(3))
    assert set(some["campaign"].dropna()) == {LARGE, 2, 3}


def test_what_waits_or_not_the_types_of_before_are_asked_for(path):
    update(path, with_columns(1, tags=[["red"]] * EVENTS, campaign=1))
    with pytest.raises(ValueError, match=r"'tags'.*it holds lists, and no text"):
        update(path, with_columns(2, tags="red,blue", campaign=1))
    with pytest.raises(ValueError, match="'tags'"):
        update(path, with_columns(2, tags=1.5, campaign=1))
    waiting = pq.read_schema(learnt(path).folder / state.WAITING)
    assert waiting.field("tags").type == learnt(path).schema.field("tags").type


def test_lists_come_where_all_were_empty_and_ties_are_numbered_on(tmp_path):
    order = pd.Series(range(EVENTS), dtype="int8")
    first = with_columns(0, tags=[[]] * EVENTS, tie_order=order)
    path = exported(tmp_path / "popular", first)
    for number in (1, 2):
        update(path, with_columns(number, tags=[["red"]] * EVENTS, tie_order=order))
    every = learnt(path).events()
    assert sorted(every["tie_order"]) == list(range(3 * EVENTS))
    assert every["tags"].map(len).value_counts().to_dict() == {1: 2 * EVENTS, 0: EVENTS}


def test_a_type_is_that_of_the_first_part_that_has_values(tmp_path):
    parts = []
    for number, tags in enumerate((None, [], ["x"])):
        parts.append(tmp_path / f"{number}.parquet")
        pd.DataFrame({"user_id": ["a"], "tags": [tags]}).to_parquet(parts[-1])
    assert schema_of(parts).field("tags").type == pq.read_schema(parts[2]).field("tags").type
    assert schema_of(parts[:2]).field("tags").type == pq.read_schema(parts[0]).field("tags").type
