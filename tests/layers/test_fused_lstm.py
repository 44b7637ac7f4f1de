import numpy as np
import pytest
import tensorflow as tf

from tests.references.sdm import lstm
from tfrec_recall.layers import FusedLSTM

RANDOM = np.random.default_rng(5)
HISTORY = RANDOM.normal(size=(4, 6, 3)).astype("float32")
PRESENT = np.array([[1, 1, 0, 1, 0, 0], [0, 0, 1, 1, 1, 0], [1] * 6, [0] * 6], bool)


@pytest.fixture(scope="module")
def layer():
    layer = FusedLSTM(2)
    layer(HISTORY)
    layer.set_weights([RANDOM.normal(size=w.shape) for w in layer.get_weights()])
    return layer


def test_equals_the_definition(layer):
    expected = [lstm(row, *layer.get_weights()) for row in HISTORY]
    np.testing.assert_allclose(layer(HISTORY), expected, rtol=1e-5, atol=1e-6)


def test_is_keras_lstm_gradients_included(layer):
    theirs = tf.keras.layers.LSTM(2, return_sequences=True)
    theirs(HISTORY)
    theirs.set_weights(layer.get_weights())
    upstream, gradients = RANDOM.normal(size=(4, 6, 2)).astype("float32"), []
    for one in (layer, theirs):
        history = tf.Variable(HISTORY)
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(one(history) * upstream)
        gradients.append(tape.gradient(total, [history, *one.trainable_variables]))
    for ours, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-4, atol=1e-5)


def test_it_begins_as_keras_lstm_does():
    ours, theirs = FusedLSTM(3), tf.keras.layers.LSTM(3)
    ours(HISTORY)
    theirs(HISTORY)
    kernel, recurrent, bias = ours.get_weights()
    np.testing.assert_array_equal(bias, theirs.get_weights()[2])
    np.testing.assert_allclose(recurrent @ recurrent.T, np.eye(3), atol=1e-5)
    assert np.abs(kernel).max() <= (6 / (3 + 12)) ** 0.5


def test_absent_events_keep_the_state(layer):
    result = layer(HISTORY, mask=PRESENT).numpy()
    for row, present in enumerate(PRESENT):
        states = [np.zeros(2), *lstm(HISTORY[row, present], *layer.get_weights())]
        expected = [states[seen] for seen in np.cumsum(present)]
        np.testing.assert_allclose(result[row], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("left", "right"), [(1, 0), (0, 1), (3, 9)])
def test_padding_is_inert(layer, left, right):
    padded = np.pad(HISTORY, [(0, 0), (left, right), (0, 0)], constant_values=np.nan)
    padded[:, left : left + 6][~PRESENT] = np.nan
    history = tf.Variable(padded)
    with tf.GradientTape() as tape:
        result = layer(history, mask=np.pad(PRESENT, [(0, 0), (left, right)]))
        total = tf.reduce_sum(result**2)
    expected = layer(HISTORY, mask=PRESENT)
    np.testing.assert_allclose(result[:, left : left + 6], expected, rtol=1e-5, atol=1e-6)
    for gradient in tape.gradient(total, [history, *layer.trainable_variables]):
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()


def test_layers_on_each_other_have_weights_of_their_own():
    inputs = tf.keras.Input((None, 3))
    model = tf.keras.Model(inputs, FusedLSTM(2)(FusedLSTM(2)(inputs)))
    assert len({id(weight) for weight in model.weights}) == len(model.weights) == 6


def test_impossible_settings_and_shapes_are_refused():
    with pytest.raises(ValueError, match=r"from 1 up\. Received: units=0"):
        FusedLSTM(0)
    with pytest.raises(ValueError, match=r"\[batch, history, width\].*Received: .*\(4, 6\)"):
        FusedLSTM(2)(HISTORY[:, :, 0])


def test_both_ways_it_is_keras_lstm_both_ways():
    lstm_layer = tf.keras.layers.LSTM(2, return_sequences=True)
    ours, theirs = map(tf.keras.layers.Bidirectional, (FusedLSTM(2), lstm_layer))
    ours(HISTORY)
    theirs(HISTORY)
    weights = [RANDOM.normal(size=w.shape) for w in theirs.get_weights()]
    for one in (ours, theirs):
        one.set_weights(weights)
    np.testing.assert_allclose(ours(HISTORY), theirs(HISTORY), rtol=1e-5, atol=1e-6)
    masked = [one(HISTORY, mask=tf.constant(PRESENT))[PRESENT] for one in (ours, theirs)]
    np.testing.assert_allclose(*masked, rtol=1e-5, atol=1e-6)  # Keras' are zeros elsewhere
    again = tf.keras.layers.Bidirectional.from_config(ours.get_config())
    again(HISTORY)
    again.set_weights(weights)
    np.testing.assert_array_equal(again(HISTORY), ours(HISTORY))


def test_it_begins_where_it_is_told_to(layer):
    begin = [tf.constant(RANDOM.normal(size=(4, 2)), tf.float32) for _ in range(2)]
    theirs = tf.keras.layers.LSTM(2, return_sequences=True)
    theirs(HISTORY)
    theirs.set_weights(layer.get_weights())
    for mask in (None, tf.constant(PRESENT)):
        found = [one(HISTORY, initial_state=begin, mask=mask).numpy() for one in (layer, theirs)]
        some = PRESENT if mask is not None else ...
        np.testing.assert_allclose(found[0][some], found[1][some], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(
        layer(HISTORY, initial_state=begin, mask=PRESENT)[1, 0], begin[0][1], rtol=1e-6
    )
    upstream, gradients = RANDOM.normal(size=(4, 6, 2)).astype("float32"), []
    for one in (layer, theirs):
        start = [tf.Variable(values) for values in begin]
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(one(HISTORY, initial_state=start) * upstream)
        gradients.append(tape.gradient(total, start))
    for ours, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, other, rtol=1e-4, atol=1e-5)
    for wrong in ([begin[0], begin[1][:3]], [begin[0], HISTORY[:, 0]], begin[:1], begin[0]):
        with pytest.raises(ValueError, match=r"FusedLSTM takes.*initial_state.*Received"):
            layer(HISTORY, initial_state=wrong)


def test_backwards_a_mask_goes_with_the_states():
    class Masked(tf.keras.layers.Layer):
        def call(self, history):
            return history

        def compute_mask(self, history, mask=None):
            return tf.constant(PRESENT)

    layer = FusedLSTM(2, go_backwards=True)
    found = layer(Masked()(HISTORY))
    np.testing.assert_array_equal(found._keras_mask, PRESENT[:, ::-1])
    as_it_is = FusedLSTM(2)
    as_it_is(HISTORY)
    as_it_is.set_weights(layer.get_weights())
    turned = as_it_is(HISTORY[:, ::-1], mask=PRESENT[:, ::-1])
    np.testing.assert_allclose(found, turned, rtol=1e-6)


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
def test_weights_are_float32_whatever_the_policy(kind):
    layer = FusedLSTM(3, dtype=kind)
    states = layer(tf.ones([2, 4, 5]))
    assert {tf.as_dtype(weight.dtype) for weight in layer.weights} == {tf.float32}
    whole = FusedLSTM(3)
    whole(tf.ones([2, 4, 5]))
    whole.set_weights(layer.get_weights())
    np.testing.assert_array_equal(states, tf.cast(whole(tf.ones([2, 4, 5])), kind))
