import numpy as np
import pytest
import tensorflow as tf

from tests.references.senet import senet
from tfrec_recall.layers import SENet

RANDOM = np.random.default_rng(0)
STACKED = RANDOM.normal(size=(5, 6, 4)).astype("float32")
UNEVEN = tuple(RANDOM.normal(size=(5, width)).astype("float32") for width in (4, 1, 7, 2))
PRESENT = RANDOM.random((5, 6)) < 0.6


def relu(values):
    return np.maximum(values, 0)


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def built(fields, **options):
    """The layer with distinct weights, and its kernels."""
    layer = SENet(**options)
    layer(fields)
    for weight in layer.weights:
        weight.assign(RANDOM.normal(size=weight.shape))
    return layer, *(np.array(weight) for weight in layer.weights)


@pytest.mark.parametrize(
    ("names", "activations"), [({}, (relu, sigmoid)), (("tanh", "relu"), (np.tanh, relu))]
)
def test_equals_the_reference(names, activations):
    options = dict(zip(("activation", "final_activation"), names, strict=False))
    layer, inner, outer = built(STACKED, reduction=2, **options)
    assert inner.shape == (6, 3)
    weighted, weights = layer(STACKED, return_weights=True)
    fields = [STACKED[:, position] for position in range(6)]
    expected, expected_weights = senet(fields, inner, outer, *activations)
    np.testing.assert_allclose(weights, expected_weights, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(weighted, np.stack(expected, axis=1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(layer(STACKED), weighted)


def test_fields_may_have_different_widths():
    layer, inner, outer = built(UNEVEN)
    weighted, weights = layer(UNEVEN, return_weights=True)
    expected, expected_weights = senet(UNEVEN, inner, outer, relu, sigmoid)
    np.testing.assert_allclose(weights, expected_weights, rtol=1e-5)
    np.testing.assert_allclose(weighted, np.concatenate(expected, axis=1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("fields", [STACKED, UNEVEN], ids=["stacked", "apart"])
@pytest.mark.parametrize("return_weights", [False, True])
def test_symbolic_shapes_are_those_of_the_numbers(fields, return_weights):
    inputs = tf.nest.map_structure(lambda field: tf.keras.Input(field.shape[1:]), fields)
    symbolic = SENet()(inputs, return_weights=return_weights)
    found = tf.keras.Model(inputs, symbolic)(fields)
    for said, numbers in zip(tf.nest.flatten(symbolic), tf.nest.flatten(found), strict=True):
        assert tuple(said.shape) == (None, *numbers.shape[1:])
        assert said.dtype == numbers.dtype
    shape = tf.nest.map_structure(lambda field: tf.TensorShape(field.shape), fields)
    assert tuple(SENet().compute_output_shape(shape)) == tuple(tf.nest.flatten(found)[0].shape)


def test_a_tuple_of_equal_fields_is_the_stack_of_them():
    layer, *_ = built(STACKED)
    apart = layer(tuple(STACKED[:, position] for position in range(6)))
    np.testing.assert_allclose(tf.reshape(apart, [5, 6, 4]), layer(STACKED), rtol=1e-5)


def test_a_masked_field_is_absent():
    layer, inner, outer = built(STACKED)
    hidden = np.where(PRESENT[:, :, np.newaxis], STACKED, np.nan).astype("float32")
    weighted, weights = layer(hidden, mask=PRESENT, return_weights=True)
    fields = [STACKED[:, position] for position in range(6)]
    expected, expected_weights = senet(fields, inner, outer, relu, sigmoid, PRESENT)
    np.testing.assert_allclose(weights, expected_weights, rtol=1e-5)
    np.testing.assert_allclose(weighted, np.stack(expected, axis=1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("listed", [False, True])
def test_a_masked_field_among_separate_ones_is_absent(listed):
    layer, inner, outer = built(UNEVEN)
    present = PRESENT[:, : len(UNEVEN)].copy()
    present[:, 1] = True
    columns = present.T[:, :, np.newaxis]
    hidden = [np.where(there, f, np.nan) for there, f in zip(columns, UNEVEN, strict=True)]
    mask = [present[:, 0], None, present[:, 2:3], present[:, 3]] if listed else present
    weighted, weights = layer(tuple(map(tf.constant, hidden)), mask=mask, return_weights=True)
    zeroed = [np.where(there, f, 0) for there, f in zip(columns, UNEVEN, strict=True)]
    expected, expected_weights = senet(zeroed, inner, outer, relu, sigmoid)
    np.testing.assert_allclose(weights, expected_weights, rtol=1e-5)
    np.testing.assert_allclose(weighted, np.concatenate(expected, axis=1), rtol=1e-5, atol=1e-6)


def test_an_embedding_hands_its_mask_on_to_its_own_field():
    ids = tf.keras.Input((), dtype="int32"), tf.keras.Input((), dtype="int32")
    brand = tf.keras.layers.Embedding(5, 3, mask_zero=True)
    country = tf.keras.layers.Embedding(5, 2)
    model = tf.keras.Model(ids, SENet()((brand(ids[0]), country(ids[1]))))
    result = np.array(model([tf.constant([0, 1]), tf.constant([0, 0])]))
    assert not result[0, :3].any()
    assert result[0, 3:].all()
    assert result[1].all()


@pytest.mark.parametrize(
    "mask",
    [PRESENT, PRESENT[0, :4], [None], [PRESENT[0], None, None, None], [PRESENT, None, None, None]],
)
def test_a_mask_of_separate_fields_that_does_not_fit_is_refused(mask):
    with pytest.raises(ValueError, match=r"(?s)SENet takes.*mask.*Received"):
        SENet()(UNEVEN, mask=mask)


def test_weights_can_be_asked_for_in_a_model():
    inputs = tf.keras.Input((6, 4))
    weighted, weights = SENet()(inputs, return_weights=True)
    assert (tuple(weighted.shape), tuple(weights.shape)) == ((None, 6, 4), (None, 6))


def test_the_inner_layer_has_a_unit_at_least():
    _, inner, _ = built(UNEVEN, reduction=100)
    assert inner.shape == (4, 1)


def test_a_field_that_says_nothing_loses_its_weight():
    """The target is the first field's sum; the second is noise."""
    fields = RANDOM.normal(1, 1, size=(512, 2, 3)).astype("float32")
    target = fields[:, 0].sum(axis=1)
    tf.keras.utils.set_random_seed(1)
    layer = SENet(reduction=1, activation="tanh")
    optimizer = tf.keras.optimizers.Adam(0.05)
    layer(fields)
    for _ in range(300):
        with tf.GradientTape() as tape:
            guess = tf.reduce_sum(layer(fields), axis=[1, 2])
            loss = tf.reduce_mean(tf.square(guess - target))
        gradients = tape.gradient(loss, layer.trainable_variables)
        optimizer.apply_gradients(zip(gradients, layer.trainable_variables, strict=True))
    _, weights = layer(fields, return_weights=True)
    first, second = np.mean(weights, axis=0)
    assert first > second + 0.1


def test_other_shapes_and_settings_are_refused():
    for wrong in (tf.ones([2, 3]), (tf.ones([2, 3]), tf.ones([2, 3, 4]))):
        with pytest.raises(ValueError, match=r"takes \[batch, fields, dim\].*Received: shape"):
            SENet()(wrong)
    with pytest.raises(ValueError, match=r"at least 1.*Received: reduction=0.5"):
        SENet(reduction=0.5)
