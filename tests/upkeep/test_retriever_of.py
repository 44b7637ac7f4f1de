"""What an export offers beside its lists goes on in the next version, or it is said what does."""

import numpy as np
import pandas as pd
import pytest

from tests.retrieval.toys import item_ids, retriever
from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.export import export, load
from tfrec_recall.retrieval import Popularity
from tfrec_recall.upkeep.updating import retriever_of

ITEMS = pd.DataFrame({"item_id": item_ids(4)})
DAY = 24 * 3600


class Counted:
    """A model whose retriever has counts of its own."""

    def retriever(self, items, index, k, tuning_queries):
        return retriever(4).with_fallback(Popularity(item_ids(4), [9.0, 9.0, 9.0, 9.0]))


def exported(folder, popularity):
    return load(export(retriever(4).with_fallback(popularity), folder / "model"))


def test_what_is_popular_with_a_half_life_stays_and_is_told(tmp_path):
    events = pd.DataFrame(
        {"user_id": list("abc"), "item_id": item_ids(3), "timestamp": [0, DAY, 2 * DAY]}
    )
    events["timestamp"] += 1_600_000_000
    like = exported(tmp_path, Popularity.of(Interactions(events), half_life_days=1.0))
    with pytest.warns(ReadingNotice, match=r"What is popular, by a half-life of 1 days, stays as"):
        made = retriever_of(Counted(), ITEMS, like)
    np.testing.assert_allclose(made.popularity.scores, [0.25, 0.5, 1.0])
    again = load(export(made, tmp_path / "model"))
    assert again.popularity.half_life_days == 1.0


def test_what_is_popular_without_one_is_what_the_model_counts(tmp_path):
    like = exported(tmp_path, Popularity(item_ids(4), [1.0, 2.0, 3.0, 4.0]))
    made = retriever_of(Counted(), ITEMS, like)
    np.testing.assert_allclose(made.popularity.scores, 9.0)
