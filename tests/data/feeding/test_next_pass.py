"""Where a dataset goes on: the pass, its first batch, and what Keras' unused iterators take."""

import itertools

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.data.feeding.next_pass import followed_by
from tfrec_recall.data.streaming import batches, parquet


@pytest.fixture(params=["batches", "parquet"])
def make(request, tmp_path):
    if request.param == "batches":
        return lambda: batches(7, 2, seed=5)
    pd.DataFrame({"row": np.arange(7)}).to_parquet(tmp_path / "part.parquet", row_group_size=3)
    files = parquet(tmp_path, ["row"], 2, shuffle_rows=7, seed=5)
    return lambda: files.map(lambda batch: batch["row"])


def a_pass(dataset):
    return [batch.numpy().tolist() for batch in dataset]


def test_a_dataset_goes_to_a_pass_and_leaves_out_its_first_batches(make):
    dataset = make()
    orders = [a_pass(dataset) for _ in range(3)]
    assert len({str(order) for order in orders}) == 3
    (following,) = followed_by(dataset.prefetch(1))
    following.go_to(1, skipped=2)
    rest = iter(dataset)
    assert [next(rest).numpy().tolist() for _ in range(2)] == orders[1][2:]
    assert a_pass(dataset) == orders[2][2:] + following_order(make, 3)[:2]


def following_order(make, number):
    dataset = make()
    followed_by(dataset)[0].go_to(number)
    return a_pass(dataset)


def test_what_is_repeated_goes_on_with_the_stream_that_would_have_come(make):
    dataset = make()
    orders = [a_pass(dataset) for _ in range(4)]
    stream = list(itertools.chain(*orders))
    (following,) = followed_by(dataset)
    following.go_to(0, skipped=6)  # four batches a pass
    assert a_pass(dataset.repeat().take(9)) == stream[6:15]
    following.go_to(1, skipped=6, stay=True)
    assert a_pass(dataset.repeat(2))[:2] == orders[1][2:]


def test_what_leaves_out_its_first_batches_with_a_pass_is_known():
    ours, others = batches(6, 2), tf.data.Dataset.range(4)  # three batches
    (following,) = followed_by(ours)
    both = tf.data.Dataset.zip((ours.prefetch(1), others.repeat()))
    for leads in (ours, ours.repeat(), ours.repeat(2).take(5), ours.skip(1).map(abs), both):
        assert following.leads(leads)
    joined = ours.concatenate(others)
    for does_not in (joined, joined.repeat(), ours.take(2).repeat(), others.concatenate(ours)):
        assert not following.leads(does_not)


def test_a_pass_that_stays_comes_again(make):
    dataset = make()
    (following,) = followed_by(dataset)
    following.go_to(4, stay=True)
    again = a_pass(dataset)
    assert a_pass(dataset) == again
    following.go_to(4)
    assert a_pass(dataset) == again != a_pass(dataset)


def test_nothing_is_followed_by_what_is_not_ours():
    assert followed_by(tf.data.Dataset.range(3).shuffle(3)) == followed_by([1, 2]) == []
    both = tf.data.Dataset.zip((batches(3, 1), tf.data.Dataset.range(3)))
    assert len(followed_by(both)) == 1
