import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features, Objective, meetings, objectives_of
from tfrec_recall.features.objective import lacking

EVENTS = pd.DataFrame(
    {
        "user_id": ["u", "u", "u", "v", "u"],
        "item_id": ["a", "a", "b", "a", "a"],
        "timestamp": [10, 11, 12, 13, 90],
        "session_id": [1, 1, 1, 2, 3],
        "event_type": ["click", "like", "click", "click", "click"],
        "rating": [5.0, np.nan, 3.0, 1.0, 4.0],
    }
)


def test_labels_are_by_value_by_number_or_of_all():
    assert Objective("any").labels(EVENTS).all()
    assert Objective("liked", "event_type", equals="like").labels(EVENTS).tolist() == [
        0,
        1,
        0,
        0,
        0,
    ]
    assert Objective("good", "rating", at_least=4).labels(EVENTS).tolist() == [1, 0, 0, 0, 1]


def test_types_are_objectives_the_most_frequent_first():
    found = objectives_of(Interactions(EVENTS))
    assert [(o.name, o.column, o.equals) for o in found] == [
        ("click", "event_type", "click"),
        ("like", "event_type", "like"),
    ]


def test_without_types_there_are_all_events_and_the_better_half():
    untyped = EVENTS.drop(columns="event_type")
    found = objectives_of(Interactions(untyped))
    assert found == (
        Objective("interaction"),
        Objective("high rating", "rating", at_least=3.5),
    )
    plain = Interactions(untyped.drop(columns="rating"))
    assert objectives_of(plain) == (Objective("interaction"),)


def test_a_click_and_its_like_are_one_meeting():
    data = Interactions(EVENTS.sample(frac=1, random_state=3))
    together = meetings(data, objectives_of(data)).events.sort_values("timestamp")
    assert together["timestamp"].tolist() == [10, 12, 13, 90]  # another session is another meeting
    assert together["label click"].tolist() == [True] * 4
    assert together["label like"].tolist() == [True, False, False, False]


def test_without_types_every_event_is_a_meeting():
    data = Interactions(EVENTS.drop(columns="event_type"))
    assert len(meetings(data, objectives_of(data)).events) == len(EVENTS)


def test_objectives_are_part_of_a_specification():
    objectives = [Objective("any")]
    features = Features([Categorical("user_id")], [Categorical("item_id")], objectives)
    assert features.without("user_id").objectives == tuple(objectives)


def test_what_an_objective_needs_is_named():
    with pytest.raises(ValueError, match=r"has a name"):
        Objective("")
    for arguments in ({"column": "rating"}, {"equals": "like"}):
        with pytest.raises(ValueError, match=r"`column` and one of .*Received: Objective"):
            Objective("x", **arguments)
    with pytest.raises(ValueError, match=r"'x' reads the event column 'sales'. Received: .*rating"):
        Objective("x", "sales", at_least=1).labels(EVENTS)
    with pytest.raises(ValueError, match=r"'x' reads the event column 'sales'. Received: .*rating"):
        Objective("x", "sales", equals="like").labels(EVENTS)
    with pytest.raises(ValueError, match=r"'x' compares the event column 'event_type' with a num"):
        Objective("x", "event_type", at_least=1).labels(EVENTS)
    for value in (["like", "buy"], np.nan):
        with pytest.raises(ValueError, match=r"takes equals as one value of the column.*Received"):
            Objective("x", "event_type", equals=value)


@pytest.mark.parametrize(
    ("objective", "there"),
    [
        (Objective("x", "event_type", equals="likes"), "'event_type' has 'click', 'like'"),
        (Objective("x", "session_id", equals="1"), "'session_id' has 1, 2, 3"),  # these are numbers
        (Objective("x", "timestamp", at_least=500), "'timestamp' has 0 to 14"),
    ],
)
def test_an_objective_of_no_event_is_named_with_what_there_is(objective, there):
    data = Interactions(pd.concat([EVENTS] * 3, ignore_index=True).assign(timestamp=range(15)))
    said = lacking(data, [Objective("any"), objective])
    assert said.startswith(f"No event is of the objective 'x': its column {there}. Name")
    liked = Objective("liked", "event_type", equals="like")
    assert not lacking(data, [Objective("any"), liked])


def test_a_meeting_of_which_an_event_is_new_is_a_target():
    """The click of an earlier day is history, and the like that follows from it is not."""
    data = Interactions(EVENTS.assign(history_only=[True, False, True, False, True]))
    met = meetings(data, objectives_of(data)).events.sort_values("timestamp")
    assert met["timestamp"].tolist() == [10, 12, 13, 90]
    assert met["history_only"].tolist() == [False, True, False, True]
    assert met["label like"].tolist() == [True, False, False, False]
