import math

import numpy as np
import pytest
import tensorflow as tf

from tests.references.interests import label_aware_attention
from tfrec_recall.layers import LabelAwareAttention

RANDOM = np.random.default_rng(6)
INTERESTS = RANDOM.normal(size=(4, 3, 5)).astype("float32")
CANDIDATE = RANDOM.normal(size=(4, 5)).astype("float32")
SCORES = np.einsum("bkd,bd->bk", INTERESTS, CANDIDATE)
THERE = np.array([[1, 1, 1], [1, 0, 0], [1, 1, 0], [0, 0, 0]], bool)
POWERS = [0, 0.5, 1, 2, 3, 100, 1e6, 1e30, 1e38, 1e300, math.inf]


def weights(power, interests=INTERESTS, candidate=CANDIDATE, mask=None):
    """Of each interest, read off interests that carry their number in further coordinates."""
    count = interests.shape[1]
    numbers = np.broadcast_to(np.eye(count, dtype="float32"), (len(interests), count, count))
    tagged = np.concatenate([interests, numbers], axis=2)
    padded = np.pad(candidate, [(0, 0), (0, count)])
    result = LabelAwareAttention(power=power)((tagged, padded), mask=mask)
    return result.numpy()[:, interests.shape[2] :]


@pytest.mark.parametrize("power", [0, 1])
def test_equals_the_papers_equation_where_that_is_good(power):
    expected = [
        label_aware_attention(*row, power) for row in zip(INTERESTS, CANDIDATE, strict=True)
    ]
    result = LabelAwareAttention(power=power)((INTERESTS, CANDIDATE))
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


def test_power_multiplies_the_scores():
    expected = np.exp(2.5 * SCORES) / np.exp(2.5 * SCORES).sum(1, keepdims=True)
    np.testing.assert_allclose(weights(2.5), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("scale", [1e-3, 1, 1e4])
def test_every_power_is_finite_and_keeps_the_order(power, scale):
    given = weights(power, INTERESTS * np.float32(scale))
    assert np.isfinite(given).all()
    np.testing.assert_allclose(given.sum(1), 1, rtol=1e-5)
    by_score = np.take_along_axis(given, SCORES.argsort(1), axis=1)
    assert (np.diff(by_score, axis=1) >= -1e-6).all()  # a better score never weighs less


@pytest.mark.parametrize("power", [1e6, 1e38, math.inf])
def test_infinity_takes_the_best_alone(power):
    best = np.eye(3)[SCORES.argmax(1)]
    np.testing.assert_allclose(weights(power), best, atol=1e-6)
    equal = np.repeat(INTERESTS[:, :1], 3, axis=1)
    np.testing.assert_allclose(weights(power, equal), 1 / 3, rtol=1e-6)


def test_even_powers_do_not_let_the_most_negative_win():
    interests = np.array([[[0.5, 0], [-3, 0]]], "float32")
    assert (weights(2, interests, np.array([[1, 0]], "float32"))[0] > 0.5).tolist() == [True, False]


@pytest.mark.parametrize("power", POWERS)
def test_interests_that_are_not_there_weigh_nothing(power):
    hidden = np.where(THERE[:, :, np.newaxis], INTERESTS, np.nan)
    layer = LabelAwareAttention(power=power)
    result = layer((hidden, CANDIDATE), mask=(tf.constant(THERE), None))
    for row, there in enumerate(THERE[:3]):
        alone = layer((INTERESTS[row : row + 1, there], CANDIDATE[row : row + 1]))
        np.testing.assert_allclose(result[row], alone[0], rtol=1e-5, atol=1e-6)
    assert not result[3].numpy().any()


@pytest.mark.parametrize(
    ("power", "raised"),
    [
        *((power, False) for power in (0, 1, 7.5, 1e6, math.inf)),
        *((power, True) for power in (0, 1, 2, 3, 100, 1e6, 1e30, math.inf)),
    ],
)
@pytest.mark.parametrize("scale", [1, 1e4])
def test_gradients_are_finite(power, raised, scale):
    inputs = tf.Variable(INTERESTS * np.float32(scale)), tf.Variable(CANDIDATE)
    with tf.GradientTape() as tape:
        layer = LabelAwareAttention(power=power, raised=raised)
        total = tf.reduce_sum(layer(inputs, mask=THERE) ** 2)
    for gradient in tape.gradient(total, inputs, unconnected_gradients="zero"):
        assert np.isfinite(gradient).all()


@pytest.mark.parametrize("power", [0, 1, 2, 3])
def test_raised_is_the_papers_equation(power):
    layer = LabelAwareAttention(power=power, raised=True)
    expected = [
        label_aware_attention(*row, power) for row in zip(INTERESTS, CANDIDATE, strict=True)
    ]
    np.testing.assert_allclose(layer((INTERESTS, CANDIDATE)), expected, rtol=1e-4, atol=1e-5)


def test_raised_takes_the_best_of_what_is_far_beyond_the_largest_number():
    interests = np.array([[[1.5, 0], [3, 0], [-9, 0]]], "float32")
    for power in (101, 1e9, 1e30):
        layer = LabelAwareAttention(power=power, raised=True)
        found = layer((interests[:, : 2 + (power == 101)], np.array([[1, 0]], "float32")))
        expected = [3, 0] if power == 101 else [2.25, 0]  # both are
        np.testing.assert_array_equal(found, [expected])


def test_one_interest_is_itself():
    for power in POWERS:
        result = LabelAwareAttention(power=power)((INTERESTS[:, :1], CANDIDATE))
        np.testing.assert_allclose(result, INTERESTS[:, 0], rtol=1e-6)


def test_impossible_settings_and_shapes_are_refused():
    for power in (-1, math.nan):
        with pytest.raises(ValueError, match=r"a number at least 0\. Received: power="):
            LabelAwareAttention(power=power)
    with pytest.raises(ValueError, match=r"a candidate \[batch, dim\]\. Received: .*\(4, 3, 5\)"):
        LabelAwareAttention()((INTERESTS, INTERESTS))
