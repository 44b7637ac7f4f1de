"""Splits: the protocol's rows, an independent walk through the users, and no leak anywhere."""

import importlib.util
import math
import os
import pathlib
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.references import splits as reference
from tests.references.order import chronological as reference_order
from tfrec_recall.data import splits
from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.notices import ReadingNotice

EVENT = st.tuples(
    st.sampled_from(["u", "v", "w"]),
    st.sampled_from(["a", "b", "c", "d", "e"]),
    st.integers(0, 12),
)


@st.composite
def logs(draw):
    """Events with a column `row` that tells each from all others."""
    events = draw(st.lists(EVENT, min_size=12, max_size=40))
    frame = pd.DataFrame(events, columns=["user_id", "item_id", "timestamp"])
    return frame.assign(row=range(len(events)))


@st.composite
def baskets(draw):
    """Events whose baskets have one time each, several of them the same."""
    events = draw(logs())
    count = draw(st.integers(4, 8))
    basket = np.array(draw(st.lists(st.integers(0, count), min_size=40, max_size=40)))
    times = np.array(draw(st.lists(st.integers(0, 4), min_size=count + 1, max_size=count + 1)))
    basket = basket[: len(events)]
    return events.assign(session_id=[f"s{one}" for one in basket], timestamp=times[basket])


def rows(frame):
    return frame["row"].tolist()


def reference_rows(events):
    return [event["row"] for event in events]


def assert_nothing_lost_and_no_leak(split, events):
    """Each event is in one part; a history ends before its user's first target's place."""
    place = np.empty(len(events), dtype=int)
    place[reference_order(events.to_dict("records"))] = np.arange(len(events))
    for part in (split.validation, split.test):
        assert part.history["row"].is_unique
        assert part.targets["row"].is_unique
        assert set(part.history["user_id"]) <= set(part.targets["user_id"])
        assert np.all(np.diff(place[part.history["row"]]) > 0)  # sorted as chronological says
        assert np.all(np.diff(place[part.targets["row"]]) > 0)
        first = pd.Series(place[part.targets["row"]]).groupby(part.targets["user_id"]).min()
        limit = first.reindex(part.history["user_id"]).to_numpy()
        assert np.all(place[part.history["row"]] < limit)
    asked = [*rows(split.validation.targets), *rows(split.test.targets)]
    every = [*rows(split.train.events), *asked, *rows(split.left)]
    assert sorted(every) == events["row"].tolist()
    pd.testing.assert_frame_equal(split.train.items, split.interactions.items)


@given(logs(), st.integers(1, 3), st.integers(0, 3))
def test_last_events_out_equals_the_reference(events, test, validation):
    assume(events["user_id"].value_counts().max() > test + validation)
    split = splits.last_events_out(Interactions(events), test=test, validation=validation)
    expected = reference.last_events_out(events.to_dict("records"), test, validation)
    assert rows(split.train.events) == reference_rows(expected["train"])
    assert rows(split.validation.targets) == reference_rows(expected["validation"])
    assert rows(split.test.targets) == reference_rows(expected["test"])
    assert_nothing_lost_and_no_leak(split, events)
    asked = set(split.test.targets["user_id"])
    past = expected["train"] + expected["validation"]
    assert sorted(rows(split.test.history)) == sorted(
        event["row"] for event in past if event["user_id"] in asked
    )


@given(baskets(), st.integers(3, 4), st.booleans())
def test_last_basket_out_equals_the_reference(events, minimum, new_items_only):
    sizes = events.groupby("user_id")["session_id"].nunique()
    assume(sizes.max() >= minimum)
    parts, targets = reference.last_basket_out(events.to_dict("records"), minimum)
    wanted = targets if new_items_only else parts
    assume(wanted["test"])
    split = splits.last_basket_out(Interactions(events), minimum, new_items_only)
    assert rows(split.train.events) == reference_rows(parts["train"])
    assert rows(split.validation.targets) == reference_rows(wanted["validation"])
    assert rows(split.test.targets) == reference_rows(wanted["test"])
    assert_nothing_lost_and_no_leak(split, events)
    for part in (split.validation, split.test):  # nothing of the target's own basket
        asked = part.targets[["user_id", "session_id"]].drop_duplicates()
        assert len(part.history.merge(asked)) == 0
    if new_items_only:
        repeated = split.test.targets.merge(split.test.history, on=["user_id", "item_id"])
        assert len(repeated) == 0


@given(logs(), st.data())
def test_temporal_cuts_everybody_at_the_same_moment(events, data):
    time = events["timestamp"]
    assume(time.nunique() >= 3)
    later = st.sampled_from(sorted(time.unique())[1:])
    first, second = sorted(data.draw(st.lists(later, min_size=2, max_size=2, unique=True)))
    split = splits.temporal(Interactions(events), first, second)
    assert_nothing_lost_and_no_leak(split, events)
    assert split.train.events["timestamp"].max() < first
    assert split.validation.targets["timestamp"].between(first, second, inclusive="left").all()
    assert split.test.targets["timestamp"].min() >= second
    assert len(split.train.events) == (time < first).sum()
    assert len(split.test.targets) == (time >= second).sum()
    asked = events["user_id"].isin(split.test.targets["user_id"])
    assert set(rows(split.test.history)) == set(events["row"][asked & (time < second)])


@given(logs(), st.integers(1, 3), st.integers(0, 3))
def test_hold_out_users_are_strangers(events, targets, seed):
    sizes = events["user_id"].value_counts()
    assume((sizes > targets).sum() >= 3)
    split = splits.hold_out_users(
        Interactions(events), validation=0.3, test=0.3, targets=targets, seed=seed
    )
    assert_nothing_lost_and_no_leak(split, events)
    held = [set(part.targets["user_id"]) for part in (split.validation, split.test)]
    assert all(held)
    assert not held[0] & held[1]
    assert set(split.train.events["user_id"]) == set(events["user_id"]) - held[0] - held[1]
    for part in (split.validation, split.test):
        assert (part.targets["user_id"].value_counts() == targets).all()
        both = [*rows(part.history), *rows(part.targets)]
        assert sorted(both) == sorted(
            events["row"][events["user_id"].isin(part.targets["user_id"])]
        )


@given(logs(), st.data())
def test_given_is_followed_as_it_is(events, data):
    names = st.sampled_from(["train", "validation", "test"])
    drawn = data.draw(st.lists(names, min_size=len(events), max_size=len(events)))
    assume({"train", "test"} <= set(drawn))
    timeless = data.draw(st.booleans())
    events = events.assign(split=drawn)
    given_events = events.drop(columns="timestamp") if timeless else events
    split = splits.given(Interactions(given_events))
    by_name = {name: set(events["row"][events["split"] == name]) for name in ("train", "test")}
    assert set(rows(split.train.events)) == by_name["train"]
    assert set(rows(split.test.targets)) == by_name["test"]
    past = events[(events["split"] != "test") & events["user_id"].isin(split.test.targets.user_id)]
    assert set(rows(split.test.history)) == set(past["row"])
    users = split.test.history["user_id"]
    assert (users != users.shift()).sum() == users.nunique()  # a user's events are neighbours


def test_short_users_are_training_data_whole():
    events = pd.DataFrame(
        {
            "user_id": ["short"] * 10 + ["long"] * 11,
            "item_id": [*range(10), *range(11)],
            "timestamp": [*range(10), *range(11)],
        }
    )
    split = splits.last_events_out(Interactions(events))
    assert set(split.test.targets["user_id"]) == {"long"}
    assert (split.train.events["user_id"] == "short").sum() == 10
    assert split.test.history["item_id"].tolist() == [0, 1, 2, 3, 4, 5]


@given(logs(), st.integers(1, 3), st.integers(0, 3), st.integers(2, 9))
def test_a_minimum_asks_short_users_for_fewer(events, test, validation, minimum):
    sizes = events["user_id"].value_counts()
    assume(sizes.max() >= minimum)
    split = splits.last_events_out(Interactions(events), test, validation, minimum)
    assert_nothing_lost_and_no_leak(split, events)
    for user, size in sizes.items():
        counts = [
            int((frame["user_id"] == user).sum())
            for frame in (split.train.events, split.validation.targets, split.test.targets)
        ]
        if size < minimum:
            assert counts == [size, 0, 0]
            continue
        targets = min(size - 1, test + validation)
        of_test = math.ceil(targets * test / (test + validation))
        assert counts == [size - targets, targets - of_test, of_test]


@given(logs(), st.floats(0.05, 0.6), st.sampled_from([0.0, 0.1, 0.35]), st.integers(0, 3))
def test_random_events_out_asks_a_share_of_each_user(events, test, validation, seed):
    parts = 3 if validation else 2
    sizes = events["user_id"].value_counts()
    assume(sizes.max() >= parts)
    timeless = events.drop(columns="timestamp")
    split = splits.random_events_out(Interactions(timeless), test, validation, seed)
    frames = (split.train.events, split.validation.targets, split.test.targets)
    assert sorted(row for frame in frames for row in rows(frame)) == rows(events)
    for user, size in sizes.items():
        counts = [int((frame["user_id"] == user).sum()) for frame in frames]
        if size < parts:
            assert counts == [size, 0, 0]
            continue
        assert min(counts[0], counts[2]) >= 1
        assert (counts[1] >= 1) == bool(validation)
        for count, share in ((counts[1], validation), (counts[2], test)):
            assert count <= max(1, share * size + 1e-6)
            assert count > share * size - 1 or counts[0] == 1
    asked = timeless["user_id"].isin(split.test.targets["user_id"])
    past = {*rows(split.train.events), *rows(split.validation.targets)}
    assert set(rows(split.test.history)) == past & set(timeless["row"][asked])


def test_random_events_out_draws_by_its_seed_and_from_all_places():
    events = pd.DataFrame({"user_id": 1, "item_id": range(40), "timestamp": range(40)})
    drawn = [
        splits.random_events_out(Interactions(events), 0.25, 0.0, seed).test.targets["item_id"]
        for seed in (0, 0, 1)
    ]
    assert drawn[0].tolist() == drawn[1].tolist() != drawn[2].tolist()
    assert len(drawn[0]) == 10
    assert drawn[0].min() < 10
    assert drawn[0].is_monotonic_increasing  # in the order of time still


def test_temporal_without_validation_and_without_newcomers():
    events = pd.DataFrame(
        {"user_id": [1, 1, 1, 2, 2, 3], "item_id": range(6), "timestamp": [1, 2, 9, 3, 9, 9]}
    )
    data = Interactions(events)
    split = splits.temporal(data, None, 5)
    assert len(split.validation.targets) == 0
    assert split.test.targets["user_id"].tolist() == [1, 2, 3]
    for minimum, users in ((1, [1, 2]), (2, [1])):
        fewer = splits.temporal(data, None, 5, minimum=minimum)
        assert fewer.test.targets["user_id"].tolist() == users
        assert len(fewer.train.events) == 3
        assert fewer.left["user_id"].tolist() == [user for user in (2, 3) if user not in users]
    assert fewer.name == "temporal(5, minimum=2)"


def test_temporal_refuses_what_is_no_time_and_takes_numbers_of_order():
    dated = pd.DataFrame({"user_id": 1, "item_id": range(9), "timestamp": 1_600_000_000})
    dated["timestamp"] += dated["item_id"]
    message = r"test_from is a time from 1980 to 2100.*looks like milliseconds.*1600000001000"
    with pytest.raises(ValueError, match=message):
        splits.temporal(Interactions(dated), None, 1_600_000_001_000)
    numbered = Interactions(dated.assign(timestamp=range(9)))
    split = splits.temporal(numbered, 3, 7)
    assert (len(split.train.events), len(split.test.targets)) == (3, 2)
    assert split.name == "temporal(3, 7)"
    with pytest.raises(ValueError, match=r"no event in test: the data goes from 0 to 8"):
        splits.temporal(numbered, None, 9)


def test_hold_out_users_by_a_minimum():
    sizes = {"few": 6, "some": 8, "more": 9}
    events = pd.DataFrame(
        [(u, i, i) for u, n in sizes.items() for i in range(n)],
        columns=["user_id", "item_id", "timestamp"],
    )
    split = splits.hold_out_users(Interactions(events), 0, 0.9, targets=2, minimum=8)
    assert set(split.test.targets["user_id"]) == {"some", "more"}


def test_repeats_make_all_of_the_last_basket_targets():
    events = pd.DataFrame(
        {"user_id": 1, "item_id": list("ababac"), "timestamp": [1, 1, 2, 2, 3, 3]}
    ).assign(session_id=[1, 1, 2, 2, 3, 3])
    data = Interactions(events)
    assert splits.standard(data).test.targets["item_id"].tolist() == ["c"]
    assert set(splits.standard(data, repeats=True).test.targets["item_id"]) == {"a", "c"}


def test_counts_come_from_train_while_the_catalogue_is_whole():
    events = pd.DataFrame({"user_id": 1, "item_id": range(12), "timestamp": range(12)})
    split = splits.last_events_out(Interactions(events))
    assert split.train.events["item_id"].tolist() == [0, 1]
    assert split.train.items["item_id"].tolist() == list(range(12))


def test_a_user_with_nothing_new_in_the_last_basket_is_not_counted():
    events = pd.DataFrame(
        {
            "user_id": [1, 1, 1, 2, 2, 2],
            "item_id": ["a", "b", "a", "a", "b", "c"],
            "timestamp": [1, 2, 3, 1, 2, 3],
            "session_id": [1, 2, 3, 4, 5, 6],
        }
    )
    split = splits.last_basket_out(Interactions(events))
    assert split.test.targets["user_id"].tolist() == [2]
    assert set(split.test.history["user_id"]) == {2}


def test_overlapping_sessions_are_refused():
    events = pd.DataFrame(
        {"user_id": 7, "item_id": range(4), "timestamp": range(4), "session_id": list("xyxz")}
    )
    message = r"do not overlap.*Received: 1 users.*'user_id': 7, 'session_id': 'x'"
    with pytest.raises(ValueError, match=message):
        splits.last_basket_out(Interactions(events))


def test_temporal_takes_dates_as_utc():
    days = pd.to_datetime(
        ["2011-10-31T23:59:59", "2011-11-01", "2011-12-01", "2012-01-01"], format="ISO8601"
    )
    events = pd.DataFrame({"user_id": 1, "item_id": range(4), "timestamp": days})
    split = splits.temporal(
        Interactions(events), "2011-11-01", pd.Timestamp("2011-12-01", tz="UTC")
    )
    assert split.train.events["item_id"].tolist() == [0]
    assert split.validation.targets["item_id"].tolist() == [1]
    assert split.test.targets["item_id"].tolist() == [2, 3]
    assert split.name == "temporal(2011-11-01T00:00:00, 2011-12-01T00:00:00)"


def test_hold_out_users_follows_the_seed():
    events = pd.DataFrame(
        {"user_id": np.repeat(range(50), 8), "item_id": 1, "timestamp": np.tile(range(8), 50)}
    )
    chosen = [
        set(splits.hold_out_users(Interactions(events), seed=seed).test.targets["user_id"])
        for seed in (0, 0, 1)
    ]
    assert chosen[0] == chosen[1] != chosen[2]
    assert len(chosen[0]) == 5


def test_standard_follows_the_data():
    basket = pd.DataFrame(
        {
            "user_id": 1,
            "item_id": range(12),
            "timestamp": np.repeat(range(6), 2),
            "session_id": np.repeat(range(6), 2),
        }
    )
    clicks = basket.assign(timestamp=range(12))
    numbered = clicks.assign(session_id=range(12))  # an id an event makes no baskets
    published = basket.assign(split=["train"] * 11 + ["test"])
    assert splits.standard(Interactions(basket)).name.startswith("last_basket_out")
    assert splits.standard(Interactions(clicks)).name.startswith("last_events_out")
    assert splits.standard(Interactions(numbered)).name.startswith("last_events_out")
    assert splits.standard(Interactions(published)).name == "given"


def test_standard_draws_events_where_there_are_no_times_and_says_so():
    likes = pd.DataFrame({"user_id": np.repeat([1, 2], 10), "item_id": range(20)})
    with pytest.warns(ReadingNotice, match="no times: a tenth of each user's, drawn at random"):
        split = splits.standard(Interactions(likes), minimum=4)
    assert split.name == splits.random_events_out(Interactions(likes), minimum=4).name
    assert [len(part) for part in (split.train.events, split.test.targets)] == [16, 2]
    mixed = Interactions(likes.sample(frac=1, random_state=0).reset_index(drop=True))
    pairs = ["user_id", "item_id"]
    for on in ("validation", "test"):
        found = [each.part(on).targets[pairs] for each in (split, splits.standard(mixed, 4))]
        ours, theirs = (one.sort_values(pairs).to_numpy().tolist() for one in found)
        assert ours == theirs


DAYS = np.repeat(np.arange(6), 3) * 86_400 + 1_600_041_600  # midnights, three items on each


def of_shoppers(times, **columns):
    """50 users of as many items as there are times, and as many items each."""
    count = len(times)
    events = {"user_id": np.repeat(range(50), count), "timestamp": np.tile(times, 50)}
    items = np.arange(50 * count) % 97
    return Interactions(pd.DataFrame({**events, "item_id": items, **columns}))


@pytest.mark.parametrize(
    "times",
    [
        DAYS,
        DAYS + 14 * 3600 + 57 * 60,  # as a till writes minutes
        np.where(np.arange(18) < 5, DAYS, DAYS[0] + np.arange(18) * 60),  # 5 of 18
        np.repeat(range(6), 3),  # the first order, the second one, …
    ],
)
def test_standard_tells_of_what_may_be_baskets(times):
    with pytest.warns(ReadingNotice, match=r"% of the events .*=session_id.*--split temporal:"):
        split = splits.standard(of_shoppers(times))
    assert split.name == "last_events_out(test=5, validation=5)"


@pytest.mark.parametrize(
    "data",
    [
        of_shoppers(DAYS + np.arange(18) * 60),  # each at its own time
        of_shoppers(DAYS + 7),  # to the second, as people rate
        of_shoppers(DAYS[0] + np.array([0, *range(17)]) * 60),  # 2 of 18
        of_shoppers(DAYS, tie_order=np.arange(900)),
        of_shoppers(DAYS, session_id=np.repeat(range(300), 3)),
        Interactions(of_shoppers(DAYS).events.assign(item_id=1)),  # the same item, again
    ],
)
def test_standard_does_not_tell_of_other_events(data):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ReadingNotice)
        splits.standard(data)


def test_parts_by_name():
    events = pd.DataFrame({"user_id": 1, "item_id": range(12), "timestamp": range(12)})
    split = splits.last_events_out(Interactions(events, name="clicks"))
    assert split.part("test") is split.test
    assert split.part("validation") is split.validation
    assert repr(split).startswith("Split(last_events_out(test=5, validation=5) of clicks: train 2")
    with pytest.raises(ValueError, match=r"'validation' or 'test'. Received: 'train'"):
        split.part("train")


TIMELESS = Interactions(pd.DataFrame({"user_id": [1], "item_id": [1]}))
GIVEN = Interactions(pd.DataFrame({"user_id": [1], "item_id": [1], "split": ["test"]}))
ONE_OF_THREE = Interactions(
    pd.DataFrame({"user_id": [1, 1, 2, 3], "item_id": 1, "timestamp": [0, 1, 2, 3]})
)
ONCE = Interactions(pd.DataFrame({"user_id": [1, 2], "item_id": 1, "timestamp": [0, 1]}))
TIMED = Interactions(pd.DataFrame({"user_id": [1, 1], "item_id": [1, 2], "timestamp": [0, 86400]}))
AGAIN = Interactions(  # the last basket of three users holds what the first did
    pd.DataFrame({"user_id": [1, 2, 3] * 3, "item_id": 7}).assign(
        timestamp=range(9), session_id=range(9)
    )
)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: splits.last_events_out(TIMELESS), r"last_events_out needs to know.*'timestamp'"),
        (lambda: splits.last_basket_out(TIMELESS), r"last_basket_out needs to know.*'timestamp'"),
        (lambda: splits.temporal(TIMELESS, 1, 2), r"temporal needs to know"),
        (lambda: splits.hold_out_users(TIMELESS), r"hold_out_users needs to know"),
        (
            lambda: splits.last_events_out(TIMED),
            r"11 events or more.*--split last:1,0\).*--minimum 2\).*Received: 2 events",
        ),
        (
            lambda: splits.last_events_out(TIMED, 1, 1),
            r"3 events or more.*test=1, validation=0 \(--split last:1,0\)",
        ),
        (lambda: splits.last_events_out(ONCE), r"No user has .*\(--split temporal:.*: 1 events"),
        (lambda: splits.last_events_out(TIMED, test=0), r"test is 1 at least. Received: test=0"),
        (lambda: splits.last_events_out(TIMED, test=1.5), r"whole numbers.*Received: test=1.5"),
        (lambda: splits.last_events_out(TIMED, validation=True), r"Received: validation=True"),
        (lambda: splits.last_events_out(TIMED, minimum=1), r"minimum is 2 at least"),
        (lambda: splits.last_basket_out(TIMED), r"a column 'session_id'"),
        (
            lambda: splits.last_basket_out(TIMED, 2),
            r"minimum_baskets is 3 at least. Received: minimum_baskets=2",
        ),
        (lambda: splits.last_basket_out(AGAIN), r"only what.*new_items_only=False.*3 last basket"),
        (lambda: splits.hold_out_users(TIMED, seed=-1), r"seed as a whole number from 0 up.*-1"),
        (lambda: splits.random_events_out(TIMED, seed=1.5), r"seed as a whole number.*seed=1.5"),
        (lambda: splits.temporal(TIMED, 5, 5), r"validation_from before test_from"),
        (
            lambda: splits.temporal(TIMED, 5, 9),
            r"no event in validation: the data goes from 0 to 86400",
        ),
        (lambda: splits.temporal(TIMED, None, 9 * 86400), r"no event in test"),
        (lambda: splits.temporal(TIMED, None, 9, minimum=2), r"nobody to ask.*2 events before"),
        (lambda: splits.temporal(TIMED, "soon", 9), r"validation_from is.*Received: 'soon'"),
        (lambda: splits.hold_out_users(TIMED, test=1.5), r"shares.*test=1.5"),
        (lambda: splits.hold_out_users(TIMED), r"6 events or more.*Received: 0 such users of 1"),
        (
            lambda: splits.hold_out_users(TIMED, targets=1),
            r"to learn from: of few users.*last:1,0\)",
        ),
        (
            lambda: splits.hold_out_users(ONE_OF_THREE, targets=1),
            r"2 events or more for each part.*Received: 1 such users of 3",
        ),
        (lambda: splits.hold_out_users(TIMED, targets=2, minimum=2), r"minimum is 3 at least"),
        (lambda: splits.random_events_out(TIMELESS), r"3 events or more.*Received: 1 events"),
        (
            lambda: splits.random_events_out(TIMED, test=0.2),
            r"3 events or more. Without validation \(--split random:0.2,0\).*Received: 2 events",
        ),
        (
            lambda: splits.random_events_out(TIMED, validation=0, minimum=4),
            r"4 events or more. A smaller minimum \(--minimum 2\).*Received: 2 events",
        ),
        (lambda: splits.random_events_out(TIMED, test=1), r"shares.*Received: test=1"),
        (lambda: splits.random_events_out(TIMED, minimum=2), r"minimum is 3 at least"),
        (lambda: splits.standard(GIVEN, minimum=3), r"followed as it is.*Received: 3"),
        (lambda: splits.given(TIMED), r"a column 'split' of train, validation, test"),
        (
            lambda: splits.given(Interactions(TIMED.events.assign(split="train"))),
            r"Received: \{'train': 2, 'validation': 0, 'test': 0\}",
        ),
    ],
)
def test_errors_say_what_is_needed(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.fixture(scope="module")
def protocol():
    """The measurement script that stands beside the data and knows nothing of the package."""
    folder = os.environ.get("TFREC_RECALL_DATA")
    if not folder:
        pytest.skip("TFREC_RECALL_DATA is not set: no protocol.py to compare with")
    path = pathlib.Path(folder).resolve().parent / "protocol.py"
    if not path.exists():
        pytest.skip(f"there is no {path} to compare with")
    specification = importlib.util.spec_from_file_location("protocol", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def assert_same_rows(ours, theirs, columns):
    """The same events, and within a user in the same order."""
    theirs = theirs.sort_values("user_id", kind="stable")
    assert ours[columns].to_numpy().tolist() == theirs[columns].to_numpy().tolist()


def test_movielens_as_the_protocol_splits_it(protocol):
    parts = protocol.movielens_100k()
    events = pd.concat(parts.values()).sample(frac=1, random_state=0)
    split = splits.standard(Interactions(events))
    columns = ["user_id", "item_id", "rating"]
    assert len(split.train.events) == 90_570
    assert_same_rows(split.train.events, parts["train"], columns)
    assert_same_rows(split.validation.history, parts["train"], columns)
    assert_same_rows(split.validation.targets, parts["validation"], columns)
    past = pd.concat([parts["train"], parts["validation"]])
    assert_same_rows(split.test.history, past, columns)
    assert_same_rows(split.test.targets, parts["test"], columns)


def test_online_retail_as_the_protocol_splits_it(protocol):
    parts = protocol.online_retail()
    events = pd.concat([parts["train"], parts["validation"], parts["test"]])
    split = splits.standard(Interactions(events.sample(frac=1, random_state=0)))
    columns = ["user_id", "session_id", "item_id", "quantity"]
    assert (len(split.train.events), len(split.interactions.items)) == (301_222, 3_659)
    assert (len(split.test.targets), split.test.targets["user_id"].nunique()) == (24_757, 1_724)
    assert_same_rows(split.train.events, parts["train"], columns)
    assert_same_rows(split.validation.targets, parts["validation_targets"], columns)
    assert_same_rows(split.test.targets, parts["test_targets"], columns)
    past = pd.concat([parts["train"], parts["validation"]])
    past = past[past["user_id"].isin(parts["test_targets"]["user_id"])]
    assert_same_rows(split.test.history, past, columns)
