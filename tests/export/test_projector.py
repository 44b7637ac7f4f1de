"""Files for TensorBoard's projector, whatever a table of items lacks."""

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.export import write_projector

ITEMS = pd.DataFrame(
    {
        "item_id": [7, 8, 9],
        "title": ["a\tlamp", None, "a\nchair"],
        "price": [9.5, np.nan, 3.0],
        "stock": pd.array([1, pd.NA, 3], "Int64"),
        "kind": pd.Series(["x", None, "y"], dtype="category"),
        "since": pd.to_datetime(["2020-01-01", None, "2021-02-03"]),
        "tags": [["u", "v"], None, []],
    }
)


def test_what_an_item_lacks_is_an_empty_cell(tmp_path):
    write_projector(tmp_path, ITEMS, np.eye(3))
    lines = (tmp_path / "metadata.tsv").read_text().splitlines()
    assert [line.split("\t") for line in lines] == [
        list(ITEMS.columns),
        ["7", "a lamp", "9.5", "1", "x", "2020-01-01", "['u', 'v']"],
        ["8", "", "", "", "", "", ""],
        ["9", "a chair", "3.0", "3", "y", "2021-02-03", "[]"],
    ]
    assert (tmp_path / "projector_config.pbtxt").exists()


def test_items_have_a_vector_each(tmp_path):
    with pytest.raises(ValueError, match=r"one vector \[dim\].*Received: 3 items.*\(2, 2\)"):
        write_projector(tmp_path, ITEMS, np.eye(2))
