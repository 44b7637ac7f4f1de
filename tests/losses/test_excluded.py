"""Ids that are no negatives: three ways to find them, of which each is quickest somewhere."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.losses.excluded import Marker, among, groups, marked, places


def drawn(candidates, rows, width, ids=7, seed=0):
    rng = np.random.default_rng(seed)
    candidate = rng.integers(0, ids, candidates).astype("int32")
    excluded = rng.integers(-2, ids + 3, (rows, width)).astype("int32")  # some are no candidates
    return candidate, excluded


@pytest.mark.parametrize(
    ("candidates", "rows", "width"),
    [(12, 5, 4), (1, 3, 2), (30, 1, 1), (12, 5, 0), (12, 0, 4), (0, 3, 2)],
)
def test_all_ways_find_the_same(candidates, rows, width):
    candidate, excluded = drawn(candidates, rows, width)
    wanted = (excluded[:, :, np.newaxis] == candidate).any(axis=1)
    np.testing.assert_array_equal(among(candidate, excluded), wanted)
    for numbers in (groups, places):
        number, left_out = numbers(candidate, excluded)
        np.testing.assert_array_equal(marked(number, left_out), wanted)
        np.testing.assert_array_equal(Marker(number)(left_out), wanted)


def test_a_marker_marks_rows_in_a_graph_as_in_the_open():
    candidate, excluded = drawn(40, 9, 6, ids=11)
    wanted = (excluded[:, :, np.newaxis] == candidate).any(axis=1)

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.int32), tf.TensorSpec([None, None], tf.int32)]
    )
    def halves(candidate, excluded):
        number, left_out = groups(candidate, excluded)
        mark = Marker(number)
        return tf.concat([mark(left_out[:4]), mark(left_out[4:])], axis=0)

    np.testing.assert_array_equal(halves(candidate, excluded), wanted)
