import numpy as np
import pytest
import tensorflow as tf

from tests.references.layers import cosine
from tfrec_recall.layers import CosineLogits

RANDOM = np.random.default_rng(4)
QUERIES = RANDOM.normal(size=(3, 2, 4)).astype("float32")
CANDIDATES = RANDOM.normal(size=(5, 4)).astype("float32")


def test_equals_the_cosine_of_each_pair_over_the_temperature():
    expected = np.zeros((3, 2, 5))
    for place in np.ndindex(3, 2, 5):
        expected[place] = cosine(QUERIES[place[:2]], CANDIDATES[place[2]]) / 0.2
    layer = CosineLogits(temperature=0.2)
    np.testing.assert_allclose(layer((QUERIES, CANDIDATES)), expected, rtol=1e-5)
    np.testing.assert_allclose(layer((QUERIES[:, 1], CANDIDATES)), expected[:, 1], rtol=1e-5)


def test_the_logits_leave_the_range_of_a_bare_cosine():
    logits = CosineLogits(temperature=0.05)((CANDIDATES, CANDIDATES))
    np.testing.assert_allclose(tf.linalg.diag_part(logits), 20.0, rtol=1e-5)


def test_a_learned_temperature_starts_where_it_is_told_and_learns_its_logarithm():
    layer = CosineLogits(temperature=0.2, learn_temperature=True)
    fixed = CosineLogits(temperature=0.2)
    inputs = (QUERIES, CANDIDATES)
    np.testing.assert_allclose(layer(inputs), fixed(inputs), rtol=1e-5)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(inputs))
    variables = layer.trainable_variables
    (gradient,) = tape.gradient(total, variables)
    np.testing.assert_allclose(gradient, -total, rtol=1e-4)  # d(c / T) / d(log T) = -c / T


def test_half_precision_meets_logits_in_full_precision():
    layer = CosineLogits(temperature=0.01, dtype="mixed_float16")
    logits = layer((QUERIES.astype("float16"), CANDIDATES.astype("float16")))
    assert logits.dtype == tf.float32
    expected = CosineLogits(temperature=0.01)((QUERIES, CANDIDATES))
    np.testing.assert_allclose(logits, expected, atol=0.1)


def test_vectors_without_length_give_zero():
    assert not CosineLogits()((np.zeros((1, 4), "float32"), CANDIDATES)).numpy().any()


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(
        ValueError, match=r"temperature as a number above 0\. Received: temperature=0\.0"
    ):
        CosineLogits(temperature=0.0)


THERE = np.array([[True, False], [True, True], [False, False]])
KNOWN = np.array([True, False, True, True, False])


@pytest.mark.parametrize("masks", [(THERE, None), (None, KNOWN), (THERE, KNOWN)])
def test_what_is_masked_has_the_lowest_logit_and_no_part_in_the_slopes(masks):
    inputs, present = [], np.ones([3, 2, 5], bool)
    for values, mask in zip((QUERIES, CANDIDATES), masks, strict=True):
        hidden = values if mask is None else np.where(mask[..., np.newaxis], values, np.nan)
        inputs.append(tf.constant(hidden))
        if mask is not None:
            inputs[-1]._keras_mask = tf.constant(mask)
            present &= mask[..., np.newaxis] if mask.ndim == 2 else mask
    layer = CosineLogits(temperature=0.2)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        logits = layer(tuple(inputs))
        total = tf.reduce_sum(tf.where(present, logits, 0.0))
    expected = layer((QUERIES, CANDIDATES)).numpy()
    expected = np.where(present, expected, np.finfo("float32").min)
    np.testing.assert_allclose(logits, expected, rtol=1e-5)
    for gradient, mask in zip(tape.gradient(total, inputs), masks, strict=True):
        assert np.isfinite(gradient).all()
        assert mask is None or not gradient.numpy()[~mask].any()
    passed = getattr(logits, "_keras_mask", None)
    assert passed is None if masks[0] is None else (passed.numpy() == THERE).all()


def test_one_mask_is_that_of_the_queries():
    layer = CosineLogits()
    logits = layer((QUERIES[:, 0], CANDIDATES), mask=tf.constant(THERE[:, 1]))
    lowest = logits.numpy() == np.finfo("float32").min
    np.testing.assert_array_equal(lowest.all(axis=1), ~THERE[:, 1])
    assert getattr(logits, "_keras_mask", None) is None
    with pytest.raises(ValueError, match=r"(?s)CosineLogits takes.*`mask`.*Received"):
        layer((QUERIES, CANDIDATES), mask=tf.constant(THERE[:, :1]))
