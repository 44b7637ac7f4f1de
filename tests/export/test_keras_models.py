"""Keras models as embedders: their variables and lookup tables travel, their objects do not."""

import numpy as np
import pytest
import tensorflow as tf

from tests.retrieval.toys import item_ids, item_vectors, texts
from tfrec_recall.export import export, load
from tfrec_recall.retrieval import EmbeddingRetriever

COUNT, DIM = 30, 6


class Tower(tf.Module):
    """A lookup layer, a table and a network, as models have them."""

    def __init__(self):
        super().__init__()
        self.lookup = tf.keras.layers.StringLookup(vocabulary=item_ids(COUNT), mask_token="")
        history = tf.keras.Input([None], dtype="int64")
        embedded = tf.keras.layers.Embedding(COUNT + 2, DIM, mask_zero=True)(history)
        mean = tf.keras.layers.GlobalAveragePooling1D()(embedded)
        self.network = tf.keras.Model(history, tf.keras.layers.Dense(DIM, "tanh")(mean))
        self.inputs = {"history": tf.TensorSpec([None, None], tf.string)}

    def __call__(self, raw):
        return self.network(self.lookup(raw["history"]))


def test_the_export_is_the_model(tmp_path):
    tower = Tower()
    original = EmbeddingRetriever(tower, item_ids(COUNT), item_vectors(COUNT), k=5)
    loaded = load(export(original, tmp_path))
    query = {"history": [["item 3", "item 4"], ["unknown"], []]}
    expected = original(query)
    assert texts(loaded(query)[0]) == texts(expected[0])

    # What the model learns later is not in the export, and does not reach it.
    for weight in tower.network.trainable_weights:
        weight.assign(-2 * weight)
    np.testing.assert_allclose(loaded(query)[1], expected[1], rtol=1e-5)
    assert not np.allclose(original(query)[1], expected[1])


def test_a_functional_model_says_itself_what_its_inputs_are(tmp_path):
    features = {"age": tf.keras.Input([2], name="age"), "price": tf.keras.Input([3], name="price")}
    joined = tf.keras.layers.Concatenate()(list(features.values()))
    model = tf.keras.Model(features, tf.keras.layers.Dense(DIM)(joined))
    specs = {"age": tf.TensorSpec([None, 2]), "price": tf.TensorSpec([None, 3])}
    given = EmbeddingRetriever(model, item_ids(COUNT), item_vectors(COUNT), inputs=specs, k=4)
    said = EmbeddingRetriever(model, item_ids(COUNT), item_vectors(COUNT), k=4)
    assert said.inputs == given.inputs
    loaded = load(export(said, tmp_path))
    query = {"age": np.ones((2, 2)), "price": [[1, 2, 3], [4, 5, 6]]}
    assert texts(loaded(query)[0]) == texts(given(query)[0])


def test_another_keras_model_needs_its_inputs_named():
    class Own(tf.keras.Model):
        def call(self, raw):
            return raw["price"]

    with pytest.raises(ValueError, match=r"pass inputs=\{name: tf\.TensorSpec\}"):
        EmbeddingRetriever(Own(), item_ids(COUNT), item_vectors(COUNT))
