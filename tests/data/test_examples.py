import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.references import examples as reference
from tfrec_recall.data.examples import (
    Examples,
    learnt,
    next_basket,
    next_item,
    pad_runs,
    pairs,
)
from tfrec_recall.data.interactions import Interactions

# Few users, items and times, so that ties, repetitions and interleaved sessions are common.
ROW = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["u", "v", "w"]),
        "item_id": st.sampled_from(["10", "9", "8", "7"]),
        "timestamp": st.integers(0, 5),
        "session_id": st.sampled_from(["s", "t", "r"]),
    }
)
LOGS = st.lists(ROW, min_size=1, max_size=25)
HISTORY = st.integers(1, 6)
MINIMUM = st.integers(0, 2)


def interactions(rows, sessions=True):
    """Each event has a number, so that it is known again when the rows are sorted."""
    frame = pd.DataFrame(rows).assign(event=range(len(rows)))
    return Interactions(frame if sessions else frame.drop(columns="session_id"))


def numbered(rows, sessions=True):
    keep = [key for key in rows[0] if sessions or key != "session_id"]
    return [{**{key: row[key] for key in keep}, "event": n} for n, row in enumerate(rows)]


def listed(examples):
    """[(target, [history]), …] as numbers of events."""
    event = examples.events["event"].to_numpy()
    runs = zip(examples.target, examples.history_start, examples.history_end, strict=True)
    return [(event[target], event[start:end].tolist()) for target, start, end in runs]


def expected(pairs_of_events):
    return [(target["event"], [e["event"] for e in past]) for target, past in pairs_of_events]


def assert_same(build, wanted):
    """The examples are those of the reference, or an error where it finds none."""
    if not wanted:
        with pytest.raises(ValueError, match="No example is left to learn from"):
            build()
    else:
        assert listed(build()) == expected(wanted)


@given(LOGS, HISTORY, MINIMUM, st.booleans())
def test_next_item_equals_the_reference(rows, history, minimum, sessions):
    minimum = min(minimum, history)
    wanted = reference.next_item(numbered(rows, sessions), history, minimum)
    assert_same(lambda: next_item(interactions(rows, sessions), history, minimum), wanted)


@given(LOGS, HISTORY, MINIMUM, st.booleans(), st.booleans())
def test_next_basket_equals_the_reference(rows, history, minimum, sessions, new_items_only):
    minimum = min(minimum, history)
    wanted = reference.next_basket(numbered(rows, sessions), history, minimum, new_items_only)
    assert_same(
        lambda: next_basket(
            interactions(rows, sessions), history, minimum, new_items_only=new_items_only
        ),
        wanted,
    )


@given(LOGS, HISTORY)
def test_no_history_reaches_its_target_and_every_event_is_a_target_once(rows, history):
    examples = next_item(interactions(rows), history, minimum_history=0)
    assert sorted(examples.events["event"][examples.target]) == list(range(len(rows)))
    assert (examples.history_end <= examples.target).all()
    users = examples.events["user_id"].to_numpy()
    time = examples.events["timestamp"].to_numpy()
    for target, start, end in zip(
        examples.target, examples.history_start, examples.history_end, strict=True
    ):
        assert end - start <= history
        assert (users[start:end] == users[target]).all()
        assert (np.diff(time[start:end]) >= 0).all()  # oldest first ...
        assert (time[start:end] <= time[target]).all()  # ... and never the future


@given(LOGS, HISTORY)
def test_the_own_basket_is_never_in_the_history(rows, history):
    examples = next_basket(interactions(rows), history, minimum_history=0)
    session = examples.events["session_id"].to_numpy()
    for target, start, end in zip(
        examples.target, examples.history_start, examples.history_end, strict=True
    ):
        assert session[target] not in session[start:end]


@given(LOGS)
def test_the_order_of_rows_means_nothing(rows):
    """Equal rows excepted, which nothing can tell apart."""
    rows = list({tuple(row.values()): row for row in rows}.values())
    columns = ["user_id", "item_id", "timestamp", "session_id"]
    forward = next_item(interactions(rows), minimum_history=0)
    backward = next_item(interactions(rows[::-1]), minimum_history=0)
    pd.testing.assert_frame_equal(forward.events[columns], backward.events[columns])
    np.testing.assert_array_equal(forward.history_end, backward.history_end)


def test_ties_of_time_are_not_ordered_by_item():
    """On events of one second, "the next item has a larger id" holds for half of the pairs."""
    items = np.arange(100, 400)
    frame = pd.DataFrame({"user_id": 1, "item_id": items, "timestamp": 7})
    examples = next_item(Interactions(frame))
    item = examples.events["item_id"].to_numpy()
    larger = (item[examples.target] > item[examples.history_end - 1]).mean()
    assert 0.4 < larger < 0.6


def test_times_a_second_apart_stay_apart():
    """As float32, these times of 2023 would be one."""
    time = 1_700_000_000 + np.arange(50)
    frame = pd.DataFrame({"user_id": "u", "item_id": np.arange(50), "timestamp": time[::-1]})
    examples = next_item(Interactions(frame))
    assert examples.events["item_id"].tolist() == list(range(49, -1, -1))
    assert examples.age.tolist() == list(range(48, -1, -1))


def history_of_seven():
    frame = pd.DataFrame({"user_id": "u", "item_id": np.arange(7), "timestamp": np.arange(7)})
    return next_item(Interactions(frame), history=4)


def test_a_history_keeps_the_latest_events_oldest_first():
    examples = history_of_seven()
    item = examples.events["item_id"].to_numpy() + 10
    np.testing.assert_array_equal(
        examples.histories(item),
        [
            [10, 0, 0, 0],
            [10, 11, 0, 0],
            [10, 11, 12, 0],
            [10, 11, 12, 13],
            [11, 12, 13, 14],
            [12, 13, 14, 15],
        ],
    )
    np.testing.assert_array_equal(
        examples.histories(item, rows=[5, 0], length=2), [[14, 15], [10, 0]]
    )
    np.testing.assert_array_equal(examples.histories(item, [0], length=6), [[10, 0, 0, 0, 0, 0]])


def test_columns_of_one_history_are_aligned():
    examples = history_of_seven()
    item = examples.events["item_id"].to_numpy() + 1
    category = item * 100
    both = examples.histories(np.stack([item, category], axis=1), length=3)  # [examples, 3, 2]
    np.testing.assert_array_equal(both[:, :, 0], examples.histories(item, length=3))
    np.testing.assert_array_equal(both[:, :, 1], both[:, :, 0] * 100)


@given(LOGS, HISTORY, st.integers(1, 8))
def test_histories_equal_the_reference(rows, history, length):
    examples = next_item(interactions(rows), history, minimum_history=0)
    number = examples.events["event"].to_numpy() + 1
    past = [[event + 1 for event in before] for _, before in listed(examples)]
    wanted = np.array(reference.padded(past, length))
    np.testing.assert_array_equal(examples.histories(number, length=length), wanted)


def test_histories_refuse_a_column_of_another_length():
    with pytest.raises(ValueError, match=r"one value an event: 7 rows.*Received: .*\(6,\)"):
        history_of_seven().histories(np.arange(6))


def test_taking_keeps_examples_whole():
    examples = history_of_seven()
    for rows in (np.array([4, 1]), np.array([False, True, False, False, True, False]), slice(1, 3)):
        taken = examples.take(rows)
        assert listed_rows(taken) == [listed_rows(examples)[i] for i in np.arange(6)[rows]]
    assert len(examples.take([])) == 0
    assert examples.take([]).histories(np.arange(7)).shape == (0, 0)


def listed_rows(examples):
    return list(
        zip(
            examples.target.tolist(),
            examples.history_start.tolist(),
            examples.history_end.tolist(),
            examples.weight.tolist(),
            examples.age.tolist(),
            strict=True,
        )
    )


def test_positions_are_the_types_they_promise():
    for examples in (history_of_seven(), pairs(interactions([ROW_A]))):
        for positions in (examples.target, examples.history_start, examples.history_end):
            assert positions.dtype == np.int64
        assert examples.weight.dtype == np.float32


ROW_A = {"user_id": "u", "item_id": "1", "timestamp": 3, "session_id": "s"}


def test_users_with_one_event_have_no_example_unless_empty_histories_are_wanted():
    rows = [{**ROW_A, "user_id": user} for user in "abc"]
    for build in (next_item, next_basket):
        with pytest.raises(
            ValueError, match=r"No example.*Received: 3 events of 3 users, minimum_history=1"
        ):
            build(interactions(rows))
        examples = build(interactions(rows), minimum_history=0)
        assert len(examples) == 3
        assert examples.histories(np.ones(3)).shape == (3, 0)


def uneven():
    """User u has 4 baskets of 1, 1, 6 and 2 items, user v has two of one; all items are new."""
    baskets = [("u", 1, 1), ("u", 2, 1), ("u", 3, 6), ("u", 4, 2), ("v", 1, 1), ("v", 2, 1)]
    rows = [
        {"user_id": user, "item_id": f"{user}{time}{item}", "timestamp": time}
        for user, time, size in baskets
        for item in range(size)
    ]
    return Interactions(pd.DataFrame(rows))


def test_user_weight_power_of_minus_one_makes_users_equal():
    examples = next_item(uneven(), user_weight_power=-1)
    of_u = examples.events["user_id"][examples.target].to_numpy() == "u"
    assert of_u.sum() == 9
    np.testing.assert_allclose(examples.weight[of_u], 10 / 9 / 2, rtol=1e-6)
    np.testing.assert_allclose(examples.weight[~of_u], 10 / 2, rtol=1e-6)
    np.testing.assert_array_equal(next_item(uneven()).weight, 1)


def test_basket_weight_power_weighs_by_the_size_of_the_basket():
    examples = next_basket(uneven(), basket_weight_power=-0.5)
    size = np.array([1, 6, 6, 6, 6, 6, 6, 2, 2, 1])  # in order: u's 2nd to 4th, then v's 2nd
    np.testing.assert_allclose(examples.weight, size**-0.5 / np.mean(size**-0.5), rtol=1e-6)
    both = next_basket(uneven(), basket_weight_power=-0.5, user_weight_power=-1)
    product = size**-0.5 / np.array([9] * 9 + [1])
    np.testing.assert_allclose(both.weight, product / product.mean(), rtol=1e-6)


def test_weights_of_events_are_factors():
    frame = uneven().events.assign(weight=[1.0] * 10 + [0.0, 3.0])
    examples = next_item(Interactions(frame), user_weight_power=-1)
    np.testing.assert_allclose(examples.weight[:9] / examples.weight[9], (1 / 9) / 3, rtol=1e-6)
    assert examples.weight.mean() == pytest.approx(1)
    with pytest.raises(ValueError, match="weights are all 0"):
        pairs(Interactions(frame.assign(weight=0.0)))


def test_per_user_takes_a_random_choice_of_at_most_so_many():
    everything = next_item(uneven(), history=50)
    position = {row[:3]: place for place, row in enumerate(listed_rows(everything))}
    drawn = np.zeros(10)
    for seed in range(300):
        examples = next_item(uneven(), history=50, per_user=3, seed=seed)
        places = [position[row[:3]] for row in listed_rows(examples)]  # histories are as they were
        assert places == sorted(set(places))
        assert sum(place < 9 for place in places) == 3
        drawn[places] += 1
    assert drawn[9] == 300  # v has only one
    assert drawn[:9].min() > 60  # each of u's nine is drawn 100 times in the mean
    again = next_item(uneven(), per_user=3, seed=5)
    np.testing.assert_array_equal(again.target, next_item(uneven(), per_user=3, seed=5).target)
    assert again.weight.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("build", [next_item, next_basket])
def test_what_is_history_alone_counts_for_no_limit_and_no_weight(build):
    frame = uneven().events  # of u, the two of the last basket are learnt
    data = Interactions(frame.assign(history_only=(frame["user_id"] == "u") & (frame.index < 8)))
    for options in ({"per_user": 2}, {"user_weight_power": -1}):
        examples = build(data, **options)
        user = examples.events["user_id"].to_numpy()[examples.target]
        assert sorted(user) == ["u", "u", "v"]
    np.testing.assert_allclose(examples.weight[user == "u"].sum(), examples.weight[user == "v"])
    assert len(pairs(data)) == 4


def test_a_click_session_is_in_order_and_a_basket_is_not():
    clicks = [{**ROW_A, "item_id": str(i), "timestamp": i} for i in range(3)]
    assert listed(next_item(interactions(clicks))) == [(1, [0]), (2, [0, 1])]
    basket = [{**row, "timestamp": 3} for row in clicks]
    later = {**ROW_A, "item_id": "9", "timestamp": 4, "session_id": "t"}
    examples = listed(next_item(interactions([*basket, later])))
    assert [(target, sorted(past)) for target, past in examples] == [(3, [0, 1, 2])]


def test_pairs_need_no_time_and_no_history():
    frame = pd.DataFrame({"user_id": [2, 1, 2], "item_id": [5, 5, 6]})
    examples = pairs(Interactions(frame))
    assert examples.target.tolist() == [0, 1, 2]
    assert examples.longest == 0
    assert examples.age.tolist() == [0, 0, 0]
    dated = pairs(Interactions(frame.assign(timestamp=[30, 10, 20])))
    assert dated.events["timestamp"].tolist() == [10, 20, 30]
    assert dated.age.tolist() == [20, 10, 0]
    before_1970 = pairs(Interactions(frame.assign(timestamp=[-30, -10, -20])))
    assert before_1970.age.tolist() == [0, 20, 10]
    with pytest.raises(ValueError, match="No example is left"):
        pairs(Interactions(frame.head(0)))


@pytest.mark.parametrize("build", [next_item, next_basket])
def test_order_is_never_guessed(build):
    frame = pd.DataFrame({"user_id": ["u", "u"], "item_id": ["1", "2"]})
    with pytest.raises(ValueError, match=rf"{build.__name__} examples .*'timestamp'.*or use held_"):
        build(Interactions(frame))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"history": 2, "minimum_history": 3}, "Received: minimum_history=3, history=2"),
        ({"minimum_history": -1}, "Received: minimum_history=-1"),
        ({"per_user": 0}, "Received: 0"),
    ],
)
def test_impossible_options_are_refused(options, message):
    for build in (next_item, next_basket):
        with pytest.raises(ValueError, match=message):
            build(uneven(), **options)


def test_the_data_given_stays_as_it_is():
    data = uneven()
    before = data.events.copy()
    next_basket(data, per_user=1, basket_weight_power=-1)
    pd.testing.assert_frame_equal(data.events, before)


def test_runs_of_nothing():
    empty = np.zeros(0, dtype=np.int64)
    assert pad_runs(np.arange(3), empty, empty, 4).shape == (0, 4)
    assert isinstance(next_item(uneven()).take(slice(0, 0)), Examples)


@pytest.mark.parametrize("dtype", [object, "boolean"])
def test_events_that_do_not_say_so_are_not_history_alone(dtype):
    events = pd.DataFrame({"history_only": pd.Series([True, None, False], dtype=dtype)})
    assert learnt(events).tolist() == [False, True, True]
