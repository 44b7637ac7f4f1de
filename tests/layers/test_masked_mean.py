import numpy as np
import pytest
import tensorflow as tf

from tests.references.layers import masked_mean
from tfrec_recall.layers import MaskedMean

RANDOM = np.random.default_rng(2)
HISTORY = RANDOM.normal(size=(3, 5, 4)).astype("float32")
PRESENT = np.array([[1, 1, 0, 1, 1], [0, 1, 0, 0, 1], [1, 1, 1, 1, 1]], bool)
FACTORS = np.array([1.5, 0.2, 3.0])  # by recency; older events share the last


def learned(**options):
    layer = MaskedMean(learned=True, positions=len(FACTORS), **options)
    layer(HISTORY)
    layer.log_factors.assign(np.log(FACTORS))
    return layer


def test_equals_the_mean_of_present_events():
    result = MaskedMean()(HISTORY, mask=PRESENT)
    np.testing.assert_allclose(result, masked_mean(HISTORY, PRESENT), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(MaskedMean()(HISTORY), HISTORY.mean(1), rtol=1e-5, atol=1e-6)


def test_an_event_weighs_half_of_one_that_is_a_half_life_newer():
    result = MaskedMean(half_life=2.0)(HISTORY, mask=PRESENT)
    expected = masked_mean(HISTORY, PRESENT, lambda recency: 0.5 ** (recency / 2))
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("half_life", [None, 3.0])
def test_learned_factors_belong_to_recencies(half_life):
    def weight(recency):
        decay = 1 if half_life is None else 0.5 ** (recency / half_life)
        return FACTORS[min(recency, len(FACTORS) - 1)] * decay

    result = learned(half_life=half_life)(HISTORY, mask=PRESENT)
    np.testing.assert_allclose(result, masked_mean(HISTORY, PRESENT, weight), rtol=1e-5, atol=1e-6)


def test_learned_factors_start_as_the_plain_mean():
    result = MaskedMean(learned=True)(HISTORY, mask=PRESENT)
    np.testing.assert_allclose(result, MaskedMean()(HISTORY, mask=PRESENT), rtol=1e-6)


@pytest.mark.parametrize(("left", "right"), [(1, 0), (0, 1), (0, 9)])
def test_padding_is_inert(left, right):
    padded = np.pad(HISTORY, [(0, 0), (left, right), (0, 0)], constant_values=np.nan)
    padded[:, left : left + 5][~PRESENT] = np.nan
    mask = np.pad(PRESENT, [(0, 0), (left, right)])
    for layer in (MaskedMean(), MaskedMean(half_life=1.5), learned()):
        history = tf.Variable(padded)
        with tf.GradientTape() as tape:
            result = layer(history, mask=mask)
            total = tf.reduce_sum(result**2)
        np.testing.assert_allclose(result, layer(HISTORY, mask=PRESENT), rtol=1e-5, atol=1e-6)
        for gradient in tape.gradient(total, [history, *layer.trainable_variables]):
            assert np.isfinite(tf.convert_to_tensor(gradient)).all()


def test_an_empty_history_gives_zeros_and_finite_gradients():
    layer, history = learned(), tf.Variable(HISTORY)
    with tf.GradientTape() as tape:
        result = layer(history, mask=np.zeros_like(PRESENT))
        total = tf.reduce_sum(result)
    assert not result.numpy().any()
    for gradient in tape.gradient(total, [history, layer.log_factors]):
        assert not tf.convert_to_tensor(gradient).numpy().any()
    assert MaskedMean()(HISTORY[:, :0]).shape == (3, 4)  # no places at all


def test_long_histories_sum_in_full_precision():
    history = tf.cast(tf.fill([1, 4000, 1], 1.25), tf.float16)
    result = MaskedMean(dtype="mixed_float16")(history)
    assert result.dtype == tf.float16
    np.testing.assert_allclose(result, [[1.25]])


def test_the_mask_of_an_embedding_arrives_and_ends_here():
    ids = tf.constant([[3, 0, 1], [0, 0, 0]])
    embedding = tf.keras.layers.Embedding(4, 2, mask_zero=True)
    inputs = tf.keras.Input([None], dtype="int32")
    model = tf.keras.Model(inputs, MaskedMean()(embedding(inputs)))
    table = embedding(tf.range(4)).numpy()
    np.testing.assert_allclose(model(ids), [(table[3] + table[1]) / 2, [0, 0]], rtol=1e-5)


def test_impossible_settings_and_shapes_are_refused():
    with pytest.raises(ValueError, match=r"a number above 0, or None\. Received: half_life=0"):
        MaskedMean(half_life=0)
    with pytest.raises(ValueError, match=r"from 1 up\. Received: positions=0"):
        MaskedMean(positions=0)
    with pytest.raises(ValueError, match=r"positions with learned=True.*Received: positions=9"):
        MaskedMean(positions=9)
    with pytest.raises(ValueError, match=r"takes \[batch, history, dim\].*Received: .*\(3, 5\)"):
        MaskedMean()(HISTORY[:, :, 0])


def test_a_ragged_tensor_is_refused_with_the_way_to_a_mask():
    ragged = tf.RaggedTensor.from_row_lengths(tf.ones([3, 2]), [2, 1])
    with pytest.raises(TypeError, match=r"takes no ragged tensor.*to_tensor\(\).*sequence_mask"):
        MaskedMean()(ragged)
    mask = tf.sequence_mask(ragged.row_lengths())
    np.testing.assert_allclose(MaskedMean()(ragged.to_tensor(), mask=mask), np.ones([2, 2]))


@pytest.mark.parametrize("options", [{}, {"half_life": 2.0}, {"learned": True}])
def test_gradients_are_those_of_the_formula(options):
    """Of events and of factors, whatever stands in padding, also where nobody has an event."""
    draw = np.random.default_rng(0)
    present = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 1, 1]], bool)
    whole, upstream = draw.normal(size=(3, 4, 2)).astype("float32"), draw.normal(size=(3, 2))
    layer = MaskedMean(**options)
    history = tf.Variable(np.where(present[..., np.newaxis], whole, np.nan))
    layer(history, mask=present)
    watched = [history, *layer.trainable_weights]
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(history, mask=present) * upstream)
    found = [tf.convert_to_tensor(one) for one in tape.gradient(loss, watched)]

    recency = np.cumsum(present[:, ::-1], axis=1)[:, ::-1] - present
    weights = present * 0.5 ** (recency / options.get("half_life", np.inf))
    weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    np.testing.assert_allclose(
        found[0], weights[..., np.newaxis] * upstream[:, np.newaxis], rtol=1e-5, atol=1e-7
    )
    if options.get("learned"):  # a softmax of the factors, all 0 yet
        along = (whole * upstream[:, np.newaxis]).sum(axis=-1)
        of_logits = weights * (along - (weights * along).sum(axis=1, keepdims=True))
        expected = np.zeros(layer.positions)
        np.add.at(expected, recency[present], of_logits[present])
        np.testing.assert_allclose(found[1], expected, rtol=1e-4, atol=1e-6)
