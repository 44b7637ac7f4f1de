"""Runs beside each other: means over seeds, who is above popular, what lists have in common."""

import io

import numpy as np
import pandas as pd
import pytest

from tests.comparison.made_up import FACTS, result, results
from tfrec_recall.comparison import leaderboard, summarised
from tfrec_recall.comparison.runs import LEFT_OUT, STOPPED
from tfrec_recall.comparison.tables import markdown

POPULAR = result("popular", values=(0.1, 0.2, 0.3, 0.4))


def summary(*made, models=None):
    models = models or list(dict.fromkeys(one["model"] for one in made))
    return summarised(results(*made), FACTS, models)


def test_seeds_are_averaged_for_each_user_and_for_all():
    found = summary(POPULAR, result("a", 0), result("a", 1, values=(0.4, 0.4, 0.8, 1.0)))
    best, last = found["models"]
    assert (best["model"], best["seeds"], last["model"]) == ("a", [0, 1], "popular")
    recall = best["metrics"]["recall@50"]
    assert recall["values"] == pytest.approx([0.5, 0.65])
    assert recall["mean"] == pytest.approx(0.575)
    assert recall["deviation"] == pytest.approx(0.15 / np.sqrt(2), rel=1e-2)
    # The users' means are .3, .4, .7 and .9; those of popular .1 to .4.
    assert 0.3 < recall["low"] < 0.575 < recall["high"] < 0.9
    above = best["above_popular"]
    assert above["mean"] == pytest.approx(0.325)
    assert 0.2 <= above["low"] < above["high"] <= 0.5
    assert "above_popular" not in last
    assert "deviation" not in last["metrics"]["recall@50"]


def test_who_is_not_above_popular_is_told():
    found = summary(POPULAR, result("a"), result("b", values=(0.3, 0.1, 0.4, 0.3)))
    assert [note for note in found["notes"] if "Not above" in note and note.endswith(": b.")]
    without = summary(result("a"))
    assert "popular was not measured" in without["notes"][0]


def test_what_is_noted_of_some_models_is_told_with_their_names():
    of_all, none_again = "3 users do not count.", "No list holds an item that its user had."
    made = [
        result(name, notes=[of_all, *notes])
        for name, notes in (("popular", []), ("a", [none_again]), ("b", ["New.", none_again]))
    ]
    found = summarised(results(*made), {**FACTS, "notes": [of_all]}, ["popular", "a", "b"])
    assert found["notes"][-2:] == [f"a, b: {none_again}", "b: New."]
    assert not any(of_all in note for note in found["notes"])


def test_what_is_absent_says_why():
    left = {**result("sdm", status=LEFT_OUT), "why": "it needs sessions"}
    stopped = result("a", status=STOPPED)
    found = summary(POPULAR, left, stopped, models=["popular", "sdm", "a", "mind"])
    assert found["absent"] == [
        {"model": "sdm", "why": "left out: it needs sessions"},
        {"model": "mind", "why": "no run of it has ended"},
    ]
    assert any("budget ended the training of a:" in note for note in found["notes"])


def test_what_lists_have_in_common():
    mine = result("a", values=(1, 1, 1, 1), compared=[[0, 1, 2, -1], [1, 2, 3, 4]])
    theirs = result("popular", compared=[[1, 7, 2, 3], [5, 6, 7, 0]])
    # Of the first user's three places two are shared, of the second's none.
    assert summary(theirs, mine)["overlap"] == [[1.0, 0.333], [0.333, 1.0]]


def test_tables_are_of_the_same_figures():
    found = summary(POPULAR, result("a", 0), result("a", 1, values=(0.4, 0.4, 0.8, 1.0)))
    table = leaderboard(found)
    assert table["model"].tolist() == ["a", "popular"]
    assert table["recall@50"].tolist() == pytest.approx([0.575, 0.25])
    assert table.loc[0, "recall@50 above popular"] == pytest.approx(0.325)
    assert table.loc[1, "recall@50 above popular"] is None or np.isnan(
        table.loc[1, "recall@50 above popular"]
    )
    lines = markdown(table).splitlines()
    assert lines[-1].startswith("| `a` | 2 | ")
    assert ".575 ± .106" in lines[-1]
    assert lines[-2].startswith("| `popular` | – |")


def test_tables_show_the_cuts_of_the_comparison_and_a_file_of_them_says_which():
    facts, made = {**FACTS, "cuts": [10, 20, 50]}, results(POPULAR, result("a"))
    found = summarised(made, facts, ["popular", "a"])
    assert found["shown"] == [
        *(f"recall@{cut}" for cut in (10, 20, 50)),
        *("ndcg@10", "ndcg@20", "coverage@50"),
    ]
    table = leaderboard(found)
    text = markdown(table)
    head = "| model | seeds | Recall@10 | Recall@20 | Recall@50 | NDCG@10 | NDCG@20 | coverage@50 |"
    assert text.splitlines()[0] == head
    kept = pd.read_csv(io.StringIO(table.to_csv(index=False)))
    assert markdown(kept) == text
    before = markdown(kept.drop(columns="cuts"))  # as they were written without
    assert before.startswith("| model | seeds | Recall@10 | Recall@50 | Recall@100 | NDCG@10 |")


def test_an_interval_is_of_what_all_runs_have_of_each_user():
    """Runs of an earlier version kept less."""
    more = result("a", 1)
    more["per_user"] = {**more["per_user"], "recall@20": [0.1, 0.2, 0.3, 0.4]}
    alone = summary(POPULAR, more)["models"][0]["metrics"]
    beside = summary(POPULAR, result("a", 0), more)["models"][0]["metrics"]
    assert ("low" in alone["recall@20"], "low" in beside["recall@20"]) == (True, False)
    assert "low" in beside["recall@50"]
