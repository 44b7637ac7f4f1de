"""What an export offers beside its lists goes on in the next version, or it is said what does."""

import numpy as np
import pandas as pd
import pytest

from tests.retrieval.toys import item_ids, retriever
from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.export import export, load
from tfrec_recall.retrieval import Popularity
from tfrec_recall.upkeep.next_retriever import retriever_of

ITEMS = pd.DataFrame({"item_id": item_ids(4)})
DAY = 24 * 3600


class Counted:
    """A model whose retriever has counts of its own."""

    def retriever(self, items, index, k, tuning_queries):
        return retriever(4).with_fallback(Popularity(item_ids(4), [9.0, 9.0, 9.0, 9.0]))


def exported(folder, popularity):
    return load(export(retriever(4).with_fallback(popularity), folder / "model"))


USERS = pd.DataFrame({"user_id": list("abc"), "country": ["de", "fr", "de"]})


def log(users, items, days):
    times = [1_600_000_000 + day * DAY for day in days]
    events = pd.DataFrame({"user_id": list(users), "item_id": items, "timestamp": times})
    return Interactions(events, USERS[USERS["user_id"].isin(list(users))])


@pytest.mark.parametrize("options", [{"half_life_days": 1.0}, {"by": "country"},
                                     {"by": "country", "half_life_days": 2.0}])  # fmt: skip
def test_what_is_popular_goes_on_with_what_was_learnt(options, tmp_path):
    first, since = log("abc", item_ids(3), [0, 1, 2]), log("ab", item_ids(4)[2:], [5, 3])
    both = Interactions(pd.concat([first.events, since.events], ignore_index=True), USERS)
    like = exported(tmp_path, Popularity.of(first, **options))
    made = retriever_of(Counted(), ITEMS, like, since)
    expected, found = Popularity.of(both, **options), made.popularity
    np.testing.assert_array_equal(found.item_ids, expected.item_ids)
    np.testing.assert_allclose(found.scores, expected.scores)
    if "by" in options:
        pd.testing.assert_frame_equal(found.in_segments, expected.in_segments)
    again = load(export(made, tmp_path / "model")).popularity
    assert (again.by, again.half_life_days) == (expected.by, expected.half_life_days)
    assert again.newest == expected.newest


def test_what_was_counted_at_an_unknown_time_stays_and_is_told(tmp_path):
    like = exported(tmp_path, Popularity(item_ids(2), [0.5, 1.0], half_life_days=1.0))
    with pytest.warns(ReadingNotice, match="does not say when it was counted"):
        made = retriever_of(Counted(), ITEMS, like, log("a", item_ids(1), [5]))
    np.testing.assert_allclose(made.popularity.scores, [0.5, 1.0])


def test_what_is_popular_without_one_is_what_the_model_counts(tmp_path):
    like = exported(tmp_path, Popularity(item_ids(4), [1.0, 2.0, 3.0, 4.0]))
    made = retriever_of(Counted(), ITEMS, like, log("a", item_ids(1), [5]))
    np.testing.assert_allclose(made.popularity.scores, 9.0)
