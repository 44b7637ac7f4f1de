"""New items have places in lists that would not list them, against plain Python on lists."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.retrieval.toys import DIM, item_ids, item_vectors, retriever, texts
from tfrec_recall.retrieval import Blend, EmbeddingRetriever, NeighbourRetriever, WithNewItems

pytestmark = pytest.mark.usefixtures("untraced")

COUNT, NEW = 40, ["item 3", "item 17", "item 30", "item 5"]
HISTORIES = [["item 1", "item 2"], ["item 8", ""], ["item 17", "item 3"], ["nobody", ""]]


def plainly(listed, out, k, places):
    """The list with new items behind those that stay."""
    listed = [one for one in listed if one]
    lacking = max(min(places, k // 2) - sum(one in NEW for one in listed), 0)
    more = [one for one in NEW if one not in listed and one not in out][:lacking]
    while len(listed) + len(more) > k:
        last = max(place for place, one in enumerate(listed) if one not in NEW)
        del listed[last]
    return [*listed, *more, *[""] * (k - len(listed) - len(more))]


@pytest.mark.parametrize(("k", "places"), [(8, 3), (4, 3), (1, 2), (8, 1)])
def test_lists_are_those_of_plain_python(k, places):
    inner = retriever(COUNT)
    table = pd.DataFrame({"item_id": item_ids(COUNT), "hue": ["red", "blue"] * (COUNT // 2)})
    inner.with_filters(table, ["hue"])
    made, query = WithNewItems(inner, NEW, places), {"history": HISTORIES}
    out = [["item 17"], ["item 1", "item 30"], [], ["item 3"]]
    exclude, total = [[*row, *[""] * (2 - len(row))] for row in out], 0
    for filters in (None, {"where_hue": [["blue"]]}):
        before, _, evident = inner.recommend_with_evidence(query, k, exclude, filters=filters)
        ids, score, left = made.recommend_with_evidence(query, k, exclude, filters=filters)
        others = table["item_id"][table["hue"] == "red"] if filters else []
        wanted = [
            plainly(row, [*gone, *others], k, places)
            for row, gone in zip(texts(before), out, strict=True)
        ]
        assert texts(ids) == wanted
        assert (np.diff(score.numpy(), axis=1) <= 0).all()
        placed = [len({*row} - {*old}) for row, old in zip(wanted, texts(before), strict=True)]
        np.testing.assert_array_equal(left, np.minimum(evident, k - np.array(placed)))
        total += sum(placed)
    assert total or k == 1 or places == 1


def test_short_lists_have_new_items_before_padding():
    """Of items that nothing votes for, nothing is listed: they have no place either way."""
    ids = item_ids(6)
    near = NeighbourRetriever(ids, np.array([[1], [0], [3], [2], [5], [4]]), np.ones((6, 1)), k=5)
    near.fallback = None
    made = WithNewItems(near, ["item 4", "item 0"], 2)
    query = {"history": [["item 0"], ["nobody"]]}
    found, score = made(query, exclude=[["item 0"], [""]])
    wanted = [["item 1", "item 4", "", "", ""], ["item 4", "item 0", "", "", ""]]
    assert texts(found) == wanted
    np.testing.assert_array_equal(score[:, :3], [[1, 1, -np.inf], [0, 0, -np.inf]])
    listed, _ = near.similar_items(["item 2"])
    assert texts(made.similar_items(["item 2"])[0]) == texts(listed)


class BothWays(tf.Module):
    """Two interests of each user, the one against the other."""

    def __init__(self):
        super().__init__()
        self.inputs = {"taste": tf.TensorSpec([None, DIM], tf.float32)}

    def __call__(self, raw):
        return tf.stack([raw["taste"], -raw["taste"]], axis=1)


def test_no_interest_brought_a_new_item():
    ids, vectors = item_ids(COUNT), item_vectors(COUNT)
    inner = EmbeddingRetriever(BothWays(), ids, vectors, k=6, with_interest=True)
    query = {"taste": np.random.default_rng(5).normal(size=(7, DIM)).astype("float32")}
    before, _, interests = inner.recommend_with_interest(query)
    found, _, interest = WithNewItems(inner, NEW, 2).recommend_with_interest(query)
    for row in range(7):
        of = dict(zip(texts(before)[row], interests[row].numpy(), strict=True))
        wanted = [of.get(one, -1) for one in texts(found)[row]]
        np.testing.assert_array_equal(interest[row], wanted)
        assert len({*wanted}) > 1


def test_what_has_no_effect_is_refused():
    inner = retriever(COUNT)
    with pytest.raises(ValueError, match=r"items of the retriever's catalogue.*lacks \['no item'"):
        WithNewItems(inner, ["item 3", "no item"], 2)
    with pytest.raises(ValueError, match=r"before it is blended.*Received: Blend"):
        WithNewItems(Blend({"one": inner, "two": retriever(COUNT)}), NEW, 2)
    made = WithNewItems(inner, NEW, 2)
    for call in (lambda: made.with_filters(pd.DataFrame(), []), lambda: made.with_fallback(None)):
        with pytest.raises(ValueError, match="made by another retriever"):
            call()
