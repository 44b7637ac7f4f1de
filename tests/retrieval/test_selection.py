"""Choosing rows, against plain Python on lists."""

import math

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfrec_recall.retrieval.selection import best, is_in, leave_out, merge_by_maximum

answers = st.lists(st.tuples(st.integers(-1, 6), st.integers(-4, 4)), min_size=1, max_size=12)


def plain(parts):
    return [part.numpy()[0].tolist() for part in parts]


@settings(max_examples=50)
@given(answers, st.integers(1, 15))
def test_merging_keeps_each_row_at_its_highest_score(answer, k):
    rows, scores = zip(*answer, strict=True)
    merged = merge_by_maximum(tf.constant([rows]), tf.constant([scores], tf.float32), k)
    highest = {}
    for row, score in answer:
        if row >= 0:
            highest[row] = max(score, highest.get(row, -math.inf))
    found_rows, found_scores = plain(merged)
    expected = sorted(highest.values(), reverse=True)[:k]
    missing = k - len(expected)
    assert found_scores == expected + [-math.inf] * missing
    assert found_rows[len(expected) :] == [-1] * missing
    kept = found_rows[: len(expected)]
    assert len(set(kept)) == len(kept)
    assert [highest[row] for row in kept] == expected


@settings(max_examples=50)
@given(st.lists(st.integers(-1, 9), max_size=8), st.lists(st.integers(-1, 9), max_size=8))
def test_membership(rows, exclude):
    shaped = [tf.constant([values], tf.int32, shape=[1, len(values)]) for values in (rows, exclude)]
    assert is_in(*shaped).numpy()[0].tolist() == [row in {*exclude, -1} for row in rows]


def test_left_out_scores_are_replaced_not_lowered():
    huge = tf.constant([[1e38, -1e38, 0.0], [3.0, 2.0, 1.0]])
    result = leave_out(huge, tf.constant([[0, -1], [1, 1]]))
    np.testing.assert_array_equal(
        result, np.array([[-np.inf, -1e38, 0.0], [3.0, -np.inf, 1.0]], "float32")
    )


def test_rows_outside_the_block_are_not_there():
    scores = tf.constant([[5.0, 6.0]])  # of rows 10 and 11
    result = leave_out(scores, tf.constant([[9, 11, 12, 0, 1]]), first=10)
    np.testing.assert_array_equal(result, [[5.0, -np.inf]])


def test_the_earlier_row_wins_a_tie():
    assert plain(best(tf.constant([[1.0, 2.0, 2.0]]), 2)) == [[1, 2], [2.0, 2.0]]


@pytest.mark.parametrize("k", [1, 2, 5])
def test_best_of_nothing(k):
    assert plain(best(tf.zeros([1, 0]), k)) == [[-1] * k, [-math.inf] * k]
