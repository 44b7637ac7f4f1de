"""`batch` chooses items by columns of the users' file and by options, and says what it cannot."""

import functools
import json

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import printed
from tests.retrieval.toys import item_ids, retriever
from tfrec_recall.export import export, load
from tfrec_recall.operations import Recommendations, UsersOfFile, answer_all

batch = functools.partial(printed, "batch")

COUNT, K = 30, 6
ITEMS = pd.DataFrame(
    {"item_id": item_ids(COUNT), "kind": ["a", "b", "c"] * 10, "price": np.arange(COUNT) / 2}
)
HISTORIES = [["item 3"], ["item 4", "item 5"], [], ["item 6"]]
KINDS = [["a"], ["b", "c"], None, []]
MOST = [9.0, np.nan, 5.0, 1.0]
USERS = {"user_id": [4, 3, 2, 1], "history": HISTORIES}


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    made = retriever(COUNT, k=K).with_filters(ITEMS, ["kind", "price"])
    return export(made, tmp_path_factory.mktemp("choosing") / "toy")


@pytest.fixture(scope="module")
def loaded(version):
    return load(version)


def users_file(path, **columns):
    pd.DataFrame({**USERS, **columns}).to_parquet(path / "users.parquet")
    return path / "users.parquet"


def lists(folder, subject="user_id", item="item_id"):
    parts = sorted(folder.glob("part-*.parquet"))
    rows = pd.concat([pd.read_parquet(part) for part in parts])
    return rows.groupby(subject)[item].agg(list)


def test_rows_and_options_choose_and_the_manifest_tells(version, loaded, tmp_path, capsys):
    columns = {"where_kind": KINDS, "max_price": MOST}
    users = users_file(tmp_path, **columns, colour="red", histroy="none")
    command = [version, "--users", users, "--out", tmp_path / "recs", "--k", 4, "--batch", 2]
    said = " ".join(
        batch(capsys, *command, "--min", "price=2.5", "--where-not", "kind=c").err.split()
    )
    assert "are not read: colour, histroy. The export is asked with history." in said
    filters = {
        "where_kind": [["a"], ["b", "c"], [], []],
        "max_price": MOST,
        **{"min_price": [2.5], "where_not_kind": [["c"]]},
    }
    history = {"history": [one or [""] for one in HISTORIES]}
    expected, _ = loaded(history, k=4, exclude=history["history"], filters=filters)
    found = lists(tmp_path / "recs")
    for user, row in zip(USERS["user_id"], expected.numpy(), strict=True):
        assert found.get(user, []) == [one.decode() for one in row if one], user
    assert sum(map(len, found)) > 6
    told = json.loads((tmp_path / "recs" / "_manifest.json").read_text())
    assert told["answers"]["filters"] == {"min_price": [2.5], "where_not_kind": [["c"]]}
    assert told["requests"]["filters"] == ["max_price", "where_kind"]
    said = batch(capsys, *command, "--where-not", "kind=c", code=1).err
    assert "answers.filters.min_price is [2.5] there, None now" in " ".join(said.split())


def test_what_is_chosen_twice_or_by_nothing_is_said(version, tmp_path, capsys):
    command = [version, "--users", users_file(tmp_path, where_kind=KINDS)]
    for text, message in (
        ("kind=a", "Received: where_kind of both"),
        ("colour=red", "--where takes what this export was told to choose by"),
    ):
        said = batch(capsys, *command, "--where", text, "--out", tmp_path / "recs", code=1).err
        assert message in " ".join(said.split())


def test_vectors_are_of_no_choice_and_similar_items_are(version, tmp_path, capsys):
    out = ["--out", tmp_path / "similar", "--min", "price=10"]
    assert "whoever is asked" in batch(capsys, version, "--what", "query-vectors", *out, code=2).err
    batch(capsys, version, "--what", "similar-items", "--k", 3, *out)
    found = lists(tmp_path / "similar", "item_id", "similar_item_id")
    assert set(map(len, found)) == {3}
    assert set(np.concatenate(found.to_list())) <= set(item_ids(COUNT)[20:])


def test_in_python_a_choice_is_that_of_all_or_of_each(loaded, tmp_path):
    requests = UsersOfFile(users_file(tmp_path, min_price=MOST), loaded)
    for filters, message in (
        ({"min_price": [1.0]}, "leave one of them out. Received: min_price of both"),
        ({"max_price": [1.0, 2.0]}, "max_price has a row for each query.*Received: 2 rows for 1"),
        ({"where_colour": [["a"]]}, "Received: where_colour"),
    ):
        with pytest.raises(ValueError, match=message):
            answer_all(loaded, requests, tmp_path / "recs", Recommendations(3, filters))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"where_colour": [["red"]] * 4}, r"\(train --filterable\): .*Received: where_colour in"),
        ({"min_age": 3}, r"begin with where_, min_, max_ .*Received: min_age in"),
        ({"where_kind": ["a"] * 4}, "'where_kind' is a list of text in each cell"),
        ({"max_price": ["9"] * 4}, "'max_price' is float64 in each cell"),
    ],
)
def test_columns_that_no_list_can_be_chosen_by_are_refused(loaded, tmp_path, columns, message):
    with pytest.raises(ValueError, match=message):
        UsersOfFile(users_file(tmp_path, **columns), loaded)
