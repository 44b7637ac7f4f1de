"""Errors of ratings for a reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console

    from tfrec_recall.evaluation import RatingReport


def rating_table(report: RatingReport) -> Table:
    """RMSE and MAE with their intervals, beside those of the mean rating."""
    figures, users = report.metrics, report.errors["user_id"].nunique()
    table = Table(
        title=f"{report.title}, ratings",
        caption=f"{len(report.errors):,} ratings of {users:,} users. ± half the 95% interval",
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("error")
    table.add_column("foretold", justify="right")
    table.add_column("the mean rating", justify="right")
    for name in ("rmse", "mae"):
        low, high = report.interval(name)
        figure = f"{figures[name]:.4f} ± {(high - low) / 2:.4f}"
        table.add_row(name, figure, f"{figures[f'{name}_of_mean']:.4f}")
    return table


def show_ratings(report: RatingReport, on: Console | None = None) -> None:
    """The errors as a table, on stdout unless told, and what has to be known besides."""
    from tfrec_recall.cli.console import results, warn

    (on or results()).print(rating_table(report))
    for note in report.notes:
        warn(note)
