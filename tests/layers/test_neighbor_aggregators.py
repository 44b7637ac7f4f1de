import numpy as np
import pytest
import tensorflow as tf

from tests.references import neighbourhoods as reference
from tfrec_recall.layers import (
    GCNAggregator,
    LSTMAggregator,
    MaxPoolAggregator,
    MeanAggregator,
    PinSAGEConvolution,
)

GENERATOR = np.random.default_rng(5)
OWN = GENERATOR.normal(size=(4, 3)).astype("float32")
NEIGHBOURS = GENERATOR.normal(size=(4, 5, 3)).astype("float32")
# All, some with a gap at the front, one, none.
PRESENT = np.array([[1, 1, 1, 1, 1], [0, 1, 0, 1, 1], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]], bool)
HIDDEN = np.where(PRESENT[..., None], NEIGHBOURS, np.nan)

AGGREGATORS = {
    "mean": (lambda: MeanAggregator(2, "tanh"), reference.mean_aggregator),
    "gcn": (lambda: GCNAggregator(2, "tanh"), reference.gcn_aggregator),
    "max-pool": (lambda: MaxPoolAggregator(2, 6, "tanh"), reference.max_pool_aggregator),
    "lstm": (lambda: LSTMAggregator(2, 6, "tanh"), reference.lstm_aggregator),
}
each = pytest.mark.parametrize("name", AGGREGATORS)


def layer_of(make, *arguments, **keywords):
    layer = make()
    layer(*arguments, **keywords)
    layer.set_weights([GENERATOR.normal(size=w.shape) for w in layer.get_weights()])
    return layer


@each
def test_equals_the_equations(name):
    make, equation = AGGREGATORS[name]
    layer = layer_of(make, (OWN, NEIGHBOURS))
    expected = equation(OWN, NEIGHBOURS, np.ones_like(PRESENT), *layer.get_weights())
    np.testing.assert_allclose(layer((OWN, NEIGHBOURS)), expected, rtol=1e-4, atol=1e-5)
    expected = equation(OWN, NEIGHBOURS, PRESENT, *layer.get_weights())
    found = layer((OWN, tf.constant(HIDDEN, tf.float32)), mask=(None, tf.constant(PRESENT)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@each
def test_the_mask_that_keras_hands_on_is_taken_and_ends(name):
    layer = layer_of(AGGREGATORS[name][0], (OWN, NEIGHBOURS))
    neighbours = tf.constant(HIDDEN, tf.float32)
    neighbours._keras_mask = tf.constant(PRESENT)
    result = layer((tf.constant(OWN), neighbours))
    assert np.isfinite(result).all()
    assert getattr(result, "_keras_mask", None) is None


@each
def test_no_column_of_neighbours_is_an_ordinary_input(name):
    make, equation = AGGREGATORS[name]
    if name == "lstm":
        pytest.skip("Keras' LSTM wants one place or more, which may be masked")
    layer = layer_of(make, (OWN, NEIGHBOURS))
    none = np.zeros((4, 0, 3), "float32")
    expected = equation(OWN, none, np.zeros((4, 0)), *layer.get_weights())
    np.testing.assert_allclose(layer((OWN, none)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["mean", "gcn", "max-pool"])
def test_the_order_of_neighbours_means_nothing(name):
    layer = layer_of(AGGREGATORS[name][0], (OWN, NEIGHBOURS))
    turned = NEIGHBOURS[:, ::-1]
    np.testing.assert_allclose(layer((OWN, turned)), layer((OWN, NEIGHBOURS)), rtol=1e-5, atol=1e-6)


def test_the_lstm_reads_in_a_random_order_in_training_alone():
    layer = layer_of(AGGREGATORS["lstm"][0], (OWN, NEIGHBOURS))
    inputs = (np.repeat(OWN[:1], 200, axis=0), np.repeat(NEIGHBOURS[:1], 200, axis=0))
    still = np.asarray(layer(inputs))
    assert np.ptp(still, axis=0).max() < 1e-6
    orders = np.unique(np.asarray(layer(inputs, training=True)).round(4), axis=0)
    assert 60 < len(orders) <= 120  # of the 120 orders of five neighbours


def test_a_permutation_keeps_neighbours_with_their_masks():
    layer = layer_of(AGGREGATORS["lstm"][0], (OWN, NEIGHBOURS))
    one = np.zeros((50, 5), bool)
    one[:, 2] = True
    inputs = (np.repeat(OWN[:1], 50, axis=0), np.repeat(NEIGHBOURS[:1], 50, axis=0))
    mask = (None, tf.constant(one))
    np.testing.assert_allclose(
        layer(inputs, mask=mask, training=True), layer(inputs, mask=mask), rtol=1e-5, atol=1e-6
    )


def test_no_kernel_is_taken_that_refuses_gaps_in_a_mask():
    """As cuDNN's, which Keras 3 would take on a GPU; Keras 2 takes it where the mask has none."""
    assert not getattr(LSTMAggregator(2, 6).lstm, "use_cudnn", False)


def convolution(importance):
    def make():
        return PinSAGEConvolution(2, 6, "tanh")

    return layer_of(make, (OWN, NEIGHBOURS), importance=importance)


def test_the_convolution_equals_the_algorithm():
    importance = GENERATOR.uniform(size=(4, 5)).astype("float32") * PRESENT
    layer = convolution(importance)
    expected = reference.pinsage_convolution(OWN, NEIGHBOURS, importance, *layer.get_weights())
    # Neighbours without importance may hold anything.
    found = layer((OWN, tf.constant(HIDDEN, tf.float32)), importance=importance)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    masked = layer(
        (OWN, tf.constant(HIDDEN, tf.float32)),
        importance=np.where(importance > 0, importance, 1.0),
        mask=(None, tf.constant(PRESENT)),
    )
    np.testing.assert_allclose(masked, expected, rtol=1e-4, atol=1e-5)


def test_importance_is_relative():
    importance = GENERATOR.uniform(size=(4, 5)).astype("float32")
    layer = convolution(importance)
    np.testing.assert_allclose(
        layer((OWN, NEIGHBOURS), importance=7 * importance),
        layer((OWN, NEIGHBOURS), importance=importance),
        rtol=1e-5,
        atol=1e-6,
    )


def test_importance_may_be_counts_that_no_half_holds():
    counts = GENERATOR.uniform(7e4, 2e5, size=(4, 5)).astype("float32")
    counts[:, 0] *= 1e-14  # the smallest float16 above 0 is 6e-8
    half = PinSAGEConvolution(2, 6, "tanh", dtype="mixed_float16")
    half((OWN, NEIGHBOURS), importance=counts)
    exact = convolution(counts)
    half.set_weights(exact.get_weights())
    for importance in (counts, counts * np.float32(1e-12)):
        found = half((OWN, NEIGHBOURS), importance=tf.constant(importance))
        assert found.dtype == tf.float16
        expected = exact((OWN, NEIGHBOURS), importance=importance)
        np.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(
    "layer", [MeanAggregator(2), GCNAggregator(2), MaxPoolAggregator(2, 3), LSTMAggregator(2, 3)]
)
def test_wrong_shapes_are_named(layer):
    with pytest.raises(ValueError, match=r"nodes \[nodes, dim\].*Received: shapes \(4, 3\)"):
        layer.build([(4, 3), (4, 3)])


def test_a_node_and_its_neighbours_have_one_mean():
    with pytest.raises(ValueError, match=r"of one width\. Received: 3 and 4"):
        GCNAggregator(2).build([(4, 3), (4, 5, 4)])
