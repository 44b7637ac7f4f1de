"""Ties in the order of the rows or as drawn, in splits and in training examples alike."""

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import (
    Interactions,
    chronological,
    last_events_out,
    next_item,
    ties_in_file_order,
    ties_shuffled,
)

ITEMS = list("qhzbwkcm")


@pytest.fixture
def tied():
    """Two users whose events come mixed, all but the first of each in one second."""
    rows = [(u, item, int(i > 0)) for i, item in enumerate(ITEMS) for u in ("u", "v")]
    return Interactions(pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]))


def of_user(events, user="u"):
    return events.loc[events["user_id"] == user, "item_id"].tolist()


def test_file_order_is_that_of_the_rows(tied):
    split = last_events_out(ties_in_file_order(tied), test=2, validation=1)
    assert of_user(split.test.targets, "v") == ITEMS[-2:]
    assert of_user(split.test.history, "v") == ITEMS[:-2]
    assert of_user(last_events_out(tied, 2, 1).test.targets) != ITEMS[-2:]  # the hash's order
    examples = next_item(split.train, 3)
    history = examples.events.iloc[examples.history_start[3] : examples.history_end[3]]
    assert history["item_id"].tolist() == ITEMS[1:4]


def test_time_comes_before_the_order_of_rows(tied):
    turned = Interactions(tied.events.iloc[::-1])
    events = ties_in_file_order(turned).events
    assert of_user(events.iloc[chronological(events)]) == [ITEMS[0], *ITEMS[:0:-1]]


def test_shuffled_ties_follow_the_seed_and_not_the_rows(tied):
    orders = []
    for seed in (0, 0, 1):
        events = ties_shuffled(tied, seed).events
        orders.append(of_user(events.iloc[chronological(events)]))
    assert orders[0] == orders[1] != orders[2]
    assert orders[0] != ITEMS
    assert orders[0][0] == ITEMS[0]


def test_a_tie_order_is_a_number_in_each_row(tied):
    events = tied.events.assign(tie_order=[np.nan, *range(15)])
    with pytest.raises(ValueError, match=r"'tie_order'.*Received: float64, 1 missing"):
        chronological(events)
    with pytest.raises(ValueError, match="which event came first"):
        ties_in_file_order(Interactions(tied.events.drop(columns="timestamp")))
