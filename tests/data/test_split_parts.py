"""Events in parts are cut as those that are held, and what is measured is of some of the users."""

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import (
    Interactions,
    PartedSplit,
    given,
    hold_out_users,
    last_basket_out,
    last_events_out,
    part_events,
    random_events_out,
    split_parts,
    standard,
    temporal,
)
from tfrec_recall.data.fingerprint import fingerprint_of_parts
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.data.splits.of_parts import hold_back, learnt_of, standard_cut

USERS, ITEMS, PARTS = 60, 40, 4
COLUMNS = ["user_id", "item_id", "timestamp"]


def a_log():
    """Users of 1 to 9 events, each at a time of its own."""
    random = np.random.default_rng(2)
    user = np.repeat(np.arange(USERS), 1 + np.arange(USERS) % 9)
    events = pd.DataFrame({"user_id": user, "item_id": random.integers(0, ITEMS, len(user))})
    return events.assign(timestamp=10**9 + random.permutation(len(user)) * 70)


def parted(events, folder, parts=PARTS):
    folder.mkdir(exist_ok=True)
    events.to_parquet(folder / "events.parquet")
    users = pd.DataFrame({"user_id": np.arange(USERS), "country": "x"})
    users.to_parquet(folder / "users.parquet")
    return part_events(folder, folder / "parts", parts)


def rows(*frames):
    joined = pd.concat([frame[COLUMNS] for frame in frames])
    return joined.sort_values(COLUMNS, ignore_index=True)


@pytest.mark.parametrize(
    "cut",
    [
        lambda data: last_events_out(data, test=1, validation=1),
        lambda data: last_events_out(data, test=2, validation=0),
        lambda data: temporal(data, 10**9 + 9_000, 10**9 + 15_000),
        lambda data: given(data),
        standard,
    ],
    ids=["last", "without validation", "temporal", "given", "standard"],
)
def test_parts_are_cut_as_the_whole(cut, tmp_path):
    log = a_log()
    log["split"] = np.array(["train", "train", "validation", "test"])[np.arange(len(log)) % 4]
    parts = parted(log, tmp_path)
    whole, split = cut(Interactions(log)), split_parts(parts, cut, users=10**6)
    assert isinstance(split, PartedSplit)
    assert (split.name, split.published) == (whole.name, whole.published)
    train = [part.events for part in split.learnt]
    pd.testing.assert_frame_equal(rows(*train), rows(whole.train.events))
    for found, expected in ((split.validation, whole.validation), (split.test, whole.test)):
        assert rows(found.targets).equals(rows(expected.targets))
        assert rows(found.history).equals(rows(expected.history))
    counts = split.item_counts.sort_index()
    assert counts.equals(whole.item_counts.sort_index())
    assert (split.events, split.users, split.sampled) == (len(log), USERS, PARTS)
    assert split.asked == whole.test.targets["user_id"].nunique()
    assert len(split.interactions.items) == len(parts.items)
    assert learnt_of(split) is split.learnt
    assert learnt_of(whole) is whole.train


def test_a_sample_is_of_whole_parts_and_of_those_who_are_asked(tmp_path):
    parts = parted(a_log(), tmp_path)
    split = split_parts(parts, lambda part: last_events_out(part, 1, 1, minimum=7), users=1)
    first = last_events_out(parts.part(0), 1, 1, minimum=7)
    asked = set(first.test.targets["user_id"])
    assert set(split.interactions.users["user_id"]) == set(split.train.events["user_id"]) == asked
    assert len(asked) < first.interactions.events["user_id"].nunique()
    assert (split.sampled, split.asked) == (1, 18)
    text = str(split)
    assert f"{split.counts.sum()} of {len(a_log())} events are learnt from, of 60 users" in text
    assert f"Measured are {len(asked)} of the 18 users who are asked: those of the first 1," in text


def test_a_part_in_which_nobody_is_asked_is_learnt_as_the_cut_leaves_it(tmp_path):
    """Its users have one event each, all of them after the moment or before."""
    log = a_log()
    parts = parted(log, tmp_path)
    few = parts.part(1).events["user_id"]
    log = log[~log["user_id"].isin(few) | ~log["user_id"].duplicated()]
    log.loc[log["user_id"].isin(few), "timestamp"] = 2 * 10**9
    parts = parted(log, tmp_path / "few")
    split = split_parts(parts, lambda part: last_events_out(part, 1, 1))
    assert len(split.learnt.part(1).events) == few.nunique()
    for cut in (random_events_out, hold_out_users):
        assert len(split_parts(parts, cut).learnt) == PARTS
    split = split_parts(parts, lambda part: temporal(part, None, 10**9 + 9_000))
    assert not len(split.learnt.part(1).events)
    alone = log[log["user_id"].isin(few)]
    with pytest.raises(ValueError, match=r"last_events_out.* needs users with 3 events or more"):
        split_parts(parted(alone, tmp_path / "alone"), lambda part: last_events_out(part, 1, 1))


def test_the_standard_is_the_one_that_fits_all_parts(tmp_path):
    log = a_log()
    assert standard_cut(parted(log, tmp_path)).func is last_events_out
    baskets = log.assign(session_id=log["user_id"] * 10, timestamp=10**9)
    odd = baskets.assign(timestamp=np.where(np.arange(len(log)) == len(log) - 1, 5**13, 10**9))
    assert standard_cut(parted(baskets, tmp_path / "b"), 4).keywords == {
        "minimum_baskets": 4,
        "new_items_only": True,
    }
    assert standard_cut(parted(baskets, tmp_path / "c")).func is last_basket_out
    assert standard_cut(parted(odd, tmp_path / "d")).func is last_events_out
    assert standard_cut(parted(log.assign(split="test"), tmp_path / "e")) is given
    with pytest.warns(ReadingNotice, match="no times"):
        cut = standard_cut(parted(log.drop(columns="timestamp"), tmp_path / "f"), minimum=3)
    assert (cut.func, cut.keywords) == (random_events_out, {"minimum": 3})


def test_some_of_each_part_are_held_back(tmp_path):
    parts = parted(a_log(), tmp_path)
    trial = hold_back(parts, users=12)
    assert trial.test.targets["user_id"].nunique() == 12
    left = len(a_log()) - len(trial.test.targets)
    assert trial.counts.sum() == sum(len(part.events) for part in trial.learnt) == left
    assert trial.validation.targets.equals(trial.test.targets)
    assert hold_back(parted(a_log().drop_duplicates("user_id"), tmp_path / "one")) is None
    assert hold_back(Interactions(a_log()), users=12).test.targets["user_id"].nunique() == 12


def test_parts_are_known_again_by_what_is_in_their_files(tmp_path):
    log = a_log()
    first, again = parted(log, tmp_path / "a"), parted(log, tmp_path / "b")
    other = parted(log.assign(item_id=log["item_id"] % (ITEMS - 1)), tmp_path / "c")
    known = [fingerprint_of_parts(one) for one in (first, again, other)]
    assert known[0] == known[1] != known[2]
