"""What users have events with, beside the examples of a batch."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.data import Interactions, pairs
from tfrec_recall.features import Categorical, Features, History, example_batches
from tfrec_recall.features.own_items import OwnItems

pytestmark = pytest.mark.usefixtures("only_its_own")

OWN = {"a": ["i0", "i2", "i2", "i5"], "b": ["i1", "new"], "c": ["new"], "d": []}
SEED = [1, 2]


def log() -> Interactions:
    rows = [(user, item) for user, items in OWN.items() for item in items]
    users = pd.DataFrame({"user_id": [*OWN]})
    return Interactions(pd.DataFrame(rows, columns=["user_id", "item_id"]), users)


def features() -> Features:
    known = pd.DataFrame({"user_id": "a", "item_id": [f"i{n}" for n in range(6)]})
    made = Features([History(length=3)], [Categorical("item_id")])
    return made.adapt(Interactions(known))


def codes(made: Features, *items: str) -> np.ndarray:
    return made.ids("item_id").encode(pd.Series(items))


def test_they_are_the_known_items_of_a_user_each_and_nothing_else():
    made, data = features(), log()
    found = OwnItems.of(made, data, most=9)(tf.range(4), SEED).numpy()
    assert found.shape == (4, 4)
    assert found.dtype == np.int32
    assert {*found[0, :3]} == {*codes(made, "i0", "i2", "i5")}
    assert found[1, :1] == codes(made, "i1")
    assert not found[0, 3:].any()  # each of them once
    assert not found[1, 1:].any()
    assert not found[2:].any()  # one of unknown items, and one without events


def test_all_items_of_a_user_come_where_few_fit():
    own = OwnItems.of(features(), log(), most=2)
    drawn = np.concatenate([own(tf.constant([0, 1]), [n, 3]).numpy() for n in range(20)])
    assert all(len({*row}) == 2 for row in drawn[::2])
    assert {*drawn[::2].ravel()} == {*codes(features(), "i0", "i2", "i5")}
    assert {*drawn[1::2].ravel()} == {*codes(features(), "i1"), 0}


def test_a_batch_has_those_of_the_user_of_each_target():
    made, data = features(), log()
    own = OwnItems.of(made, data, most=4)
    batch = next(iter(example_batches(made, data, pairs(data), 8, seed=None, own=own)))
    expected = own(batch["user_row"], SEED).numpy()
    assert [{*row} for row in batch["own_items"].numpy()] == [{*row} for row in expected]
    assert "own_items" not in next(iter(example_batches(made, data, pairs(data), 8)))
