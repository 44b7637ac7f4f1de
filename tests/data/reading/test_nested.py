"""Events of objects within objects, as trackers write them: fields by their paths."""

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tfrec_recall.cli.recorded_layout import layout_for
from tfrec_recall.data.interactions import Interactions

LINES = [
    {"user": {"name": "Ann", "id": user}, "item": {"id": f"0{item}", "in": {"shop": item}}}
    for user, item in ((7, 1), (8, 2), (7, 2))
]
RENAME = {"user.id": "user_id", "events.item.id": "item_id"}


@pytest.fixture(params=["jsonl", "parquet"])
def path(request, tmp_path):
    place = tmp_path / f"events.{request.param}"
    if request.param == "jsonl":
        place.write_text("\n".join(map(json.dumps, LINES)))
    else:
        pq.write_table(pa.Table.from_pylist(LINES), place)
    return place


def test_the_error_names_the_fields_that_the_option_takes(path):
    said = r"--rename events\.user\.id=user_id --rename events\.item\.id=item_id"
    with pytest.raises(ValueError, match=said):
        Interactions.from_files(path)
    whole = {"user": "user_id", "item": "item_id"}
    said = r"has dict in 3 of 3 rows.*--rename theirs\.id=user_id\).*of \['id', 'name'\]"
    with pytest.raises(ValueError, match=said):
        Interactions.from_files(path, rename=whole)


def test_fields_are_columns(path):
    found = Interactions.from_files(path, rename=RENAME).events
    assert found["user_id"].tolist() == [7, 8, 7]
    assert found["item_id"].tolist() == ["01", "02", "02"]
    assert found["user.name"].tolist() == ["Ann"] * 3
    again = layout_for({"events": path}, {"rename": {**RENAME, "items.id": "item_id"}}, {})
    pd.testing.assert_frame_equal(Interactions.from_files(path, **again).events, found)
    deep = Interactions.from_files(path, rename={**RENAME, "item.in.shop": "shop"}).events
    assert deep["shop"].tolist() == [1, 2, 2]
    with pytest.raises(ValueError, match=r"no table has \['user\.code'\]"):
        Interactions.from_files(path, rename={**RENAME, "user.code": "code"})


def test_an_object_that_is_not_there_is_missing_and_ids_keep_their_digits(tmp_path):
    place = tmp_path / "events.jsonl"
    lines = [{"user": {"id": 13.0}, "item_id": 1}, {"item_id": 2}, {"user": None, "item_id": 3}]
    place.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(ValueError, match="'user_id' has missing values in 2 of 3 rows"):
        Interactions.from_files(place, rename={"user.id": "user_id"})
    place.write_text("\n".join(map(json.dumps, lines[:1])) + '\n{"user": {"id": 14}, "item_id": 1}')
    found = Interactions.from_files(place, rename={"user.id": "user_id"}, mend_ids=True)
    assert found.events["user_id"].tolist() == [13, 14]


def test_a_column_whose_name_has_a_point_is_one(tmp_path):
    frame = pd.DataFrame({"user.id": [7], "item.id": ["x"]})
    for place in (tmp_path / "events.jsonl", tmp_path / "events.csv"):
        if place.suffix == ".csv":
            frame.to_csv(place, index=False)
        else:
            frame.to_json(place, orient="records", lines=True)
        found = Interactions.from_files(place, rename={"user.id": "user_id", "item.id": "item_id"})
        assert found.events["item_id"].tolist() == ["x"]
