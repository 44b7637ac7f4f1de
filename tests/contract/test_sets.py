"""Without times a history is a set: of any size, empty too, and sent in whatever order."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.model_cases import GRADIENT_MODELS, SEEN, built, the_board
from tfrec_recall import models
from tfrec_recall.features import Categorical, Features, History, MultiValued

NEED_TIMES = {models.AirbnbListing, models.SDM}
WITHOUT_HISTORY = {models.AirbnbType, models.FunkSVD, models.NeuralCF}
OF_SETS = [c for c in GRADIENT_MODELS if c not in NEED_TIMES | WITHOUT_HISTORY]
OF_NODES = {models.GraphSAGE, models.PinSAGE}
SETTINGS = {models.MIND: {"deviation": 1.0}}


@functools.cache
def timeless():
    board = the_board()
    return board.with_events(board.events.drop(columns="timestamp"))


@functools.cache
def embedder(model_class, **settings):
    """Of a model whose weights are random, also those that begin as zeros."""
    features = Features(
        user=[History(length=SEEN)], item=[Categorical("item_id"), MultiValued("tags")]
    ).adapt(timeless())
    model = built(model_class, features, **{**SETTINGS.get(model_class, {}), **settings})
    if model_class in OF_NODES:  # an item is known by its edges
        model.training_data(timeless())
    random = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(0.3 * random.normal(size=weight.shape))
    for weight in model.weights:
        if "learnt:" in weight.name:  # of item2vec's kind: who has a vector
            weight.assign(tf.ones_like(weight))
    return model.query_embedder()


def vectors(embed, histories):
    """Those of interests that are there, for a model of several."""
    found, *present = tf.nest.flatten(embed({"history": tf.constant(histories)}))
    return tf.where(present[0][:, :, tf.newaxis], found, 0.0) if present else found


@pytest.mark.parametrize("model_class", OF_SETS)
def test_the_order_in_which_a_set_is_sent_means_nothing(model_class):
    """Of three events, and of more than the length, which training cuts its own to."""
    kinds = [{}, {"self_attentive": True}] if model_class is models.MIND else [{}]
    names = the_board().items["item_id"].tolist()
    for settings in kinds:
        embed = embedder(model_class, **settings)
        for size in (3, SEEN + 5):
            sent = [names[:size], names[5 : 5 + size]]
            expected = vectors(embed, sent)
            found = vectors(embed, [history[::-1] for history in sent])
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
            assert np.abs(expected[0] - expected[1]).max() > 1e-3


@pytest.mark.parametrize("model_class", OF_SETS)
def test_an_empty_set_is_an_ordinary_request(model_class):
    for found in (vectors(embedder(model_class), [[""]]), vectors(embedder(model_class), [["?"]])):
        assert found.shape[0] == 1
        assert np.isfinite(found).all()
