import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy import stats

from tests.references.skip_gram import window_pairs
from tfrec_recall.data.feeding import windows
from tfrec_recall.data.feeding.windows import (
    Blocks,
    flatten_sessions,
    keep_probability,
    session_batches,
    sets_by_length,
    shuffle_within,
    thin_out,
)
from tfrec_recall.data.streaming import parquet
from tfrec_recall.models.item_embeddings.window_pairs import set_weights

ITEMS = np.array([5, 6, 7, 5, 8, 9, 9, 4, 3, 6, 2], dtype="int32")
SESSION = np.array([0, 0, 0, 0, 1, 1, 1, 2, 3, 3, 3], dtype="int32")


def flat(items=ITEMS, session=SESSION):
    return {"item_id": tf.constant(items), "session": tf.constant(session)}


def pairs(batch, window, block, lanes):
    blocks = Blocks(batch, window, block, lanes)
    found = []
    for step in range(int(blocks.steps)):
        part = blocks.at(tf.constant(step))
        near = part.together.numpy() & (part.distance.numpy() <= window)
        for lane, i, j in np.argwhere(near):
            centre, context = part.centre["item_id"], part.context["item_id"]
            found.append((int(centre[lane, i]), int(context[lane, j])))
    return sorted(found)


@pytest.mark.parametrize("window", [1, 2, 7])
@pytest.mark.parametrize(("block", "lanes"), [(1, 1), (3, 2), (4, 1), (16, 3)])
def test_blocks_hold_every_pair_of_a_window_once(window, block, lanes):
    assert pairs(flat(), window, block, lanes) == window_pairs(ITEMS, SESSION, window)


def test_an_empty_batch_has_no_block():
    assert int(Blocks(flat(ITEMS[:0], SESSION[:0]), 2, 3, 2).steps) == 0


def test_batches_hold_whole_sessions_in_another_order_each_epoch():
    data = session_batches({"item_id": ITEMS, "place": np.arange(11)}, SESSION, 3, seed=1)
    epochs = []
    for _ in range(2):
        rows = []
        for batch in data:
            session, place = batch["session"].numpy(), batch["place"].numpy()
            np.testing.assert_array_equal(batch["item_id"], ITEMS[place])
            for number in np.unique(session):
                rows.append(tuple(place[session == number]))
        assert sorted(rows) == [(0, 1, 2, 3), (4, 5, 6), (7,), (8, 9, 10)]
        epochs.append(rows)
    assert epochs[0] != epochs[1]


def test_a_later_epoch_can_be_entered():
    columns = {"place": np.arange(11)}

    def read(data):
        return np.concatenate([batch["place"] for batch in data])

    through = session_batches(columns, SESSION, 2, seed=4, shuffle=True)
    first, second = read(through), read(through)
    resumed = read(session_batches(columns, SESSION, 2, seed=4, first_epoch=1, shuffle=True))
    np.testing.assert_array_equal(resumed, second)
    assert (first != second).any()


def test_torn_sessions_are_an_error():
    with pytest.raises(ValueError, match=r"side by side.*Received: 2 sessions in 3 pieces"):
        session_batches({"item_id": np.arange(3)}, np.array([0, 1, 0]), 1)


def test_shuffling_stays_within_sessions_and_is_even():
    session = np.repeat(np.arange(2_000), 3)
    batch = {"item_id": tf.constant(np.tile([0, 1, 2], 2_000)), "session": tf.constant(session)}
    mixed = shuffle_within(batch, seed=tf.constant([1, 2]))
    np.testing.assert_array_equal(mixed["session"], session)
    orders = mixed["item_id"].numpy().reshape(-1, 3)
    assert (np.sort(orders) == [0, 1, 2]).all()
    _, seen = np.unique(orders, axis=0, return_counts=True)
    assert len(seen) == 6
    assert stats.chisquare(seen).pvalue > 1e-3


def test_sub_sampling_keeps_the_share_of_the_formula():
    counts = np.array([0, 0, 9_000, 900, 100])
    items = np.repeat(np.arange(5), counts)
    keep = keep_probability(counts, threshold=0.04)
    np.testing.assert_allclose(keep, [1, 1, np.sqrt(0.04 / 0.9), np.sqrt(0.04 / 0.09), 1])
    batch = flat(items.astype("int32"), np.zeros(len(items), "int32"))
    kept = thin_out(batch, tf.constant(keep, tf.float32), tf.constant([8, 9]))["item_id"].numpy()
    seen = np.bincount(kept, minlength=5)
    assert seen[4] == 100
    for item in (2, 3):
        lost = counts[item] - seen[item]
        expected = counts[item] * np.array([keep[item], 1 - keep[item]])
        assert stats.chisquare([seen[item], lost], expected).pvalue > 1e-3


def test_a_parquet_stream_of_lists_becomes_flat(tmp_path):
    pd.DataFrame({"item_id": [[5, 6], [7], [8, 9, 3]]}).to_parquet(tmp_path / "part.parquet")
    data = parquet(tmp_path, ["item_id"], batch_size=2).map(flatten_sessions)
    found = [
        (batch["item_id"].numpy().tolist(), batch["session"].numpy().tolist()) for batch in data
    ]
    assert found == [([5, 6, 7], [0, 0, 1]), ([8, 9, 3], [0, 0, 0])]


def test_a_threshold_is_positive():
    with pytest.raises(ValueError, match=r"above 0.*Received: 0"):
        keep_probability([1], 0)


def test_sets_of_like_length_are_apart_and_long_ones_are_sampled(monkeypatch):
    monkeypatch.setattr(windows, "SETS", (3, 5))
    monkeypatch.setattr(windows, "SAMPLED", 2)
    lengths = [2, 9, 4, 1, 3, 7]
    items = np.arange(2, 2 + sum(lengths), dtype="int32")
    session = np.repeat([8, 2, 5, 6, 1, 9], lengths)  # numbers that tell neighbours apart
    of = np.repeat(range(6), lengths)
    batch = {**flat(items, session), "of": tf.constant(of)}
    total, rounds = np.zeros((len(items) + 2,) * 2), 300
    in_a_graph = tf.function(sets_by_length)  # which 300 rounds are worth

    @tf.function(reduce_retracing=True)
    def weighed(part, reach, step):
        blocks = Blocks(part, reach, 3, 2)
        block = blocks.at(step)
        places = block.centre["item_id"], block.context["item_id"]
        return blocks.steps, *places, set_weights(block)

    for seed in range(rounds):
        parts = in_a_graph(batch, tf.constant([3, seed]))
        assert [sorted(set(part["of"].numpy())) for part, _ in parts] == [[0, 3, 4], [2], [1, 5]]
        assert [int(reach) for _, reach in parts] == [2, 3, 2]
        for part, reach in parts:
            drawn, step, steps = np.zeros_like(total), 0, 1
            while step < steps:
                found = weighed(part, reach, tf.constant(step))
                steps, centre, context, weights = (value.numpy() for value in found)
                step += 1
                lane, i, j = np.nonzero(weights)
                np.add.at(drawn, (centre[lane, i], context[lane, j]), weights[lane, i, j])
            own = part["item_id"].numpy()
            expected = np.array(lengths)[part["of"].numpy()] - 1
            np.testing.assert_allclose(drawn.sum(axis=1)[own], expected, rtol=1e-5)
            total += drawn
    every = np.equal.outer(of, of) & ~np.eye(len(of), dtype=bool)
    np.testing.assert_allclose(total[2:, 2:] / rounds, every, atol=0.35)
    exact = np.isin(of, [0, 2, 3, 4])
    np.testing.assert_allclose(total[2:, 2:][exact] / rounds, every[exact], rtol=1e-5)

    (*_, (long, reach)) = sets_by_length(batch, tf.constant([3, 0]), all_pairs=True)
    block = Blocks(long, reach, 16, 1).at(tf.constant(0))  # all of both sets
    weights, centre = set_weights(block)[0].numpy(), block.centre["item_id"][0].numpy()
    found = np.zeros_like(total)
    np.add.at(found, np.ix_(centre, block.context["item_id"][0].numpy()), weights)
    np.testing.assert_array_equal(found[2:, 2:], every * np.isin(of, [1, 5]))
