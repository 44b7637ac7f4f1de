"""What requests choose by stays, whatever files and missing values made of a column."""

import numpy as np
import pandas as pd
import pytest

from tests.retrieval.toys import item_ids, retriever
from tfrec_recall.operations.same_filters import with_same_filters

ITEMS = pd.DataFrame(
    {
        "item_id": item_ids(4),
        "genre": [1, 2, 3, 1],
        "code": ["10", "20", "20", "30"],
        "price": [0.5, 1.0, 2.0, 3.0],
        "in_stock": [True, False, True, True],
        "ages": [[1, 2], [3], [], [1]],
    }
)
NAMES = list(ITEMS)[1:]


def kinds(made):
    return {name: spec.dtype.name for name, spec in made.filter_inputs.items()}


def over(items):
    like = retriever(4).with_filters(ITEMS, NAMES)
    return kinds(with_same_filters(retriever(4), items, like)), kinds(like)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("genre", [1.0, np.nan, 3.0, 1.0]),
        ("genre", ["1", "2", "3", "1"]),
        ("code", [10, 20, 20, 30]),
        ("price", [1, 1, 2, 3]),
        ("in_stock", [1, 0, 1, 1]),
        ("in_stock", [1.0, np.nan, 1.0, 1.0]),
        ("in_stock", ["True", "False", "True", "True"]),
        ("ages", [1, 3, 3, 1]),
    ],
)
def test_a_column_that_came_in_another_type_is_chosen_by_as_before(column, values):
    now, before = over(ITEMS.assign(**{column: values}))
    assert now == before


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("genre", [1.5, 2.0, 3.0, 1.0]),
        ("genre", ["crime", "art", "art", "crime"]),
        ("code", [[1], [2], [2], [3]]),
        ("price", ["cheap", "cheap", "dear", "dear"]),
        ("ages", [["1"], ["3"], [], ["1"]]),
    ],
)
def test_a_column_of_another_kind_is_refused_by_name(column, values):
    with pytest.raises(ValueError, match=rf"choosing items by '{column}' .*Received: "):
        over(ITEMS.assign(**{column: values}))


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_bounds_of_narrow_numbers_hold_what_is_at_them(kind):
    like = retriever(4).with_filters(ITEMS, NAMES)
    items = ITEMS.assign(price=pd.Series([9.99, 0.1, 2.0, 3.0], dtype=kind))
    made = with_same_filters(retriever(4), items, like)
    asked = {"history": [["item 3"]]}
    ids, score = made(asked, k=4, filters={"min_price": [9.99], "max_price": [9.99]})
    assert ids.numpy()[0, np.isfinite(score[0])].tolist() == [b"item 0"]
