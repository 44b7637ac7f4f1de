"""What is popular in segments of users, whatever type tells their segments."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.retrieval.toys import texts
from tfrec_recall.data import Interactions
from tfrec_recall.retrieval import EmbeddingRetriever, Popularity
from tfrec_recall.retrieval.popularity import Fallback

pytestmark = pytest.mark.usefixtures("untraced")

LARGE = 2**53 + 1
# The first two like a best, the next two b; of all, c counts most.
EVENTS = pd.DataFrame(
    {
        "user_id": ["u0", "u1", "u2", "u3", "u0", "u1", "u2", "u3", "u4"],
        "item_id": ["a", "a", "b", "b", "c", "c", "c", "c", "c"],
        "weight": [2.0, 2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    }
)
ITEMS = ["a", "b", "c"]
LARGE_ONES = pd.Series([LARGE, LARGE, LARGE - 1, LARGE - 1, None], dtype="Int64")


class Nobody(tf.Module):
    """Knows nothing of anybody."""

    def __init__(self, dtype):
        super().__init__()
        self.inputs = {"segment": tf.TensorSpec([None], dtype)}

    def __call__(self, raw):
        return tf.zeros([tf.shape(raw["segment"])[0], 1])

    def knows(self, raw):
        return tf.zeros(tf.shape(raw["segment"]), tf.bool)


def data(column):
    users = pd.DataFrame({"user_id": [f"u{n}" for n in range(len(column))], "segment": column})
    return Interactions(EVENTS, users)


def firsts(column, asked, dtype):
    """The first item that a request of each segment gets."""
    made = EmbeddingRetriever(Nobody(dtype), ITEMS, np.ones((3, 1)), k=3)
    made.with_fallback(Popularity.of(data(column), by="segment"))
    assert made.inputs["segment"].dtype == dtype
    return [row[0] for row in texts(made({"segment": asked})[0])]


@pytest.mark.parametrize(
    ("column", "asked"),
    [
        (pd.Series([True, True, False, False, False]), [1, 0]),
        (pd.Series([True, True, False, False, None], dtype=object), [1, 0]),
        (pd.Series([7.0, 7.0, 3.0, 3.0, None]), [7, 3]),
        (pd.Series([7, 7, 3, 3, 3], dtype="category"), [7, 3]),
        (pd.Series([7, 7, 3, 3, 3], dtype="int8"), [7, 3]),
        (LARGE_ONES, [LARGE, LARGE - 1]),
    ],
    ids=["yes and no", "with a gap", "floats with a gap", "categories", "small", "large"],
)
def test_segments_are_told_by_integers(column, asked):
    assert firsts(column, asked, tf.int64) == ["a", "b"]


def test_a_model_may_take_the_same_column_as_a_number():
    column = pd.Series([7.0, 7.0, 3.0, 3.0, None])
    asked = [7.0, 3.0, np.nan, 5.0, 7.5, np.inf]
    assert firsts(column, asked, tf.float32) == ["a", "b", "c", "c", "c", "c"]
    with pytest.raises(ValueError, match=r"tells whole numbers apart up to 16,777,216: .*Categor"):
        firsts(LARGE_ONES, [1.0], tf.float32)


@pytest.mark.parametrize(
    "scores",
    [[1.0, 3e-8, 1e-8], [3e-9, 2e-9, 1e-9], [1e-46, 3e-47, 1e-47], [2e9 + 1, 2e9, 1.0]],
    ids=["beside 1", "small", "tiny", "large"],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_popular_items_are_in_the_order_of_their_scores_however_small(scores, seed):
    """The order of equal scores is drawn: what is rounded away would be in any."""
    ids = [*ITEMS, "nobody's", "nor anybody's"]
    made = EmbeddingRetriever(Nobody(tf.int64), ids, np.ones((5, 1)), k=5, seed=seed)
    made.with_fallback(Popularity(ITEMS, scores))
    assert made.report["fallback"]["kind"] == "popular items"
    listed, worth = made({"segment": [0]})
    assert texts(listed)[0][:3] == ITEMS
    assert (np.diff(worth[0, :4]) < 0).all()
    assert worth[0, 3] == worth[0, 4] == -1


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1.0, 2.5, 1.0, 1.0, 1.0], r"'segment' of floating values, such as 2.5"),
        (pd.to_datetime(["2020-01-01"] * 5), "'segment' of datetime64 values"),
        ([["x"]] * 5, "'segment' of mixed values"),
    ],
    ids=["fractions", "times", "lists"],
)
def test_what_makes_no_segments_is_told(values, told):
    with pytest.raises(ValueError, match=f"make a column of buckets.*Received: {told}"):
        Popularity.of(data(values), by="segment")


@pytest.mark.parametrize("days", [0, -1.0, np.nan, np.inf])
def test_a_half_life_is_above_0(days):
    timed = Interactions(EVENTS.assign(timestamp=np.arange(9.0)))
    told = f"above 0, or None. Received: half_life_days={days}"
    with pytest.raises(ValueError, match=told):
        Popularity.of(timed, half_life_days=days)
    with pytest.raises(ValueError, match=told):
        Popularity(ITEMS, [3.0, 2.0, 1.0], half_life_days=days)


def test_a_request_tells_what_the_last_fallback_asks_for():
    users = pd.DataFrame({"user_id": [f"u{n}" for n in range(5)], "country": "a", "age": 1})
    events = Interactions(EVENTS, users)
    made = EmbeddingRetriever(Nobody(tf.int64), ITEMS, np.ones((3, 1)), k=3)
    for by, names in (("country", {"segment", "country"}), ("age", {"segment", "age"})):
        made.with_fallback(Popularity.of(events, by))
        assert set(made.inputs) == names
    made.with_fallback(Popularity.of(events))
    assert set(made.inputs) == {"segment"}
    assert texts(made({"segment": [0]})[0])[0][0] == "c"


def test_a_segment_and_a_filter_have_two_names():
    users = pd.DataFrame({"user_id": [f"u{n}" for n in range(5)], "max_price": 1})
    made = EmbeddingRetriever(Nobody(tf.int64), ITEMS, np.ones((3, 1)), k=3)
    made.with_filters(pd.DataFrame({"item_id": ITEMS, "price": [1.0, 2.0, 3.0]}), ["price"])
    with pytest.raises(ValueError, match=r"one name: rename a column. Received: max_price"):
        made.with_fallback(Popularity.of(Interactions(EVENTS, users), "max_price"))
    assert set(made.inputs) == {"segment"}


def test_ratings_are_offered_once():
    class Rater(tf.Module):
        inputs = {"segment": tf.TensorSpec([None], tf.int64)}  # noqa: RUF012

    made = EmbeddingRetriever(Nobody(tf.int64), ITEMS, np.ones((3, 1)), k=3)
    made.with_ratings(Rater()).with_ratings(Rater())
    assert made.signatures.count("predict_rating") == 1


def test_segments_stay_integers_with_what_comes_later():
    first = Popularity.of(data(LARGE_ONES), by="segment")
    nobody = data(pd.Series([None] * 5, dtype=object))
    found = first.later(nobody).in_segments
    pd.testing.assert_frame_equal(found, first.in_segments)
    assert set(found["segment"]) == {LARGE, LARGE - 1}


def test_a_long_segment_makes_no_other_longer():
    """20,000 segments of 3 items and one of 1,000, of which a list each would take 320 MB."""
    items, small, random = 2_000, 20_000, np.random.default_rng(0)
    overall = random.permutation(items) + 1.0
    large = random.permutation(items)[:1_000]
    within = pd.DataFrame(
        {
            "segment": [*np.repeat([f"s{n}" for n in range(small)], 3), *["large"] * 1_000],
            "item_id": [*(np.arange(3 * small) % items), *large],
            "score": [*([3.0, 1.0, 2.0] * small), *np.arange(1_000.0)],
        }
    )
    ids = np.arange(items)
    fallback = Fallback(ids, Popularity(ids, overall, "segment", within))
    assert sum(v.shape.num_elements() * v.dtype.size for v in fallback.variables) < 10**7
    asked, k = ["s0", "large", "nowhere", "s19999"], 6
    rows, scores = fallback.filled(
        tf.ones([4], tf.bool),
        {"segment": tf.constant(asked)},
        tf.fill([4, k], -1),
        tf.fill([4, k], float("-inf")),
        tf.zeros([4, 0], tf.int32),
        k,
        None,
    )
    for row, segment in enumerate(asked):
        worth = overall / (items + 1.0) / 2 - 1.0
        own = within[within["segment"] == segment]
        worth[own["item_id"]] = (own["score"] / (own["score"].max() + 1.0) - 1.0) / 2
        best = np.argsort(-worth)[:k]
        np.testing.assert_array_equal(rows[row], best)
        np.testing.assert_allclose(scores[row], worth[best], rtol=1e-5)
