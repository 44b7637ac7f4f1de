"""Batches are put together of ready tensors, and of nothing else of the examples."""

import gc
import weakref

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions, held_out, next_item
from tfrec_recall.features import Categorical, Features, History, example_batches

pytestmark = pytest.mark.usefixtures("only_its_own")


@pytest.mark.parametrize("as_sets", [False, True])
def test_the_sorted_events_are_let_go_of_once_there_are_batches(as_sets):
    user = [f"u{n}" for n in np.arange(40) % 4]
    events = pd.DataFrame({"user_id": user, "item_id": [f"i{n}" for n in np.arange(40) % 9]})
    if not as_sets:
        events["timestamp"] = np.arange(40)[::-1]
    data = Interactions(events)
    features = Features([Categorical("user_id"), History(length=3)], [Categorical("item_id")])
    features.adapt(data)
    examples = held_out(data) if as_sets else next_item(data, history=3)
    assert examples.as_sets == as_sets
    batches = example_batches(features, data, examples, 8, seed=None)
    users = examples.events["user_id"].to_numpy()[examples.target]
    held = [weakref.ref(examples), weakref.ref(examples.events)]
    del examples
    gc.collect()
    assert all(one() is None for one in held)
    rows = np.concatenate([batch["user_row"] for batch in batches.as_numpy_iterator()])
    np.testing.assert_array_equal(data.users["user_id"].to_numpy()[rows], users)
