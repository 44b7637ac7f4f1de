"""What the vectors of rare items shrink to, against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tests.references.shrinkage import likeness, mean_vector, shrunk
from tfrec_recall._keras import saved_by_config
from tfrec_recall.models.item_embeddings import shrunk as module
from tfrec_recall.models.item_embeddings.shrunk import Shrunk

IDS, DIM, M = 13, 3, 2.5  # 0 and 1 are padding and unknown
EVENTS = np.array([0, 0, 1, 2, 3, 50, 7, 0, 4, 1, 0, 9, 1], "float32")
CATEGORY = np.array([0, 0, 2, 3, 2, 3, 2, 3, 0, 0, 4, 2, 4])  # the items of 4 have no vector
WITHOUT = [0, 1, 10, 12]
NEW = np.array([[0, 0, 0]] * 5 + [[0.6, 0, 0.8], [0.8, 0.6, 0]] * 4, "float32")


@saved_by_config
class Fixed(tf.keras.layers.Layer):
    """Vectors that nothing has learnt."""

    def build(self, input_shape):
        rows = np.random.default_rng(4).normal(0.5, 1, (IDS, DIM))
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        rows[WITHOUT] = 0
        self.rows = tf.constant(rows, "float32")
        super().build(input_shape)

    def call(self, inputs):
        ids = inputs[0] if isinstance(inputs, tuple | list) else inputs
        return tf.gather(self.rows, ids)


class Described(Fixed):
    """Of which some would be known without their id."""

    def of_new(self, inputs):
        return tf.gather(NEW, inputs)


def layer(vectors, by=None):
    made = Shrunk(vectors, IDS, DIM, M, by, 5 if by else 0)
    made(tf.range(IDS))
    if by:
        made.category.assign(CATEGORY)
    return made


def plain():
    return Fixed()(tf.range(IDS)).numpy()


def by_category():
    """The mean of each item's category, nothing where it has none."""
    means = np.array([mean_vector(plain(), EVENTS * (one == CATEGORY)) for one in CATEGORY])
    return means * (CATEGORY[:, None] >= 2)


@pytest.mark.parametrize("rows", [4, 100])
@pytest.mark.parametrize("by", [None, "kind"])
def test_vectors_of_few_events_shrink_to_what_is_known(by, rows, monkeypatch):
    monkeypatch.setattr(module, "ROWS", rows)
    made = layer(Fixed(), by)
    np.testing.assert_array_equal(made(tf.range(IDS)), plain())
    made.settle(EVENTS, made.vectors)
    known = by_category() if by else np.zeros((IDS, DIM))
    expected = shrunk(plain(), EVENTS, known, M)
    ids = tf.range(IDS)[tf.newaxis]
    np.testing.assert_allclose(made(ids)[0], expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(made((ids, ids))[0], expected, rtol=1e-4, atol=1e-5)
    of_all = made.of_all(plain(), {"item_id": np.arange(IDS)})
    np.testing.assert_allclose(of_all, expected, rtol=1e-4, atol=1e-5)
    assert np.linalg.norm(of_all[2]) < np.linalg.norm(of_all[5]) < 1  # of 1 event and of 50
    still = (EVENTS == 0) | ~plain().any(axis=1)
    np.testing.assert_array_equal(of_all[still], plain()[still])
    assert not made.trainable_weights


def test_what_a_new_item_would_be_comes_before_the_category():
    made = layer(Described(), "kind")
    made.settle(EVENTS, made.vectors)
    known = by_category()
    known[5:] = likeness(plain(), NEW, EVENTS) * NEW[5:]
    expected = shrunk(plain(), EVENTS, known, M)
    np.testing.assert_allclose(made(tf.range(IDS)), expected, rtol=1e-4, atol=1e-5)


def test_its_configuration_makes_the_same_layer():
    made = layer(Fixed(), "kind")
    again = Shrunk.from_config(made.get_config())
    assert isinstance(again.vectors, Fixed)
    assert again.get_config() == made.get_config()
