"""Rows that lack what is needed: refused with the option that leaves them out, and left out."""

import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.cli.recorded_layout import layout_for
from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.data.reading.candidates import read_candidates

NOW = 1_600_000_000
WAY = r"drop_bad_rows=True \(--drop-bad-rows\) leaves out such rows and tells how many\. Received"


def events(**columns):
    """Five events, with the given columns instead of theirs or beside them."""
    rows = {"user_id": list("abcde"), "item_id": list("vwxyz"), "timestamp": [NOW] * 5}
    return pd.DataFrame({**rows, **columns})


def told(make):
    """What is made, and the notices in the order in which they came."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        made = make()
    assert all(issubclass(one.category, ReadingNotice) for one in found)
    return made, [str(one.message) for one in found]


DATES = ["2020-09-13"] * 4
BAD = {  # one event each
    "user_id": ["a", "b", None, "d", "e"],
    "item_id": ["v", "w", "", "y", "z"],
    "session_id": [1, 2, -1, 4, 5],
    "timestamp": [NOW, NOW, -2_134_949_234, NOW, NOW],
    "timestamp of 1970": pd.to_datetime([*DATES[:2], "1970-01-01", *DATES[:2]]),
    "timestamp missing": [NOW, NOW, None, NOW, NOW],
    "timestamp without end": [NOW, NOW, np.inf, NOW, NOW],
    "rating": [3, 4, np.inf, 4, 5],
    "weight": [1, 1, np.nan, 1, 1],
    "split": ["train", "val", "fold 3", "Test", "train"],
}


@pytest.mark.parametrize("name", BAD)
def test_an_event_is_left_out_where_it_is_wanted(name):
    column = name.split()[0]
    given = events(**{column: BAD[name]})
    with pytest.raises(ValueError, match=f"'{column}' has .* in 1 of 5 rows.*{WAY}"):
        Interactions(given)
    data, notices = told(lambda: Interactions(given, drop_bad_rows=True))
    assert len(data.events) == 4
    assert notices[0].startswith(f"events: 1 of 5 rows are left out: column '{column}' has ")
    assert len(given) == 5


def test_where_most_rows_are_bad_the_column_is_refused():
    given = events(user_id=["a", None, None, None, "e"])
    for drop in (False, True):
        with pytest.raises(ValueError, match="in 3 of 5 rows") as raised:
            Interactions(given, drop_bad_rows=drop)
        assert "drop_bad_rows" not in str(raised.value)


def test_the_last_row_of_an_item_stays():
    items = pd.DataFrame({"item_id": list("vvvwxyz"), "kind": list("1234567")})
    with pytest.raises(ValueError, match=f"repeated ids in 3 of 7 rows.*last row of each.*{WAY}"):
        Interactions(events(), items=items)
    data, notices = told(lambda: Interactions(events(), items=items, drop_bad_rows=True))
    assert data.items["kind"].tolist() == list("34567")
    assert notices == ["items: 2 of 7 rows are left out: column 'item_id' has repeated ids there."]


def test_a_file_is_read_as_if_its_bad_lines_were_not_there(tmp_path):
    lines = [
        "user_id,item_id,timestamp,rating,weight,split",
        *(f'{user},0{user},2020-09-13 12:00:00,"{user},5",1,dev' for user in range(1, 8)),
        ",01,2020-09-13 12:00:00,3,1,train",
        "Total,,2020-09-13 12:00:00,3,1,train",
        "5,01,0000-00-00 00:00:00,3,1,train",
        "6,01,1970-01-01 00:00:00,3,1,train",
        "7,01,2020-09-13 12:00:00,-,1,train",
        "8,01,2020-09-13 12:00:00,3,,train",
    ]
    path = tmp_path / "events.csv"
    path.write_text("\n".join(lines))
    data, notices = told(lambda: Interactions.from_files(path, drop_bad_rows=True))
    assert data.events["user_id"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert data.events["rating"].tolist() == [1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5]
    assert set(data.events["split"]) == {"validation"}
    left = "events: 1 of 13 rows are left out: column "
    assert [text.removeprefix(left) for text in notices if text.startswith(left)] == [
        "'user_id' has missing values there.",
        "'item_id' has missing values there.",
        "'timestamp' has text that is no time, as the others are dates as in ISO 8601 there.",
        "'timestamp' has times outside 1980 to 2100, read as dates there.",
        "'rating' has text that is no number there.",
        "'weight' has missing, negative or infinite values there.",
    ]
    assert sum("decimal commas" in text for text in notices) == 1
    assert any("split' is read with 'dev' as 'validation'." in text for text in notices)


def test_times_of_a_format_are_left_out_of_files_and_frames(tmp_path):
    given = events(timestamp=["13/09/2020", "13/09/2020", "?", "13/09/1920", "13/09/2020"])
    given.to_csv(tmp_path / "events.csv", index=False)
    form = {"time_format": "%d/%m/%Y"}
    for make in (
        partial(Interactions.from_files, tmp_path / "events.csv", **form),
        partial(Interactions.from_frames, given, **form),
    ):
        with pytest.raises(ValueError, match=f"does not read in 1 of 5 rows.*{WAY}"):
            make()
        data, notices = told(partial(make, drop_bad_rows=True))
        assert data.events["user_id"].tolist() == ["a", "b", "e"]
        assert len(notices) == 2


def test_candidates_without_an_id_are_left_out(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("user_id,item_id\na,v\nb,\nc,w\n")
    data = Interactions(events())
    with pytest.raises(ValueError, match=f"'item_id' has missing values in 1 of 3 rows.*{WAY}"):
        read_candidates(path, data)
    found, notices = told(lambda: read_candidates(path, data, drop_bad_rows=True))
    assert found["item_id"].tolist() == ["v", "w"]
    assert "1 of 3 rows are left out" in notices[0]


def test_new_events_are_read_as_those_of_the_training(tmp_path):
    path = tmp_path / "events.csv"
    events().to_csv(path, index=False)
    recorded = {"drop_bad_rows": True}
    assert layout_for({"events": path}, recorded, {}) == recorded
    assert layout_for({"events": path}, recorded, {"drop_bad_rows": False}) == {
        "drop_bad_rows": False
    }


def test_thousands_are_no_bad_rows(tmp_path):
    """Which of 12 and 1,234 is a thousand times the other is not known: no row goes for it."""
    file = tmp_path / "shop.csv"
    file.write_text('user_id,item_id,weight\na,v,12\nb,w,999\nc,x,"1,234"\n')
    with pytest.raises(ValueError, match=r"in 1 of 3 rows\..*decimal='\.' or ','"):
        told(partial(Interactions.from_files, file, drop_bad_rows=True))


def test_row_numbers_are_those_of_all_rows(tmp_path):
    file = tmp_path / "shop.csv"
    file.write_text("index,user_id,item_id\n0,a,v\n1,,w\n2,c,x\n3,d,y\n")
    found, notices = told(partial(Interactions.from_files, file, drop_bad_rows=True))
    assert list(found.events) == ["user_id", "item_id"]
    assert sum("numbers the rows" in text for text in notices) == 1
