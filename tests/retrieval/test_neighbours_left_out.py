"""What is similar by a table of neighbours, where requests take some of these out."""

import numpy as np
import pandas as pd
import pytest

from tests.retrieval.toys import item_ids, texts
from tfrec_recall.retrieval import NeighbourRetriever, Popularity

pytestmark = pytest.mark.usefixtures("untraced")

COUNT, WIDTH = 40, 5
IDS = item_ids(COUNT)
KIND = ["rare" if item in (0, 7, 30, 39) else "even" if item % 2 == 0 else "odd"
        for item in range(COUNT)]  # fmt: skip
# The next five items; item 3 has two neighbours, item 4 none.
NEIGHBOURS = (np.arange(COUNT)[:, np.newaxis] + np.arange(1, WIDTH + 1)) % COUNT
NEIGHBOURS[3, 2:], NEIGHBOURS[4] = -1, -1
WEIGHTS = np.where(NEIGHBOURS < 0, 0, np.arange(WIDTH, 0, -1))
POPULAR = [7 * item % COUNT for item in range(COUNT)]  # no two alike


@pytest.fixture(scope="module")
def table():
    made = NeighbourRetriever(IDS, NEIGHBOURS, WEIGHTS, POPULAR, k=WIDTH)
    return made.with_filters(pd.DataFrame({"item_id": IDS, "kind": KIND}), ["kind"])


def expected(item, fits, left_out, k):
    """The neighbours that may be listed, then as many popular items as may not."""
    own = [one for one in NEIGHBOURS[item] if one >= 0]
    may = [one for one in range(COUNT) if fits(one) and one not in {item, *left_out}]
    found = [one for one in own if one in may][:k]
    rest = sorted(set(may) - set(found), key=lambda one: -POPULAR[one])
    return [*found, *rest[: min(k, len(own)) - len(found)]]


@pytest.mark.parametrize("k", [2, 5, 9])
@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        ({}, lambda item: True),
        ({"where_kind": [["rare"]]}, lambda item: KIND[item] == "rare"),
        ({"where_kind": [["none"]]}, lambda item: False),
        ({"where_not_kind": [["odd"]]}, lambda item: KIND[item] != "odd"),
    ],
)
def test_popular_items_that_may_be_listed_make_up_for_neighbours(table, filters, fits, k):
    asked, left_out = [2, 3, 4, 20, 38], [5, 21, 22, 0]
    exclude = [[IDS[item] for item in left_out]]
    ids, scores = table.similar_items(
        [IDS[item] for item in asked], k=k, exclude=exclude, filters=filters
    )
    for item, row, score in zip(asked, texts(ids), scores.numpy(), strict=True):
        wanted = expected(item, fits, left_out, k)
        assert row == [IDS[one] for one in wanted] + [""] * (k - len(wanted)), item
        of_table = np.isin(wanted, NEIGHBOURS[item])
        assert ((score[: len(wanted)] > 0) == of_table).all()
        assert np.isneginf(score[len(wanted) :]).all()
        assert (np.diff(score[: len(wanted)]) < 0).all()


def test_of_an_item_that_is_not_there_nothing_is_listed(table):
    ids, scores = table.similar_items(["new"], filters={"where_kind": [["rare"]]})
    assert texts(ids) == [[""] * WIDTH]
    assert np.isneginf(scores).all()


def test_what_is_popular_with_segments_is_that_of_all():
    within = pd.DataFrame({"segment": ["fr"], "item_id": [IDS[9]], "score": [3.0]})
    made = NeighbourRetriever(IDS, NEIGHBOURS, WEIGHTS, k=WIDTH)
    made.with_fallback(Popularity(IDS, POPULAR, "country", within))
    ids, scores = made.similar_items([IDS[20]], exclude=[[IDS[21], IDS[23]]])
    wanted = expected(20, lambda item: True, [21, 23], WIDTH)
    assert texts(ids) == [[IDS[one] for one in wanted]]
    assert ((scores.numpy()[0] > 0) == [True, True, True, False, False]).all()
