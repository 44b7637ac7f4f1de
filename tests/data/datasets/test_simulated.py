"""The simulated marketplace does what its page says, in direction if not in number."""

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import sessions
from tfrec_recall.data.datasets import simulated
from tfrec_recall.data.datasets.simulated import generate
from tfrec_recall.data.datasets.simulated.catalogue import Shelves
from tfrec_recall.data.datasets.simulated.visits import running_sum


@pytest.fixture(scope="module")
def simulation():
    return simulated.simulate(60_000, event_types=simulated.EVENT_TYPES, seed=5)


@pytest.fixture(scope="module")
def joined(simulation):
    """Every event beside the truth of its item, its session and its user, rows in time."""
    truth = simulation.truth
    events = simulation.interactions.events.reset_index(names="row")
    items = simulation.interactions.items[["item_id", "market", "price", "released_at"]]
    items = items.assign(item=np.arange(len(items))).rename(columns={"market": "item_market"})
    facts = truth.items.rename(columns={"type": "item_type", "topic": "item_topic"})
    users = truth.users.rename(columns={"type": "user_type"})
    return (
        events.merge(items, on="item_id")
        .merge(facts, on="item_id")
        .merge(truth.sessions.drop(columns=["user_id", "timestamp"]), on="session_id")
        .merge(users, on="user_id")
        .sort_values("row", ignore_index=True)
    )


def test_one_seed_gives_one_log_and_another_seed_another():
    one, same, other = (simulated.simulate(2000, seed=seed) for seed in (7, 7, 8))
    for table in ("events", "users", "items"):
        pd.testing.assert_frame_equal(
            getattr(one.interactions, table), getattr(same.interactions, table)
        )
    np.testing.assert_array_equal(one.truth.session_vectors, same.truth.session_vectors)
    assert not one.interactions.items["price"].equals(other.interactions.items["price"])
    assert not one.interactions.events["item_id"].equals(other.interactions.events["item_id"])


@pytest.mark.parametrize("events", [1, 37, 1000, 30_001])
def test_there_are_exactly_as_many_events_as_asked_for(events, monkeypatch):
    monkeypatch.setattr(generate, "BLOCK", 20_000)  # so that there are several blocks
    simulation = simulated.simulate(events, items=500)
    data, truth = simulation.interactions, simulation.truth
    assert len(data.events) == events
    assert len(data.items) == len(truth.items) == len(truth.item_vectors) == 500
    assert set(data.events["user_id"]) == set(data.users["user_id"])
    assert data.users["user_id"].equals(truth.users["user_id"])
    assert data.items["item_id"].equals(truth.items["item_id"])
    assert set(data.events["session_id"]) == set(truth.sessions["session_id"])
    assert len(truth.sessions) == len(truth.session_vectors)
    assert set(truth.sessions["phase"]) == set(range(len(truth.phases)))
    assert len(truth.phases) == len(truth.phase_vectors)
    owner = data.events[["session_id", "user_id"]].drop_duplicates()
    pd.testing.assert_frame_equal(
        owner.sort_values("session_id", ignore_index=True),
        truth.sessions[["session_id", "user_id"]],
    )


def test_only_the_types_asked_for_are_in_the_log():
    assert set(simulated.load(events=3000).events["event_type"]) == {"click", "like", "booking"}
    types = ["rejection", "booking"]
    only = simulated.load(events=3000, event_types=types).events
    assert set(only["event_type"]) == set(types)
    assert len(only) == 3000


def test_popularity_has_a_long_tail(simulation):
    events = simulation.interactions.events
    counts = events.loc[events["event_type"] == "click", "item_id"].value_counts().to_numpy()
    head = counts[:200]
    slope = np.polyfit(np.log(np.arange(1, 201)), np.log(head), 1)[0]
    assert -1.2 < slope < -0.3
    ascending = np.sort(np.pad(counts, (0, 2000 - len(counts))))
    gini = 1 - 2 * (np.cumsum(ascending) / ascending.sum()).mean() + 1 / len(ascending)
    assert 0.45 < gini < 0.85
    flat = simulated.load(events=20_000, popularity=0.0, fresh=0.0, event_types=["click"])
    assert flat.events["item_id"].value_counts().iloc[0] < counts[0] / 3


def test_items_are_never_shown_before_their_release_and_fade_after_it(joined, simulation):
    assert (joined["timestamp"] >= joined["released_at"] - 5).all()
    start = joined["timestamp"].min()
    end = joined["timestamp"].max()
    month = 30 * 86_400
    new = joined.loc[(joined["released_at"] > start) & (joined["released_at"] < end - month)]
    weeks = ((new["timestamp"] - new["released_at"]) // (7 * 86_400)).value_counts()
    faded = weeks[2] / weeks[0]
    assert faded < 0.85
    stale = simulated.simulate(20_000, fresh=0.0, seed=5).interactions
    first = stale.events.merge(stale.items, on="item_id")
    first = first.loc[(first["released_at"] > start) & (first["released_at"] < end - month)]
    weeks = ((first["timestamp"] - first["released_at"]) // (7 * 86_400)).value_counts()
    assert weeks[2] / weeks[0] > faded + 0.1


def test_a_session_is_one_user_one_market_and_one_interest(joined):
    assert (
        len(joined[["session_id", "user_id"]].drop_duplicates()) == joined["session_id"].nunique()
    )
    assert (joined["item_market"] == joined["market"]).all()
    clicks = joined.loc[joined["event_type"] == "click"]
    assert (clicks["item_topic"] == clicks["topic"]).mean() > 0.9
    shown = joined.loc[joined["event_type"] == "impression"]
    assert 0.02 < (shown["item_topic"] != shown["topic"]).mean() < 0.2
    assert len(joined[["session_id", "query"]].drop_duplicates()) == joined["session_id"].nunique()
    assert (joined["query"].str[1:].astype(int) // 8 == joined["topic"]).mean() > 0.85


def test_sessions_are_found_again_by_their_gaps(simulation):
    events = simulation.interactions.events
    found = sessions(events, gap=10_000, by=None)  # under three hours
    pairs = pd.DataFrame({"found": found, "true": events["session_id"]}).drop_duplicates()
    assert pairs["found"].is_unique
    assert pairs["true"].is_unique


def test_what_happens_in_a_session_happens_in_order(joined):
    times = joined.pivot_table(
        index=["session_id", "item_id"], columns="event_type", values="timestamp", aggfunc="max"
    )
    for later in ("like", "booking", "rejection"):
        there = times.dropna(subset=[later])
        assert len(there) > 100
        assert (there["click"] < there[later]).all()
    last = joined.groupby("session_id")["timestamp"].transform("max")
    final = joined["event_type"].isin(["booking", "rejection"])
    assert (joined.loc[final, "timestamp"] == last[final]).all()
    assert (joined.loc[final].groupby("session_id").size() == 1).all()
    clicks = joined.loc[joined["event_type"] == "click"]
    assert not clicks.duplicated(["session_id", "item_id"]).any()


def closeness(rows, truth):
    """What a session wants, times the item of the event."""
    wanted = truth.session_vectors[rows["session_id"]]
    return np.einsum("ed,ed->e", wanted, truth.item_vectors[rows["item"]])


def test_what_is_chosen_is_closer_to_what_is_wanted(joined, simulation):
    mean = closeness(joined, simulation.truth)
    by_type = pd.Series(mean).groupby(joined["event_type"]).mean()
    assert by_type["impression"] + 0.1 < by_type["click"] < by_type["booking"]
    assert by_type["click"] < by_type["like"]
    misfit = (np.log(joined["price"]) - joined["budget"]).abs()
    by_type = misfit.groupby(joined["event_type"]).mean()
    assert by_type["click"] < by_type["impression"]
    clicks = joined.loc[joined["event_type"] == "click"]
    assert np.corrcoef(closeness(clicks, simulation.truth), clicks["watch_ratio"])[0, 1] > 0.3
    assert clicks["watch_ratio"].between(0, 1, inclusive="neither").all()
    assert (joined.loc[joined["event_type"] == "impression", "watch_ratio"] == 0).all()


def test_a_user_has_two_to_six_interests_and_turns_from_one_to_another(simulation):
    truth = simulation.truth
    sizes = truth.users.set_index("user_id")["interests"]
    assert sizes.min() == 2
    assert sizes.max() == 6
    visited = truth.sessions.groupby("user_id")["interest"].agg(["nunique", "max"])
    assert (visited["max"] < sizes[visited.index]).all()
    first = truth.phases.drop_duplicates(["user_id", "interest"])
    assert not first.duplicated(["user_id", "topic"]).mean() > 0.05  # unless one was replaced
    same = truth.sessions["user_id"] == truth.sessions["user_id"].shift()
    stays = (truth.sessions["interest"] == truth.sessions["interest"].shift())[same].mean()
    back_to_it = (0.3 / sizes[truth.sessions["user_id"][same]]).mean()
    assert stays == pytest.approx(0.7 + back_to_it, abs=0.02)


def test_interests_drift(simulation):
    def later_by_earlier(truth):
        """How much wanted vectors of one interest resemble, near in the user's time and far."""
        rows = truth.sessions.assign(row=np.arange(len(truth.sessions)))
        pairs = rows.merge(rows, on=["user_id", "interest"])
        apart = pairs["row_y"] - pairs["row_x"]
        vectors = truth.session_vectors
        alike = np.einsum("pd,pd->p", vectors[pairs["row_x"]], vectors[pairs["row_y"]])
        return alike[apart == 1].mean(), alike[apart >= 10].mean()

    near, far = later_by_earlier(simulation.truth)
    assert far < near - 0.1
    still = simulated.simulate(20_000, drift=0.0, seed=5).truth
    assert (still.phases.groupby(["user_id", "interest"]).size() == 1).all()
    near, far = later_by_earlier(still)
    assert far == pytest.approx(near, abs=0.02)


def test_phases_follow_one_another(simulation):
    truth = simulation.truth
    sessions_of = truth.sessions.groupby("phase")["timestamp"]
    assert sessions_of.min().tolist() == truth.phases["timestamp"].tolist()
    ends = truth.phases.assign(end=sessions_of.max())
    following = ends.groupby(["user_id", "interest"])["timestamp"].shift(-1)
    assert (ends["end"] < following)[following.notna()].all()
    topics = truth.phases["topic"].to_numpy()[truth.sessions["phase"]]
    assert (topics == truth.sessions["topic"]).all()


def test_age_groups_want_different_things(simulation):
    users = simulation.interactions.users.assign(
        group=lambda table: pd.cut(table["age"], [0, 29, 44, 59, 99], labels=False)
    )
    assert (users["group"] == simulation.truth.users["type"] // 3).all()
    phases = simulation.truth.phases.merge(users, on="user_id")
    table = pd.crosstab(phases["group"], phases["topic"], normalize="index").to_numpy()
    expected = simulation.truth.preference
    assert np.corrcoef(table.ravel(), expected.ravel())[0, 1] > 0.9


def test_hosts_reject_by_the_pair_of_types():
    simulation = simulated.simulate(
        40_000, event_types=["booking", "rejection"], topics=2, markets=2, items=300, booking=0.9
    )
    truth = simulation.truth
    events = simulation.interactions.events.merge(
        truth.items.rename(columns={"type": "item_type"}), on="item_id"
    ).merge(truth.users.rename(columns={"type": "user_type"}), on="user_id")
    rejected = events["event_type"] == "rejection"
    cells = rejected.groupby([events["user_type"], events["item_type"]]).agg(["mean", "size"])
    cells = cells.loc[cells["size"] >= 200]
    expected = truth.rejection[tuple(np.array(cells.index.tolist()).T)]
    assert len(cells) > 20
    assert set(truth.rejection.ravel()) == {0.05, 0.7}
    np.testing.assert_allclose(cells["mean"], expected, atol=0.15)


def test_bookings_are_of_clicked_items_and_of_the_best_among_them(joined, simulation):
    clicks = joined.loc[joined["event_type"] == "click"]
    clicks = clicks.assign(closeness=closeness(clicks, simulation.truth))
    ends = joined.loc[
        joined["event_type"].isin(["booking", "rejection"]), ["session_id", "item_id"]
    ]
    clicks = clicks.merge(ends.rename(columns={"item_id": "booked"}), on="session_id")
    by_session = clicks.groupby("session_id")
    several = by_session["item_id"].transform("size") >= 3
    own = (clicks["item_id"] == clicks["booked"])[several]
    assert clicks.loc[several].groupby("session_id")["closeness"].mean().mean() + 0.02 < (
        clicks.loc[several, "closeness"][own].mean()
    )
    share = len(ends) / joined["session_id"].nunique()
    assert share == pytest.approx(0.2, abs=0.02)


def test_what_can_be_seen_of_items_tells_of_what_is_hidden(simulation):
    items, truth = simulation.interactions.items, simulation.truth
    assert (items["category"].str[1:].astype(int) // 4 == truth.items["topic"]).all()
    assert (items["brand"].str[1:].astype(int) // 6 == truth.items["topic"]).all()
    assert len(items[["shop", "market"]].drop_duplicates()) == items["shop"].nunique()
    tiers = items["price"].groupby(truth.items["type"] // 12).agg(["min", "max"])
    assert (tiers["max"].iloc[:-1].to_numpy() <= tiers["min"].iloc[1:].to_numpy()).all()
    by_brand = pd.DataFrame(truth.item_vectors).groupby(items["brand"]).transform("mean")
    by_topic = pd.DataFrame(truth.item_vectors).groupby(truth.items["topic"]).transform("mean")
    within_brand = ((truth.item_vectors - by_brand) ** 2).sum(axis=1).mean()
    within_topic = ((truth.item_vectors - by_topic) ** 2).sum(axis=1).mean()
    assert within_brand < 0.8 * within_topic


def test_a_shelf_gives_released_items_by_weight_or_by_age():
    shelf = np.array([0, 1, 0, 0, 1])
    release = np.array([0.0, 0.0, 10.0, 20.0, 5.0])
    weight = np.array([1.0, 1.0, 3.0, 6.0, 1.0])

    def drawn(at_shelf, time, fresh, half_life=10.0):
        shelves = Shelves.of(shelf, release, weight, half_life)
        many = np.full((4, 5000), at_shelf), np.full((4, 5000), time)
        items = shelves.draw(np.random.default_rng(0), *many, fresh)
        return np.bincount(items.ravel(), minlength=5) / 20_000

    np.testing.assert_allclose(drawn(0, 25.0, 0.0), [0.1, 0, 0.3, 0.6, 0], atol=0.02)
    np.testing.assert_allclose(drawn(0, 15.0, 0.0), [0.25, 0, 0.75, 0, 0], atol=0.02)
    np.testing.assert_allclose(drawn(0, 10.0, 0.0), [0.25, 0, 0.75, 0, 0], atol=0.02)
    np.testing.assert_allclose(drawn(1, 0.0, 0.5), [0, 1, 0, 0, 0])
    np.testing.assert_allclose(drawn(1, 25.0, 0.0), [0, 0.5, 0, 0, 0.5], atol=0.02)
    # A weight halves in ten seconds: 1/4, 3/2 and 6 at 20 seconds.
    np.testing.assert_allclose(drawn(0, 20.0, 1.0), np.array([1, 0, 6, 24, 0]) / 31, atol=0.02)
    np.testing.assert_allclose(drawn(0, 90.0, 1.0), np.array([1, 0, 6, 24, 0]) / 31, atol=0.02)
    np.testing.assert_allclose(drawn(0, 25.0, 1.0, half_life=1e-3), [0, 0, 0, 1, 0])
    np.testing.assert_allclose(drawn(0, 15.0, 1.0, half_life=1e-3), [0, 0, 1, 0, 0])


def test_running_sums_begin_anew_with_each_group():
    groups = np.array([0, 0, 0, 2, 5, 5])
    values = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    assert running_sum(values, groups).tolist() == [1, 3, 7, 8, 16, 48]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"events": 0}, "events of 1 at least. Received: 0"),
        ({"items": 50}, "items of 96 at least. Received: 50"),
        ({"topics": 1}, "topics of 2 at least"),
        ({"drift": 1.5}, "drift between 0 and 1. Received: 1.5"),
        ({"days": 0.5}, "days of 1 at least"),
        ({"popularity": float("nan")}, "popularity of 0 at least. Received: nan"),
        ({"event_types": ["purchase"]}, r"event_types are some of .*Received: \['purchase'\]"),
        ({"event_types": []}, "event_types are some of"),
        ({"event_types": ["booking"], "booking": 0.0}, "None of the events asked for was among"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        simulated.simulate(**{"events": 100, **arguments})


def test_it_stays_whole_at_the_edges():
    edge = {"slate": 1, "switch": 1.0, "drift": 1.0, "explore": 1.0, "fresh": 1.0, "booking": 1.0}
    data = simulated.load(
        events=2000, items=2, topics=2, markets=1, days=1, new_items=1.0, dim=2, **edge
    )
    assert len(data.events) == 2000
    assert data.events["timestamp"].between(1704067200, 1704067200 + 86_400).all()
