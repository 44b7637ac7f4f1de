import numpy as np
import pytest
import tensorflow as tf

from tests.references import adaptive_rows as reference
from tfrec_recall.models.graphs.side_info_vectors import EvenRows
from tfrec_recall.models.item_embeddings.adaptive_rows import AdaptiveRows

IDS = np.array([[4, 1, 4], [2, 4, 0]])


def blocks(seed=0):
    """Gradients [blocks, 2, 3, dim], the second block much larger than the first."""
    gradient = np.random.default_rng(seed).normal(size=(3, 2, 3, 5)).astype("float32")
    return gradient * np.array([1, 50, 0.1], "float32")[:, None, None, None]


@pytest.mark.parametrize("longest", [1e9, 0.3])
def test_steps_are_the_references(longest):
    start = np.random.default_rng(1).normal(size=(6, 5)).astype("float32")
    table, rows = tf.Variable(start), AdaptiveRows(6, longest)
    expected, sums = start, np.zeros(6)
    for gradient in blocks():
        rows.descend(table, tf.constant(IDS), tf.constant(gradient), tf.constant(0.7))
        flat = gradient.reshape(-1, 5)
        expected, sums = reference.step(expected, sums, IDS.ravel(), flat, 0.7, longest)
        np.testing.assert_allclose(table, expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(rows.sums, sums, rtol=1e-5)
    np.testing.assert_array_equal(table.numpy()[[3, 5]], start[[3, 5]])  # not of the ids


@pytest.mark.parametrize("longest", [None, 0.3])
def test_even_rows_move_by_what_their_ids_add_up_to(longest):
    """Also where an id comes twice, no farther in a block than told."""
    start = np.random.default_rng(1).normal(size=(6, 5)).astype("float32")
    table, gradient = tf.Variable(start), blocks()[0]
    EvenRows(6, longest).descend(table, tf.constant(IDS), tf.constant(gradient), tf.constant(0.7))
    step = np.zeros_like(start)
    np.add.at(step, IDS.ravel(), 0.7 * gradient.reshape(-1, 5))
    if longest is not None:
        length = np.linalg.norm(step, axis=1, keepdims=True)
        assert (length[[0, 1, 2, 4]] > longest).all()
        step *= np.minimum(1, longest / np.maximum(length, longest))
    np.testing.assert_allclose(table, start - step, rtol=1e-5, atol=1e-6)


def test_the_scale_of_gradients_does_not_matter():
    """A side field's share of a vector scales its gradients, and must not slow it down."""
    ends = []
    for scale in (1.0, 0.01):
        table, rows = tf.Variable(tf.zeros([6, 5])), AdaptiveRows(6, 1e9)
        for gradient in blocks():
            rows.descend(table, tf.constant(IDS), tf.constant(scale * gradient), tf.constant(0.1))
        ends.append(table.numpy())
    np.testing.assert_allclose(*ends, rtol=1e-3, atol=1e-5)


def test_a_row_without_a_gradient_stays():
    table, rows = tf.Variable(tf.ones([3, 2])), AdaptiveRows(3, 1.0)
    rows.descend(table, tf.constant([0, 2]), tf.zeros([2, 2]), tf.constant(1.0))
    np.testing.assert_array_equal(table, 1.0)


def test_rows_that_come_often_take_shorter_steps():
    table, rows = tf.Variable(tf.zeros([2, 2])), AdaptiveRows(2, 1e9)
    one = tf.ones([1, 2])
    for _ in range(9):
        rows.descend(table, tf.constant([0]), one, tf.constant(0.1))
    before = table.numpy()[0].copy()
    for row in (0, 1):
        rows.descend(table, tf.constant([row]), one, tf.constant(0.1))
    moved = np.abs(table.numpy() - [before, [0, 0]])[:, 0]
    np.testing.assert_allclose(moved, [0.1 / np.sqrt(10), 0.1], rtol=1e-5)
