"""Events in parts are the events that are held, and so is what is made of them."""

import shutil

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import (
    Interactions,
    PartedInteractions,
    Vocabulary,
    interactions,
    last_events_out,
    part_events,
    parted,
)
from tfrec_recall.data.checking.checks import checked_entities
from tfrec_recall.data.datasets import simulated
from tfrec_recall.data.notices import ReadingNotice


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A log of 3,000 events in several files, and a user and an item that no table has.

    One file has no rows, as Spark writes of a partition without any.
    """
    folder = tmp_path_factory.mktemp("log") / "log"
    simulated.write(folder, 3000, items=120, rows_a_part=1000, seed=4)
    extra = pd.DataFrame({"user_id": ["new"] * 2, "item_id": ["i3", "newer"]})
    extra = extra.assign(timestamp=[1_710_000_000, 1_710_000_009], session_id=[10**9] * 2)
    extra.to_parquet(folder / "events" / "part-99999.parquet")
    extra[:0].to_parquet(folder / "events" / "part-0.parquet")
    return folder


@pytest.fixture(scope="module")
def whole(source):
    return Interactions.from_parquet(source)


@pytest.fixture(scope="module")
def parts(source, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parted, "ROWS_READ", 300)
        patch.setattr(parted, "ROWS_HELD", 700)
        return part_events(source, tmp_path_factory.mktemp("parts") / "parts", parts=4)


def in_order(frame):
    return frame.sort_values(list(frame.columns), ignore_index=True)


def test_the_parts_are_the_whole(parts, whole):
    assert len(parts) == 4
    assert parts.rows == len(whole.events) == 3002
    for table in ("events", "users"):
        frames = [getattr(part, table) for part in parts]
        joined = pd.concat(frames, ignore_index=True)
        expected = getattr(whole, table)
        pd.testing.assert_frame_equal(
            in_order(joined), in_order(expected), check_dtype=False, check_like=True
        )
    users = [set(part.events["user_id"]) for part in parts]
    assert sum(map(len, users)) == len(set.union(*users))  # each in one part
    assert all(30 < len(some) < 90 for some in users)
    assert in_order(parts.items)["item_id"].equals(in_order(whole.items)["item_id"])
    assert all(part.items["item_id"].equals(parts.items["item_id"]) for part in parts)


def test_items_are_checked_once_and_not_again_for_each_part(parts, monkeypatch):
    """A million items beside a hundred parts took most of the time of all that reads them."""
    looked = []

    def look(frame, table, *others):
        looked.append(table)
        return checked_entities(frame, table, *others)

    monkeypatch.setattr(interactions, "checked_entities", look)
    some = PartedInteractions(parts.folder)
    for _ in range(2):
        assert all(part.items is some.part(0).items for part in some)
    assert looked.count("items") == 1


def test_a_part_has_items_that_the_table_of_all_lacks(parts, tmp_path):
    shutil.copytree(parts.folder, tmp_path / "parts")
    path = sorted((tmp_path / "parts" / "events").iterdir())[1]
    events = pd.read_parquet(path)
    events.loc[0, "item_id"] = "unheard of"
    events.to_parquet(path)
    found = [set(part.items["item_id"]) for part in PartedInteractions(tmp_path / "parts")]
    assert [one - found[0] for one in found] == [set(), {"unheard of"}, set(), set()]


def test_counts_and_vocabulary_are_those_of_all_events(parts, whole):
    counts = parts.counts(["item_id", "query"])
    for column, found in counts.items():
        expected = whole.events[column].value_counts()
        assert found.to_dict() == expected.to_dict()
        built = Vocabulary.build(whole.events[column], min_count=3)
        counted = Vocabulary.of_counts(found, min_count=3)
        assert counted.ids.tolist() == built.ids.tolist()
        assert counted.counts.tolist() == built.counts.tolist()


def test_a_change_is_made_of_each_part(parts, whole):
    train = parts.map(lambda part: last_events_out(part, test=1).train)
    expected = last_events_out(whole, test=1).train
    assert sum(len(part.events) for part in train) == len(expected.events)
    found = train.counts(["item_id"])["item_id"]
    assert found.to_dict() == expected.events["item_id"].value_counts().to_dict()
    twice = train.map(lambda part: last_events_out(part, test=1).train)
    again = last_events_out(expected, test=1).train
    assert sum(len(part.events) for part in twice) == len(again.events)


def test_integer_ids_keep_their_type_and_missing_ones_are_refused(tmp_path):
    frame = pd.DataFrame({"user_id": np.arange(40) % 7, "item_id": np.arange(40, dtype="int32")})
    frame.to_parquet(tmp_path / "events.parquet")
    found = part_events(tmp_path / "events.parquet", tmp_path / "parts", parts=3)
    assert not found.has_time
    assert {part.events["user_id"].dtype for part in found} == {np.dtype("int64")}
    gap = frame.assign(user_id=frame["user_id"].astype("Int64").mask(frame.index == 5))
    gap.to_parquet(tmp_path / "gap.parquet")
    with pytest.raises(ValueError, match=r"events.*user_id.*missing"):
        list(part_events(tmp_path / "gap.parquet", tmp_path / "with_gap", parts=3))


@pytest.mark.parametrize("kind", ["text", "integers"])
def test_ids_may_be_categories_and_copies_are_left_out(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(parted, "ROWS_READ", 7)
    users, items = np.arange(40) % 9, np.arange(40) % 13
    frame = pd.DataFrame({"user_id": users, "item_id": items, "place": np.arange(40)})
    known = pd.DataFrame({"item_id": range(11), "kind": list("abcabcabcab")})
    people = pd.DataFrame({"user_id": range(9), "age": range(20, 29)})
    if kind == "text":
        frame = frame.astype({"user_id": "str", "item_id": "str"})
        known, people = known.astype({"item_id": "str"}), people.astype({"user_id": "str"})
    folder = tmp_path / "log"
    (folder / "events").mkdir(parents=True)
    for number, rows in enumerate((frame[:15], frame[15:])):  # of other categories each
        rows = rows.astype({"user_id": "category", "item_id": "category"})
        rows.to_parquet(folder / "events" / f"part-{number}.parquet")
    pd.concat([known, known[:3]]).astype({"item_id": "category"}).to_parquet(
        folder / "items.parquet"
    )
    pd.concat([people, people[2:4]]).to_parquet(folder / "users.parquet")
    with pytest.warns(ReadingNotice, match=r"items: 3 rows repeat another in every column"):
        whole = Interactions.from_parquet(folder)
    with pytest.warns(ReadingNotice) as told:
        parts = part_events(folder, tmp_path / "parts", parts=3)
    told = [str(one.message) for one in told]
    assert any("items: 3 rows repeat" in one for one in told)
    assert any("users: " in one for one in told)
    for table in ("events", "users", "items"):
        frames = [parts.items] if table == "items" else [getattr(part, table) for part in parts]
        found = pd.concat(frames, ignore_index=True)
        pd.testing.assert_frame_equal(in_order(found), in_order(getattr(whole, table)))


def test_what_cannot_be_parted_is_refused_and_leaves_nothing(tmp_path, parts):
    frame = pd.DataFrame({"user_id": [1.5], "item_id": [2]})
    frame.to_parquet(tmp_path / "events.parquet")
    with pytest.raises(ValueError, match=r"'user_id' is neither.*Received: double"):
        part_events(tmp_path / "events.parquet", tmp_path / "parts")
    frame[["item_id"]].to_parquet(tmp_path / "lone.parquet")
    with pytest.raises(ValueError, match=r"no column 'user_id'.*Received columns"):
        part_events(tmp_path / "lone.parquet", tmp_path / "parts")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.parquet", "lone.parquet"]
    (tmp_path / "nobody").mkdir()
    frame.assign(user_id=1)[:0].to_parquet(tmp_path / "nobody" / "part-0.parquet")
    with pytest.raises(ValueError, match=r"nobody has no event\. Received: 0 rows"):
        part_events(tmp_path / "nobody", tmp_path / "parts")
    assert not (tmp_path / "parts").exists()
    with pytest.raises(ValueError, match="is there already"):
        part_events(parts.folder, parts.folder)
    with pytest.raises(ValueError, match=r"holds no parts: part_events.*parts\.json"):
        PartedInteractions(tmp_path)
    with pytest.raises(ValueError, match=r"all events at once.*from_parquet.*3,002 events in 4"):
        parts.events  # noqa: B018
