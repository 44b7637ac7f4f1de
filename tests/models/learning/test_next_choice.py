import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.data.examples import history_alone
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.models import MIND, SDM, MultiObjectiveTwoTower, TwoTower, YouTubeDNN
from tfrec_recall.models.learning.next_choice import choices, personal_features

BASKETS = pd.DataFrame(  # each user has one item again and again, and another one each time
    [
        (user, item, f"{user} {time}", time)
        for user in ("a", "b", "c")
        for time in range(8)
        for item in (f"{user} again", f"{user} {time}")
    ],
    columns=["user_id", "item_id", "session_id", "timestamp"],
)


def chosen(events, repeats=False, **columns):
    """The features of the user side, and why the user's id is none of them."""
    table = pd.DataFrame({"user_id": np.repeat(["a", "b"], events), "item_id": 1, **columns})
    features = personal_features(Interactions(table), repeats=repeats)
    left_out = {(one.table, one.column): one.why for one in features.left_out}
    return {feature.name for feature in features.user}, left_out.get(("users", "user_id"))


@pytest.mark.parametrize("columns", [{"timestamp": 2}, {}])
def test_the_users_id_is_a_feature_where_users_have_many_events(columns):
    assert chosen(15, **columns) == ({"user_id", "history"}, None)
    names, why = chosen(14, **columns)
    assert names == {"history"}
    assert "14.0 events each" in why


def test_baskets_are_foretold_without_it():
    names, why = chosen(20, timestamp=2, session_id=3)
    assert names == {"history"}
    assert "basket" in why


def test_with_repeats_what_was_bought_before_tells_of_the_next_basket():
    baskets = {"repeats": True, "timestamp": 2, "session_id": 3}
    assert chosen(20, **baskets) == ({"user_id", "history"}, None)
    assert "14.0 events each" in chosen(14, **baskets)[1]


@pytest.mark.parametrize("model_class", [TwoTower, MultiObjectiveTwoTower, YouTubeDNN, MIND, SDM])
@pytest.mark.parametrize("repeats", [False, True])
def test_items_that_come_again_are_targets_with_repeats_alone(model_class, repeats):
    data = Interactions(BASKETS)
    features = model_class.default_features(data, repeats=repeats).adapt(data)
    model = model_class(features, repeats=repeats)
    examples = model.examples(data)
    wanted = examples.events["item_id"].to_numpy()[examples.target]
    again = sum(item.endswith("again") for item in wanted)
    assert (again, len(wanted) - again) == (3 * 7 if repeats else 0, 3 * 7)
    assert "user_id" in {f.name for f in features.user} or not repeats or model_class is YouTubeDNN


@pytest.mark.parametrize(
    ("without", "user", "targets", "longest"),
    [
        ([], History(length=40), 3 * 7, 14),  # of baskets
        (["session_id"], History(length=40), None, None),
        (["session_id", "timestamp"], History(length=40), 3, 8),  # of a set, without its copies
        ([], Categorical("user_id"), 3 * 8, 0),
    ],
)
def test_events_of_unknown_items_are_history_alone(without, user, targets, longest):
    data = Interactions(BASKETS.drop(columns=without))
    features = Features([user], [Categorical("item_id", min_count=2)]).adapt(data)
    examples = choices(features, data, repeats=True)
    items = examples.events["item_id"].to_numpy()
    assert all(item.endswith("again") for item in items[examples.target])
    assert targets in (None, len(examples))
    assert longest in (None, examples.longest)
    assert examples.weight.mean() == pytest.approx(1.0)


def test_what_is_history_alone_is_marked_without_another_check(monkeypatch):
    """A part of data in parts comes by once an epoch."""
    data = Interactions(BASKETS)
    features = Features([History(length=40)], [Categorical("item_id", min_count=2)]).adapt(data)

    def checked(*given):
        raise AssertionError("events that were checked are checked once more")

    monkeypatch.setattr("tfrec_recall.data.interactions.checked_events", checked)
    later = history_alone(data, data.events["timestamp"].to_numpy() < 6)
    assert len(choices(features, data, repeats=True)) == 3 * 7
    assert len(choices(features, later, repeats=True)) == 3 * 2
    assert "history_only" not in data.events
