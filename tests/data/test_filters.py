"""What is left out of the events, and what stays."""

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions, rated, without_duplicates

RATINGS = [5.0, 4.0, 0.0, -3.0, np.nan]


@pytest.fixture
def data():
    events = pd.DataFrame({"user_id": 1, "item_id": list("abcde"), "rating": RATINGS})
    return Interactions(events)


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        ({}, "abcd"),
        ({"unrated": True}, "abcde"),
        ({"minimum": 4}, "ab"),
        ({"minimum": 0}, "abc"),
        ({"minimum": 4.5, "unrated": True}, "ae"),
    ],
)
def test_ratings_are_kept_from_a_minimum_up(arguments, kept, data):
    fewer = rated(data, **arguments)
    assert fewer.events["item_id"].tolist() == list(kept)
    assert fewer.items["item_id"].tolist() == list("abcde")  # the catalogue stays
    assert len(data.events) == 5


def test_nothing_left_is_refused(data):
    with pytest.raises(ValueError, match=r"of 6 or more. Received: ratings from -3 to 5"):
        rated(data, minimum=6)
    none = Interactions(data.events.assign(rating=np.nan))
    with pytest.raises(ValueError, match="no rating in any row"):
        rated(none)
    with pytest.raises(ValueError, match="needs the event column 'rating'"):
        rated(Interactions(data.events.drop(columns="rating")))


def test_copies_are_equal_in_every_column_lists_included():
    events = pd.DataFrame(
        {"user_id": 1, "item_id": list("aaab"), "tags": [["x"], ["x"], ["y"], np.array(["x"])]}
    )
    assert without_duplicates(Interactions(events)).events.index.tolist() == [0, 1, 2]
    kept = without_duplicates(Interactions(events)).events
    assert kept["tags"].map(list).tolist() == [["x"], ["y"], ["x"]]
