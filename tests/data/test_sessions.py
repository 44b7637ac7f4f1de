"""Sessions by id, pause and length: against a walk through the events, and by their promises."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.references import sessions as reference
from tfrec_recall.data.sessions import sessions

EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "user_id": st.sampled_from(["u", "v", "w"]),
            "item_id": st.integers(0, 5),
            "timestamp": st.integers(0, 40),
            "session_id": st.sampled_from(["x", "y"]),
        }
    ),
    min_size=1,
    max_size=40,
)
RULES = st.fixed_dictionaries(
    {
        "by": st.sampled_from([None, "session_id"]),
        "gap": st.none() | st.sampled_from([0, 3, 7.5]),
        "max_length": st.none() | st.integers(1, 4),
    }
).filter(lambda rules: any(rule is not None for rule in rules.values()))


def as_lists(events, number):
    return [np.flatnonzero(number == one).tolist() for one in range(number.max() + 1)]


@given(EVENTS, RULES)
@example([{"user_id": 1, "item_id": 1, "timestamp": 1, "session_id": 1}], {"gap": 0})
def test_equals_a_walk_through_the_events(events, rules):
    number = sessions(pd.DataFrame(events), **rules)
    walked = reference.sessions(events, **rules)
    assert as_lists(events, number) == [sorted(session) for session in walked]


@given(EVENTS, RULES)
def test_keeps_its_promises(events, rules):
    frame = pd.DataFrame(events).assign(number=sessions(pd.DataFrame(events), **rules))
    found = frame.groupby("number")
    assert sorted(frame["number"].unique()) == list(range(frame["number"].max() + 1))
    assert found["user_id"].nunique().max() == 1
    if rules["by"]:
        assert found["session_id"].nunique().max() == 1
    if rules["gap"] is not None:
        pauses = frame.sort_values("timestamp").groupby("number")["timestamp"].diff()
        assert not (pauses > rules["gap"]).any()
    if rules["max_length"] is not None:
        assert found.size().max() <= rules["max_length"]
    starts = found.agg(user_id=("user_id", "first"), timestamp=("timestamp", "min"))
    assert starts.sort_values(["user_id", "timestamp"], kind="stable").index.is_monotonic_increasing


@given(EVENTS, RULES, st.randoms(use_true_random=False))
def test_order_of_rows_plays_no_part(events, rules, random):
    events = pd.DataFrame(events).drop_duplicates(ignore_index=True)
    shuffled = list(range(len(events)))
    random.shuffle(shuffled)
    number = sessions(events, **rules)
    assert sessions(events.iloc[shuffled], **rules).tolist() == number[shuffled].tolist()


def test_a_pause_of_exactly_the_gap_does_not_part():
    events = pd.DataFrame({"user_id": 1, "item_id": 1, "timestamp": [0, 30, 61]})
    assert sessions(events, gap=30).tolist() == [0, 0, 1]


def test_the_same_session_id_of_two_users_is_two_sessions():
    events = pd.DataFrame({"user_id": [1, 2], "item_id": 1, "timestamp": 5, "session_id": "x"})
    assert sessions(events, by="session_id").tolist() == [0, 1]


def test_concurrent_sessions_stay_whole_under_a_gap():
    events = pd.DataFrame(
        {
            "user_id": 1,
            "item_id": 1,
            "timestamp": [0, 10, 20, 30],
            "session_id": ["tab 2", "tab 1", "tab 2", "tab 1"],
        }
    )
    assert sessions(events, by="session_id", gap=20).tolist() == [0, 1, 0, 1]
    assert sessions(events, by="session_id", gap=19).tolist() == [0, 1, 2, 3]


def test_ids_need_no_time():
    events = pd.DataFrame({"user_id": [2, 1, 2], "item_id": 1, "session_id": [5, 9, 4]})
    assert sessions(events, by="session_id").tolist() == [2, 0, 1]


def test_no_events_have_no_sessions():
    events = pd.DataFrame({"user_id": [], "item_id": [], "timestamp": []}, dtype="int64")
    assert sessions(events, gap=30, max_length=2).tolist() == []


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({}, r"needs a rule.*Received: none"),
        ({"gap": -1}, r"seconds from 0 up. Received: -1"),
        ({"gap": float("nan")}, r"seconds from 0 up. Received: nan"),
        (
            {"max_length": 0},
            r"max_length as a whole number from 1 up, or None. Received: max_length=0",
        ),
        ({"by": "visit"}, r"names a column.*Received: by='visit', columns \['user_id'"),
        ({"by": "session_id"}, r"a value in every row. Received: 1 rows of 2"),
        ({"gap": 5}, r"needs a column 'timestamp'"),
        ({"max_length": 5}, r"needs a column 'timestamp'"),
    ],
)
def test_errors_say_what_is_missing(rules, message):
    events = pd.DataFrame({"user_id": [1, 1], "item_id": 1, "session_id": ["x", None]})
    with pytest.raises(ValueError, match=message):
        sessions(events, **rules)


def test_a_gap_in_seconds_is_not_measured_in_milliseconds():
    times = [1_600_000_000_000, 1_600_000_001_000]
    events = pd.DataFrame({"user_id": 1, "item_id": [1, 2], "timestamp": times})
    with pytest.raises(ValueError, match=r"They look like milliseconds"):
        sessions(events, gap=1800)
    assert sessions(events, max_length=5).tolist() == [0, 0]  # where their order alone counts
    assert sessions(events.assign(timestamp=events["timestamp"] // 1000), gap=30).tolist() == [0, 0]


def test_a_pause_is_a_pause_in_narrow_integers():
    events = pd.DataFrame({"user_id": 1, "item_id": [1, 2, 3]})
    events["timestamp"] = np.array([-30_000, -29_999, 30_000], "int16")
    assert sessions(events, gap=60).tolist() == [0, 0, 1]
