"""`train --keep-state`, then `update` day by day: what is said, what is written, and kills."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.cli.conftest import run
from tests.untraced import training_without_graphs
from tfrec_recall.cli.commands.update import as_known
from tfrec_recall.data import Interactions
from tfrec_recall.export import load
from tfrec_recall.export.version_files import EXTRA
from tfrec_recall.health import read_reference
from tfrec_recall.models import ItemCF, TwoTower
from tfrec_recall.upkeep import state, updating
from tfrec_recall.upkeep.state import FOLDER, TrainingState

DAY = 24 * 3600
START = 1_600_000_000


def day(number, users=40, items=60, seed=0):
    """A day of visits: groups of users and of items, both with new ones each day."""
    generator = np.random.default_rng((seed, number))
    user = generator.integers(0, users + 2 * number, 400)
    item = 3 * generator.integers(0, items + number, 400) + user % 3
    events = pd.DataFrame({"user_id": user, "item_id": item})
    events = events.drop_duplicates().reset_index(drop=True)
    events["user_id"] = "u" + events["user_id"].astype(str)
    events["item_id"] = "i" + events["item_id"].astype(str)
    events["timestamp"] = START + number * DAY + np.sort(generator.integers(0, DAY, len(events)))
    return events


def catalogue(events):
    ids = sorted(events["item_id"].unique())
    return pd.DataFrame({"item_id": ids, "kind": [f"kind {int(one[1:]) % 3}" for one in ids]})


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Three days of events to train on, and files of the two after."""
    folder = tmp_path_factory.mktemp("living")
    (folder / "data").mkdir()
    days = [day(number) for number in range(5)]
    first = pd.concat(days[:3], ignore_index=True)
    first.to_parquet(folder / "data" / "events.parquet")
    catalogue(first).to_parquet(folder / "data" / "items.parquet")
    for number in (3, 4):
        days[number].to_parquet(folder / f"events {number}.parquet")
        catalogue(days[number]).to_parquet(folder / f"items {number}.parquet")
    return folder


def train(shop, name, model, *options):
    export = shop / name
    run("train", model, "--data", shop / "data", "--index", "exact", "--export", export, *options)
    return export


@pytest.fixture(scope="module")
def item_cf(shop):
    return train(shop, "item cf", "item-cf", "--keep-state")


def update_by(shop, export, number, *options, code=0):
    files = (
        "--events",
        shop / f"events {number}.parquet",
        "--items",
        shop / f"items {number}.parquet",
    )
    run("update", export, *files, *options, code=code)


def version_numbers(export):
    return sorted(int(path.name) for path in export.iterdir() if path.name.isdecimal())


def test_days_come_to_what_all_events_at_once_come_to(shop, item_cf, capsys):
    figures = shop / "figures.json"
    update_by(shop, item_cf, 3, "--json", figures, "--force")
    told = json.loads(figures.read_text())
    events = pd.read_parquet(shop / "events 3.parquet")
    before = pd.read_parquet(shop / "data" / "events.parquet")
    assert told["events"] == len(events)
    assert told["users"] == len(set(events["user_id"]) - set(before["user_id"]))
    assert told["items"] == len(set(events["item_id"]) - set(before["item_id"]))
    said = capsys.readouterr().out
    assert f"New: {len(events):,} events, {told['users']} users, {told['items']} items." in said
    assert re.search(r"recall@50 of \d+ users on the last fifth of the events: [\d.]+ before", said)
    assert len(told["difference"]) == 2
    assert re.search(r"It took [\d.]+ s: read [\d.]+ s, learn", said)
    first, second = (load(item_cf / version).card for version in ("1", "2"))
    newest_day = {"newest day recall@50": told["after"], "newest day users": told["measured"]}
    assert second["metrics"] == newest_day
    assert second["data"]["updated"]["metrics_before"] == first["metrics"]
    update_by(shop, item_cf, 4, "--force")
    assert version_numbers(item_cf) == [1, 2, 3]

    every = [before, events, pd.read_parquet(shop / "events 4.parquet")]
    every = pd.concat(every, ignore_index=True)
    latest = TrainingState.of(item_cf / "3")
    model = latest.model()
    assert latest.size() == len(every)
    assert not len(latest.waiting())
    whole = ItemCF(model.features)
    whole.fit(Interactions(every))
    np.testing.assert_array_equal(whole.popularity, model.popularity)
    np.testing.assert_allclose(whole.neighbour_weights, model.neighbour_weights, rtol=1e-5)
    served = load(item_cf)
    history = every["item_id"].tolist()[:3]
    query = {"history": [history]}
    ids, scores = served(query, k=10)
    _, expected = whole.retriever(catalogue(every), k=10)(query)
    np.testing.assert_allclose(scores, expected, rtol=1e-4)
    assert set(every["item_id"]) == set(served.item_ids)
    assert ids.shape == (1, 10)


def test_a_version_of_an_update_is_watched(shop, item_cf, capsys):
    """Another such day is like those before; one of other users is not."""
    usual = read_reference(item_cf / "3" / EXTRA)
    of_days = [pd.read_parquet(shop / f"events {number}.parquet") for number in (3, 4)]
    before = pd.read_parquet(shop / "data" / "events.parquet")
    every = pd.concat([before, *of_days])
    assert not usual.known.strange(every["user_id"]).any()
    ids = load(item_cf / "3").item_ids
    counts = every["item_id"].value_counts().reindex(ids, fill_value=0).to_numpy()
    assert (usual.popularity <= counts).all()
    days = every.groupby(every["timestamp"] // DAY).size()
    assert counts.sum() - usual.popularity.sum() in set(days)  # one is left out
    day(4, seed=1).to_parquet(shop / "next.parquet")
    run("watch", item_cf, "--events", shop / "next.parquet")
    other = day(4, seed=1).assign(user_id=lambda table: "x" + table["user_id"])
    other.to_parquet(shop / "other.parquet")
    capsys.readouterr()
    run("watch", item_cf, "--events", shop / "other.parquet", code=3)
    assert "unknown users" in capsys.readouterr().err


def test_only_states_of_the_newest_versions_stay(item_cf):
    kept = {TrainingState.of(item_cf / str(number)).folder.name for number in (2, 3)}
    assert {path.name for path in (item_cf / FOLDER).iterdir()} == kept
    with pytest.raises(
        ValueError, match=r"state of this version is gone.*train it again with --keep-state"
    ):
        TrainingState.of(item_cf / "1")


class Killed(BaseException):
    """Not caught by anything."""


def test_after_a_kill_the_old_version_serves_and_the_update_can_be_run_again(shop, monkeypatch):
    """Wherever it comes: each run but the last is killed later than the one before."""
    export = train(shop, "killed", "popular", "--keep-state")
    before = load(export)({"user_id": ["u1"]}, k=10)

    def kill(*args, **kwargs):
        raise Killed

    for module, name in ((state, "_write"), (updating, "export"), (tf.saved_model, "save")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, kill)
            with pytest.raises(Killed):
                update_by(shop, export, 3, "--force")
        assert version_numbers(export) == [1], name
        np.testing.assert_array_equal(load(export)({"user_id": ["u1"]}, k=10)[0], before[0])
    update_by(shop, export, 3, "--force")
    assert version_numbers(export) == [1, 2]
    assert len(list((export / FOLDER).iterdir())) == 2  # what was cut off is gone


def test_events_that_nothing_reaches_are_let_go(shop, capsys):
    export = train(shop, "short", "popular", "--keep-state")
    update_by(shop, export, 3, "--force")
    update_by(shop, export, 4, "--force", "--keep-days", "0.5")
    files = [shop / "data" / "events.parquet", shop / "events 3.parquet"]
    before = pd.concat(map(pd.read_parquet, files), ignore_index=True)
    new = pd.read_parquet(shop / "events 4.parquet")
    every = pd.concat([before, new], ignore_index=True)
    newest = every["timestamp"] >= new["timestamp"].max() - DAY / 2
    users = every.loc[newest, "user_id"].unique()
    expected = pd.concat([before[before["user_id"].isin(users) & newest[: len(before)]], new])
    state = TrainingState.of(export / "3")
    kept = state.events_of(pd.Series(every["user_id"].unique()))
    keys = ["user_id", "item_id", "timestamp"]
    left, right = (one[keys].sort_values(keys, ignore_index=True) for one in (kept, expected))
    pd.testing.assert_frame_equal(left, right, check_dtype=False)
    counts = state.model().popularity.scores.numpy().sum()
    assert counts == pytest.approx(len(every))  # what was counted stays
    assert f"{len(every) - len(expected):,} events of before were let go" in capsys.readouterr().err
    update_by(shop, export, 4, "--keep-days", "0", code=1)
    assert "keep_days is a number above 0" in capsys.readouterr().err


def test_a_worse_version_is_refused_unless_forced(shop, capsys, monkeypatch):
    export = train(shop, "spoilt", "item-cf", "--keep-state")

    def spoil(self, recent, **options):
        self.neighbour_weights.assign(tf.zeros_like(self.neighbour_weights))
        self.popularity.assign(tf.range(tf.size(self.popularity), dtype=tf.float32))

    monkeypatch.setattr(ItemCF, "update", spoil)
    capsys.readouterr()
    update_by(shop, export, 3, code=3)
    assert "is better on the last fifth of the events, and no version" in capsys.readouterr().err
    assert version_numbers(export) == [1]
    update_by(shop, export, 3, "--force")
    assert version_numbers(export) == [1, 2]


def test_a_tower_learns_on(shop):
    settings = shop / "settings.json"
    settings.write_text(json.dumps({"epochs": 2, "dim": 8, "hidden": [16], "batch_size": 128}))
    new = set(pd.read_parquet(shop / "items 3.parquet")["item_id"])
    items = pd.read_parquet(shop / "data" / "items.parquet")
    gone = items["item_id"][~items["item_id"].isin(new)].iloc[:3]
    items[~items["item_id"].isin(gone)].to_parquet(shop / "fewer items.parquet")
    with training_without_graphs(TwoTower):
        export = train(shop, "tower", "two-tower", "--keep-state", "--settings", settings)
        first = TrainingState.of(export / "1").model()
        run("reindex", export, "--items", shop / "fewer items.parquet")
        update_by(shop, export, 3, "--force", "--epochs", 1)
    model = TrainingState.of(export / "3").model()
    assert int(model.optimizer.iterations) > int(first.optimizer.iterations)
    assert len(model.features.item_vocabulary) > len(first.features.item_vocabulary)
    assert new <= set(load(export).item_ids)
    removed = pd.read_parquet(export / "3" / EXTRA / "removed_items.parquet")
    assert sorted(removed["item_id"]) == sorted(gone)


def test_events_without_times_are_measured_on_a_drawn_fifth(shop, tmp_path, capsys):
    (tmp_path / "data").mkdir()
    for source, target in (("data/events", "data/events"), ("events 3", "more")):
        events = pd.read_parquet(shop / f"{source}.parquet").drop(columns="timestamp")
        events.drop_duplicates().to_parquet(tmp_path / f"{target}.parquet")
    export = tmp_path / "export"
    run(
        "train", "popular", "--data", tmp_path / "data", "--split", "random", "--export", export,
        "--keep-state",
    )  # fmt: skip
    capsys.readouterr()
    run("update", export, "--events", tmp_path / "more.parquet", "--force")
    said = capsys.readouterr()
    assert "Measured on a drawn fifth of the events, as times do not tell" in said.err
    assert re.search(r"recall@50 of \d+ users on a drawn fifth of the events: ", said.out)
    size = TrainingState.of(export / "2").size()
    files = [tmp_path / "data" / "events.parquet", tmp_path / "more.parquet"]
    assert size == sum(len(pd.read_parquet(one)) for one in files)
    assert version_numbers(export) == [1, 2]


def test_what_cannot_be_is_said(shop, capsys):
    export = train(shop, "stateless", "popular")
    capsys.readouterr()
    update_by(shop, export, 3, code=1)
    assert "train it again with --keep-state" in capsys.readouterr().err
    run("train", "popular", "--data", shop / "data", "--keep-state", code=2)
    assert "--export" in capsys.readouterr().err


def test_ids_of_files_without_types_are_what_the_export_knows(tmp_path):
    rows = pd.DataFrame({"user_id": [7, 8], "item_id": [1, 2], "timestamp": START})
    known = {"user_id": pd.Series(["a", "7"]), "item_id": pd.Series([1, 3])}
    for suffix, users in (("csv", ["7", "8"]), ("jsonl", [7, 8])):  # JSON says what they are
        path = tmp_path / f"events.{suffix}"
        if suffix == "csv":
            rows.to_csv(path, index=False)
        else:
            rows.to_json(path, orient="records", lines=True)
        new = as_known(Interactions.from_files(path), known, {"events": path, "users": None})
        assert new.events["user_id"].tolist() == new.users["user_id"].tolist() == users
        assert new.events["item_id"].tolist() == [1, 2]
        assert new.time_unit == "s"


def test_new_ids_that_differ_by_their_form_are_refused(shop, item_cf, tmp_path, capsys):
    path = tmp_path / "events.csv"
    path.write_text(f"user_id,item_id,timestamp\nu1,i3 ,{START + 9 * DAY}\n")
    run("update", item_cf, "--events", path, code=1)
    assert "'i3 ' beside 'i3'" in " ".join(capsys.readouterr().err.split())


def test_numbers_for_ids_of_text_are_refused_with_what_to_write(shop, item_cf, tmp_path, capsys):
    path = tmp_path / "events.jsonl"
    path.write_text(f'{{"user_id": 15, "item_id": "i3", "timestamp": {START + 9 * DAY}}}\n')
    run("update", item_cf, "--events", path, code=1)
    assert "write them as text, in quotes" in " ".join(capsys.readouterr().err.split())


def test_a_day_of_what_users_had_already_is_learnt_unmeasured(shop, tmp_path, capsys):
    export = train(shop, "had", "popular", "--keep-state")
    path = tmp_path / "events.parquet"
    again = day(0).head(40)
    again.assign(timestamp=START + 9 * DAY + np.arange(40)).to_parquet(path)
    capsys.readouterr()
    run("update", export, "--events", path)
    assert "Nothing is measured: on the last fifth" in " ".join(capsys.readouterr().err.split())
    card = load(export).card
    assert (card["metrics"], card["data"]["updated"]["after"]) == ({}, None)
    assert version_numbers(export) == [1, 2]


def test_what_a_split_leaves_aside_is_learnt_by_the_first_update(shop, tmp_path):
    """Of the last two baskets, what their users had before is in no part."""
    generator = np.random.default_rng(4)
    baskets = pd.MultiIndex.from_product([range(20), range(4), range(5)]).to_frame(index=False)
    baskets.columns = ["user_id", "basket", "place"]
    events = baskets.assign(item_id=generator.integers(0, 12, len(baskets)))
    events["session_id"] = 4 * events["user_id"] + events["basket"]
    events["timestamp"] = START + events.pop("basket") * DAY + events["user_id"]
    events = events.drop(columns="place")
    (tmp_path / "data").mkdir()
    events.to_parquet(tmp_path / "data" / "events.parquet")
    export = tmp_path / "export"
    run("train", "popular", "--data", tmp_path / "data", "--export", export, "--keep-state")
    trained = TrainingState.of(export / "1")
    assert trained.told["time_unit"] == trained.time_unit == "s"
    assert trained.size() == len(events) // 2
    assert len(trained.waiting()) == len(events) - trained.size()
    more = events.head(30).assign(timestamp=START + 9 * DAY, session_id=1_000 + events["user_id"])
    more.to_parquet(tmp_path / "more.parquet")
    run("update", export, "--events", tmp_path / "more.parquet", "--force")
    updated = TrainingState.of(export / "2")
    assert updated.size() == len(events) + len(more)
    counts = updated.model().popularity.scores.numpy().sum()
    assert counts == pytest.approx(len(events) + len(more))
