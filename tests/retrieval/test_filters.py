"""Requests that choose by attributes, against a table that is filtered row by row."""

import functools

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.references.top_k import top_k
from tests.retrieval.toys import item_ids, item_vectors, retriever
from tfrec_recall.retrieval import Exact, InvertedFile, ScaNN
from tfrec_recall.retrieval.filters import ItemFilters
from tfrec_recall.retrieval.raw_inputs import dense

pytestmark = pytest.mark.usefixtures("untraced")

COUNT, K = 2_000, 10
NAN = float("nan")
# One item has "rare", one in ten "tenth"; half are in stock; the price of some is not known.
ITEMS = pd.DataFrame(
    {
        "item_id": item_ids(COUNT),
        "kind": ["rare", *(["tenth"] + ["other"] * 8 + ["none"]) * (COUNT // 10)][:COUNT],
        "ages": [[[], [3], [3, 6], [6, 9, 12]][row % 4] for row in range(COUNT)],
        "stock": [row % 2 == 0 for row in range(COUNT)],
        "year": [1990 + row % 30 for row in range(COUNT)],
        "price": [NAN if row % 7 == 0 else row % 50 / 2 for row in range(COUNT)],
    }
)
ITEMS.loc[ITEMS["kind"] == "none", "kind"] = None
NAMES = ["kind", "ages", "stock", "year", "price"]
# One request a row: filters, what they let through, and how many items are left out besides.
REQUESTS = [
    ({}, lambda item: True, 0),
    ({"where_kind": ["rare"]}, lambda item: item["kind"] == "rare", 0),
    ({"where_kind": ["tenth", "tenth", ""]}, lambda item: item["kind"] == "tenth", 300),
    ({"where_kind": ["no such"]}, lambda item: False, 0),
    ({"where_not_kind": ["other"]}, lambda item: item["kind"] != "other", 3),
    ({"where_ages": [9, 3]}, lambda item: {3, 9} & {*item["ages"]}, 0),
    ({"where_not_ages": [3]}, lambda item: 3 not in item["ages"], 0),
    ({"where_stock": [1], "where_year": [1994, 1995]}, lambda item: item["year"] == 1994, 0),
    ({"min_price": 24.5}, lambda item: item["price"] >= 24.5, 0),
    ({"min_price": 3.0, "max_price": 20.0}, lambda item: 3 <= item["price"] <= 20, 1_000),
    ({"min_year": 2019.0, "where_kind": ["tenth"]}, lambda item: False, 0),
    (
        {"where_kind": ["tenth"], "where_ages": [6], "max_price": 9.0},
        lambda item: item["kind"] == "tenth" and 6 in item["ages"] and item["price"] <= 9,
        0,
    ),
]
INDEXES = {
    "exact": Exact(),
    "exact, block by block": Exact(block=300),
    "inverted file": InvertedFile(leaves=30, leaves_to_search=20, reorder=50),
    "scann": ScaNN(leaves=30, leaves_to_search=25, reorder=200),
}
VECTORS = item_vectors(COUNT)


@functools.cache
def filters():
    return ItemFilters(ITEMS, NAMES)


def allowed(requests):
    """What these requests let through, as one batch."""
    raw = {}
    for name, spec in filters().inputs.items():
        open_ = NAN if spec.shape.rank == 1 else []
        raw[name] = dense([one.get(name, open_) for one in requests], spec, name)
    return filters().allowed(raw)


@pytest.mark.parametrize("kind", ["float32", "Float32", "float16", "float64"])
def test_bounds_hold_what_is_at_them_in_any_type(kind):
    """9.99 is less in float32 than in float64, and 0.1 is more."""
    prices = pd.Series([0.1, 9.99, 20.0, None], dtype=kind)
    found = ItemFilters(pd.DataFrame({"price": prices}), ["price"])
    bounds = {"min_price": [0.1, 9.99, NAN, 0.2], "max_price": [NAN, 9.99, 0.1, 9.9]}
    asked = {name: tf.constant(one, tf.float64) for name, one in bounds.items()}
    of = found.allowed(asked)
    fits = [[True] * 3, [False, True, False], [True, False, False], [False] * 3]
    np.testing.assert_array_equal(of.fit(tf.range(4))[:, :3], fits)
    (number,) = found.attributes
    assert number.runs(number.chosen(asked))[1].numpy()[:, 0].tolist() == [3, 1, 1, 0]


@pytest.mark.parametrize("name", INDEXES)
@pytest.mark.filterwarnings("ignore::tfrec_recall.retrieval.IndexNotice")
def test_lists_hold_what_is_allowed_and_are_complete(name):
    index, query = INDEXES[name].build(VECTORS), VECTORS[13 * np.arange(len(REQUESTS))]
    exclude = np.array([[row if row < out else -1 for row in range(1000)] for *_, out in REQUESTS])
    rows, _ = index.search(query, K, exclude, allowed=allowed([one for one, *_ in REQUESTS]))
    share = []
    for row, (_, fits, out) in enumerate(REQUESTS):
        refused = [n for n, item in ITEMS.iterrows() if n < out or not fits(item)]
        truth = {*top_k(VECTORS, query[row], K, refused)[0]} - {-1}
        listed = [one for one in rows[row].numpy() if one >= 0]
        assert len({*listed}) == len(listed) == len(truth), row
        assert not {*listed} & {*refused}, row
        share.append(len({*listed} & truth) / len(truth) if truth else 1.0)
    assert np.mean(share) == 1 if "exact" in name else np.mean(share) > 0.95


@pytest.mark.filterwarnings("ignore::tfrec_recall.retrieval.IndexNotice")
def test_what_others_leave_out_or_choose_changes_nothing():
    """A query of a batch visits as much of an index as it does alone."""
    index = InvertedFile(leaves=30, leaves_to_search=2, reorder=10).build(VECTORS, K)
    query, requests = VECTORS[[5, 8, 9]], [{}, {"where_stock": [1]}, {}]
    exclude = np.stack([np.full(150, -1), np.full(150, -1), np.arange(150)])
    whole = index.search(query, K, exclude, allowed=allowed(requests))[0].numpy()
    for row in range(3):
        some = slice(row, row + 1)
        alone, _ = index.search(query[some], K, exclude[some], allowed=allowed(requests[some]))
        np.testing.assert_array_equal(whole[some], alone)
    np.testing.assert_array_equal(whole[:1], index.search(query[:1], K)[0])
    assert len({*whole[0]} - {*top_k(VECTORS, query[0], K)[0]})  # two leaves do not have them all


@functools.cache
def filtered():
    """A retriever whose graph is made once."""
    return retriever(COUNT).with_filters(ITEMS, ["kind", "year"])


def test_one_row_is_that_of_all_and_similar_items_are_chosen_too():
    history = {"history": [["item 3"], ["item 4"]]}
    one = filtered()(history, filters={"where_kind": [["tenth"]], "max_year": [2000]})
    two = filtered()(history, filters={"where_kind": [["tenth"]] * 2, "max_year": [2000] * 2})
    np.testing.assert_array_equal(one[0], two[0])
    listed = [int(one.split()[1]) for one in np.char.decode(one[0].numpy().astype(bytes)).ravel()]
    assert (ITEMS["kind"][listed] == "tenth").all()
    assert (ITEMS["year"][listed] <= 2000).all()
    ids, _ = filtered().similar_items(["item 7"], k=4, filters={"where_kind": [["rare"]]})
    assert np.char.decode(ids.numpy().astype(bytes)).tolist() == [["item 0", "", "", ""]]


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        (
            {"where_colour": [["red"]]},
            r"Filters of this retriever are where_kind.*Received: where_c",
        ),
        ({"where_kind": ["rare"]}, r"'where_kind' has the shape \[batch, any\]"),
        ({"where_kind": [[3]]}, "'where_kind' is string. Received: int 3"),
        ({"min_year": [1.0] * 3}, r"min_year has a row for each query.*Received: 3 rows for 2"),
    ],
)
def test_other_filters_are_refused(filters, message):
    found = retriever(COUNT).with_filters(ITEMS, NAMES)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        found({"history": [["item 3"], ["item 4"]]}, filters=filters)


@pytest.mark.parametrize(
    ("items", "names", "message"),
    [
        (ITEMS, ["colour"], r"Filters name columns of the items.*Received: \['colour'\]"),
        (ITEMS.iloc[1:], ["kind"], "Received: 1 of 2000 items missing, the first .*item 0"),
        (ITEMS.assign(kind=1j), ["kind"], "Received: the attribute 'kind'"),
        (ITEMS.assign(kind=[["a"], 3.5] * 1000), ["kind"], "Received: the attribute 'kind' has"),
        (ITEMS.assign(not_kind="a"), ["kind", "not_kind"], "'where_not_kind'"),
    ],
)
def test_attributes_that_nothing_can_be_chosen_by(items, names, message):
    with pytest.raises(ValueError, match=message):
        retriever(COUNT).with_filters(items, names)
