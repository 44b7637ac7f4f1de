import numpy as np
import pytest
import tensorflow as tf

from tests.references.layers import masked_mean
from tfrec_recall.layers import RunningMean

RANDOM = np.random.default_rng(2)
HISTORY = RANDOM.normal(size=(4, 5, 3)).astype("float32")
PRESENT = np.array([[1, 1, 0, 1, 1], [0, 1, 0, 0, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], bool)
PLACES = np.array([[4, 2, -1], [0, 1, 4], [3, 0, 4], [4, 0, -1]])
FACTORS = np.array([1.5, 0.2, 3.0])  # by recency; older events share the last


def learned():
    layer = RunningMean(learned=True, positions=len(FACTORS))
    layer((HISTORY, PLACES))
    layer.log_factors.assign(np.log(FACTORS))
    return layer


def by_hand(weight):
    """Of each place, the mean of what the history was then."""
    reached = [PRESENT & (np.arange(5) <= PLACES[:, [n]]) for n in range(3)]
    return np.stack([masked_mean(HISTORY, present, weight) for present in reached], axis=1)


def test_equals_the_mean_of_what_was_there():
    result = RunningMean()((HISTORY, PLACES), mask=[PRESENT, None])
    np.testing.assert_allclose(result, by_hand(lambda recency: 1.0), rtol=1e-5, atol=1e-6)
    without = RunningMean()((HISTORY, PLACES))
    np.testing.assert_allclose(without[0, 1], HISTORY[0, :3].mean(0), rtol=1e-5)


def test_factors_belong_to_recencies_at_the_place():
    result = learned()((HISTORY, PLACES), mask=[PRESENT, None])
    expected = by_hand(lambda recency: FACTORS[min(recency, 2)])
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("left", "right"), [(1, 0), (0, 1), (2, 9)])
def test_padding_is_inert(left, right):
    padded = np.pad(HISTORY, [(0, 0), (left, right), (0, 0)], constant_values=np.nan)
    padded[:, left : left + 5][~PRESENT] = np.nan
    mask, layer = np.pad(PRESENT, [(0, 0), (left, right)]), learned()
    places = np.where(PLACES < 0, -1, PLACES + left)
    history = tf.Variable(padded)
    with tf.GradientTape() as tape:
        result = layer((history, places), mask=[mask, None])
        total = tf.reduce_sum(result**2)
    expected = layer((HISTORY, PLACES), mask=[PRESENT, None])
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
    for gradient in tape.gradient(total, [history, layer.log_factors]):
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()


def test_long_histories_sum_in_full_precision():
    history = tf.cast(tf.fill([1, 4000, 1], 1.25), tf.float16)
    result = RunningMean(dtype="mixed_float16")((history, tf.constant([[3999]])))
    assert result.dtype == tf.float16
    np.testing.assert_allclose(result, [[[1.25]]])


def test_impossible_settings_and_shapes_are_refused():
    with pytest.raises(ValueError, match=r"from 1 up\. Received: positions=0"):
        RunningMean(positions=0)
    with pytest.raises(ValueError, match=r"positions with learned=True.*Received: positions=9"):
        RunningMean(positions=9)
    with pytest.raises(ValueError, match=r"RunningMean takes .*Received: .*\(4, 5\)"):
        RunningMean()((HISTORY[:, :, 0], PLACES))
