"""What is different between two catalogues is what they say, not how they hold it."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tfrec_recall.operations.catalogue_changes import CatalogueChanges

OLD = pd.DataFrame({"item_id": ["a", "b", "c"], "pages": [7, 8, 9], "big": [2**60, 1, 2]})


@pytest.mark.parametrize(
    ("pages", "changed"),
    [
        ([7.0, 8.0, 9.0], []),
        ([7.0, np.nan, 9.0], ["b"]),
        ([7.5, 8.0, 9.0], ["a"]),
        (pd.array([7, 8, None], "Int64"), ["c"]),
        (["7", "8", "9"], []),
        ([float("inf"), 8.0, 1e300], ["a", "c"]),
    ],
)
def test_whole_numbers_are_the_same_in_any_type(pages, changed):
    new = OLD.assign(pages=pages)
    ids = pd.Index(OLD["item_id"])
    assert CatalogueChanges.between(ids, ids, OLD, new).changed == changed
    assert CatalogueChanges.between(ids, ids, new, OLD).changed == changed


DAYS = pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02", None]))


def dated(days):
    return OLD.assign(date=pd.Series(days).to_numpy() if isinstance(days, list) else days)


def changed_both_ways(old, new):
    ids = pd.Index(OLD["item_id"])
    found = CatalogueChanges.between(ids, ids, old, new).changed
    assert CatalogueChanges.between(ids, ids, new, old).changed == found
    return found


@pytest.mark.parametrize(
    ("days", "changed"),
    [
        (DAYS.where(DAYS.index != 1, pd.Timestamp("2020-01-02 10:00")), ["b"]),
        (DAYS.fillna(pd.Timestamp("2020-01-03 10:00:00.5")), ["c"]),
        (DAYS.astype("datetime64[s]"), []),
        (DAYS.astype("category"), []),
        (["2020-01-01", "2020-01-02", None], []),
        ([*DAYS.dt.date[:2], None], []),
        (["2020-01-01", "2020-01-03", None], ["b"]),
        (DAYS.dt.tz_localize("UTC"), ["a", "b"]),
    ],
    ids=["an hour", "a fraction", "seconds", "categories", "texts", "days", "another text", "zone"],
)
def test_a_day_is_the_same_whatever_the_others_are(days, changed):
    assert changed_both_ways(dated(DAYS), dated(days)) == changed


def test_times_are_the_same_in_any_zone_and_texts_do_not_go_by_other_cells():
    hours = DAYS.fillna(pd.Timestamp("2020-01-03 10:00"))
    zone = hours.dt.tz_localize("UTC")
    assert changed_both_ways(dated(zone), dated(zone.dt.tz_convert("Asia/Tokyo"))) == []
    texts = ["2020-01-01", "2020-01-02", "2020-01-03 10:00:00"]
    assert changed_both_ways(dated(hours), dated(texts)) == []
    spans = hours - hours[0]
    assert changed_both_ways(dated(spans), dated(spans.where(spans.index < 2))) == ["c"]
    lists = [[day] for day in hours]
    moments = [np.array([day], "datetime64[us]") for day in hours]
    assert changed_both_ways(dated(lists), dated(moments)) == []


MOMENTS = DAYS.astype("timestamp[us][pyarrow]")
ARROW = {
    "moments": MOMENTS,
    "in a zone": DAYS.dt.tz_localize("UTC").astype(pd.ArrowDtype(pa.timestamp("us", "UTC"))),
    "categories": MOMENTS.astype("category"),
    "days": pd.Series([*DAYS.dt.date[:2], None], dtype="date32[pyarrow]"),
    "spans": (DAYS - DAYS[0]).astype("duration[us][pyarrow]"),
    "whole numbers": pd.Series([1, 2, None], dtype="int64[pyarrow]"),
    "decimals": pd.Series([1, 2, None], dtype=pd.ArrowDtype(pa.decimal128(9, 2))),
    "lists": pd.Series([["x"], [], None], dtype=pd.ArrowDtype(pa.list_(pa.string()))),
    "chunks": pd.concat([MOMENTS[:1], MOMENTS[1:]]),
}
PLAIN = {
    **dict.fromkeys(("moments", "categories", "days", "chunks"), DAYS),
    "in a zone": DAYS.dt.tz_localize("UTC"),
    "spans": DAYS - DAYS[0],
    "whole numbers": pd.Series([1, 2, None]),
    "decimals": pd.Series([1, 2, None]),
    "lists": pd.Series([["x"], [], None]),
}


@pytest.mark.parametrize("kind", ARROW)
def test_types_of_arrow_say_the_same_beside_gaps(kind):
    column, plain = ARROW[kind], PLAIN[kind]
    assert changed_both_ways(dated(column), dated(plain)) == []
    assert changed_both_ways(dated(column), dated(column)) == []
    fewer = column.reindex([0, len(OLD), 2]).set_axis(OLD.index)
    assert changed_both_ways(dated(column), dated(fewer)) == ["b"]
    assert changed_both_ways(dated(plain), dated(column[[1, 1, 2]].set_axis(OLD.index))) == ["a"]
    ids = OLD["item_id"].astype(pd.ArrowDtype(pa.string()))
    assert changed_both_ways(dated(column).assign(item_id=ids), dated(plain)) == []


LISTS = pd.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "tags": [["x", "y"], [], None, ["z"]],
        "ages": [[3, 4], [5], None, []],
        "vector": [[0.1, 0.2], [0.3, 0.4], [0.5, 1.0], [0.7, 0.8]],
        "price": [9.99, 0.1, 3.0, np.nan],
    }
)


def arrays(table, whole, real):
    """The lists as files bring them."""

    def held(name, kind):
        return [cell if cell is None else np.array(cell, kind) for cell in table[name]]

    columns = {"tags": held("tags", object), "ages": held("ages", whole)}
    price = table["price"].astype(real)
    return table.assign(**columns, vector=held("vector", real), price=price)


@pytest.mark.parametrize("at_a_time", [2, 100])
@pytest.mark.parametrize("real", ["float32", "float64"])
def test_lists_are_the_same_in_any_type(tmp_path, monkeypatch, real, at_a_time):
    monkeypatch.setattr("tfrec_recall.operations.catalogue_changes.AT_A_TIME", at_a_time)
    ids = pd.Index(LISTS["item_id"])
    arrays(LISTS, "int32", real).to_parquet(tmp_path / "items.parquet")
    old = pd.read_parquet(tmp_path / "items.parquet")
    for new in (LISTS, arrays(LISTS, "int64", "float64"), LISTS[::-1]):
        assert CatalogueChanges.between(ids, ids, old, new).changed == []
        assert CatalogueChanges.between(ids, ids, new, old).changed == []
    others = {"tags": [["y", "x"], [], None, ["z"]], "vector": [*LISTS["vector"][:3], [0.7, 0.9]]}
    for name, item in (("tags", "a"), ("vector", "d")):
        new = arrays(LISTS.assign(**{name: others[name]}), "int64", "float64")
        assert CatalogueChanges.between(ids, ids, old, new).changed == [item]
    longer = LISTS.assign(ages=[[3, 4], [5, 5], None, []])
    assert CatalogueChanges.between(ids, ids, old, longer).changed == ["b"]
