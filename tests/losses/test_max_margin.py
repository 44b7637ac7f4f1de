import numpy as np
import pytest
import tensorflow as tf

from tests.references.neighbourhoods import max_margin
from tfrec_recall.losses import MaxMargin

GENERATOR = np.random.default_rng(2)
QUERY, POSITIVE = GENERATOR.normal(size=(2, 3, 4)).astype("float32")
SHARED = GENERATOR.normal(size=(6, 4)).astype("float32")
HARD = GENERATOR.normal(size=(3, 2, 4)).astype("float32")
PRESENT = np.array([[1, 1, 1, 0, 1, 1], [1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]], bool)
HARD_PRESENT = np.array([[1, 1], [0, 1], [0, 0]], bool)


def test_equals_the_equation():
    expected = [max_margin(q, i, SHARED, 0.7) for q, i in zip(QUERY, POSITIVE, strict=True)]
    loss = MaxMargin(0.7)((QUERY, POSITIVE), negatives=SHARED)
    assert float(loss) == pytest.approx(np.mean(expected), rel=1e-5)
    loss = MaxMargin(0.7, reduction="sum")((QUERY, POSITIVE), negatives=SHARED)
    assert float(loss) == pytest.approx(np.sum(expected), rel=1e-5)


def test_a_querys_own_negatives_stand_beside_the_shared():
    expected = [
        max_margin(QUERY[n], POSITIVE[n], [*SHARED[PRESENT[n]], *HARD[n][HARD_PRESENT[n]]], 0.7)
        for n in range(3)
    ]
    loss = MaxMargin(0.7)(
        (QUERY, POSITIVE),
        negatives=SHARED,
        present=PRESENT,
        hard_negatives=HARD,
        hard_present=HARD_PRESENT,
    )
    assert float(loss) == pytest.approx(np.mean(expected), rel=1e-5)


def test_hard_negatives_may_weigh_more():
    twice = np.concatenate([HARD, HARD], axis=1)
    expected = MaxMargin(0.7)((QUERY, POSITIVE), negatives=SHARED, hard_negatives=twice)
    loss = MaxMargin(0.7, hard_weight=2.0)((QUERY, POSITIVE), negatives=SHARED, hard_negatives=HARD)
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)


def test_what_is_farther_than_the_margin_does_not_move():
    query = tf.constant([[1.0, 0.0]])
    positive, negatives = tf.constant([[1.0, 0.0]]), tf.constant([[0.0, 1.0], [0.95, 0.1]])
    with tf.GradientTape() as tape:
        tape.watch(negatives)
        loss = MaxMargin(0.1)((query, positive), negatives=negatives)
    far, near = np.asarray(tape.gradient(loss, negatives))
    np.testing.assert_allclose(far, 0)
    np.testing.assert_allclose(near, [0.5, 0.0])


def test_a_query_without_negatives_has_no_loss():
    loss = MaxMargin(0.7)((QUERY, POSITIVE), negatives=SHARED, present=np.zeros_like(PRESENT))
    assert float(loss) == 0.0


def test_errors_say_what_came():
    with pytest.raises(ValueError, match=r"'sum' or 'mean'\. Received: 'none'"):
        MaxMargin(reduction="none")
    with pytest.raises(ValueError, match=r"tuple of queries and positives.*Received"):
        MaxMargin().build([(3, 4)])
    with pytest.raises(ValueError, match="`hard_present` beside `hard_negatives`"):
        MaxMargin()((QUERY, POSITIVE), negatives=SHARED, hard_present=PRESENT)
