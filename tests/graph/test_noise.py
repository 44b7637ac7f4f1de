import functools

import pandas as pd
import pytest

from tfrec_recall.graph import NoiseRemoval


def events():
    rows = [
        # user, item, time, version
        ("a", "x", 10, "v1"),
        ("b", "x", 12, "v2"),
        ("a", "y", 11, "v1"),  # a's x was 1 second
        ("a", "z", 50, "v1"),  # a's last stays whatever
        ("b", "x", 40, "v1"),
        ("c", "y", 0, "v1"),
        ("b", "z", 90, "v1"),
    ]
    return pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "version"])


def test_nothing_is_removed_unless_asked():
    kept, removed = NoiseRemoval()(events())
    assert len(kept) == removed.events == 7
    assert (removed.short, removed.users, removed.items) == (0, 0, 0)


def test_short_stays_go_by_the_time_to_the_users_next_event():
    kept, removed = NoiseRemoval(shortest_dwell=2)(events())
    assert kept.index.tolist() == [1, 2, 3, 4, 5, 6]
    assert removed.short == 1


def test_a_column_dwell_wins_and_missing_stays():
    frame = events().assign(dwell=[5.0, 0.5, None, 0.1, 9, 9, 9])
    kept, removed = NoiseRemoval(shortest_dwell=1)(frame.drop(columns="timestamp"))
    assert kept.index.tolist() == [0, 2, 4, 5, 6]
    assert removed.short == 2


def test_over_active_users_go_with_all_they_did():
    kept, removed = NoiseRemoval(most_events=2)(events())
    assert kept["user_id"].tolist() == ["c"]
    assert (removed.users, removed.of_users) == (2, 6)


def test_what_one_rule_removed_the_next_no_longer_counts():
    kept, removed = NoiseRemoval(shortest_dwell=2, most_events=2)(events())
    assert kept["user_id"].tolist() == ["a", "a", "c"]
    assert (removed.short, removed.users, removed.of_users) == (1, 1, 3)


def test_items_that_changed_too_often_go():
    kept, removed = NoiseRemoval(most_changes=1, content="version")(events())
    assert sorted(set(kept["item_id"])) == ["y", "z"]  # x went from v1 to v2 and back
    assert (removed.items, removed.of_items) == (1, 3)
    assert len(NoiseRemoval(most_changes=2, content="version")(events())[0]) == 7
    assert "3 of 1 items" in str(removed)


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_events_without_content_are_no_change_of_the_item(missing):
    frame = events()
    frame["version"] = [missing, "v1", missing, missing, "v2", missing, "v1"]
    removes = functools.partial(NoiseRemoval, content="version")
    assert removes(most_changes=0)(frame)[1].items == 1  # x, from v1 to v2; z has one version
    assert removes(most_changes=1)(frame)[1].items == 0
    assert removes(most_changes=0)(frame.assign(version=missing))[1].items == 0
    later = frame.assign(version=["v1", missing, missing, missing, "v1", missing, missing])
    assert removes(most_changes=0)(later)[1].items == 0  # x has v1, none, and v1 again


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("shortest_dwell", value) for value in (0, -1.0, float("nan"), "1s")),
        *(("most_events", value) for value in (0, 2.5, "many")),
        *(("most_changes", value) for value in (-1, 1.5)),
        ("content", 3),
    ],
)
def test_a_wrong_rule_is_refused_by_name(name, value):
    content = {} if name == "content" else {"content": "version"}
    beside = {"most_changes": 1, **content} if name in ("most_changes", "content") else {}
    with pytest.raises(ValueError, match=rf"NoiseRemoval takes {name} as .*Received: {name}="):
        NoiseRemoval(**{**beside, name: value})


@pytest.mark.parametrize("dwell", [pd.to_timedelta([1] * 7, unit="s"), ["1 s"] * 7])
def test_a_dwell_that_is_no_number_of_seconds_is_refused(dwell):
    with pytest.raises(ValueError, match="NoiseRemoval compares the event column 'dwell' with a n"):
        NoiseRemoval(shortest_dwell=2)(events().assign(dwell=dwell))


def test_errors_say_what_is_missing():
    with pytest.raises(ValueError, match=r"both or none. Received: most_changes=3, content="):
        NoiseRemoval(most_changes=3)
    with pytest.raises(ValueError, match="Received: events without timestamp"):
        NoiseRemoval(shortest_dwell=1)(events().drop(columns="timestamp"))
