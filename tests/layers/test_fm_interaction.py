import numpy as np
import pytest
import tensorflow as tf

from tests.references.fm import factorization_machine, fm_interaction
from tfrec_recall.layers import FMInteraction

FIELDS = np.arange(24, dtype="float32").reshape(2, 3, 4)
PRESENT = np.array([[True, False, True], [True, True, True]])
VALUES = np.array([[0.5, 0, -1, 2, 0], [0, 3, 0, 0.25, 1], [0, 0, 0, 0, 0]], "float32")


def filled(layer, inputs):
    """All weights distinct."""
    layer(inputs)
    generator = np.random.default_rng(3)
    layer.set_weights([generator.normal(size=w.shape) for w in layer.get_weights()])
    return layer


def test_equals_the_double_sum_over_pairs():
    result = FMInteraction(per_factor=True)(FIELDS, mask=PRESENT)
    np.testing.assert_allclose(result, fm_interaction(FIELDS, PRESENT), rtol=1e-6)


@pytest.mark.parametrize(("left", "right"), [(1, 0), (0, 1), (0, 5)])
def test_padding_is_inert(left, right):  # NaN: a mask that multiplies would let it through
    fields = np.pad(FIELDS, [(0, 0), (left, right), (0, 0)], constant_values=np.nan)
    result = FMInteraction()(fields, mask=np.pad(PRESENT, [(0, 0), (left, right)]))
    np.testing.assert_allclose(result, FMInteraction()(FIELDS, mask=PRESENT))


@pytest.mark.parametrize("sparse", [False, True])
def test_learnt_factors_give_the_whole_machine(sparse):
    inputs = tf.sparse.from_dense(VALUES) if sparse else VALUES
    layer = filled(FMInteraction(dim=3, first_order=True, bias=True), VALUES)
    factors = np.array(layer.factors)
    w, bias = np.array(layer.weights_of_features)[:, 0], float(np.array(layer.constant))
    expected = [[factorization_machine(row, bias, w, factors)] for row in VALUES]
    np.testing.assert_allclose(layer(inputs), expected, rtol=1e-5)


def test_field_embeddings_carry_their_first_order_term_last():
    embeddings = FIELDS / 10
    layer = filled(FMInteraction(first_order=True, bias=True), embeddings)
    bias = float(np.array(layer.constant))
    expected = [
        [factorization_machine(np.ones(3), bias, row[:, -1], row[:, :-1])] for row in embeddings
    ]
    np.testing.assert_allclose(layer(embeddings), expected, rtol=1e-5)


def test_an_absent_field_has_no_first_order_term():
    fields = np.where(PRESENT[..., np.newaxis], FIELDS, np.nan)
    result = FMInteraction(first_order=True, per_factor=True)(fields, mask=PRESENT)
    expected = fm_interaction(FIELDS[..., :-1], PRESENT)
    terms = (FIELDS[..., -1] * PRESENT).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(result, np.concatenate([expected, terms], axis=1), rtol=1e-6)


@pytest.mark.parametrize("known", [False, True])
def test_no_field_at_all_has_the_bias_alone(known):
    layer = FMInteraction(bias=True)
    layer(FIELDS)
    layer.constant.assign(0.5)
    shape = [None, 0 if known else None, 4]
    signature = [tf.TensorSpec(shape)]
    traced = tf.function(lambda fields: layer(fields), input_signature=signature, autograph=False)
    np.testing.assert_array_equal(traced(tf.zeros([2, 0, 4])), [[0.5], [0.5]])


def test_factors_learn_from_sparse_values():
    layer = filled(FMInteraction(dim=2, first_order=True), VALUES)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(tf.sparse.from_dense(VALUES)) ** 2)
    for gradient in tape.gradient(loss, layer.trainable_weights):
        assert np.abs(gradient).max() > 0


def test_errors_say_what_came():
    with pytest.raises(ValueError, match=r"takes \[batch, fields, dim\].*Received: .*\(2, 3\)"):
        FMInteraction()(FIELDS[:, :, 0])
    with pytest.raises(ValueError, match=r"takes \[batch, features\].*Received: .*\(2, 3, 4\)"):
        FMInteraction(dim=2)(FIELDS)
    with pytest.raises(ValueError, match=r"from 1 up, or None\. Received: dim=0"):
        FMInteraction(dim=0)
