"""No list is empty or short where items are left: what is popular follows, below the evidence."""

import numpy as np
import pandas as pd
import pytest

from tests.contract.model_cases import CASES, ITEMS, asked, requests, retrieving, the_board, trained
from tests.contract.test_similar_items import retrievers
from tfrec_recall.models import Popular

STRANGER = -1  # the last of the requests: nobody, from nowhere, without a history


def counts(model_class):
    popularity = trained(model_class)[0].popularity_of(the_board().items)
    return pd.Series(popularity.scores, index=popularity.item_ids)


@pytest.mark.parametrize("model_class", CASES)
def test_a_stranger_gets_what_is_popular_and_nobody_a_short_list(model_class):
    queries = requests(the_board())
    for way, retriever in retrievers(model_class).items():
        if "history_rating" in retriever.inputs:
            queries = {**queries, "history_rating": [[1.0] * len(h) for h in queries["history"]]}
        ids, scores = asked(retriever, queries, ITEMS)
        left_out = np.zeros(len(ids), int)
        if way == "trigger_retriever":  # which never lists the history
            left_out = np.array([len({*history} - {""}) for history in queries["history"]])
        for row, out in enumerate(left_out):
            assert len({*ids[row]} - {""}) == ITEMS - out, way
        assert (scores[:, :-1] >= scores[:, 1:]).all()
        popular = counts(model_class)[ids[STRANGER]].to_numpy()
        assert (np.diff(popular) <= 0).all(), way
        if model_class is not Popular:  # whose own lists these are
            assert scores[STRANGER].max() < 0


def test_what_is_left_out_stays_out_of_what_is_filled():
    retriever = retrieving(next(iter(CASES)))
    queries = {name: values[STRANGER:] for name, values in requests(the_board()).items()}
    whole, _ = asked(retriever, queries, ITEMS)
    ids, scores = asked(retriever, queries, ITEMS, exclude=[whole[0, :3].tolist()])
    assert ids[0].tolist() == [*whole[0, 3:], "", "", ""]
    assert np.isneginf(scores[0, -3:]).all()
