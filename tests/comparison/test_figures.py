"""What is kept of a run, held to what follows from the lists by counting."""

import dataclasses
import importlib
import inspect
import json
import re
import textwrap

import numpy as np
import pandas as pd
import pytest

from tests.comparison.made_up import result, results
from tfrec_recall import comparison
from tfrec_recall.comparison import facts, figures
from tfrec_recall.comparison.cuts import CUTS
from tfrec_recall.comparison.facts import Measured
from tfrec_recall.comparison.groups import NAMES
from tfrec_recall.comparison.reasons import plain
from tfrec_recall.data import Interactions, standard
from tfrec_recall.evaluation.pairs import Pairs

TITLES = {f"s{item:02d}": f"Thing [{item}]" for item in range(30)}
BEST = [f"s{item:02d}" for item in (*range(0, 30, 2), *range(1, 30, 2))]


@pytest.fixture(scope="module")
def found(retriever, split):
    return figures(retriever, split)


@pytest.fixture(scope="module")
def users(split):
    """user -> the right list, the targets, the history, oldest first."""
    by_user = {}
    for user in sorted(split.test.targets["user_id"].unique()):
        had = split.test.history.query("user_id == @user")["item_id"].tolist()
        wanted = set(split.test.targets.query("user_id == @user")["item_id"])
        by_user[user] = ([item for item in BEST if item not in had], wanted, had)
    return by_user


def test_recall_of_each_user_and_over_k(found, users):
    at_10 = [len(set(best[:10]) & wanted) / len(wanted) for best, wanted, _ in users.values()]
    np.testing.assert_allclose(found["per_user"]["recall@10"], at_10, atol=5e-5)
    assert found["metrics"]["recall@10"] == pytest.approx(np.mean(at_10), rel=1e-4)
    curve = dict(map(tuple, found["curve"]))
    for k in (1, 5, 15):
        expected = [len(set(best[:k]) & wanted) / len(wanted) for best, wanted, _ in users.values()]
        assert curve[k] == pytest.approx(np.mean(expected), rel=1e-4)
    low, high = found["intervals"]["recall@10"]
    assert low < np.mean(at_10) < high


@pytest.mark.parametrize("others", [{}, {"tags": [["x", "y"], None]}], ids=["numbers", "lists"])
def test_what_is_told_of_a_user_is_what_the_table_says(split, others):
    """Each cell in its column's type, whatever the other columns are."""
    events = split.interactions.events
    users = pd.DataFrame({"user_id": sorted(events["user_id"].unique()), "score": 0.5})
    odd = np.arange(len(users)) % 2
    users = users.assign(zip=10**16 + 1 + 2 * odd, age=np.where(odd == 1, 20.5, np.nan))
    users = users.assign(**{name: [cells[one] for one in odd] for name, cells in others.items()})
    told = facts(standard(Interactions(events, users)), {})["picked"]
    about = {one["user"]: one["about"] for one in told}
    tags = ", tags x, y" if others else ""
    for user, found in about.items():
        if int(user[1:]) % 2:
            assert found == "score 0.5, zip 10000000000000003, age 20.5"
        else:
            assert found == f"score 0.5, zip 10000000000000001{tags}"


def test_lists_of_those_who_are_picked(found, users, split):
    measured = Measured.of(split)
    assert len(found["lists"]) == len(measured.shown.picked) == len(users)
    for row, listed in zip(measured.shown.picked, found["lists"], strict=True):
        best, wanted, had = users[measured.users[row]]
        assert [item for item, *_ in listed] == best[:20]
        assert [item for item, hit, *_ in listed if hit] == [i for i in best[:20] if i in wanted]
        for item, _, _, reason in listed:
            assert {trigger for trigger, _ in reason["near"]} <= set(had)
            number = int(item[1:])
            even = np.array([number % 2 == 0, -number / 30], float)
            others = {trigger: int(trigger[1:]) for trigger in had}
            vectors = {t: np.array([n % 2 == 0, -n / 30], float) for t, n in others.items()}
            cosine = {
                t: v @ even / (np.linalg.norm(v) * np.linalg.norm(even))
                for t, v in vectors.items()
                if np.linalg.norm(v) and np.linalg.norm(even)
            }
            if cosine:
                assert reason["near"][0][1] == pytest.approx(max(cosine.values()), abs=2e-3)


def test_queries_are_made_of_those_who_are_asked_again(found, retriever, split, monkeypatch):
    made, module = [], importlib.import_module("tfrec_recall.comparison.figures")

    def spied(*arguments):
        made.append(queries_of(*arguments))
        return made[-1]

    everyone, queries_of = Measured.of(split), module.queries_of
    monkeypatch.setattr(module, "queries_of", spied)
    monkeypatch.setattr(module, "REQUESTS", 2)
    monkeypatch.setattr(importlib.import_module("tfrec_recall.comparison.shown"), "USERS", 3)
    again, picked = figures(retriever, split), Measured.of(split).shown.picked
    assert len(made[0]) <= 5 < len(everyone.users)
    by_row = dict(zip(everyone.shown.picked.tolist(), found["lists"], strict=True))
    assert again["lists"] == [by_row[row] for row in picked.tolist()]


def test_hits_are_counted_in_blocks_of_users(found, retriever, split, monkeypatch):
    module = importlib.import_module("tfrec_recall.comparison.figures")
    blocks, holds = [], Pairs.holds

    def spied(self, rows, positions):
        blocks.append(len(rows))
        return holds(self, rows, positions)

    report = module.evaluate(retriever, split, cuts=CUTS, k=max(CUTS))
    monkeypatch.setattr(module, "evaluate", lambda *_, **__: report)
    monkeypatch.setattr(module, "ablation", lambda *_: found["ablation"])
    monkeypatch.setattr(module, "BLOCK", 5)
    monkeypatch.setattr(Pairs, "holds", spied)
    again = figures(retriever, split)
    assert blocks == [5, 5, 2]
    assert {**again, "latency": None} == {**found, "latency": None}


def test_groups_of_items_and_of_histories(found, users, split):
    measured = Measured.of(split)
    group_of = dict(zip(split.interactions.items["item_id"], measured.items.of, strict=True))
    hits, all = np.zeros(len(NAMES)), np.zeros(len(NAMES))
    for best, wanted, _ in users.values():
        for item in wanted:
            all[group_of[item]] += 1
            hits[group_of[item]] += item in best[:50]
    expected = [h / n if n else None for h, n in zip(hits, all, strict=True)]
    assert found["by_item"] == pytest.approx(expected)
    told = facts(split, TITLES)
    assert [group["targets"] for group in told["items"]] == all.tolist()
    assert sum(group["users"] for group in told["histories"]) == len(users)
    assert len(found["by_history"]) == len(told["histories"])
    shown = np.zeros(len(NAMES))
    for best, _, _ in users.values():
        for item in best[:50]:
            shown[group_of[item]] += 1
    np.testing.assert_allclose(found["exposure"], shown / shown.sum(), atol=5e-5)


def test_the_history_says_nothing_to_a_model_that_only_looks_at_whether_there_is_one(found):
    assert [(one["side"], one["name"], one["lost"]) for one in found["ablation"]] == [
        ("user", "history", 0.0)
    ]


def test_users_to_pick_with_titles(split, users):
    picked = facts(split, TITLES)["picked"]
    assert {one["user"] for one in picked} == set(users)
    assert [one["events"] for one in picked] == sorted(one["events"] for one in picked)
    first = picked[0]
    _, wanted, had = users[first["user"]]
    assert first["history"] == [[item, TITLES[item]] for item in had]
    assert {item for item, _ in first["wanted"]} == wanted


def test_it_is_json(found, split):
    json.dumps([found, facts(split, TITLES)], allow_nan=False)
    assert plain(np.array([np.int64(3), b"s4"], dtype=object)) == [3, "s4"]
    assert type(plain(np.array([np.int64(3)], dtype=object))[0]) is int


def test_a_request_takes_time(found):
    assert 0 < found["latency"]["p50"] <= found["latency"]["p95"]


def test_items_that_one_retriever_alone_holds_are_compared_with_none(
    found, retriever, split, monkeypatch
):
    """Behind the catalogue, each counts its own."""
    module = importlib.import_module("tfrec_recall.comparison.figures")
    report = module.evaluate(retriever, split, cuts=CUTS, k=max(CUTS))
    positions = report.positions.copy()
    positions[:, [21, 23]] = len(split.interactions.items) + np.arange(2)  # of its own items
    report = dataclasses.replace(report, positions=positions)
    monkeypatch.setattr(module, "evaluate", lambda *_, **__: report)
    for name in ("ablation", "latency"):
        monkeypatch.setattr(module, name, lambda *_, name=name: found[name])
    compared = np.array(found["compared"])
    compared[:, [21, 23]] = -1
    assert figures(retriever, split)["compared"] == compared.tolist()


def test_other_cuts_are_measured_as_well(found, retriever, split, monkeypatch):
    module = importlib.import_module("tfrec_recall.comparison.figures")
    for name in ("ablation", "latency"):
        monkeypatch.setattr(module, name, lambda *_, name=name: found[name])
    more = figures(retriever, split, cuts=(5, 20))
    assert more["metrics"]["recall@5"] == pytest.approx(
        dict(map(tuple, found["curve"]))[5], rel=1e-4
    )
    assert more["metrics"].items() >= found["metrics"].items()
    assert more["per_user"].keys() - found["per_user"].keys() == {
        *("recall@5", "recall@20", "ndcg@5", "ndcg@20")
    }


def test_the_program_of_the_package_runs(retriever, split, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    runs = comparison.Runs(tmp_path / "report" / "runs")
    for run, one in results(result("popular"), result("two-tower")).items():
        runs.write(run, one)
    (program,) = re.findall(r"::\n\n((?:    .*\n)+)", inspect.getdoc(comparison))
    names = {name: getattr(comparison, name) for name in comparison.__all__}
    names |= {"retriever": retriever, "split": split, "titles": TITLES}
    exec(textwrap.dedent(program), names)
    assert names["found"]["metrics"]["recall@50"] == 1.0  # of 30 items
    assert [row["model"] for row in names["summary"]["models"]] == ["popular", "two-tower"]
    assert "two-tower" in capsys.readouterr().out
    assert "</html>" in names["text"]
