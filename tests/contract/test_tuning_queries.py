"""Every model tunes its index with what users ask, all interests as they are served."""

import warnings

import numpy as np
import pytest

from tests.contract.model_cases import CASES, requests, the_board, trained
from tfrec_recall import models
from tfrec_recall.data.splits import last_events_out
from tfrec_recall.evaluation import tuning_queries
from tfrec_recall.retrieval import Exact, IndexNotice, ScaNN
from tfrec_recall.retrieval.raw_inputs import tensors

UNSEARCHED = [models.ItemCF, models.UserCF, models.NeuralCF]
SEARCHED = [model for model in CASES if model not in UNSEARCHED]
BY_TRIGGERS = [model for model in CASES if hasattr(model, "trigger_retriever")]


class Recorder:
    """An exact index that keeps what it was to be tuned with.

    Where lists of users are lifted, the second index that is built is that of similar items.
    """

    queries = None

    def build(self, vectors, k=100, queries=None, present=None):
        if self.queries is None:
            self.queries, self.present = queries, present
        return Exact().build(vectors)


def asked():
    return {**requests(the_board()), "objective": [""] * 25}


@pytest.mark.parametrize("model_class", SEARCHED)
def test_the_index_is_tuned_with_the_vectors_that_search_it(model_class):
    recorder = Recorder()
    retriever = trained(model_class)[0].retriever(
        the_board().items, index=recorder, tuning_queries=asked(), k=5
    )
    served = retriever.query_vectors(_tensors(retriever)).numpy()
    ordered = np.random.default_rng(0).permutation(len(served))
    numbers = served.shape[-1]  # a bias of the items adds one, which is 1
    np.testing.assert_allclose(
        recorder.queries[..., :numbers], served[ordered], rtol=1e-5, atol=1e-6
    )
    assert (recorder.queries[..., numbers:] == 1).all()
    if model_class is models.MIND:
        lengths = recorder.present.sum(axis=1)
        assert lengths.min() < recorder.queries.shape[1] == lengths.max()


def _tensors(retriever):
    return tensors(asked(), retriever.inputs, "retriever")


@pytest.mark.parametrize("model_class", BY_TRIGGERS)
def test_triggers_are_tuned_with_the_items_of_histories(model_class):
    recorder, item = Recorder(), the_board().items["item_id"].iloc[3]
    trained(model_class)[0].trigger_retriever(
        the_board().items, index=recorder, tuning_queries={"history": [[item]]}
    )
    vector = trained(model_class)[0].embed_items(the_board().items)[[3]]
    expected = vector / np.linalg.norm(vector)  # of those that are short, the direction
    np.testing.assert_allclose(recorder.queries, expected, rtol=1e-5)


def test_users_who_are_folded_in_tune_the_index_by_their_ratings():
    recorder, items = Recorder(), the_board().items
    raw = {"history": [items["item_id"][3:5].tolist()], "history_rating": [[1.0, 5.0]]}
    retriever = trained(models.FunkSVD)[0].fold_in_retriever(
        items, index=recorder, tuning_queries=raw
    )
    served = retriever.query_vectors(tensors(raw, retriever.inputs, "retriever")).numpy()
    np.testing.assert_allclose(recorder.queries[:, : served.shape[1]], served, rtol=1e-5)


def test_a_shortlist_is_tuned_with_what_searches_it(monkeypatch):
    """The vectors stay with the export, for the next index."""
    recorder, model = Recorder(), trained(models.NeuralCF)[0]
    monkeypatch.setattr(model, "shortlist", 9)
    made = model.retriever(the_board().items, index=recorder, tuning_queries=asked(), k=5)
    served = made.scorer.query_vectors(made.scorer.query(_tensors(made))).numpy()
    ordered = np.random.default_rng(0).permutation(len(served))
    np.testing.assert_allclose(recorder.queries, served[ordered], rtol=1e-5)
    np.testing.assert_allclose(made.tuned_with.queries, served[ordered], rtol=1e-5)


@pytest.mark.parametrize("model_class", UNSEARCHED)
def test_an_index_where_nothing_is_searched_is_told(model_class):
    model, items = trained(model_class)[0], the_board().items
    with pytest.warns(IndexNotice, match="searches no vectors: index=ScaNN"):
        model.retriever(items, index=ScaNN(), k=5, tuning_queries=asked())
    with warnings.catch_warnings():
        warnings.simplefilter("error", IndexNotice)
        model.retriever(items, index=Exact(), k=5)


def test_a_split_says_what_its_users_ask():
    """Of validation: the events before its targets. Without one: before the last of train."""
    split = last_events_out(the_board(), test=1, validation=1)
    inputs = trained(models.MIND)[0].retriever(the_board().items).inputs
    histories = tuning_queries(split)(inputs)["history"].numpy()
    past = split.validation.history.groupby("user_id")["item_id"].agg(list)
    users = np.sort(split.validation.targets["user_id"].unique())
    for row, user in zip(histories, users, strict=True):
        assert [item.decode() for item in row if item] == past.get(user, [])
    fewer = tuning_queries(split, users=3)(inputs)["history"]
    assert fewer.shape[0] == 3


def test_without_validation_they_ask_with_what_comes_before_the_last_of_train():
    split = last_events_out(the_board(), test=1, validation=0)
    inputs = trained(models.MIND)[0].retriever(the_board().items).inputs
    histories = tuning_queries(split)(inputs)["history"].numpy()
    past = split.train.events.groupby("user_id")["item_id"].agg(list).sort_index()
    assert [[item.decode() for item in row if item] for row in histories] == [
        items[:-1] for items in past
    ]
