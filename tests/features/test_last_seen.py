"""When ids were seen last, from training on, and which of them give their numbers up by that."""

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions, part_events
from tfrec_recall.features import Categorical, Features, History

DAY = 24 * 3600
LONG_AGO, TRAINED = 100, 800  # days


def events(*rows):
    """Of rows with an item and a day, each by a user of its own name."""
    log = pd.DataFrame(rows, columns=["item_id", "timestamp"])
    log["user_id"], log["timestamp"] = "u " + log["item_id"], log["timestamp"] * DAY
    return Interactions(log)


def begun():
    """Features that saw "old" long ago and "new" on the last day of their training."""
    spec = Features([Categorical("user_id"), History()], [Categorical("item_id")])
    return spec.adapt(events(("old", LONG_AGO), ("new", LONG_AGO), ("new", TRAINED)))


def known(features):
    return set(features.item_vocabulary.ids)


def seen(features):
    """The day of each item."""
    rows = features.item_vocabulary.encode(list(features.item_vocabulary.ids))
    days = features.last_seen["item_id"][rows] / DAY
    return dict(zip(features.item_vocabulary.ids, days.tolist(), strict=True))


def test_training_says_when_ids_were_seen():
    """Events that waited, of years ago, come to the first growth beside those of a day."""
    assert seen(begun()) == {"old": LONG_AGO, "new": TRAINED}
    since = events(("x", LONG_AGO), ("y", TRAINED + 1), ("z", TRAINED + 1))
    assert known(begun().grow(since, unseen_days=30)) == {"new", "x", "y", "z"}
    assert known(begun().grow(since, unseen_days=900)) == {"old", "new", "x", "y", "z"}


def test_late_events_set_no_time_back():
    grown = begun().grow(events(("new", LONG_AGO + 1), ("old", LONG_AGO + 1)))
    assert seen(grown) == {"old": LONG_AGO + 1, "new": TRAINED}


def test_who_gets_a_number_has_times_of_its_own():
    since = events(("x", LONG_AGO + 5), ("new", TRAINED + 1))
    grown = begun().grow(since, unseen_days=30)
    assert seen(grown) == {"x": LONG_AGO + 5, "new": TRAINED + 1}
    later = begun().grow(events(("new", TRAINED + 100)))
    grown = later.grow(events(("late", 50), ("new", TRAINED + 101)), unseen_days=30)
    assert seen(grown) == {"late": 50, "new": TRAINED + 101}


def test_features_that_know_no_times_give_nothing_up():
    features = begun()
    features.last_seen = {}  # as a file of an earlier version has it
    since = events(("x", LONG_AGO), ("y", TRAINED + 1))
    grown = features.grow(since, unseen_days=30)
    assert known(grown) == {"old", "new", "x", "y"}
    assert seen(grown)["old"] == TRAINED + 1


def test_users_of_parts_are_put_together_once(tmp_path, monkeypatch):
    """Once for each part would be for each part all users of those before it, too."""
    users, together = 4_000, pd.concat
    log = pd.DataFrame({"user_id": range(users), "item_id": np.arange(users) % 3})
    log["timestamp"] = 1_600_000_000 + np.arange(users)
    log.to_parquet(tmp_path / "events.parquet")
    spec = Features([Categorical("user_id"), History()], [Categorical("item_id")])

    def rows(parts):
        parted = part_events(tmp_path / "events.parquet", tmp_path / f"{parts}", parts)
        joined = []

        def concat(tables, **options):
            joined.append(len(result := together(tables, **options)))
            return result

        with monkeypatch.context() as patched:
            patched.setattr(pd, "concat", concat)
            spec.adapt(parted)
        return sum(joined)

    assert rows(16) < 1.5 * rows(2)


@pytest.mark.parametrize("category", [False, True])
def test_events_in_parts_say_the_same(tmp_path, category):
    generator = np.random.default_rng(1)
    log = pd.DataFrame(generator.integers(0, 9, (60, 2)), columns=["user_id", "item_id"])
    log["timestamp"] = 1_600_000_000 + generator.integers(0, 1_000, 60)
    log["timestamp"] += 0.5 * (log["user_id"] > 6)  # some parts have no fractions
    log["item_id"] = log["item_id"].astype("str")
    if category:
        log = log.astype({"item_id": "category"})
    log.to_parquet(tmp_path / "events.parquet")
    parted = part_events(tmp_path / "events.parquet", tmp_path / "parts", 3, time_unit="s")
    spec = Features([Categorical("user_id"), History()], [Categorical("item_id")])
    spec.adapt(parted)
    for name in ("user_id", "item_id"):
        newest = log.groupby(name, observed=True)["timestamp"].max()
        rows = spec.ids(name).encode(newest.index.to_series())
        np.testing.assert_array_equal(spec.last_seen[name][rows], newest)
