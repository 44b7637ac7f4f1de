"""Candidates in files follow the rule of the data's ids, and the options that mend them."""

import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.data.reading.candidates import read_candidates

NUMBERS = Interactions(pd.DataFrame({"user_id": [1, 2], "item_id": [7, 8]}))
TEXT = Interactions(pd.DataFrame({"user_id": ["a", "b"], "item_id": ["007", "é"]}))


@pytest.mark.parametrize(
    ("data", "content", "expected"),
    [
        (NUMBERS, "user_id,item_id\n1, 7\n2,8.0\n", [7, 8]),
        (NUMBERS, "user_id,item_id\n1,007\n2,8\n", [7, 8]),
        (TEXT, "user_id,item_id\na,7\nb,e\u0301\n", ["007", "é"]),
    ],
)
def test_ids_that_are_written_otherwise_are_refused_or_mended(data, content, expected, tmp_path):
    path = tmp_path / "candidates.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=r"--mend-ids"):
        read_candidates(path, data)
    with pytest.warns(
        ReadingNotice, match=r"candidates\.csv: \d item_ids were written|were mended"
    ):
        found = read_candidates(path, data, mend_ids=True)
    assert found["item_id"].tolist() == expected


def test_columns_are_renamed_as_those_of_the_data_are(tmp_path):
    path = tmp_path / "candidates.csv"
    path.write_text("visitor,sku\n1,7\n")
    with pytest.raises(
        ValueError, match=r"'user_id' is missing.*--rename candidates\.theirs=user_id"
    ):
        read_candidates(path, NUMBERS)
    rename = {"visitor": "user_id", "sku": "item_id"}
    assert read_candidates(path, NUMBERS, rename)["item_id"].tolist() == [7]
    path.write_text("user_id,item_id\n1,8\n")
    assert read_candidates(path, NUMBERS, rename)["item_id"].tolist() == [8]


def test_a_file_may_be_written_as_its_name_says_or_as_the_data_is(tmp_path):
    path = tmp_path / "candidates.csv"
    path.write_text("user_id;item_id\na;é\n", encoding="latin-1")
    with pytest.raises(ValueError, match=r"or as the data is"):
        read_candidates(path, TEXT)
    for separator, content in ((";", "user_id;item_id\na;é\n"), (None, "user_id,item_id\na,é\n")):
        path.write_text(content, encoding="latin-1")
        found = read_candidates(path, TEXT, separator=separator, encoding="latin-1")
        assert found["item_id"].tolist() == ["é"]
    path.write_text("user_id,item_id\na,é\n", encoding="utf-8")
    found = read_candidates(path, TEXT, separator=";", encoding="latin-1")
    assert found["item_id"].tolist() == ["é"]


@pytest.mark.parametrize("mend_ids", [None, True, False])
def test_a_file_without_a_row_is_refused_as_one(tmp_path, mend_ids):
    path = tmp_path / "candidates.csv"
    path.write_text("user_id,item_id\n")
    for data in (NUMBERS, TEXT):
        with pytest.raises(ValueError, match=r"candidates\.csv has no row.*\['user_id', 'item_id'"):
            read_candidates(path, data, mend_ids=mend_ids)
