"""The mean direction, against NumPy."""

import numpy as np
import tensorflow as tf

from tfrec_recall.models.graphs.centring import Centring


def test_vectors_are_seen_from_the_mean_direction():
    vectors = np.random.default_rng(0).normal(1.0, 1.0, (40, 8)).astype("float32")
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    centring = Centring(8)
    np.testing.assert_allclose(centring(vectors), units, rtol=1e-5, atol=1e-6)

    centring.centre(vectors)
    expected = units - units.mean(axis=0)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(centring(vectors), expected, rtol=1e-4, atol=1e-5)
    assert not centring.trainable_weights


def test_nothing_stays_nothing():
    centring = Centring(2)
    centring.centre(np.array([[3.0, 4.0]]))
    found = centring(tf.constant([[0.0, 0.0], [1.0, 0.0]])).numpy()
    np.testing.assert_array_equal(found[0], 0)
    assert np.linalg.norm(found[1]) > 0.99
