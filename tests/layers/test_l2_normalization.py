import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.layers import L2Normalization

VECTORS = np.random.default_rng(1).normal(size=(2, 3, 4)).astype("float32")


@pytest.mark.parametrize("axis", [-1, 1])
def test_divides_by_the_length(axis):
    result = L2Normalization(axis=axis)(VECTORS)
    np.testing.assert_allclose(np.square(result).sum(axis), 1, rtol=1e-6)
    np.testing.assert_allclose(
        result, VECTORS / np.sqrt((VECTORS**2).sum(axis, keepdims=True)), rtol=1e-5
    )


@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-7])
def test_vectors_without_a_direction_give_zeros_and_no_gradient(scale):
    vectors = tf.Variable(VECTORS[0] * scale)
    with tf.GradientTape() as tape:
        result = L2Normalization()(vectors)
        total = tf.reduce_sum(result)
    assert not result.numpy().any()
    assert not tape.gradient(total, vectors).numpy().any()


@pytest.mark.parametrize("epsilon", [1e-38, 1e-30])
@pytest.mark.parametrize("scale", [0.0, 1e-25, 1e-19, 1e-15])
def test_no_epsilon_lets_the_gradient_of_nothing_be_nan(epsilon, scale):
    vectors = tf.Variable(VECTORS[0] * scale)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(L2Normalization(epsilon=epsilon)(vectors))
    assert not tape.gradient(total, vectors).numpy().any()


def test_short_vectors_become_as_long_as_any():
    np.testing.assert_allclose(
        L2Normalization()(VECTORS * 1e-5), L2Normalization()(VECTORS), rtol=1e-4
    )


def test_epsilon_is_a_length():
    result = L2Normalization(epsilon=0.1)(tf.constant([[0.0, 0.09], [0.0, 0.11]]))
    np.testing.assert_allclose(result, [[0, 0], [0, 1]], rtol=1e-6)


def test_the_gradient_is_the_projection_off_the_vector():
    vector, direction = tf.Variable([[3.0, 4.0]]), np.array([[1.0, 2.0]])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(L2Normalization()(vector) * direction)
    unit = np.array([[0.6, 0.8]])
    expected = (direction - unit * (unit * direction).sum()) / 5
    np.testing.assert_allclose(tape.gradient(total, vector), expected, rtol=1e-5)


def test_half_precision_does_not_overflow_inside():
    result = L2Normalization(dtype="mixed_float16")(tf.constant([[300.0, 400.0]], tf.float16))
    assert result.dtype == tf.float16
    np.testing.assert_allclose(result, [[0.6, 0.8]], rtol=1e-3)
