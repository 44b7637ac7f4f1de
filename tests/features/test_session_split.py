import numpy as np
import pytest
import tensorflow as tf

from tests.references.sdm import session_split
from tfrec_recall.features import SessionSplit

NOW = 1_700_000_000  # where floats of 32 bits stand 128 seconds apart


def histories(count=20, width=12, seed=0):
    random = np.random.default_rng(seed)
    ids, times = np.zeros((2, count, width), "int64")
    for row in range(count):
        n = row % width + 1
        ids[row, :n] = random.integers(1, 9, n)
        times[row, :n] = NOW + np.cumsum(random.choice([0, 5, 599, 600, 601, 5000], n))
    return ids.astype("int32"), times


@pytest.mark.parametrize(("most", "past"), [(50, None), (3, None), (50, 2000), (2, 6000)])
def test_equals_the_split_of_each_user(most, past):
    ids, times = histories()
    short, long = SessionSplit(gap=600, most=most, past=past)((ids, times))
    for row in range(len(ids)):
        n = np.count_nonzero(ids[row])
        expected = session_split(times[row, :n], 600, most, past)
        found = [np.flatnonzero(mask[row]).tolist() for mask in (short, long)]
        assert found == [list(part) for part in expected]
    assert not np.any(short & long)


@pytest.mark.parametrize(("gap", "most"), [(None, 50), (600, 50), (None, 2), (600, 3)])
def test_equals_the_split_by_ids(gap, most):
    ids, times = histories()
    sessions = np.cumsum(np.random.default_rng(1).integers(0, 2, ids.shape), axis=1)
    short, long = SessionSplit(gap=gap, most=most)((ids, times, sessions))
    for row in range(len(ids)):
        n = np.count_nonzero(ids[row])
        expected = session_split(times[row, :n], gap, most, None, sessions[row, :n])
        found = [np.flatnonzero(mask[row]).tolist() for mask in (short, long)]
        assert found == [list(part) for part in expected]


def test_what_a_full_session_has_more_begins_the_next():
    ids, times = tf.range(2, 62)[tf.newaxis], 10 * tf.range(60, dtype=tf.int64)[tf.newaxis]
    short, long = SessionSplit(gap=600, most=50)((ids, times))
    assert (short.numpy().sum(), long.numpy().sum()) == (10, 50)
    by_id = SessionSplit(gap=None)((ids[:, :4], 1800 * times[:, :4], tf.zeros([1, 4], tf.int64)))
    assert by_id[0].numpy().all()  # one id, with half an hour and more between events


def test_longer_padding_changes_nothing():
    ids, times = histories()
    expected = SessionSplit()((ids, times))
    wide = [np.pad(values, [(0, 0), (0, 7)]) for values in (ids, times)]
    for result, before in zip(SessionSplit()(tuple(wide)), expected, strict=True):
        np.testing.assert_array_equal(result[:, :12], before)
        assert not np.any(result[:, 12:])


def test_without_times_sessions_are_so_many_events():
    short, long = SessionSplit(most=2)(tf.constant([[5, 6, 7, 8, 0]]))
    assert short.numpy().tolist() == [[False, False, True, True, False]]
    assert long.numpy().tolist() == [[True, True, False, False, False]]


def test_an_empty_history_is_in_neither():
    short, long = SessionSplit(past=10)((tf.zeros([1, 3], tf.int32), tf.zeros([1, 3], tf.int64)))
    assert not np.any(short)
    assert not np.any(long)


def test_the_error_says_what_came():
    with pytest.raises(ValueError, match=r"SessionSplit takes .*Received: gap=0"):
        SessionSplit(gap=0)
