import numpy as np
import pytest
import tensorflow as tf

from tests.references.sdm import user_attention
from tfrec_recall.layers import UserAttention

RANDOM = np.random.default_rng(3)
HISTORY = RANDOM.normal(size=(4, 5, 3)).astype("float32")
USER = RANDOM.normal(size=(4, 3)).astype("float32")
PRESENT = np.array([[1, 1, 0, 1, 0], [0, 0, 1, 1, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]], bool)


@pytest.mark.parametrize("scaled", [False, True])
def test_equals_the_papers_equation(scaled):
    expected = [user_attention(*row, scaled) for row in zip(HISTORY, PRESENT, USER, strict=True)]
    result = UserAttention(scaled=scaled)((HISTORY, USER), mask=[PRESENT, None])
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


def test_several_profiles_weigh_the_history_each_for_itself():
    users = RANDOM.normal(size=(4, 2, 3)).astype("float32")
    presents = np.stack([PRESENT, PRESENT[::-1]], axis=1)
    for mask in (PRESENT, presents):
        result = UserAttention()((HISTORY, users), mask=[mask, None])
        for n in range(2):
            own = mask if mask.ndim == 2 else mask[:, n]
            alone = UserAttention()((HISTORY, users[:, n]), mask=[own, None])
            np.testing.assert_allclose(result[:, n], alone, rtol=1e-5, atol=1e-6)
            expected = [user_attention(*row) for row in zip(HISTORY, own, users[:, n], strict=True)]
            np.testing.assert_allclose(alone, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("left", "right"), [(1, 0), (0, 1), (0, 6)])
def test_padding_is_inert(left, right):
    expected = UserAttention()((HISTORY, USER), mask=[PRESENT, None])
    history = np.pad(HISTORY, [(0, 0), (left, right), (0, 0)], constant_values=np.nan)
    mask = np.pad(PRESENT, [(0, 0), (left, right)])
    result = UserAttention()((history, USER), mask=[mask, None])
    np.testing.assert_allclose(result, expected, rtol=1e-6, atol=1e-7)


def test_padding_has_no_weight_where_all_events_fit_badly():
    history = np.array([[[-50.0], [0.0]]], "float32")  # exp(0) of padding would be all there is
    result = UserAttention()((history, tf.constant([[1.0]])), mask=[[[True, False]], None])
    np.testing.assert_allclose(result, [[-50.0]])


def test_the_error_says_what_came():
    with pytest.raises(ValueError, match=r"UserAttention takes .*Received: .*\(4, 2\)"):
        UserAttention()((HISTORY, USER[:, :2]))
