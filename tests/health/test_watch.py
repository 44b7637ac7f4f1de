"""A day like those before raises no alarm; what has gone wrong is found, and named."""

import dataclasses
import json
import shutil
from functools import partial

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.cli.conftest import printed
from tests.health.shop import CATALOGUE, FIRST, ITEMS, USERS, days
from tests.retrieval.toys import MeanOfHistory, item_ids, item_vectors, retriever
from tfrec_recall.cli.arguments.protocol import Protocol
from tfrec_recall.data import Interactions
from tfrec_recall.export import export, load
from tfrec_recall.health import Reference, read_reference, watch, write_reference
from tfrec_recall.operations.reindex import reindex
from tfrec_recall.retrieval import EmbeddingRetriever, Exact

DAYS = 16
NEXT = FIRST + DAYS


@pytest.fixture(scope="module")
def made():
    return retriever(ITEMS, k=10)


@pytest.fixture(scope="module")
def usual(made):
    data = Interactions(days(DAYS), USERS, CATALOGUE)
    return Reference.of(made, data, data.events["user_id"])


@pytest.fixture(scope="module")
def exported(made, usual, tmp_path_factory):
    path = tmp_path_factory.mktemp("exports") / "shop"
    return export(made, path, items=CATALOGUE, beside=partial(write_reference, reference=usual))


@pytest.fixture(scope="module")
def loaded(exported):
    return load(exported)


@pytest.fixture(scope="module")
def today():
    return days(1, NEXT, users_a_day=300, seed=5)


def alarms(retriever, events, **others):
    return {one.check for one in watch(retriever, Interactions(events), **others).alarms}


def test_a_day_like_those_before_raises_no_alarm(loaded, today):
    found = watch(loaded, Interactions(today), USERS, CATALOGUE)
    assert not found.alarms
    assert not found.unchecked
    assert (found.events, found.units) == (len(today), 300)
    names = {one.check for one in found.findings}
    of_columns = ("items.tags", "items.category", "users.country", "events.device", "events.price")
    assert {f"values of {column}" for column in of_columns} <= names
    assert {"lengths of items.tags", "gaps between events", "norms of requests"} <= names
    assert {"recall of the index", "items in lists", "directions of items"} <= names
    several = watch(loaded, Interactions(days(3, NEXT, seed=6)), USERS)
    assert several.units == 240  # users on a day, and not users
    assert not several.alarms


def test_what_is_written_is_read_back(usual, exported):
    read = read_reference(exported / "assets.extra")
    assert read.about == usual.about
    for (check, one), (again, other) in zip(usual.checks, read.checks, strict=True):
        assert type(check) is type(again)
        assert json.dumps(dataclasses.asdict(check)) == json.dumps(dataclasses.asdict(again))
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(read.popularity, usual.popularity)
    np.testing.assert_array_equal(read.lists, usual.lists)
    np.testing.assert_array_equal(read.items[1], usual.items[1])
    sizes = [file.stat().st_size for file in (exported / "assets.extra/health").iterdir()]
    assert sum(sizes) < 300_000


class Blind(Exact):
    """Exact search that does not see a third of the items."""

    def build(self, vectors, k=100, queries=None, present=None):
        seen = np.arange(len(vectors))[:, np.newaxis] % 3 > 0
        return super().build(np.where(seen, vectors, 0))


class ById(MeanOfHistory):
    """The vectors of items, whatever the index holds."""

    def __init__(self, ids, vectors):
        super().__init__(ids, vectors)
        self.inputs = {"item_id": tf.TensorSpec([None], tf.string)}

    def __call__(self, raw):
        return super().__call__({"history": raw["item_id"][:, tf.newaxis]})


def test_what_there_is_to_count_is_learnt_from_others_than_are_counted(made):
    """Bins of all would hold a tenth each of those that they were learnt from."""
    data = Interactions(days(4).assign(price=lambda table: table.index.astype(float)))
    usual = Reference.of(made, data, data.events["user_id"])
    shares = next(
        counts for check, counts in usual.checks if check.name == "values of events.price"
    )
    assert len(shares) == usual.about["units"] - usual.about["units"] // 3
    assert shares.sum(axis=0)[1:].std() > 5


def test_of_data_without_times_less_is_usual(made):
    data = Interactions(days(3).drop(columns="timestamp"), None, CATALOGUE)
    usual = Reference.of(made, data, data.events["user_id"])
    names = {check.name for check, _ in usual.checks}
    assert not {"events of a user", "times of events", "gaps between events"} & names
    assert {"values of events.price", "unknown items", "recall of the index"} <= names
    assert (usual.about["timed"], usual.about["units"]) == (False, data.events["user_id"].nunique())


def test_dates_of_any_type_are_not_counted_as_all_that_is_new_is_later(made):
    events = days(6)
    moments = pd.to_datetime(events["timestamp"], unit="s")
    events = events.assign(ship=moments.dt.date, due=moments.dt.strftime("%Y-%m-%d"), season="2024")
    data = Interactions(events, USERS, CATALOGUE)
    names = " ".join(check.name for check, _ in Reference.of(made, data, events["user_id"]).checks)
    assert "events.season" in names
    assert "events.ship" not in names
    assert "events.due" not in names


FAULTS = {
    "dates where text was": (
        lambda day: day.assign(device="2024-05-01"),
        {"values of events.device"},
    ),
    "a column emptied": (lambda day: day.assign(device=None), {"values of events.device"}),
    "a column gone": (lambda day: day.drop(columns="device"), {"values of events.device"}),
    "a new value": (
        lambda day: day.assign(device=day["device"].replace("app", "App")),
        {"values of events.device", "unknown values of events.device"},
    ),
    "prices a hundredfold": (lambda day: day.assign(price=day["price"] * 100), {"values of"}),
    "users with a changed prefix": (
        lambda day: day.assign(user_id="x-" + day["user_id"]),
        {"unknown users"},
    ),
    "items with a changed prefix": (
        lambda day: day.assign(item_id="x-" + day["item_id"]),
        {"unknown items", "popularity of what is taken", "values of items.category"},
    ),
    "everybody takes what nobody took": (
        lambda day: day.assign(item_id=[f"item {40 + row % 20}" for row in range(len(day))]),
        {"popularity of what is taken", "directions of requests"},
    ),
    "histories cut": (
        lambda day: day.groupby("user_id", sort=False).tail(1),
        {"events of a user"},
    ),
    "times in another zone": (
        lambda day: day.assign(timestamp=day["timestamp"] // 86_400 * 86_400 + 80_000),
        {"times of events"},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault, loaded, today):
    change, expected = FAULTS[fault]
    found = alarms(loaded, change(today.copy()))
    missed = {name for name in expected if not any(one.startswith(name) for one in found)}
    assert not missed, found


def test_tables_of_the_day_are_looked_at(loaded, today):
    assert "values of users.country" in alarms(loaded, today, users=USERS.assign(country="be"))
    shorter = CATALOGUE.assign(tags=[["x"]] * ITEMS)
    assert "lengths of items.tags" in alarms(loaded, today, items=shorter)


def test_vectors_of_another_version_are_found(loaded, exported, today, tmp_path):
    ids, vectors = np.array(item_ids(ITEMS), object), item_vectors(ITEMS)
    assert not alarms(loaded, today, item_vectors=(ids, vectors))
    turned = vectors[:, ::-1] * np.array([1, -1] * 3, np.float32)
    found = alarms(loaded, today, item_vectors=(ids, turned))
    assert found == {"items that have moved"}  # all directions are alike there
    longer = alarms(loaded, today, item_vectors=(ids, 3 * vectors))
    assert longer == {"items that have moved", "norms of items"}
    # The graph of another training beside what was usual for the first.
    other = EmbeddingRetriever(MeanOfHistory(ids, 2 * turned), ids, 2 * turned, k=10)
    version = export(other, tmp_path / "other", items=CATALOGUE)
    shutil.copytree(exported / "assets.extra/health", version / "assets.extra/health")
    found = alarms(load(version), today)
    assert {"directions of requests", "norms of requests", "items that have moved"} <= found


def test_vectors_of_other_items_are_refused_or_told(loaded, today):
    vectors = item_vectors(ITEMS)
    with pytest.raises(ValueError, match=r"Item ids are string in the export.*item_vectors"):
        watch(loaded, Interactions(today), item_vectors=(np.arange(ITEMS), vectors))
    strangers = np.array([f"other {item}" for item in range(ITEMS)], object)
    found = watch(loaded, Interactions(today), item_vectors=(strangers, vectors))
    assert "items that have moved: none of those looked at before is there" in found.unchecked


def test_a_table_of_users_without_a_column_is_not_taken_for_none(loaded, today):
    column = "unknown values of users.country"
    without = watch(loaded, Interactions(today), USERS[["user_id"]])
    assert f"{column}: the day has nothing to say of it" in without.unchecked
    none = watch(loaded, Interactions(today))
    assert any(column in one and "no table of users is given" in one for one in none.unchecked)


def test_columns_that_came_since_are_named(loaded, today):
    new = today.assign(channel="mail", sent=pd.Timestamp(2024, 1, 1))  # dates are not looked at
    found = watch(loaded, Interactions(new), USERS.assign(age=3), CATALOGUE)
    told = "events.channel, users.age: the days before the export have none"
    assert list(found.unchecked) == [told]


def test_items_in_several_rows_are_refused_by_name(loaded, today):
    ids, vectors = np.array([*item_ids(ITEMS), "item 0"], object), item_vectors(ITEMS + 1)
    with pytest.raises(ValueError, match=r"item_vectors has a row.*1 items .* \['item 0'\]"):
        watch(loaded, Interactions(today), item_vectors=(ids, vectors))
    twice = pd.concat([CATALOGUE, CATALOGUE[:2]])
    with pytest.raises(ValueError, match=r"items has a row an item.*Received: 2 items in several"):
        watch(loaded, Interactions(today), items=twice)


def with_digits(table):
    return table.assign(user_id=table["user_id"].str[1:])


def test_whole_numbers_are_the_text_that_the_export_knows(made, today, tmp_path, capsys):
    data = Interactions(with_digits(days(DAYS)), with_digits(USERS), CATALOGUE)
    usual = Reference.of(made, data, data.events["user_id"])
    beside = partial(write_reference, reference=usual)
    version = export(made, tmp_path / "digits", items=CATALOGUE, beside=beside)
    texts, people = with_digits(today), with_digits(USERS)
    texts.to_csv(tmp_path / "day.csv", index=False)
    people.to_csv(tmp_path / "users.csv", index=False)
    tables = ["--events", tmp_path / "day.csv", "--users", tmp_path / "users.csv"]
    assert "Like the days before." in printed("watch", capsys, version, *tables).err

    retriever, numbers = load(version), people.astype({"user_id": "int64"})
    day = Interactions(texts.astype({"user_id": "int64"}))
    with pytest.raises(ValueError, match=r"User ids are string .*events of a day.*Received: int64"):
        watch(retriever, day, people)
    with pytest.raises(
        ValueError, match=r"User ids are string .*users of a day.*--type user_id=str"
    ):
        watch(retriever, Interactions(texts), numbers)
    with pytest.raises(ValueError, match=r"Item ids are string .*items of a day"):
        watch(retriever, Interactions(texts), items=CATALOGUE.assign(item_id=range(ITEMS)))


def test_an_index_that_finds_less_is_found(usual, today, tmp_path):
    ids, vectors = item_ids(ITEMS), item_vectors(ITEMS)
    arguments = {"k": 10, "index": Blind(), "item_embedder": ById(ids, vectors)}
    made = EmbeddingRetriever(MeanOfHistory(ids, vectors), ids, vectors, **arguments)
    beside = partial(write_reference, reference=usual)
    version = export(made, tmp_path / "broken", items=CATALOGUE, beside=beside)
    found = watch(load(version), Interactions(today))
    recall = next(one for one in found.alarms if one.check == "recall of the index")
    assert (recall.group, recall.before) == ("index", "1.000")
    assert 0.5 < float(recall.now) < 0.9


def test_lists_that_are_all_the_same_are_found(usual, today, tmp_path):
    ids, vectors = item_ids(ITEMS), item_vectors(ITEMS)

    class Same(MeanOfHistory):
        def __call__(self, raw):
            return 0 * super().__call__(raw) + vectors[:1]

    beside = partial(write_reference, reference=usual)
    made = EmbeddingRetriever(Same(ids, vectors), ids, vectors, k=10)
    version = export(made, tmp_path / "same", items=CATALOGUE, beside=beside)
    found = alarms(load(version), today)
    assert {"items in lists", "popularity of what is listed", "directions of requests"} <= found


def test_a_version_over_other_items_is_held_to_what_was_usual(exported, today, tmp_path):
    version = reindex(exported, CATALOGUE[10:], to=tmp_path / "fewer").version
    later = load(version)
    read = read_reference(version / "assets.extra")
    place = list(later.item_ids).index("item 12")
    before = load(exported)
    kept = read_reference(exported / "assets.extra")
    old = list(before.item_ids).index("item 12")
    assert read.popularity[place] == kept.popularity[old] > 0
    assert (read.lists >= 0).mean() < 1  # what was listed and is gone
    found = alarms(later, today)
    assert "unknown items" in found  # those that were taken out, and are still taken
    rows, vectors = read.items
    assert len(rows) == len(later.item_ids) - len(later.item_ids) // 3
    of_rows = pd.Index(item_ids(ITEMS)).get_indexer(later.item_ids[rows])
    np.testing.assert_allclose(vectors, item_vectors(ITEMS)[of_rows], rtol=1e-6)
    back = reindex(version, CATALOGUE, to=tmp_path / "back").version
    again, whole = (
        dict(zip(load(one).item_ids, read_reference(one / "assets.extra").popularity, strict=True))
        for one in (back, exported)
    )
    assert again == whole


@pytest.mark.parametrize(("k", "items"), [(4, ITEMS), (30, ITEMS), (10, 6)])
def test_lists_of_another_length_are_held_to_the_length_that_both_have(
    k, items, exported, today, tmp_path
):
    version = reindex(exported, CATALOGUE[:items], to=tmp_path / "other", k=k).version
    usual, found = (
        read_reference(version / "assets.extra"),
        watch(load(version), Interactions(today)),
    )
    assert usual.lists.shape[1] == min(k, 10)
    by_name = {one.check: one for one in found.findings}
    assert {"items in lists", "popularity of what is listed"} <= by_name.keys()
    if items == ITEMS:
        assert not found.alarms
    for check, counts in usual.checks:
        if check.name == "popularity of what is listed" and items == ITEMS:
            np.testing.assert_array_equal(counts.sum(axis=1), (usual.lists >= 0).sum(axis=1))


def test_the_command_tells_and_ends_with_3(exported, today, tmp_path, capsys):
    today.to_parquet(tmp_path / "day.parquet")
    USERS.to_parquet(tmp_path / "users.parquet")
    tables = ["--users", tmp_path / "users.parquet"]
    command = [exported, "--events", tmp_path / "day.parquet", *tables]
    said = printed("watch", capsys, *command)
    assert "Like the days before." in said.err
    assert "1,173 events, 300 users on a day." in said.out
    assert "more are less far out: --every shows them." in said.out
    today.assign(price=today["price"] * 100).to_csv(tmp_path / "day.csv", index=False)
    command[2] = tmp_path / "day.csv"
    said = printed("watch", capsys, *command, "--json", tmp_path / "found.json", code=3)
    assert "values of events.price" in said.err
    found = json.loads((tmp_path / "found.json").read_text())
    (alarm,) = [one for one in found["findings"] if one["alarm"]]
    assert (alarm["check"], alarm["group"]) == ("values of events.price", "inputs")
    assert found["alarms"] == 1
    vectors = pd.DataFrame({"item_id": item_ids(ITEMS), "vector": list(-item_vectors(ITEMS))})
    vectors.to_parquet(tmp_path / "vectors.parquet")
    command = [exported, "--events", tmp_path / "day.parquet"]
    held = ["--item-vectors", tmp_path / "vectors.parquet"]
    said = printed("watch", capsys, *command, *held, code=3)
    assert "items that have moved" in said.err
    assert "no table of users is given (--users)" in said.err.replace("\n", " ")


def test_tables_are_read_as_those_of_the_training(made, usual, exported, today, tmp_path, capsys):
    layout = {
        "names": {"events": list(today), "items": list(CATALOGUE)},
        "rename": {"users.id": "user_id", "items.sku": "item_id"},
        "dtype": {"items.category": "str", "price": "float64"},
        "lists": {"tags": "|"},
        "columns": ["items.category", "device"],
        "separator": ";",
        "quotes": False,
        "time_unit": "s",
    }
    beside = partial(write_reference, reference=usual)
    data = {"layout": layout}
    recorded = export(made, tmp_path / "text", items=CATALOGUE, beside=beside, data=data)
    today.to_csv(tmp_path / "day.csv", index=False, header=False, sep=";")
    people = USERS.rename(columns={"user_id": "id"})
    people.to_csv(tmp_path / "users.csv", index=False, sep=";")
    moments = pd.to_datetime(today["timestamp"], unit="s")
    today.assign(timestamp=moments).to_parquet(tmp_path / "day.parquet")
    USERS.to_parquet(tmp_path / "users.parquet")
    said = ["--no-header", ",".join(today), "--separator", ";"]
    for version, day, users, options in (
        (recorded, "day.csv", "users.csv", []),
        (recorded, "day.parquet", "users.parquet", []),
        (exported, "day.csv", "users.parquet", said),
    ):
        tables = ["--events", tmp_path / day, "--users", tmp_path / users]
        assert "Like the days before." in printed("watch", capsys, version, *tables, *options).err


def test_an_export_without_a_reference_says_what_to_do(today, tmp_path, capsys):
    version = export(retriever(ITEMS, k=10), tmp_path / "plain", items=CATALOGUE)
    with pytest.raises(ValueError, match=r"neither inputs nor vectors, index or lists.*train"):
        watch(load(version), Interactions(today))
    today.to_parquet(tmp_path / "day.parquet")
    command = [version, "--events", tmp_path / "day.parquet"]
    assert "export it again" in printed("watch", capsys, *command, code=1).err.replace("\n", " ")
    numbers = today.assign(item_id=np.arange(len(today)))
    (version / "assets.extra/health").mkdir()
    (version / "assets.extra/health/reference.json").write_text("{")
    with pytest.raises(ValueError, match="cannot be read; export again"):
        watch(load(version), Interactions(numbers))


def rated_days(count, first, seed=0, **others):
    events = days(count, first, seed=seed, **others)
    ratings = np.random.default_rng(seed).integers(1, 6, len(events))
    return events.assign(rating=ratings.astype(float))


@pytest.fixture(scope="module")
def of_good_ratings(made, tmp_path_factory):
    """An export of events that a protocol chose and ordered."""
    measured = Protocol(minimum_rating=4.0, ties="shuffled:1")
    data = measured.counted(Interactions(rated_days(DAYS, FIRST), USERS, CATALOGUE))
    usual = Reference.of(made, data, data.events["user_id"])
    names = {check.name for check, _ in usual.checks}
    assert "values of events.rating" in names
    assert "values of events.tie_order" not in names
    check, counts = next(one for one in usual.checks if one[0].name == "values of events.price")
    check = dataclasses.replace(check, column="events.tie_order")  # as earlier versions did
    usual = dataclasses.replace(usual, checks=[*usual.checks, (check, counts)])
    beside = partial(write_reference, reference=usual)
    card = {"protocol": measured.record()}
    path = tmp_path_factory.mktemp("exports") / "rated"
    return export(made, path, data=card, items=CATALOGUE, beside=beside)


def test_a_day_is_counted_as_the_training_was(of_good_ratings, tmp_path, capsys):
    day = rated_days(1, NEXT, seed=5, users_a_day=300)
    day.to_parquet(tmp_path / "day.parquet")
    command = (of_good_ratings, "--events", tmp_path / "day.parquet", "--every")
    said = printed("watch", capsys, *command)
    assert "Like the days before." in said.err
    assert "have a rating below 4 or none: left out" in " ".join(said.err.split())
    assert "tie_order" not in said.out
    day.drop(columns="rating").to_parquet(tmp_path / "day.parquet")
    said = printed("watch", capsys, *command, code=3)
    assert "values of events.rating" in said.err
    day.drop(columns="timestamp").to_parquet(tmp_path / "day.parquet")
    said = printed("watch", capsys, *command)
    assert "times of events: those of the day have none" in " ".join(said.err.split())
