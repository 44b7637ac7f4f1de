"""Rows of like length go together, and few long ones at once."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.data.feeding import like_lengths as of_lengths
from tfrec_recall.data.feeding.like_lengths import like_lengths
from tfrec_recall.retrieval import tuning_queries


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_every_row_is_in_one_batch_whose_padded_values_are_few(batch_size, monkeypatch):
    monkeypatch.setattr(of_lengths, "EVENTS_AT_ONCE", 60)
    lengths = np.random.default_rng(0).geometric(0.1, size=50) - 1
    lengths[20] = 500  # alone is all that can be done
    batches = list(like_lengths(lengths, batch_size))
    np.testing.assert_array_equal(np.concatenate(batches), np.argsort(lengths, kind="stable"))
    for rows in batches:
        assert len(rows) <= batch_size
        assert len(rows) == 1 or len(rows) * max(1, lengths[rows].max()) <= 60
    before = [len(rows) for rows in batches[:-1]]  # nothing is left out that had room
    for size, rows, after in zip(before, batches, batches[1:], strict=False):
        assert size == batch_size or (size + 1) * lengths[after[0]] > 60, rows


def test_there_may_be_no_row():
    assert list(like_lengths(np.array([], np.int64), 3)) == []


def test_requests_of_long_histories_tune_an_index_in_smaller_batches(monkeypatch):
    monkeypatch.setattr(tuning_queries, "EVENTS_AT_ONCE", 60)
    history = np.arange(35 * 20).reshape(35, 20)
    asked = []

    def embed(raw):
        asked.append(tuple(raw["history"].shape))
        return tf.cast(raw["history"][:, :2], tf.float32), None

    inputs = {"history": tf.TensorSpec([None, None], tf.int64)}
    found, _ = tuning_queries.embedded(embed, inputs, {"history": history})
    assert set(asked) == {(3, 20), (2, 20)}
    assert sorted(found[:, 0].tolist()) == list(range(0, 700, 20))
