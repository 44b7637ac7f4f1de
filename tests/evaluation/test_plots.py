"""What the pictures show, read back from the axes; and what is said without matplotlib."""

import dataclasses
import sys

import numpy as np
import pytest

from tests.evaluation.conftest import Known
from tfrec_recall.evaluation import (
    evaluate,
    plot_cuts,
    plot_exposure,
    plot_history,
    plot_popularity,
)


@pytest.fixture(scope="module")
def report(split, scores):
    return evaluate(Known(scores), split, cuts=(2, 5, 10))


@pytest.fixture
def ax():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    return figure.add_subplot()


def names(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_cuts_are_a_line_a_report_with_intervals(report, ax):
    assert plot_cuts({"one": report, "two": report}, "ndcg", ax=ax) is ax
    line, *_ = ax.get_lines()
    np.testing.assert_array_equal(line.get_xdata(), [2, 5, 10])
    np.testing.assert_allclose(line.get_ydata(), [report.metrics[f"ndcg@{k}"] for k in (2, 5, 10)])
    assert names(ax) == ["one", "two"]
    bars = ax.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose(bars[1][:, 1], report.interval("ndcg@5"))


def test_history_groups_average_to_the_whole(report, ax):
    plot_history({"one": report}, "recall@10", groups=1, ax=ax)
    line, *_ = ax.get_lines()
    np.testing.assert_allclose(line.get_xdata(), [report.per_user["history"].median()])
    np.testing.assert_allclose(line.get_ydata(), [report.metrics["recall@10"]])


def test_histories_of_one_length_are_one_group(report, ax):
    alike = dataclasses.replace(report, per_user=report.per_user.assign(history=7))
    plot_history({"one": alike}, "recall@10", ax=ax)
    x, y = ax.get_lines()[0].get_data()
    assert (x.tolist(), y.tolist()) == ([7], [pytest.approx(report.metrics["recall@10"])])


def test_the_area_below_the_diagonal_is_half_the_gini(report, ax):
    plot_exposure({"one": report}, cut=5, ax=ax)
    x, y = ax.get_lines()[0].get_data()
    assert 0.5 - np.trapezoid(y, x) == pytest.approx(report.metrics["gini@5"] / 2)
    assert names(ax) == [f"one: gini {report.metrics['gini@5']:.2f}"]


def test_an_exposure_that_was_not_measured_is_refused(report, ax):
    with pytest.raises(ValueError, match=r"Cuts of 'one' are \(2, 5, 10\). Received: 50"):
        plot_exposure({"one": report}, cut=50, ax=ax)


def test_a_setting_is_drawn_with_what_it_does_to_popularity(report, ax):
    plot_popularity({0.5: report, 0.0: report}, cut=5, ax=ax)
    metrics, items = report.metrics, report.exposure.shape[1]
    expected = [metrics["hit_rate@5"], metrics["coverage@5"], metrics["popularity_rank@5"] / items]
    for line, value in zip(ax.get_lines(), expected, strict=True):
        x, y = line.get_data()
        assert x.tolist() == [0.0, 0.5]
        assert y.tolist() == [value, value]
    with pytest.raises(ValueError, match=r"Cuts of 0.5 are \(2, 5, 10\). Received: 50"):
        plot_popularity({0.5: report}, cut=50, ax=ax)


def test_without_matplotlib_the_extra_is_named(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r'pip install "tfrec-recall\[plot\]"'):
        plot_cuts({"one": report})
