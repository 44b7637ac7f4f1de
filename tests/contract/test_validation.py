"""What validation asks after an epoch is the retriever of the epoch before, brought up to date."""

import numpy as np
import pytest

from tests.contract.model_cases import (
    ORIGINAL,
    asked,
    built,
    learnt_after,
    learnt_by,
    requests,
    the_board,
    trained,
)
from tfrec_recall import models
from tfrec_recall.evaluation.callbacks import took_over
from tfrec_recall.retrieval import EmbeddingRetriever

WITH_GRAPHS = {models.MIND, models.Item2Vec}  # several interests; a lift of the scores


@pytest.mark.parametrize("model_class", ORIGINAL)
def test_a_retriever_of_the_epoch_before_answers_as_a_new_one(model_class):
    def answers(retriever):
        return asked(retriever, requests(the_board()), 7, graphs=model_class in WITH_GRAPHS)

    model = built(model_class)
    for weight, value in zip(learnt_by(model), learnt_after(model_class, 1), strict=True):
        weight.assign(value)
    retriever = model.retriever(the_board().items, k=7)
    before = answers(retriever)
    model.set_weights(trained(model_class)[0].get_weights())
    newer = model.retriever(the_board().items, k=7)
    took = took_over(retriever, newer)
    assert took == (type(newer) is EmbeddingRetriever)
    if took:
        now, expected = answers(retriever), answers(newer)
        np.testing.assert_array_equal(now[0], expected[0])
        np.testing.assert_allclose(now[1], expected[1], rtol=1e-5)
        assert not np.array_equal(before[1], now[1])
