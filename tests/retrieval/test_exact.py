"""Exact search beyond what the contract of all indexes says."""

import resource

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.retrieval import Exact
from tfrec_recall.retrieval.filters import ItemFilters


def test_blocks_do_not_change_the_answer():
    rng = np.random.default_rng(0)
    vectors, query = rng.normal(size=(500, 8)), rng.normal(size=(6, 3, 8))
    exclude = rng.integers(-1, 500, size=(6, 40))
    whole = Exact().build(vectors).search(query, 50, exclude)
    blocks = Exact(block=90).build(vectors).search(query, 50, exclude)
    np.testing.assert_array_equal(whole[0], blocks[0])
    np.testing.assert_allclose(whole[1], blocks[1], rtol=1e-5)


def test_ties_keep_the_order_of_the_rows_in_blocks_as_well():
    rows, _ = Exact(block=4).build(np.ones((11, 2))).search(np.ones((1, 2), "float32"), 11)
    np.testing.assert_array_equal(rows, [np.arange(11)])


def test_memory_is_bounded_by_the_block():
    """All scores at once would take 64 x 1,000,000 x 4 bytes = 256 MB, twice over."""
    index = Exact(block=10_000).build(np.ones((1_000_000, 1)))
    query = np.ones((64, 1), "float32")
    index.search(query[:1], 10)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    index.search(query, 10)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100_000, f"peak memory grew by {grown / 1000:.0f} MB"


def test_memory_of_a_filter_does_not_grow_with_the_values_of_an_item():
    """All values at once would take 64 x 60,000 x 20 x 4 bytes = 307 MB, several times over."""
    items = 60_000
    values = [list(range(start, start + 20)) for start in range(5)]
    table = pd.DataFrame({"tags": [values[row % 5] for row in range(items)]})
    filters = ItemFilters(table, ["tags"])
    index, query = Exact().build(np.ones((items, 1))), np.ones((64, 1), "float32")

    def found(queries):
        wanted = tf.fill([queries, 1], tf.constant(3, tf.int64))  # which four fifths have
        raw = {"where_tags": wanted, "where_not_tags": tf.zeros([queries, 0], tf.int64)}
        return index.search(query[:queries], 10, allowed=filters.allowed(raw))[0].numpy()

    found(1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (found(64) % 5 <= 3).all()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200_000, f"peak memory grew by {grown / 1000:.0f} MB"


def test_the_report():
    assert Exact(block=5).build(np.ones((3, 2))).report == {
        "kind": "exact",
        "items": 3,
        "dim": 2,
        "recall": 1.0,
        "settings": {"block": 5},
    }


def test_an_empty_block():
    for block in (0, 1.5):
        with pytest.raises(
            ValueError, match=rf"block as a whole .* 1 up\. Received: block={block}"
        ):
            Exact(block=block)
