"""Figures for a reader, as tables, and for a program, as JSON and Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfrec_recall.cli.console import results, warn

if TYPE_CHECKING:
    from tfrec_recall.evaluation import Report

ROWS = (
    "recall",
    "hit_rate",
    "precision",
    "ndcg",
    "mrr",
    "map",
    "coverage",
    "gini",
    "popularity_rank",
)
COMPARED = ("recall@50", "ndcg@10", "coverage@50")
INTERVALS = "± half the 95% interval over users"
WITH_INTERVAL = ("recall", "hit_rate", "ndcg")


def show(report: Report, on: Console | None = None) -> None:
    """The figures of one report: a row a metric, a column a cut; on stdout unless told."""
    users, targets = len(report.per_user), int(report.per_user["targets"].sum())
    table = _table(report.title, f"{users:,} users, {targets:,} targets. {INTERVALS}")
    table.add_column("metric")
    for cut in report.cuts:
        table.add_column(f"@{cut}", justify="right")
    for metric in ROWS:
        table.add_row(metric, *(_cell(report, metric, cut) for cut in report.cuts))
    (on or results()).print(table)
    for note in report.notes:
        warn((note, "yellow"))


def show_comparison(reports: Mapping[str, Report]) -> None:
    """Several retrievers on the same users: a row each, and the paired difference to the first."""
    from tfrec_recall.evaluation import compare

    first = next(iter(reports.values()))
    main, *others = (name for name in COMPARED if name in first.metrics)
    compared = compare(reports, [main, *others])
    table = _table(first.title, f"{INTERVALS}, that of the difference on the same users.")
    for column in ("", main, "difference", *others):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for name in reports:
        rows = compared.xs(name, level="retriever")
        row = rows.loc[main]
        mean = _with_interval(row["mean"], row["low"], row["high"])
        change, low, high = (row[f"difference{end}"] for end in ("", "_low", "_high"))
        difference = "" if change != change else _with_interval(change, low, high, sign="+")
        table.add_row(
            name, mean, difference, *(f"{float(rows['mean'][other]):.4f}" for other in others)
        )
    results().print(table)


def _table(title: str, caption: str) -> Table:
    return Table(
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )


def _cell(report: Report, metric: str, cut: int) -> str | Text:
    name = f"{metric}@{cut}"
    value = report.metrics[name]
    if metric == "popularity_rank":
        return f"{value:,.0f}"
    if metric in WITH_INTERVAL:
        return _with_interval(value, *report.interval(name))
    return f"{value:.4f}"


def _with_interval(mean: Any, low: Any, high: Any, sign: str = "") -> Text:
    return Text.assemble(f"{mean:{sign}.4f} ", (f"± {(high - low) / 2:.4f}", "dim"))


def record(
    model: str | None,
    data: str,
    split: str,
    seed: int | None,
    metrics: Mapping[str, float],
    train_seconds: float | None,
    examples_per_second: float | None,
    settings: Mapping[str, Any] | None,
    best_epoch: int | None = None,
    seconds_to_best: float | None = None,
    curve: Sequence[Mapping[str, float]] = (),
    field_weights: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, Any]:
    """What --json writes, of `train` and of `evaluate` alike."""
    return {
        "model": model,
        "data": data,
        "split": split,
        "seed": seed,
        "metrics": dict(metrics),
        "train_seconds": train_seconds,
        "examples_per_second": examples_per_second,
        "best_epoch": best_epoch,
        "seconds_to_best": seconds_to_best,
        "settings": dict(settings or {}),
        "curve": [dict(epoch) for epoch in curve],
        "field_weights": dict(field_weights or {}),
    }
