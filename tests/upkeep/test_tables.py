"""New rows come to those of the training in its columns and types."""

import pandas as pd
import pytest

from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.data.order import TIE_ORDER
from tfrec_recall.upkeep.tables import in_form, joined

ITEMS = pd.DataFrame(
    {
        "item_id": ["a", "b"],
        "code": ["10", "20"],
        "pages": [100, 200],
        "new": [True, False],
        "tags": [["x"], ["y", "z"]],
    }
)


def test_rows_without_values_leave_integers_and_flags_as_they_are():
    found = joined(ITEMS, pd.DataFrame({"item_id": ["b", "c"]}), "items", "item_id")
    assert found["item_id"].tolist() == ["a", "b", "c"]
    assert found.dtypes[["pages", "new"]].tolist() == ["Int64", "boolean"]
    assert found["pages"].tolist() == [100, 200, pd.NA]
    assert found["tags"].tolist()[:2] == [["x"], ["y", "z"]]


def test_digits_of_a_text_column_are_text():
    new = pd.DataFrame({"item_id": ["c"], "code": [30], "pages": [1.0], "new": [1]})
    found = joined(ITEMS, new.assign(tags=[["w"]]), "items", "item_id")
    assert found["code"].tolist() == ["10", "20", "30"]
    assert found.dtypes[["pages", "new"]].tolist() == ["int64", "bool"]


def test_columns_that_do_not_come_stay_as_they_were():
    new = pd.DataFrame({"item_id": ["b", "c", "a"], "pages": [250, 300, None]})
    with pytest.warns(ReadingNotice, match="The new items have no code, new, tags: known items k"):
        found = joined(ITEMS, new, "items", "item_id").set_index("item_id")
    assert found.loc["b"].tolist() == ["20", 250, False, ["y", "z"]]
    assert found.loc["a"].tolist() == ["10", 100, True, ["x"]]  # its row says nothing
    assert found.loc["c", "pages"] == 300
    assert found.loc["c", ["code", "new", "tags"]].isna().all()


def test_large_integers_are_exact_beside_rows_that_are_new():
    known = pd.DataFrame({"item_id": ["a", "b"], "code": [2**53 + 1, 5], "pages": [1, 2]})
    new = pd.DataFrame({"item_id": ["a", "c"], "pages": [3, 4]})
    with pytest.warns(ReadingNotice, match="The new items have no code"):
        found = joined(known, new, "items", "item_id").set_index("item_id")
    assert found.loc[["a", "b", "c"], "code"].tolist() == [2**53 + 1, 5, pd.NA]


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("pages", ["many"], r"items: column 'pages' is int64 in the training, .*Received: str"),
        ("code", [1.5], r"items: column 'code' is str in the training, .*Received: float64"),
        ("tags", ["x|y"], r"items: column 'tags' is object in the training, .*Received: str"),
    ],
)
def test_a_column_of_another_type_is_refused_by_name(column, values, said):
    new = pd.DataFrame({"item_id": ["c"], column: values})
    with pytest.raises(ValueError, match=said), pytest.warns(ReadingNotice):
        joined(ITEMS, new, "items", "item_id")


def test_events_without_a_column_have_none_of_it():
    like = pd.DataFrame({"user_id": ["u"], "quantity": [2], "gift": [True]})
    with pytest.warns(ReadingNotice, match="The new events have no quantity, gift"):
        found = in_form(pd.DataFrame({"user_id": ["v"]}), like)
    assert found.dtypes.tolist() == ["str", "Int64", "boolean"]
    assert found[["quantity", "gift"]].isna().all(axis=None)


def test_columns_that_the_training_did_not_have_are_told_of_each_table():
    like = pd.DataFrame({"user_id": ["u"], "item_id": ["a"]})
    with pytest.warns(ReadingNotice, match="^events: .*are left out: device, shop.") as told:
        found = in_form(like.assign(device="app", shop=1, **{TIE_ORDER: 0}), like)
    assert len(told) == 1
    assert list(found) == ["user_id", "item_id"]
    with pytest.warns(ReadingNotice, match="^items: .*did not have are left out: colour."):
        joined(ITEMS, ITEMS[:1].assign(colour="red"), "items", "item_id")


@pytest.mark.parametrize("dtype", ["int64", "float64", "float32"])
def test_events_without_a_weight_count_one_each(dtype):
    like = pd.DataFrame({"user_id": ["u"], "weight": pd.Series([3], dtype=dtype)})
    with pytest.warns(ReadingNotice, match="have no weight, .*: each counts 1") as told:
        found = in_form(pd.DataFrame({"user_id": ["v", "w"]}), like)
    assert len(told) == 1
    assert found["weight"].tolist() == [1, 1]
    assert found["weight"].dtype == dtype
