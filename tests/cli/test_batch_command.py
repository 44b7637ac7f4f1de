"""`batch`: lists for everybody as Parquet, the same that `recommend` gives, also after a kill."""

import functools

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from tests.cli.conftest import RENAME, printed, run
from tfrec_recall.export import export
from tfrec_recall.retrieval import EmbeddingRetriever

batch = functools.partial(printed, "batch")


def read(folder):
    """The answers of all parts, in their order."""
    parts = sorted(folder.glob("part-*.parquet"))
    return pd.concat([pd.read_parquet(part) for part in parts], ignore_index=True)


def test_all_users_of_the_data_without_what_they_had(exported, split, tmp_path, capsys):
    out = tmp_path / "recs"
    said = batch(capsys, exported, "--out", out, "--k", 30, "--part", 5, "--batch", 2).err
    assert "rows for 12 in" in said
    assert sorted(one.name for one in out.iterdir())[-3:] == [
        *("part-00000.parquet", "part-00001.parquet", "part-00002.parquet")
    ]
    assert (out / "_SUCCESS").exists()
    rows = read(out)
    assert list(rows) == ["user_id", "rank", "item_id", "score"]
    assert rows["user_id"].drop_duplicates().tolist() == [f"v{user:02d}" for user in range(12)]
    events = split.interactions.events
    had = events.groupby("user_id")["item_id"].agg(set)
    for user, mine in rows.groupby("user_id"):
        assert set(mine["item_id"]) == {f"s{item:02d}" for item in range(30)} - had[user]
        assert mine["rank"].tolist() == list(range(1, len(mine) + 1))
        assert mine["score"].is_monotonic_decreasing
    length = len(events[events["user_id"] == "v03"])
    best = rows[rows["user_id"] == "v03"].iloc[0]
    number = int(best["item_id"][1:])
    assert best["score"] == pytest.approx(length * (number % 2 == 0) - number / 30, abs=1e-4)


def test_a_file_says_who_is_asked_and_with_what(exported, tmp_path, capsys):
    users = pd.DataFrame(
        {
            "user_id": [7, 5, 7],
            "history": [["s00", "s02"], [], None],
            "exclude": [["s04"], ["s00"], None],
        }
    )
    users.to_parquet(tmp_path / "users.parquet")
    said = batch(
        *(capsys, exported, "--users", tmp_path / "users.parquet", "--k", 2),
        *("--out", tmp_path / "recs"),
    )
    assert "Reading" not in said.err
    rows = read(tmp_path / "recs")
    assert rows["user_id"].tolist() == [7, 7, 5, 5, 7, 7]
    assert rows["item_id"].tolist() == ["s06", "s08", "s01", "s02", "s00", "s01"]


def test_users_of_a_file_are_looked_up_in_the_data(exported, tmp_path, capsys):
    pd.DataFrame({"user_id": ["v01", "new", "v01"]}).to_parquet(tmp_path / "users.parquet")
    arguments = ["--users", tmp_path / "users.parquet", "--k", 3]
    said = batch(capsys, exported, *arguments, "--out", tmp_path / "some").err
    assert "1 of 3 users are not in" in said
    run("batch", exported, "--out", tmp_path / "everybody", "--k", 3)
    some, everybody = read(tmp_path / "some"), read(tmp_path / "everybody")
    mine = everybody.query("user_id == 'v01'").reset_index(drop=True)
    pd.testing.assert_frame_equal(some[:3], mine)
    pd.testing.assert_frame_equal(some[6:].reset_index(drop=True), mine)
    assert some["item_id"][3:6].tolist() == ["s00", "s01", "s02"]


def test_a_column_exclude_alone_says_no_history(split, folder, tmp_path, capsys):
    items = split.interactions.items["item_id"].to_numpy()
    alike = EmbeddingRetriever(
        lambda raw: tf.ones([tf.shape(raw["user_id"])[0], 1]),
        items,
        np.arange(1.0, len(items) + 1, dtype="float32")[:, np.newaxis],
        inputs={"user_id": tf.TensorSpec([None], tf.string, "user_id")},
    )
    export(alike, tmp_path / "alike", data={"data": str(folder)})
    users = tmp_path / "users.parquet"
    pd.DataFrame({"user_id": ["v01"], "exclude": [["s04"]]}).to_parquet(users)
    events = split.interactions.events
    had = set(events.loc[events["user_id"] == "v01", "item_id"])
    for name, more in (("alone", []), ("data", ["--data", folder, *RENAME])):
        command = [tmp_path / "alike", "--users", users, "--k", 30, "--out", tmp_path / name]
        said = " ".join(batch(capsys, *command, *more).err.split())
        listed = set(read(tmp_path / name)["item_id"])
        assert "s04" not in listed
        assert ("only the items of exclude are left out" in said) == (name == "alone")
        assert bool(listed & had) == (name == "alone")


def test_similar_items_and_vectors(exported, tmp_path, capsys):
    run("batch", exported, "--what", "similar-items", "--k", 4, "--out", tmp_path / "similar")
    rows = read(tmp_path / "similar")
    assert list(rows) == ["item_id", "rank", "similar_item_id", "score"]
    assert rows["item_id"].nunique() == 30
    assert (rows["item_id"] != rows["similar_item_id"]).all()
    run("batch", exported, "--what", "query-vectors", "--out", tmp_path / "queries")
    run("batch", exported, "--what", "item-vectors", "--out", tmp_path / "items")
    queries, items = read(tmp_path / "queries"), read(tmp_path / "items")
    assert queries["vector"][0].tolist() == [14, 1]
    assert items["vector"][2].tolist() == pytest.approx([1, -2 / 30])


def test_a_run_goes_on_where_it_was_and_only_with_its_settings(exported, tmp_path, capsys):
    out, command = tmp_path / "recs", [exported, "--part", 4, "--k", 5, "--out", tmp_path / "recs"]
    run("batch", *command)
    whole = read(out)
    (out / "_SUCCESS").unlink()
    (out / "part-00001.parquet").unlink()
    (out / ".part-00001.parquet.0a1b").write_text("half")
    kept = (out / "part-00002.parquet").stat().st_mtime_ns
    assert "2 of 3 parts were there" in batch(capsys, *command).err
    assert (out / "part-00002.parquet").stat().st_mtime_ns == kept
    assert not list(out.glob(".part*"))
    pd.testing.assert_frame_equal(read(out), whole)
    said = batch(capsys, *command[:-4], "--k", 6, "--out", out, code=1).err
    assert "answers.k is 5 there, 6 now" in said
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.csv").write_text("")
    said = batch(capsys, exported, "--out", tmp_path / "taken", code=1).err
    assert "a folder of their own" in said


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"member": ["a"]}, "has no column 'user_id'. Received columns: member"),
        ({"user_id": ["v01", None]}, "Received: 1 without, the first are rows [1]"),
        ({"user_id": [1]}, "The data has user ids that are text"),
        ({"user_id": [1], "history": ["s00"]}, "'history' is a list of text in each cell"),
        ({"user_id": [1], "history": [[1]]}, "'history' is a list of text in each cell"),
    ],
)
def test_users_that_cannot_be_asked_are_said(exported, tmp_path, capsys, table, message):
    pq.write_table(pa.table(table), tmp_path / "users.parquet")
    arguments = ["--users", tmp_path / "users.parquet", "--out", tmp_path / "recs"]
    assert message in batch(capsys, exported, *arguments, code=1).err.replace("\n", " ")


def test_options_without_effect_are_refused(exported, tmp_path, capsys):
    out = ["--out", tmp_path / "recs"]
    pd.DataFrame({"user_id": ["v01"], "history": [["s04"]]}).to_parquet(tmp_path / "users.parquet")
    for wrong in (
        ["--what", "query-vectors", "--k", 3],
        ["--what", "query-vectors", "--no-repeats"],
        ["--what", "similar-items", "--repeats"],
        ["--users", tmp_path / "users.parquet", "--data", "gone"],
    ):
        assert "leave" in batch(capsys, exported, *wrong, *out, code=2).err
    (tmp_path / "notes.txt").write_text("none")
    wrong = ["--users", tmp_path / "notes.txt"]
    assert "which is none" in batch(capsys, exported, *wrong, *out, code=1).err
    assert batch(capsys, exported, *out, "--data", "gone", *RENAME, code=1).err
