import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.data.examples import NoExample
from tfrec_recall.data.sequences import require_pairs, sequences


def test_sequences_are_in_time_order_and_need_time():
    events = pd.DataFrame(
        {
            "user_id": ["b", "a", "b", "a"],
            "item_id": [1, 2, 3, 4],
            "timestamp": [9, 8, 7, 6],
            "session_id": ["s", "t", "s", "u"],
        }
    )
    by_user, number = sequences(Interactions(events), by_session=False)
    assert by_user["item_id"].tolist() == [4, 2, 3, 1]
    assert number.tolist() == [0, 0, 1, 1]
    by_session, number = sequences(Interactions(events), by_session=True)
    assert by_session["item_id"].tolist() == [4, 2, 3, 1]
    assert number.tolist() == [0, 1, 2, 2]
    timeless = Interactions(events.drop(columns="timestamp"))
    with pytest.raises(ValueError, match=r"^AirbnbType needs to know which event came first"):
        sequences(timeless, by_session=False, owner="AirbnbType")
    with pytest.raises(ValueError, match=r"^A sequence of events needs to know") as raised:
        sequences(timeless, by_session=False)
    assert "window" not in str(raised.value)
    assert sequences(timeless, by_session=True, ordered=False)[1].tolist() == [0, 1, 2, 2]


def test_pairs_are_of_two_items_in_one_sequence():
    events = pd.DataFrame({"user_id": list("aab"), "item_id": [1, 2, 2], "timestamp": [0, 60, 90]})
    require_pairs("Item2Vec", events, np.array([0, 0, 1]))
    with pytest.raises(NoExample, match=r"longer gap= \(seconds; the shortest pause .* is 60\)"):
        require_pairs("Item2Vec", events, np.array([0, 1, 2]))
    with pytest.raises(NoExample, match=r"instead of sessions \(by_session=False\)\. Received"):
        require_pairs("Item2Vec", events.drop(columns="timestamp"), np.array([0, 1, 2]))


def test_an_item_taken_twice_makes_no_pair():
    events = pd.DataFrame({"user_id": list("aab"), "item_id": [2, 2, 2]})
    with pytest.raises(NoExample, match=r"each of the 2 sequences .* So has each user"):
        require_pairs("Item2Vec", events, np.array([0, 0, 1]))
