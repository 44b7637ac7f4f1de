"""Functions of the package are traced as they are; what users hand over may ask tensors."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.model_cases import its_features, the_board
from tests.retrieval.toys import DIM, MeanOfHistory, Products, item_ids, item_vectors
from tfrec_recall import models
from tfrec_recall.retrieval import EmbeddingRetriever, ScoringRetriever

RULE = """
from tensorflow.python.autograph.impl import conversion
from tfrec_recall.layers import MaskedMean
from tfrec_recall.retrieval.selection import best
assert conversion.is_allowlisted(best) and conversion.is_allowlisted(MaskedMean(name="m").call)
assert not conversion.is_allowlisted(lambda: 1)
"""


@pytest.mark.parametrize("first", ["tensorflow", "tensorflow.python.autograph.impl.api", "os"])
def test_tensorflow_leaves_them_alone_whatever_comes_first(first):
    subprocess.run([sys.executable, "-c", f"import {first}, tfrec_recall{RULE}"], check=True)


class Doubled(MeanOfHistory):
    def __call__(self, raw):
        found = super().__call__(raw)
        if tf.reduce_any(found > 0):
            found *= 2.0
        return found


class Sure(Products):
    def knows(self, raw):
        if tf.size(raw["country"]) > 1:
            return tf.ones_like(raw["country"], tf.bool)
        return tf.zeros_like(raw["country"], tf.bool)

    def score(self, query, items):
        found = super().score(query, items)
        if tf.reduce_any(found > 0):
            found = -found
        return found


def test_an_embedder_of_a_user_may_ask_tensors():
    ids, vectors = item_ids(40), item_vectors(40)
    asked = {"history": tf.constant([["item 1"], ["item 3"]])}
    lists = []
    for embedder in (Doubled(ids, vectors), MeanOfHistory(ids, vectors)):
        made = EmbeddingRetriever(embedder, ids, vectors, item_embedder=Raised(), k=5)
        lists.append(tf.function(made)(asked))
        found = tf.function(made.embed_item)({"size": tf.constant([-1.0, 2.0])})
        np.testing.assert_array_equal(found[:, 0], [-10.0, 20.0])
    np.testing.assert_array_equal(lists[0][0], lists[1][0])
    np.testing.assert_allclose(lists[0][1], 2 * lists[1][1], rtol=1e-5)


class Raised(tf.Module):
    inputs = {"size": tf.TensorSpec([None], tf.float32)}  # noqa: RUF012

    def __call__(self, raw):
        size = raw["size"]
        if tf.reduce_any(size > 0):
            size *= 10.0
        return tf.repeat(size[:, tf.newaxis], DIM, axis=1)


def test_a_scorer_of_a_user_may_ask_tensors():
    vectors = np.random.default_rng(1).normal(size=(9, 3)).astype("float32")
    asked = {"country": tf.constant(["France", "Chile"])}
    sure, plain = (
        ScoringRetriever(scorer(vectors), item_ids(9), np.arange(2, 11), k=9)
        for scorer in (Sure, Products)
    )
    lists, reverse = (tf.function(one)(asked) for one in (plain, sure))
    np.testing.assert_array_equal(lists[0].numpy()[:, ::-1], reverse[0])


class Halving(tf.keras.layers.Layer):
    def call(self, inputs):
        if tf.reduce_any(inputs > 0):
            inputs /= 2.0
        return inputs


class Quartered(models.YouTubeDNN):
    def compute_loss(self, batch, training=False):
        loss = super().compute_loss(batch, training)
        if loss > 0:
            loss /= 2.0
        return Halving()(loss)


def test_a_loss_and_a_layer_of_a_user_may_ask_tensors():
    losses = []
    for model_class in (Quartered, models.YouTubeDNN):
        tf.keras.utils.set_random_seed(1)
        model = model_class(its_features(), dim=8, hidden=(8,), dropout=0.0)
        model.compile(tf.keras.optimizers.SGD(0.0), jit_compile=False)
        data = model.training_data(the_board(), batch_size=32)
        losses.append(model.fit(data, epochs=1, verbose=0).history["total_loss"][0])
    assert losses[0] == pytest.approx(losses[1] / 4, rel=1e-4)
