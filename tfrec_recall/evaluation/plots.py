"""Three pictures of reports; they need matplotlib, the extra `plot`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tfrec_recall.evaluation.metrics import bootstrap_interval
from tfrec_recall.evaluation.report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_cuts(
    reports: Mapping[str, Report], metric: str = "recall", ax: Axes | None = None
) -> Axes:
    """A metric against its cut, with 95% bootstrap intervals, one line a report::

    plot_cuts({"two-tower": report, "popular": yardstick}).figure.savefig("recall.png")
    """
    ax = _axes(ax)
    for name, report in reports.items():
        means = np.array([report.metrics[f"{metric}@{cut}"] for cut in report.cuts])
        bounds = np.array([report.interval(f"{metric}@{cut}") for cut in report.cuts])
        spread = np.abs(bounds.T - means)  # [2, cuts]: below and above
        ax.errorbar(report.cuts, means, spread, marker="o", capsize=3, label=name)
    ax.set(xlabel="k", ylabel=f"{metric}@k", ylim=(0, None))
    ax.legend()
    return ax


def plot_history(
    reports: Mapping[str, Report], metric: str, groups: int = 5, ax: Axes | None = None
) -> Axes:
    """A metric, such as "recall@50", for users with short and with long histories.

    Args:
        groups: how many groups of users, about equally large, are formed by length of history.
    """
    ax = _axes(ax)
    for name, report in reports.items():
        values, history = report.values(metric), report.per_user["history"]
        group = pd.qcut(history, groups, labels=False, duplicates="drop")
        group = group.fillna(0)  # one for all, where all histories are equally long
        centre = history.groupby(group).median().to_numpy()
        parts = [rows.to_numpy() for _, rows in values.groupby(group)]
        means = np.array([rows.mean() for rows in parts])
        bounds = np.array([bootstrap_interval(rows) for rows in parts])
        ax.errorbar(centre, means, np.abs(bounds.T - means), marker="o", capsize=3, label=name)
    ax.set(xlabel="events in the history (median of the group)", ylabel=metric, ylim=(0, None))
    ax.set_xscale("symlog", linthresh=1)
    ax.legend()
    return ax


def plot_exposure(reports: Mapping[str, Report], cut: int, ax: Axes | None = None) -> Axes:
    """Lorenz curves: the share of all places that the least shown items take together.

    On the diagonal all items stand in equally many lists; the further below, the fewer items a
    retriever lives on. The area between is half the `gini@k` of the legend.
    """
    ax = _axes(ax)
    for name, report in reports.items():
        if cut not in report.cuts:
            raise ValueError(f"Cuts of {name!r} are {report.cuts}. Received: {cut}.")
        ascending = np.sort(report.exposure[report.cuts.index(cut)])
        share = np.concatenate([[0.0], np.cumsum(ascending) / max(1, ascending.sum())])
        label = f"{name}: gini {report.metrics[f'gini@{cut}']:.2f}"
        ax.plot(np.linspace(0, 1, len(share)), share, label=label)
    ax.plot([0, 1], [0, 1], color="grey", linestyle=":", linewidth=1)
    ax.set(xlabel="share of the catalogue", ylabel=f"share of the first {cut} places")
    ax.legend()
    return ax


def plot_popularity(
    reports: Mapping[float, Report], cut: int, xlabel: str = "alpha", ax: Axes | None = None
) -> Axes:
    """What a setting does to popularity: hit rate, coverage and mean popularity rank over it.

    The rank is as a share of the catalogue, 0 where only the most popular item is ever shown.

    Args:
        reports: by the value of the setting, such as the α of `CoCount`; of one catalogue.
    """
    ax = _axes(ax)
    values = sorted(reports)
    for value in values:
        if cut not in reports[value].cuts:
            raise ValueError(f"Cuts of {value} are {reports[value].cuts}. Received: {cut}.")
    measured = [reports[value].metrics for value in values]
    items = [reports[value].exposure.shape[1] for value in values]
    ranks = [
        one[f"popularity_rank@{cut}"] / size for one, size in zip(measured, items, strict=True)
    ]
    ax.plot(values, [one[f"hit_rate@{cut}"] for one in measured], "o-", label=f"hit_rate@{cut}")
    ax.plot(values, [one[f"coverage@{cut}"] for one in measured], "s-", label=f"coverage@{cut}")
    ax.plot(values, ranks, "^-", label=f"popularity_rank@{cut} / items")
    ax.set(xlabel=xlabel, ylim=(0, None))
    ax.legend()
    return ax


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Plots need matplotlib, which comes with the extra 'plot': "
            'run `pip install "tfrec-recall[plot]"`.'
        ) from error
    return plt.subplots(layout="constrained")[1]
