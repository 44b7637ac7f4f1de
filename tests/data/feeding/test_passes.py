"""Passes hold every example once, where a causal model has seen its history."""

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions, next_basket, next_item, passes
from tfrec_recall.features import SessionSplit
from tfrec_recall.features.encodings import SecondsEncoding

GAP, MOST, HISTORY = 100, 4, 7


def log(seed, users=5, events=60):
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "user_id": [f"u{n}" for n in random.integers(users, size=events)],
            "item_id": [f"i{n}" for n in random.integers(9, size=events)],
            "timestamp": np.cumsum(random.choice([0, 5, 99, 100, 300], events)),
        }
    )
    return Interactions(frame)


def asked(found):
    """(target, history up to the place that asks, weight) of each target, as rows of events."""
    start = found.histories.history_start
    result = []
    for number in range(len(found)):
        for n in range(found.splits[number], found.splits[number + 1]):
            last = start[number] + found.places[number, found.place[n]]
            history = list(range(start[number], last + 1))
            result.append((found.target[n], history, found.weight[n]))
    return sorted(result)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", [next_item, next_basket])
def test_every_example_is_asked_for_once_after_its_history(kind, seed):
    examples = kind(log(seed), history=HISTORY)
    runs = zip(examples.history_start, examples.history_end, strict=True)
    wanted = dict(zip(examples.target, runs, strict=True))
    found = passes(examples, GAP, MOST)
    got = asked(found)
    assert [target for target, _, _ in got] == sorted(wanted)
    for target, history, weight in got:
        start, end = wanted[target]
        assert history[-1] == end - 1
        assert history[0] >= start  # what a pass begins with may be later, never of another user
        assert weight == examples.weight[np.flatnonzero(examples.target == target)[0]]


@pytest.mark.parametrize("seed", range(4))
def test_the_places_of_a_pass_are_of_one_session(seed):
    examples = next_item(log(seed), history=HISTORY)
    found, times = passes(examples, GAP, MOST), examples.events["timestamp"].to_numpy()
    several = 0
    for start, places in zip(found.histories.history_start, found.places, strict=True):
        rows = start + places[places >= 0]
        assert len(rows) <= MOST
        assert (np.diff(rows) == 1).all()
        assert (np.diff(times[rows]) < GAP).all()
        several += len(rows) > 1
    assert several
    longest = np.minimum(found.histories.history_end - found.histories.history_start, HISTORY)
    np.testing.assert_array_equal(found.places.max(axis=1) + 1, longest)  # the last is its end


def test_a_basket_is_asked_for_at_one_place():
    frame = pd.DataFrame(
        {"user_id": "a", "item_id": list("uvwxyz"), "timestamp": [1, 1, 2, 2, 2, 3]}
    )
    found = passes(next_basket(Interactions(frame), history=5), gap=0.5, most=5)
    assert found.places.tolist() == [[1], [4]]
    assert np.diff(found.splits).tolist() == [3, 1]


def test_fractions_of_seconds_end_sessions_as_the_layer_ends_them():
    """Which is given whole seconds: 599.6 are 600 from 100.9 to 700.5."""
    frame = pd.DataFrame({"user_id": "a", "item_id": list("wxyz")})
    frame = frame.assign(timestamp=[0, 100.9, 700.5, 800.0])
    examples = next_item(Interactions(frame), history=5)
    assert passes(examples, gap=600, most=5).places.tolist() == [[0, 1], [2, -1]]
    random = np.random.default_rng(3)
    times = 1_700_000_000 + np.cumsum(random.choice([0.3, 599.4, 599.7, 600.2], 200))
    frame = pd.DataFrame({"user_id": "a", "item_id": range(200), "timestamp": times})
    found = passes(next_item(Interactions(frame), history=50), gap=600, most=50)
    encoded = SecondsEncoding().encode(found.histories.events["timestamp"])
    ends = 0
    for row in range(len(found)):
        start = found.histories.history_start[row]
        for place in found.places[row][found.places[row] >= 0]:
            seen = np.arange(start, start + place + 1)
            short, _ = SessionSplit(600)((seen[np.newaxis] + 1, encoded[np.newaxis, seen]))
            first = np.flatnonzero(found.places[row] >= 0)[0]
            assert seen[np.flatnonzero(short[0])[0]] == start + found.places[row, first]
            ends += 1
    assert ends == 199


def test_without_times_only_the_number_of_events_ends_a_session():
    examples = next_item(log(0), history=HISTORY)
    found = passes(examples, float("inf"), MOST)
    users = examples.events["user_id"].to_numpy()[examples.target]
    asked_of = pd.Series(users).value_counts()
    assert len(found) == (-(-asked_of // MOST)).sum()


def test_ids_end_sessions_and_a_full_one_is_cut_as_serving_cuts_it():
    frame = pd.DataFrame({"user_id": "a", "item_id": list("uvwxyz")})
    frame = frame.assign(timestamp=[0, 900, 1800, 1801, 1802, 1803], session_id=[1, 1, 1, 2, 2, 2])
    examples = next_item(Interactions(frame), history=9)
    assert passes(examples, None, 9, by="session_id").places.tolist() == [[0, 1, 2], [3, 4, -1]]
    merged = passes(examples, 10, 9, by="session_id").places
    assert merged.tolist() == [[0, 1, 2, 3, 4]]
    assert passes(examples, 10, 9).places.tolist() == [[0, -1, -1], [1, -1, -1], [2, 3, 4]]


def test_a_history_that_begins_within_a_session_begins_with_a_whole_one():
    frame = pd.DataFrame({"user_id": "a", "item_id": range(12), "timestamp": range(12)})
    found = passes(next_item(Interactions(frame), history=7), gap=100, most=3)
    assert found.histories.history_start.tolist() == [0, 0, 3, 6]
    assert found.histories.history_end.tolist() == [3, 6, 9, 11]


def test_what_cannot_be_asked_is_refused():
    with pytest.raises(ValueError, match=r"minimum_history=1.*Received: \d+ empty"):
        passes(next_item(log(0), minimum_history=0), GAP, MOST)
    with pytest.raises(ValueError, match=r"at least 50 events of history.*Received: 3"):
        passes(next_item(log(0), history=3), gap=1e9, most=50)


def test_targets_that_stand_apart_are_asked_for_at_places_of_their_own():
    """A basket whose items were asked for in different ways, after the one history they share."""
    frame = pd.DataFrame({"user_id": "a", "item_id": list("uvwxyz")})
    frame = frame.assign(timestamp=[1, 2, 3, 3, 3, 4])
    examples = next_basket(Interactions(frame), history=5)
    rows = examples.events["item_id"].tolist()
    way = {"u": 9, "v": 9, "w": 7, "x": 2, "y": 7, "z": 9}
    apart = np.array([way[item] for item in rows])

    found = passes(examples, gap=10, most=5, apart=apart)
    asked_at = {}
    for target, place in zip(found.target, found.place, strict=True):
        asked_at.setdefault(int(place), []).append(rows[target])
    asked_at = {place: sorted(items) for place, items in asked_at.items()}
    # u, v, then the basket in its two ways, which both follow the same event, then all behind it.
    assert sorted(asked_at.values()) == [["v"], ["w", "y"], ["x"], ["z"]]
    (places,) = found.places
    place_of = {items[0]: place for place, items in asked_at.items()}
    assert places[place_of["w"]] == places[place_of["x"]] == 1
    assert places[place_of["z"]] == 4

    together = passes(examples, gap=10, most=5)
    assert together.places.tolist() == [[0, 1, 4]]
    alike = passes(examples, gap=10, most=5, apart=np.full(len(rows), 3))
    assert alike.places.tolist() == together.places.tolist()
    np.testing.assert_array_equal(alike.place, together.place)
