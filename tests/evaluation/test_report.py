"""The report: its figures by name, its table, and what may be compared with what."""

import dataclasses

import numpy as np
import pytest

from tests.evaluation.conftest import Known
from tfrec_recall.data import Interactions
from tfrec_recall.evaluation import compare, evaluate
from tfrec_recall.evaluation.metrics import bootstrap_interval


@pytest.fixture(scope="module")
def report(split, scores):
    return evaluate(Known(scores), split)


@pytest.fixture(scope="module")
def better(split, scores):
    """Twice as likely to find what is wanted: the targets of every other user come first."""
    table = scores.copy()
    targets = split.test.targets
    for user, item in zip(targets["user_id"], targets["item_id"], strict=True):
        if user < "u12":
            table.loc[user, item] += 1e6
    return evaluate(Known(table), split)


def test_metrics_carry_the_names_of_the_protocol(report):
    assert {"users", "hit_rate@50", "recall@50", "ndcg@10", "mrr@10", "coverage@50"} <= set(
        report.metrics
    )
    assert {"precision@10", "map@100", "gini@50", "popularity_rank@50"} <= set(report.metrics)
    assert all(type(value) is float for value in report.metrics.values())  # ready for JSON


def test_lists_are_in_order(report):
    lists = report.lists
    assert list(lists.columns) == ["user_id", "rank", "item_id", "score"]
    for _, rows in lists.groupby("user_id"):
        assert rows["rank"].tolist() == list(range(1, len(rows) + 1))
        assert rows["score"].is_monotonic_decreasing


def test_users_carry_what_is_needed_to_look_closer(report, split):
    targets = split.test.targets.groupby("user_id")["item_id"].nunique()
    assert report.per_user["targets"].to_dict() == targets.to_dict()
    assert report.per_user.loc["u00", "history"] == 0
    assert report.per_user.loc["u01", "history"] == 27


def test_interval_is_that_of_the_users(report):
    expected = bootstrap_interval(report.per_user["recall@10"].to_numpy())
    assert report.interval("recall@10") == expected
    assert expected[0] < report.metrics["recall@10"] < expected[1]


@pytest.mark.parametrize("name", ["coverage@50", "recall@20", "users"])
def test_no_interval_for_what_is_no_mean_over_users(name, report):
    with pytest.raises(ValueError, match=rf"recall@10.*Received: '{name}'"):
        report.interval(name)


def test_the_table_shows_every_metric_at_every_cut(report):
    lines = str(report).splitlines()
    assert lines[0] == "interactions, small world, test: 25 users, 97 targets, 31 items"
    assert lines[1].split() == ["@10", "@50", "@100"]
    table = {line.split()[0]: line.split()[1:] for line in lines[2:11]}
    assert set(table) == {name.partition("@")[0] for name in report.metrics} - {"users"}
    assert table["recall"] == [f"{report.metrics[f'recall@{cut}']:.4f}" for cut in (10, 50, 100)]
    assert f"interval of recall@50: {report.interval('recall@50')[0]:.4f}" in lines[11]


def test_comparison_holds_means_and_paired_differences(report, better):
    table = compare({"base": report, "better": better}, names=["recall@10", "gini@10"])
    row = table.loc["recall@10", "better"]
    assert row["mean"] == better.metrics["recall@10"]
    assert (row["low"], row["high"]) == better.interval("recall@10")
    change = better.per_user["recall@10"] - report.per_user["recall@10"]
    assert row["difference"] == pytest.approx(change.mean())
    assert (row["difference_low"], row["difference_high"]) == bootstrap_interval(change.to_numpy())
    assert row["difference_low"] > 0
    base = table.loc["recall@10", "base"]
    assert np.isnan(base["difference"])
    gini = table.loc["gini@10", "better"]
    assert gini["difference"] == better.metrics["gini@10"] - report.metrics["gini@10"]
    assert np.isnan(gini["low"])


def test_comparison_shows_the_main_metrics_that_all_have(report, better):
    assert compare({"one": report, "two": better}).index.unique("metric").tolist() == [
        "recall@50",
        "hit_rate@10",
        "ndcg@10",
        "coverage@50",
    ]


def test_reports_of_different_parts_are_not_compared(report, split, scores):
    other = evaluate(Known(scores), split, on="validation")
    with pytest.raises(
        ValueError, match=r"one part of one split.*'b' of .*validation \(24 users\)"
    ):
        compare({"a": report, "b": other})


def test_reports_of_different_targets_are_not_compared(report, split, scores):
    fewer = dataclasses.replace(split.test, targets=split.test.targets.iloc[1:])
    other = evaluate(Known(scores), dataclasses.replace(split, test=fewer))
    with pytest.raises(ValueError, match="one part of one split"):
        compare({"a": report, "b": other})


def test_reports_of_as_many_other_targets_are_not_compared(report, split, scores):
    """As another order of ties gives: one name, the same users, and as many targets of each."""
    targets = split.test.targets.copy()
    targets.iloc[-1, targets.columns.get_loc("item_id")] = "i30"  # which nobody has had
    other = evaluate(
        Known(scores),
        dataclasses.replace(split, test=dataclasses.replace(split.test, targets=targets)),
    )
    assert other.per_user["targets"].equals(report.per_user["targets"])
    with pytest.raises(ValueError, match=r"'b' of .*, test \(25 users\), with other targets\."):
        compare({"a": report, "b": other})


def test_reports_among_other_candidates_are_not_compared(report, split, scores):
    items = split.interactions.items
    every = split.test.targets[["user_id"]].drop_duplicates().merge(items, how="cross")
    wanted = split.test.targets[["user_id", "item_id"]]
    among = [
        evaluate(Known(scores), split, candidates=candidates) for candidates in (every, wanted)
    ]
    assert among[0].title == "interactions, small world, test, among candidates"
    with pytest.raises(ValueError, match=r"with other candidates\."):
        compare(dict(zip("ab", among, strict=True)))
    with pytest.raises(ValueError, match=r"small world, test \(.*, among candidates \("):
        compare({"whole": report, "every": among[0]})
    again = evaluate(Known(scores), split, candidates=every.iloc[::-1])
    assert (compare({"a": among[0], "b": again})["difference"].dropna() == 0).all()


def test_other_items_of_a_retriever_and_another_order_measure_the_same(report, split, scores):
    reversed_items = Interactions(
        split.interactions.events, items=split.interactions.items.iloc[::-1]
    )
    other = dataclasses.replace(split, interactions=reversed_items)
    more = evaluate(Known(scores.assign(more=1e9)), other)
    assert more.measure == report.measure
    assert len(compare({"a": report, "b": more})) == 8
