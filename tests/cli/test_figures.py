"""Figures on the terminal and in files."""

import json

import pytest

from tests.evaluation.conftest import Known, scores, split  # noqa: F401 - fixtures of that world
from tfrec_recall.cli import figures
from tfrec_recall.evaluation import evaluate


@pytest.fixture
def report(split, scores):  # noqa: F811
    return evaluate(Known(scores), split)


def rows(text):
    return {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.split()}


def test_the_table_has_a_row_a_metric(report, capsys):
    figures.show(report)
    table = rows(capsys.readouterr().out)
    low, high = report.interval("recall@50")
    cells = table["recall"]
    assert cells[3] == f"{report.metrics['recall@50']:.4f}"
    assert cells[4:6] == ["±", f"{(high - low) / 2:.4f}"]
    assert table["coverage"] == [f"{report.metrics[f'coverage@{cut}']:.4f}" for cut in report.cuts]
    assert {name.partition("@")[0] for name in report.metrics} - {"users"} <= set(table)


def test_the_comparison_shows_the_difference_to_the_first(report, split, scores, capsys):  # noqa: F811
    other = evaluate(Known(-scores), split)
    figures.show_comparison({"one": report, "other": other})
    table = rows(capsys.readouterr().out)
    difference = other.metrics["recall@50"] - report.metrics["recall@50"]
    assert f"{difference:+.4f}" in table["other"]
    assert f"{report.metrics['ndcg@10']:.4f}" in table["one"]
    assert table["one"].count("±") == 1
    assert table["other"].count("±") == 2


def test_json_has_no_nan_and_is_replaced_whole(tmp_path):
    path = tmp_path / "new" / "figures.json"
    values = figures.record("m", "d", "s", 0, {"gini@10": float("nan")}, None, None, {"dim": 8})
    figures.write_json(path, values)
    assert json.loads(path.read_text()) == {
        "model": "m",
        "data": "d",
        "split": "s",
        "seed": 0,
        "metrics": {"gini@10": None},
        "train_seconds": None,
        "examples_per_second": None,
        "settings": {"dim": 8},
    }
    with pytest.raises(TypeError):
        figures.write_json(path, {"metrics": {"recall@10": object()}})
    assert json.loads(path.read_text())["model"] == "m"
    assert [entry.name for entry in path.parent.iterdir()] == ["figures.json"]
