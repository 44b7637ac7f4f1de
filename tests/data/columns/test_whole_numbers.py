"""Text of whole numbers becomes integers digit by digit, and never by way of a double."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.data.columns.column_types import held_in, in_type
from tfrec_recall.data.columns.whole_numbers import whole_numbers

LONG = 2**53 + 1  # the first that no double holds


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["13.0", str(LONG), str(LONG - 1)], [13, LONG, LONG - 1]),
        (["007", None, f"-0{LONG}.00"], [7, pd.NA, -LONG]),
        ([" 7 ", "+7", "-0", "000", "5."], [7, 7, 0, 0, 5]),
        (["1e3", "9.007199254740993e15", ".50E1", str(LONG)], [1000, LONG, 5, LONG]),
        ([str(2**63 - 1), str(-(2**63))], [2**63 - 1, -(2**63)]),
        ([None, None], [pd.NA, pd.NA]),
        ([], []),
    ],
)
def test_every_digit_counts(cells, expected):
    found = whole_numbers(pd.Series(cells, dtype="str", name="code"))
    assert found.tolist() == expected
    assert found.name == "code"
    assert found.dtype == ("Int64" if found.isna().any() else "int64")


def test_unsigned_ones_reach_further():
    text = pd.Series([str(2**64 - 1), "-0"], dtype="str")
    assert whole_numbers(text, unsigned=True).tolist() == [2**64 - 1, 0]
    with pytest.raises(ValueError, match=rf"int64 holds .* to {2**63 - 1}\. Received: {2**64 - 1}"):
        whole_numbers(text)
    with pytest.raises(ValueError, match=r"uint64 holds .*Received: -1"):
        whole_numbers(pd.Series(["-1", "2"], dtype="str"), unsigned=True)


def test_one_that_is_written_otherwise_costs_the_others_nothing():
    rows = 100_000
    text = pd.Series(["1e3", None, *map(str, range(rows)), "1e3", "2E0"], dtype="str")
    text = pd.concat([text, text[:1]], ignore_index=True)  # in several chunks
    tracemalloc.start()  # Arrow's memory is not of it
    try:
        found = whole_numbers(text)
        assert tracemalloc.get_traced_memory()[1] < 40 * rows  # less than texts of Python
    finally:
        tracemalloc.stop()
    assert found.tolist() == [1000, pd.NA, *range(rows), 1000, 2, 1000]


@pytest.mark.parametrize(
    "cell",
    ["4.5", "13.00000000000000000001", "1e-3", "1e999999999", "inf", "1_0", "\u0663", "x", ""],
)
def test_what_is_no_whole_number_is_refused(cell):
    with pytest.raises(ValueError, match=rf"whole numbers such as .*Received: '{cell}'"):
        whole_numbers(pd.Series(["7", cell], dtype="str"))


@pytest.mark.parametrize(
    ("cells", "decimal"),
    [(("13.0", LONG, LONG - 1), None), (("13,0", LONG, LONG - 1), ",")],
    ids=["points", "commas"],
)
def test_ids_of_a_given_type_stay_apart(tmp_path, cells, decimal):
    path = tmp_path / "events.csv"
    path.write_text("user_id,item_id\n" + "".join(f'1,"{cell}"\n' for cell in cells))
    data = Interactions.from_csv(path, dtype={"item_id": "int64"}, decimal=decimal)
    assert data.events["item_id"].tolist() == [13, LONG, LONG - 1]


def test_thousands_of_a_given_type_keep_their_digits(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text('user_id,item_id,x\n1,2,"9.007.199.254.740.993"\n1,2,"7,0"\n1,2,\n')
    events = Interactions.from_csv(path, dtype={"x": "Int64"}, decimal=",").events
    assert events["x"].tolist() == [LONG, 7, pd.NA]


def test_text_in_the_type_of_integers_keeps_its_digits():
    found = in_type(pd.Series(["13.0", str(LONG)], dtype="str"), pd.Series([1]))
    assert found.tolist() == [13, LONG]


@pytest.mark.parametrize("values", [[7.0, 70_000.0], [7, 70_000]])
def test_a_type_makes_no_number_infinite(tmp_path, values):
    with pytest.raises(ValueError, match=r"1 values would be others, such as 70000"):
        held_in(pd.Series(values), "float16")
    assert held_in(pd.Series([7.0, np.inf, np.nan]), "float16").tolist()[:2] == [7.0, np.inf]
    path = tmp_path / "events.csv"
    path.write_text("user_id,item_id,x\n" + "".join(f"1,2,{value}\n" for value in values))
    with pytest.raises(ValueError, match=r"'x' cannot become dtype='float16': 1 values"):
        Interactions.from_csv(path, dtype={"x": "float16"})


def test_what_stays_text_is_not_told_to_be_numbers(tmp_path, recwarn):
    path = tmp_path / "events.csv"
    for cells in (("1,234,567,890,123,456", "2,345.5"), ("1234567890123456", "2,5")):
        path.write_text("user_id,item_id,x\n" + "".join(f'1,2,"{cell}"\n' for cell in cells))
        assert Interactions.from_csv(path).events["x"].tolist() == list(cells)
        assert not [one for one in recwarn if "is read as numbers" in str(one.message)]
