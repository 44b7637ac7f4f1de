"""Draws by the seed of a step."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.layers import LSTMAggregator
from tfrec_recall.layers.draws import next_seed, normal, seeded, uniform


def drawn(step):
    with seeded(tf.constant([3, step])):
        return [uniform([4]).numpy().tolist(), normal([4]).numpy().tolist(), uniform([4]).numpy()]


def test_a_step_draws_the_same_again_and_another_step_others():
    first, again, other = drawn(1), drawn(1), drawn(2)
    assert first[:2] == again[:2]
    assert (first[2] == again[2]).all()
    assert not (first[2] == first[0]).any()  # each draw of a step has a seed of its own
    assert not (first[2] == other[2]).any()


def test_a_compiled_step_draws_the_same_again():
    """XLA makes other numbers of a seed than TensorFlow, and always the same."""

    @tf.function(jit_compile=True)
    def compiled(step):
        with seeded(tf.stack([3, step])):
            return tf.stack([uniform([4]), normal([4])])

    first = compiled(tf.constant(1))
    np.testing.assert_array_equal(compiled(tf.constant(1)), first)
    assert (compiled(tf.constant(2)) != first).numpy().all()


def test_without_a_step_tensorflow_decides():
    assert next_seed() is None
    tf.random.set_seed(1)
    first = uniform([3]).numpy()
    tf.random.set_seed(1)
    np.testing.assert_array_equal(uniform([3]), first)


def test_an_error_ends_the_step():
    with pytest.raises(KeyError), seeded(tf.constant([1, 1])):
        raise KeyError
    assert next_seed() is None


def test_a_layer_draws_by_the_step():
    layer = LSTMAggregator(2, 3)
    nodes = tf.ones([2, 4]), tf.random.stateless_normal([2, 5, 4], [1, 2])

    def call():
        with seeded(tf.constant([8, 1])):
            return layer(nodes, training=True).numpy()

    np.testing.assert_array_equal(call(), call())
