"""`diff`: figures, catalogues and lists of two exports, each difference as it is."""

import functools
import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.cli.conftest import ITEMS, RENAME, USERS, printed
from tests.retrieval.toys import retriever as toy
from tfrec_recall.cli.commands.diff import _made_of, _untold
from tfrec_recall.cli.commands.show import _indexes
from tfrec_recall.export import export
from tfrec_recall.retrieval import EmbeddingRetriever

run = functools.partial(printed, "diff")


def compared(capsys, *arguments):
    return json.loads(run(capsys, *arguments, "--json", "-").out)


@pytest.fixture(scope="module")
def later(folder, split, tmp_path_factory):
    """Likes small numbers alone; has lost the last two items, gained two, and renamed one."""
    items = split.interactions.items
    kept = items[:-2].copy()
    kept.loc[3, "title"] = "Another name"
    gained = pd.DataFrame({"item_id": ["new 1", "new 2"], "title": ["One", "Two"]})
    table = pd.concat([kept, gained], ignore_index=True)
    vectors = -np.arange(len(table), dtype="float32")[:, np.newaxis]
    retriever = EmbeddingRetriever(
        lambda raw: tf.ones([tf.shape(raw["history"])[0], 1]),
        table["item_id"].to_numpy(),
        vectors,
        inputs={"history": tf.TensorSpec([None, None], tf.string, "history")},
        k=10,
    )
    path = tmp_path_factory.mktemp("exports") / "later"
    return export(retriever, path, metrics={"recall@5": 0.5}, items=table)


def test_an_export_equals_itself(exported, capsys):
    found = compared(capsys, exported, exported)
    assert found["catalogue"] == {
        **{"items": [ITEMS, ITEMS], "added": [], "removed": [], "changed": []},
    }
    assert found["lists"] == {"users": USERS, "k": 100, "share": 1.0, "same_first": 1.0}


def test_items_that_came_went_and_changed_are_named(exported, split, later, capsys):
    ids = split.interactions.items["item_id"].tolist()
    found = compared(capsys, exported, later, "--sample", 0)
    assert found["lists"] is None
    assert found["catalogue"] == {
        **{"items": [ITEMS, ITEMS], "added": ["new 1", "new 2"]},
        **{"removed": sorted(ids[-2:]), "changed": [ids[3]]},
    }
    assert found["metrics"] == {"recall@5": [None, 0.5]}
    assert found["made_of"]["model"] == ["even", None]
    assert "fingerprint" not in found["made_of"]  # neither card has one
    output = run(capsys, exported, later, "--sample", 0).out
    assert "Added: 2: new 1, new 2" in output
    assert f"Changed: 1: {ids[3]}" in output


def test_what_no_card_tells_is_not_said_to_be_the_same(exported, capsys):
    said = run(capsys, exported, exported, "--sample", 0).out
    assert "The cards tell no difference of data, code or packages." in said
    assert "not known, as neither card tells: fingerprint" in said
    card = {"data": {"data": "shop", "fingerprint": "f"}, "git": {"commit": "c"}}
    assert _untold({**card, "packages": {"numpy": "2"}}, card) == []
    assert _untold({}, {}) == ["data", "fingerprint", "commit", "packages"]


def test_a_blend_is_compared_by_the_indexes_of_its_channels():
    def card(recall):
        near = {"index": {"kind": "scann", "recall": recall}}
        return {"retriever": {"channels": {"near": near, "popular": {"kind": "popular"}}}}

    assert _made_of(card(0.9), card(0.9)) == {}
    assert _made_of(card(0.9), card(0.8)) == {"index of near recall": [0.9, 0.8]}
    assert _indexes(card(0.9)["retriever"]) == "near: scann, recall 0.900"


def test_indexes_are_compared_by_what_they_missed_and_by_that_of_similar_items():
    def card(**index):
        near = {"kind": "inverted file", "recall": 0.97}
        return {"retriever": {"index": {"kind": "exact", **index}, "similar_items_index": near}}

    missed = {"kind": "scann", "recall": 0.8, "settings": {"recall": 0.95}}
    whole, instead = card(recall=1.0), card(recall=1.0, instead_of=missed, warning="It missed.")
    assert _made_of(whole, whole) == {}
    assert _made_of(whole, instead) == {
        "index instead of": [None, "scann, recall 0.800 of 0.95 asked for"],
        "index warning": [None, "It missed."],
    }
    other = {"retriever": {**whole["retriever"], "similar_items_index": missed}}
    assert _made_of(whole, other) == {
        "index of similar items": ["inverted file", "scann"],
        "index of similar items recall": [0.97, 0.8],
    }
    chosen = card(recall=1.0, why="items are few")
    assert _indexes(chosen["retriever"]) == (
        "exact, recall 1.000 (chosen by Auto: items are few); "
        "similar items: inverted file, recall 0.970"
    )


def test_overlap_is_that_of_lists_without_what_users_had(exported, split, later, capsys):
    """Both lists of every user, by hand: even numbers first against the order of the table."""
    events = split.interactions.events
    ids = split.interactions.items["item_id"].tolist()
    shares, same = [], []
    for user in events["user_id"].unique():
        had = set(events.loc[events["user_id"] == user, "item_id"])
        by_liking = sorted(ids, key=lambda item: (int(item[1:]) % 2, int(item[1:])))
        first = [item for item in by_liking if item not in had][:4]
        second = [item for item in [*ids[:-2], "new 1", "new 2"] if item not in had][:4]
        shares.append(len(set(first) & set(second)) / 4)
        same.append(first[0] == second[0])
    found = compared(capsys, exported, later, "--k", 4)["lists"]
    assert 0.0 < np.mean(shares) < 1.0
    assert found["share"] == pytest.approx(np.mean(shares))
    assert found["same_first"] == pytest.approx(np.mean(same))
    assert (found["users"], found["k"]) == (USERS, 4)


def test_the_shorter_list_is_compared_unless_told(exported, folder, later, capsys):
    found = compared(capsys, exported, later, "--data", folder, *RENAME, "--sample", 3)
    assert (found["lists"]["users"], found["lists"]["k"]) == (3, 10)


def test_ids_of_other_types_are_refused(exported, tmp_path, capsys):
    numbers = export(toy(20, int), tmp_path / "numbers")
    said = run(capsys, exported, numbers, "--sample", 0, code=1).err
    assert "of one type in both" in said
    assert "int64" in said
