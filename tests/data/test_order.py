"""One order of events, the protocol's, whatever the order of the rows was."""

import hashlib
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.references import order as reference
from tfrec_recall.data import order
from tfrec_recall.data.order import changes, chronological, hashes, rank

TEXT = st.sampled_from(["a", "B", "aa", "é", "10", "9"])
WHOLE = st.integers(-(2**63), 2**63 - 1)
NARROW = st.integers(0, 3)
FRACTION = st.sampled_from([0.25, 0.5, 1e9])


@st.composite
def logs(draw):
    """Events with many ties; ids of either type, times whole or not, sessions or none."""
    ids = draw(st.sampled_from([TEXT, NARROW, WHOLE]))
    columns = {
        "user_id": ids,
        "item_id": draw(st.sampled_from([TEXT, NARROW])),
        "timestamp": draw(st.sampled_from([NARROW, FRACTION])),
    }
    if draw(st.booleans()):
        columns["session_id"] = ids
    events = draw(st.lists(st.fixed_dictionaries(columns), max_size=30))
    return pd.DataFrame(events, columns=list(columns))


@given(logs())
def test_equals_the_order_of_the_protocol(events):
    if len(events) == 0:
        events = events.astype({"timestamp": "int64"})
    expected = reference.chronological(events.to_dict("records"))
    assert chronological(events).tolist() == expected


@pytest.mark.parametrize(
    ("column", "dtype", "values"),
    [
        ("user_id", "uint64", [2**63 + 5, 2**63 + 9, 2**64 - 1]),
        ("user_id", "uint64", [2**63 + 1, 2**63 + 2**60, 2**64 - 1]),
        ("timestamp", "int16", [-30_000, 0, 30_000]),
        ("timestamp", "uint8", [0, 9, 255]),
        ("timestamp", "uint64", [4, 5, 6]),
        ("session_id", "int32", [-2_000_000_000, 0, 2_000_000_000]),
        ("session_id", "int64", [-(2**60), 0, 2**60]),
        ("session_id", "Int16", [-30_000, 0, 30_000]),
    ],
)
def test_integers_of_all_widths_are_in_order(column, dtype, values):
    events = pd.DataFrame({"user_id": 1, "item_id": [5, 6, 7], "timestamp": 9})
    events[column] = pd.array(np.array(values), dtype=dtype)
    for rows in ([0, 1, 2], [2, 0, 1], [1, 2, 0]):
        ordered = events.iloc[rows]
        assert ordered.iloc[chronological(ordered)]["item_id"].tolist() == [5, 6, 7]


def test_ties_do_not_follow_the_item_id():
    items = np.arange(1000)
    events = pd.DataFrame({"user_id": 1, "item_id": items, "timestamp": 5})
    rising = np.diff(items[chronological(events)]) > 0
    assert 0.45 < rising.mean() < 0.55  # by id it would be 1


def test_order_of_rows_plays_no_part():
    rng = np.random.default_rng(0)
    events = pd.DataFrame(
        {"user_id": rng.integers(5, size=200), "item_id": np.arange(200), "timestamp": 7}
    )
    shuffled = events.sample(frac=1, random_state=3)
    pd.testing.assert_frame_equal(
        events.iloc[chronological(events)].reset_index(drop=True),
        shuffled.iloc[chronological(shuffled)].reset_index(drop=True),
    )


def test_only_ties_are_hashed(monkeypatch):
    hashed = []
    original = hashlib.sha256
    monkeypatch.setattr(hashlib, "sha256", lambda pair: hashed.append(pair) or original(pair))
    events = pd.DataFrame({"user_id": 1, "item_id": [4, 5, 6, 7], "timestamp": [1, 2, 2, 3]})
    chronological(events)
    assert sorted(hashed) == [b"1:5", b"1:6"]


def test_rows_are_hashed_in_blocks_whose_objects_alone_are_held(monkeypatch):
    monkeypatch.setattr(order, "BLOCK", 1000)
    users, items = pd.Series(["user é", "u"] * 10_250), pd.Series(range(20_500))
    hashes(users, items)  # what the first call keeps
    tracemalloc.start()
    words = hashes(users, items)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * len(users)  # 32 of them are the words; objects of all rows are above 200
    for row in (0, 999, 1000, 20_499):
        digest = hashlib.sha256(f"{users[row]}:{items[row]}".encode()).hexdigest()
        assert "".join(f"{word:016x}" for word in words[:, row].tolist()) == digest


def test_hashes_that_begin_alike_are_told_apart_by_the_rest():
    generator = np.random.default_rng(0)
    run, words = generator.integers(0, 4, 500), generator.integers(0, 3, (4, 500), np.uint64)
    words[1:3] = 7
    expected = np.lexsort((*words[::-1], run))  # copies among them, in their order
    np.testing.assert_array_equal(order._by_words(run, words), expected)
    words[0] = generator.permutation(500)
    expected = np.lexsort((*words[::-1], run))
    np.testing.assert_array_equal(order._by_words(run, words), expected)


def test_a_session_is_not_torn_apart_by_another_of_the_same_second():
    events = pd.DataFrame(
        {"user_id": 1, "item_id": range(40), "timestamp": 9, "session_id": ["x", "y"] * 20}
    )
    ordered = events.iloc[chronological(events)]
    assert ordered["session_id"].tolist() == ["x"] * 20 + ["y"] * 20


def test_no_timestamps_no_order():
    events = pd.DataFrame({"user_id": [1], "item_id": [2]})
    with pytest.raises(ValueError, match=r"never taken for time. Received columns: \['user_id'"):
        chronological(events)


def test_timestamps_that_are_not_seconds_are_refused():
    events = pd.DataFrame({"user_id": [1], "item_id": [2], "timestamp": pd.Timestamp("2020-01-01")})
    with pytest.raises(ValueError, match=r"Unix seconds.*Received: a column of datetime64"):
        chronological(events)


def test_rank_and_changes_of_no_rows():
    assert rank(pd.Series([], dtype="str")).size == 0
    assert changes(pd.Series([], dtype="str")).size == 0
