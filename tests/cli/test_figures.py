"""Figures on the terminal and in files."""

import pytest

from tests.evaluation.conftest import Known, scores, split  # noqa: F401 - fixtures of that world
from tfrec_recall.cli import figures
from tfrec_recall.cli.console import notices
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


def test_the_table_goes_where_it_is_told(report, capsys):
    figures.show(report, on=notices())
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "recall" in shown.err
