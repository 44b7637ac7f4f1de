"""A user's other items as a set: what an example's history holds, and what a batch draws of it."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.references.examples import held_out as reference
from tfrec_recall.data import Interactions, gather_others, held_out


def interactions(rows):
    return Interactions(pd.DataFrame(rows, columns=["user_id", "item_id"]))


def drawn(examples, values, length, seed=(1, 2)):
    run = (examples.history_start, examples.history_end, examples.target)
    return gather_others(values, *run, length, seed).numpy()


ROWS = [("b", "x"), ("a", "x"), ("b", "z"), ("a", "y"), ("c", "x"), ("a", "z"), ("a", "y")]


def test_each_item_is_a_target_beside_the_users_other_items():
    examples = held_out(interactions(ROWS))
    events = examples.events
    items = events["item_id"].to_numpy()
    found = {
        (events["user_id"][target], items[target]): {item for item in history if item}
        for target, history in zip(
            examples.target, examples.histories(items, padding=""), strict=True
        )
    }
    assert found == reference([{"user_id": u, "item_id": i} for u, i in ROWS])
    assert ("c", "x") not in found  # who has nothing else teaches nothing


def test_an_item_that_a_user_has_twice_is_not_in_its_own_history():
    rows = [("a", "x"), ("a", "x"), ("a", "y")]
    examples = held_out(interactions(rows))
    code = pd.factorize(examples.events["item_id"])[0] + 1
    history = drawn(examples, code, 3)
    assert len(examples) == 2
    assert not (history == code[examples.target][:, np.newaxis]).any()


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 2, 0]])
def test_of_an_item_that_a_user_has_twice_the_copy_that_is_learnt_stays(order):
    rows = pd.DataFrame([("a", "x"), ("a", "y"), ("a", "x")], columns=["user_id", "item_id"])
    rows = rows.assign(history_only=[True, True, False], device=["old", "old", "new"])
    found = held_out(Interactions(rows.iloc[order]))
    assert found.events.iloc[found.target][["item_id", "device"]].to_numpy().tolist() == [
        ["x", "new"]
    ]
    rows = rows.assign(history_only=False, weight=[0.0, 5.0, 5.0])
    found = held_out(Interactions(rows.iloc[order]))
    assert found.weight.tolist() == [1.0, 1.0]
    rows = rows.assign(history_only=[True, False, False], weight=[9.0, 5.0, 5.0])
    assert held_out(Interactions(rows.iloc[order])).weight.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("other", [1 + 2**60, 1 - 2**62, 1 - 2**63])
def test_large_ids_of_users_are_told_apart(other):
    rows = [(user, item) for user in (1, other) for item in range(16)]
    assert len(held_out(interactions(rows))) == 32


@pytest.mark.parametrize("length", [1, 4, 9, 20])
def test_a_batch_draws_different_others_and_never_the_target(length):
    examples = held_out(interactions([("a", i) for i in range(10)] + [("b", i) for i in range(3)]))
    code = np.arange(len(examples.events)) + 1
    for seed in range(20):
        found = drawn(examples, code, length, (seed, 7))
        for target, user, history in zip(
            examples.target, examples.events["user_id"][examples.target], found, strict=True
        ):
            others = (9 if user == "a" else 2) if length > 1 else 1
            present = history[history > 0]
            assert len(set(present)) == len(present) == min(length, others)
            assert code[target] not in present
            assert set(examples.events["user_id"].to_numpy()[present - 1]) == {user}
            assert (history[len(present) :] == 0).all()


def test_each_other_is_drawn_as_often_and_others_come_with_another_seed():
    examples = held_out(interactions([("a", i) for i in range(8)]))
    code = np.arange(8) + 1
    draws = np.stack([drawn(examples, code, 3, (seed, 0))[0] for seed in range(700)])
    counts = np.bincount(draws.ravel(), minlength=9)
    assert counts[examples.target[0] + 1] == 0
    assert abs(counts[2:] - 300).max() < 5 * np.sqrt(300)
    same = drawn(examples, code, 3, (5, 0))
    np.testing.assert_array_equal(same, drawn(examples, code, 3, (5, 0)))


def test_columns_of_a_history_are_drawn_alike_and_text_is_padded_with_nothing():
    examples = held_out(interactions([("a", i) for i in range(6)]))
    item, word = np.arange(6), np.array([f"w{i}" for i in range(6)])
    items, words = drawn(examples, item, 3), drawn(examples, word, 3)
    assert [[f"w{i}" for i in row] for row in items] == np.char.decode(words.astype(bytes)).tolist()
    short = held_out(interactions([("a", 0), ("a", 1)]))
    assert drawn(short, np.array(["p", "q"]), 2).tolist() == [[b"q", b""], [b"p", b""]]


def test_a_user_without_others_has_an_empty_history_on_request():
    examples = held_out(interactions([("a", "x")]), minimum_history=0)
    assert drawn(examples, np.array([5]), 2).tolist() == [[0, 0]]
    with pytest.raises(ValueError, match=r"No example is left.*minimum_history=1"):
        held_out(interactions([("a", "x")]))


def test_users_may_count_alike():
    rows = [("a", i) for i in range(6)] + [("b", i) for i in range(2)]
    examples = held_out(interactions(rows), user_weight_power=-1.0)
    user = examples.events["user_id"].to_numpy()[examples.target]
    assert np.isclose(examples.weight[user == "a"].sum(), examples.weight[user == "b"].sum())
    assert np.isclose(examples.weight.mean(), 1.0)


def test_what_is_history_alone_counts_for_no_limit_and_no_weight():
    rows = [("a", i) for i in range(40)] + [("b", i) for i in range(2)]
    history = np.arange(42) < 38
    data = Interactions(interactions(rows).events.assign(history_only=history))
    for options in ({"per_user": 2}, {"user_weight_power": -1.0}):
        examples = held_out(data, **options)
        user = examples.events["user_id"].to_numpy()[examples.target]
        assert [*user] == ["a", "a", "b", "b"]
    np.testing.assert_allclose(examples.weight, 1.0)


def test_the_graph_takes_batches_of_any_size():
    examples = held_out(interactions([("a", i) for i in range(6)]))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
    def fetch(rows):
        run = [
            tf.gather(tf.constant(each), rows)
            for each in (examples.history_start, examples.history_end, examples.target)
        ]
        return gather_others(tf.range(6), *run, 4, tf.stack([rows[0], rows[-1]]))

    assert fetch(tf.constant([0, 3], tf.int64)).shape == (2, 4)
