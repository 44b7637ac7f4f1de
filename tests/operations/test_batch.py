"""Batches that fail between any two steps, and what is asked about part by part."""

import errno
import json
import os
import time
import types

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from tests.retrieval.toys import item_ids, retriever
from tfrec_recall.data import Interactions
from tfrec_recall.export import export, load
from tfrec_recall.operations import (
    EveryItem,
    EveryUser,
    ItemVectors,
    QueryVectors,
    Recommendations,
    SimilarItems,
    UsersOfFile,
    answer_all,
)
from tfrec_recall.retrieval import EmbeddingRetriever

USERS = 23


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    return load(export(retriever(40), tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def data():
    """Users of 0 to 5 events, and one who had all items."""
    generator = np.random.default_rng(0)
    items = np.array(item_ids(40))
    rows = [
        (f"u{user:02d}", item, 1_600_000_000 + place)
        for user in range(USERS)
        for place, item in enumerate(generator.permutation(items)[: user % 6 if user else 40])
    ]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    users = pd.DataFrame({"user_id": [f"u{user:02d}" for user in range(USERS)]})
    return Interactions(events, users)


def rows_of(folder):
    parts = sorted(folder.glob("part-*.parquet"))
    return pd.concat([pd.read_parquet(part) for part in parts], ignore_index=True)


def test_a_run_that_fails_anywhere_loses_and_doubles_nothing(loaded, data, tmp_path, monkeypatch):
    everyone = EveryUser(data, loaded.inputs)
    whole = answer_all(loaded, everyone, tmp_path / "whole", Recommendations(6), 4, 5)
    expected = rows_of(tmp_path / "whole")
    assert (whole.requests, whole.empty, whole.parts) == (USERS, 1, 5)  # u00 had everything
    rename, failures = os.replace, 0

    def fail(*paths):
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rename(*paths)

    for number in range(20):  # renames that succeed before one fails
        left, folder = number, tmp_path / f"recs {number}"
        monkeypatch.setattr(os, "replace", fail)
        try:
            answer_all(loaded, everyone, folder, Recommendations(6), 4, 5)
            break
        except OSError:
            failures += 1
        assert not (folder / "_SUCCESS").exists()
        monkeypatch.setattr(os, "replace", rename)
        found = answer_all(loaded, everyone, folder, Recommendations(6), 4, 5)
        assert (found.requests, found.rows, found.empty) == (USERS, whole.rows, 1)
        assert found.resumed == max(0, number - 1)  # the first rename is the manifest's
        pd.testing.assert_frame_equal(rows_of(folder), expected)
    assert failures == 7  # the manifest, five parts, and the mark that all is done


def test_lists_are_those_of_one_request_each(loaded, data, tmp_path):
    answer_all(loaded, EveryUser(data, loaded.inputs), tmp_path / "recs", Recommendations(6), 4, 5)
    rows = rows_of(tmp_path / "recs")
    for user in ("u01", "u06", "u17"):
        had = data.events[data.events["user_id"] == user].sort_values("timestamp")["item_id"]
        history = [had.tolist() or [""]]
        ids, scores = loaded({"history": history}, k=6, exclude=history)
        mine = rows[rows["user_id"] == user]
        assert [item.encode() for item in mine["item_id"]] == ids.numpy()[0].tolist()
        np.testing.assert_allclose(mine["score"], scores.numpy()[0], rtol=1e-5)


def test_progress_rises_to_the_number_of_requests(loaded, data, tmp_path):
    told, everyone = [], EveryUser(data, loaded.inputs)
    for _ in range(2):  # again with nothing to do
        answer_all(
            loaded, everyone, tmp_path / "recs", Recommendations(6), 4, 10,
            lambda *counts: told.append(counts),
        )  # fmt: skip
    assert told == [(done, USERS) for done in (4, 8, 10, 14, 18, 20, 23)]


def test_requests_of_long_histories_go_few_at_a_time(loaded, data, tmp_path, monkeypatch):
    everyone, shapes, told = EveryUser(data, loaded.inputs), [], []
    answer_all(loaded, everyone, tmp_path / "whole", Recommendations(6))
    ask = Recommendations.asked

    def asked(self, retriever, queries, exclude):
        shapes.append(tuple(queries["history"].shape))
        return ask(self, retriever, queries, exclude)

    monkeypatch.setattr(Recommendations, "asked", asked)
    monkeypatch.setattr("tfrec_recall.data.feeding.like_lengths.EVENTS_AT_ONCE", 20)
    answer_all(
        loaded, everyone, tmp_path / "few", Recommendations(6),
        progress=lambda *counts: told.append(counts),
    )  # fmt: skip
    assert all(rows == 1 or rows * width <= 20 for rows, width in shapes)
    assert (len(told), told[-1]) == (len(shapes), (USERS, USERS))
    pd.testing.assert_frame_equal(rows_of(tmp_path / "few"), rows_of(tmp_path / "whole"))


def test_a_batch_that_fails_ends_the_run_before_the_rest(loaded, data, tmp_path, monkeypatch):
    calls, ask = [], Recommendations.asked

    def asked(self, *request):
        calls.append(request)
        if len(calls) == 3:
            raise RuntimeError("no more")
        time.sleep(0.05)  # so that the failure is known while few others are answered
        return ask(self, *request)

    monkeypatch.setattr(Recommendations, "asked", asked)
    everyone = EveryUser(data, loaded.inputs)
    with pytest.raises(RuntimeError, match="no more"):
        answer_all(loaded, everyone, tmp_path / "recs", Recommendations(6), batch_size=1)
    assert len(calls) < USERS


def test_row_groups_and_files_of_any_size_are_one_list_of_users(loaded, tmp_path):
    ids = pa.array([f"u{row}" for row in range(50)]).dictionary_encode()
    history = pa.array([[f"item {row % 40}"] * (row % 3) for row in range(50)])
    table = pa.table({"user_id": ids, "history": history})
    (tmp_path / "users").mkdir()
    pq.write_table(table[:31], tmp_path / "users" / "a.parquet", row_group_size=7)
    pq.write_table(table[31:], tmp_path / "users" / "b.parquet")
    users = UsersOfFile(tmp_path / "users", loaded)
    parts = list(users.parts(20))
    assert [len(part.ids) for part in parts] == [20, 20, 10]
    assert [one for part in parts for one in part.ids.to_pylist()] == ids.to_pylist()
    assert parts[1].lengths.tolist() == [row % 3 for row in range(20, 40)]
    answer_all(loaded, users, tmp_path / "recs", Recommendations(2), part_size=20)
    rows = rows_of(tmp_path / "recs")
    assert rows["user_id"].tolist() == np.repeat(ids.to_pylist(), 2).tolist()


@pytest.mark.parametrize(
    "answers", [Recommendations(3), SimilarItems(3), QueryVectors(), ItemVectors()]
)
def test_about_nobody_there_is_a_part_with_the_columns_of_any(answers, loaded, tmp_path):
    table = pa.table({"user_id": pa.array(["a"]), "history": pa.array([["item 1"]])})
    for name, rows in (("some", 1), ("none", 0)):
        pq.write_table(table[:rows], tmp_path / f"{name}.parquet")
    if isinstance(answers, SimilarItems | ItemVectors):
        some, nobody = EveryItem(loaded), EveryItem(loaded)
        nobody._ids = nobody._ids[:0]
    else:
        some, nobody = (
            UsersOfFile(tmp_path / f"{name}.parquet", loaded) for name in ("some", "none")
        )
    answer_all(loaded, some, tmp_path / "some", answers)
    found = answer_all(loaded, nobody, tmp_path / "none", answers)
    assert (found.requests, found.rows, found.parts) == (0, 0, 1)
    assert answer_all(loaded, nobody, tmp_path / "none", answers).resumed == 1
    assert (tmp_path / "none" / "_SUCCESS").exists()
    (part,) = (tmp_path / "none").glob("part-*.parquet")
    filled, empty = pq.read_table(tmp_path / "some" / part.name), pq.read_table(part)
    assert len(filled)
    assert empty.schema.equals(filled.schema)
    assert len(empty) == 0


def test_answers_do_not_go_among_the_versions_of_an_export(loaded, data):
    everyone = EveryUser(data, loaded.inputs)
    for wrong in (loaded.path.parent / "9", loaded.path / "recs"):
        with pytest.raises(ValueError, match=r"folder \(--out\) goes into a folder of its own"):
            answer_all(loaded, everyone, wrong, QueryVectors())
        assert not wrong.exists()


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_damaged_manifest_is_named(text, loaded, data, tmp_path):
    (tmp_path / "_manifest.json").write_text(text)
    with pytest.raises(ValueError, match=rf"{tmp_path}/_manifest.json is damaged.*Received: "):
        answer_all(loaded, EveryUser(data, loaded.inputs), tmp_path, QueryVectors())


def test_another_export_at_the_same_place_is_refused(loaded, data, tmp_path):
    everyone = EveryUser(data, loaded.inputs)
    answer_all(loaded, everyone, tmp_path / "recs", QueryVectors())
    other = load(export(retriever(39), tmp_path / "model"))
    with pytest.raises(ValueError, match=r"begun with other settings.*export is '\w+' there"):
        answer_all(other, everyone, tmp_path / "recs", QueryVectors())
    manifest = json.loads((tmp_path / "recs" / "_manifest.json").read_text())
    assert manifest["requests"]["users"] == "all"


class Nobody:
    """Requests of which there are none."""

    source, subject, id_type = {"users": "none"}, "user_id", pa.string()

    def __len__(self):
        return 0

    def parts(self, size):
        return iter(())


def test_filters_may_be_given_as_in_a_request(tmp_path, monkeypatch):
    monkeypatch.setattr("tfrec_recall.operations.batch.fingerprint", lambda path: "one")
    specs = {
        "where_market": tf.TensorSpec([None, None], tf.string),
        "max_price": tf.TensorSpec([None], tf.float32),
    }
    export = types.SimpleNamespace(
        path=None,
        filter_inputs=specs,
        signatures={"similar_items": None},
        id_dtype=tf.string,
    )
    market, price = [["de", "fr"]], [5.0]
    given = [
        {"where_market": market, "max_price": price},
        {"where_market": np.array(market), "max_price": np.array(price)},
        {"where_market": np.array(market, object), "max_price": [np.float32(5)]},
        {"where_market": pd.Series(market), "max_price": pd.Series(price)},
        {"where_market": tf.constant(market), "max_price": tf.constant(price)},
        {"where_market": tf.ragged.constant(market), "max_price": tuple(price)},
        {"where_market": tf.sparse.from_dense(market), "max_price": pd.Index(price)},
        {"where_market": [{"fr", "de"}], "max_price": price},
        {"where_market": [pd.Series(market[0])], "max_price": price},
        types.MappingProxyType({"where_market": market, "max_price": price}),
        pd.DataFrame({"where_market": market, "max_price": price}),
    ]
    for kind in (Recommendations, SimilarItems):
        folder, size = tmp_path / kind.__name__, np.int64(5)
        for filters in given:  # the first one begins what all others go on with
            answer_all(export, Nobody(), folder, kind(np.int64(3), filters), part_size=size)
        manifest = json.loads((folder / "_manifest.json").read_text())
        assert manifest["answers"] == {"kind": kind.__name__, "k": 3, "filters": given[0]}
        with pytest.raises(ValueError, match=r"answers\.filters\.max_price is \[5\.0\] there"):
            answer_all(export, Nobody(), folder, kind(3, {"max_price": [6.0]}), part_size=5)


def test_interests_have_a_row_each(tmp_path):
    def embed(raw):
        return tf.stack([tf.one_hot(raw["place"], 3), 2 * tf.one_hot(raw["place"], 3)], axis=1)

    inputs = {"place": tf.TensorSpec([None], tf.int64)}
    made = EmbeddingRetriever(embed, [5, 6, 7], np.eye(3), inputs=inputs, with_interest=True, k=2)
    users = pd.DataFrame({"user_id": pd.array([2, None, 1], "Int64")[[0, 2]], "place": [1, 0]})
    users.to_parquet(tmp_path / "users.parquet")
    loaded = load(export(made, tmp_path / "model"))
    asked = UsersOfFile(tmp_path / "users.parquet", loaded, repeats=True)
    answer_all(loaded, asked, tmp_path / "vectors", QueryVectors())
    rows = rows_of(tmp_path / "vectors")
    assert rows["user_id"].tolist() == [2, 2, 1, 1]
    assert rows["interest"].tolist() == [0, 1, 0, 1]
    assert [one.tolist() for one in rows["vector"]][1:3] == [[0, 2, 0], [1, 0, 0]]
    users[:0].to_parquet(tmp_path / "users.parquet")
    asked = UsersOfFile(tmp_path / "users.parquet", loaded, repeats=True)
    answer_all(loaded, asked, tmp_path / "none", QueryVectors())
    assert rows_of(tmp_path / "none").dtypes.equals(rows.dtypes)
