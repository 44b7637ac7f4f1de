import numpy as np
import pytest
import tensorflow as tf

from tests.references.side_info_pooling import weighted
from tfrec_recall.layers import SideInfoPooling

GENERATOR = np.random.default_rng(3)
FIELDS = GENERATOR.normal(size=(5, 3, 4)).astype("float32")
PRESENT = np.array([[1, 1, 1], [1, 0, 1], [0, 1, 1], [1, 0, 0], [0, 0, 0]], bool)
IDS = np.array([6, 2, 2, 0, 3])
WEIGHTS = GENERATOR.normal(size=(7, 3)).astype("float32")


def pooled(side_info, fields=FIELDS, present=PRESENT):
    layer = SideInfoPooling(7, side_info)
    layer(FIELDS, item_id=IDS)
    if side_info == "weighted":
        layer.set_weights([WEIGHTS])
    return layer(fields, item_id=IDS, mask=None if present is None else tf.constant(present))


@pytest.mark.parametrize("present", [PRESENT, np.ones_like(PRESENT)])
@pytest.mark.parametrize("side_info", ["weighted", "mean"])
def test_equals_the_equation(side_info, present):
    weights = WEIGHTS[IDS] if side_info == "weighted" else np.zeros((5, 3))
    expected = weighted(FIELDS, weights, present)
    np.testing.assert_allclose(pooled(side_info, present=present), expected, rtol=1e-5, atol=1e-6)
    if present.all():
        np.testing.assert_allclose(pooled(side_info, present=None), expected, atol=1e-6)


def test_without_side_information_the_id_stands_alone():
    expected = np.where(PRESENT[:, :1], FIELDS[:, 0], 0)
    np.testing.assert_array_equal(pooled("none"), expected)


@pytest.mark.parametrize("side_info", ["none", "mean", "weighted"])
def test_absent_fields_may_hold_anything(side_info):
    fields = np.where(PRESENT[:, :, None], FIELDS, np.nan)
    np.testing.assert_array_equal(pooled(side_info, fields), pooled(side_info))


def test_the_mask_that_keras_hands_on_is_taken_and_ends():
    fields = tf.constant(FIELDS)
    fields._keras_mask = tf.constant(PRESENT)
    result = SideInfoPooling(7, "mean")(fields, item_id=IDS)
    np.testing.assert_array_equal(result, pooled("mean"))
    assert getattr(result, "_keras_mask", None) is None


def test_weights_are_as_large_as_they_like():
    layer = SideInfoPooling(7, "weighted")
    layer(FIELDS, item_id=IDS)
    layer.set_weights([np.where(np.arange(3) == 1, 1e4, -1e4) * np.ones((7, 1))])
    np.testing.assert_allclose(layer(FIELDS, item_id=IDS), FIELDS[:, 1], rtol=1e-6)


def test_any_number_of_axes_may_lead():
    layer = SideInfoPooling(7, "weighted")
    layer(FIELDS, item_id=IDS)
    layer.set_weights([WEIGHTS])
    two = layer(np.stack([FIELDS, FIELDS[::-1]]), item_id=np.stack([IDS, IDS[::-1]]))
    np.testing.assert_allclose(two[1], layer(FIELDS, item_id=IDS)[::-1], rtol=1e-5, atol=1e-6)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match=r"one of none, mean, weighted\. Received: 'sum'"):
        SideInfoPooling(7, "sum")
    with pytest.raises(ValueError, match=r"takes \[\.\.\., fields, dim\].*shape \(5,\)"):
        SideInfoPooling(7, "mean").build((5,))
