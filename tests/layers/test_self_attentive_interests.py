import numpy as np
import pytest
import tensorflow as tf

from tests.references.interests import self_attentive_interests
from tfrec_recall.layers import SelfAttentiveInterests

RANDOM = np.random.default_rng(8)
HISTORY = RANDOM.normal(size=(3, 6, 4)).astype("float32")
PRESENT = np.array([[1, 1, 0, 1, 1, 0], [0, 1, 0, 0, 1, 0], [1, 1, 1, 1, 1, 1]], bool)


def attentive(**options):
    layer = SelfAttentiveInterests(**{"interests": 2, "hidden": 5, "positions": 3, **options})
    layer(HISTORY)
    for weight in layer.weights:
        weight.assign(RANDOM.normal(size=weight.shape))
    return layer


@pytest.mark.parametrize("positions", [3, 0])
def test_equals_the_papers_equations(positions):
    layer = attentive(positions=positions)
    recencies = layer.recencies.numpy() if positions else np.zeros((1, 4))
    expected = [
        self_attentive_interests(row, present, layer.inner.numpy(), layer.outer.numpy(), recencies)
        for row, present in zip(HISTORY, PRESENT, strict=True)
    ]
    np.testing.assert_allclose(layer(HISTORY, mask=PRESENT), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("left", "right"), [(1, 0), (0, 1), (2, 30)])
def test_padding_is_inert(left, right):
    padded = np.pad(HISTORY, [(0, 0), (left, right), (0, 0)], constant_values=np.nan)
    padded[:, left : left + 6][~PRESENT] = np.nan
    layer, history = attentive(), tf.Variable(padded)
    with tf.GradientTape() as tape:
        result = layer(history, mask=np.pad(PRESENT, [(0, 0), (left, right)]))
        total = tf.reduce_sum(result**2)
    np.testing.assert_allclose(result, layer(HISTORY, mask=PRESENT), rtol=1e-5, atol=1e-6)
    for gradient in tape.gradient(total, [history, *layer.trainable_variables]):
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()


def test_without_positions_the_order_means_nothing():
    turned = HISTORY[:, ::-1]
    plain, placed = attentive(positions=0), attentive()
    np.testing.assert_allclose(plain(turned), plain(HISTORY), rtol=1e-4, atol=1e-5)
    assert np.abs(placed(turned) - placed(HISTORY)).max() > 1e-2


def test_an_empty_history_is_one_interest_of_zeros():
    layer, nothing = attentive(), np.zeros_like(PRESENT)
    assert not layer(HISTORY, mask=nothing).numpy().any()
    mask = layer.compute_mask(tf.constant(HISTORY), tf.constant(nothing)).numpy()
    np.testing.assert_array_equal(mask, [[True, False]] * 3)
    assert layer.compute_mask(tf.constant(HISTORY), tf.constant(PRESENT)).numpy().all()
    assert layer(HISTORY[:, :0]).shape == (3, 2, 4)


def test_impossible_settings_and_shapes_are_refused():
    with pytest.raises(ValueError, match=r"from 1 up\. Received: interests=0"):
        SelfAttentiveInterests(interests=0)
    with pytest.raises(ValueError, match=r"\[batch, history, dim\].*Received: .*\(3, 6\)"):
        SelfAttentiveInterests()(HISTORY[:, :, 0])
