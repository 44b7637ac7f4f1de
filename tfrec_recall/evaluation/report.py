"""What an evaluation found: the figures, the users behind them, the lists."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
import pandas as pd

from tfrec_recall.evaluation import metrics

CATALOGUE_METRICS = ("coverage", "gini", "popularity_rank")
SHOWN = ("recall@50", "hit_rate@10", "ndcg@10", "coverage@50")


@dataclasses.dataclass(frozen=True, eq=False)
class Report:
    """The figures of one retriever on one part of one split; `evaluate` makes it, `print` shows it.

    Args:
        title: the data, the split and the part.
        cuts: the k of every metric, ascending.
        per_user: a row a user, the index is user_id: `targets` and `history` (how many events of
            each), then one column a metric, `recall@10` and so on.
        exposure: how many lists hold an item among the first cut places, [cuts, catalogue].
        popularity: training events of each item, [catalogue].
        item_ids: the raw ids that `positions` counts in: the catalogue, then what only the
            retriever holds.
        positions: the ranked items of each user, [users, k], -1 for none; None if not kept.
        scores: their scores, [users, k], -inf for none.
        notes: what a reader has to know besides the figures.
        measure: a number of the items, of the targets and of the candidates, None without any,
            which is another one where they are others: `compare` takes what agrees in all of them.
    """

    title: str
    cuts: tuple[int, ...]
    per_user: pd.DataFrame = dataclasses.field(repr=False)
    exposure: np.ndarray = dataclasses.field(repr=False)
    popularity: np.ndarray = dataclasses.field(repr=False)
    item_ids: pd.Index = dataclasses.field(repr=False)
    positions: np.ndarray | None = dataclasses.field(repr=False, default=None)
    scores: np.ndarray | None = dataclasses.field(repr=False, default=None)
    notes: tuple[str, ...] = ()
    measure: Mapping[str, int | None] = dataclasses.field(repr=False, default_factory=dict)

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Every figure by its name: `users`, then `recall@10`, `hit_rate@10`, … for every cut."""
        figures = {"users": float(len(self.per_user))}
        for row, cut in enumerate(self.cuts):
            for name in metrics.RANKING:
                figures[f"{name}@{cut}"] = float(self.per_user[f"{name}@{cut}"].mean())
            exposure = self.exposure[row]
            figures[f"coverage@{cut}"] = metrics.coverage(exposure)
            figures[f"gini@{cut}"] = metrics.gini(exposure)
            figures[f"popularity_rank@{cut}"] = metrics.popularity_rank(exposure, self.popularity)
        return figures

    @cached_property
    def lists(self) -> pd.DataFrame:
        """The ranked lists: user_id, rank (from 1), item_id, score; a user's rows in order of rank.

        Raises: ValueError when they were not kept.
        """
        if self.positions is None or self.scores is None:
            raise ValueError("The lists were not kept: evaluate(…, lists=True) keeps them.")
        user, place = np.nonzero(self.positions >= 0)
        return pd.DataFrame(
            {
                "user_id": self.per_user.index.take(user),
                "rank": place + 1,
                "item_id": self.item_ids.take(self.positions[user, place]),
                "score": self.scores[user, place],
            }
        )

    def interval(self, name: str, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
        """Bootstrap interval over users of a metric that is a mean over users.

        Raises: ValueError for a metric of the catalogue, or a name that is not there.
        """
        return metrics.bootstrap_interval(self.values(name).to_numpy(), level, seed=seed)

    def values(self, name: str) -> pd.Series:
        """A metric of each user, by user_id."""
        known = [f"{metric}@{cut}" for metric in metrics.RANKING for cut in self.cuts]
        if name not in known:
            raise ValueError(
                f"Metrics with a value a user are {', '.join(known)}. Received: {name!r}."
            )
        return self.per_user[name]

    def __str__(self) -> str:
        targets = int(self.per_user["targets"].sum())
        lines = [
            f"{self.title}: {len(self.per_user):,} users, {targets:,} targets, "
            f"{self.exposure.shape[1]:,} items",
            " " * 16 + "".join(f"{f'@{cut}':>10}" for cut in self.cuts),
        ]
        for name in (*metrics.RANKING, *CATALOGUE_METRICS):
            digits = 1 if name == "popularity_rank" else 4
            row = (f"{self.metrics[f'{name}@{cut}']:>10,.{digits}f}" for cut in self.cuts)
            lines.append(f"{name:<16}" + "".join(row))
        main = "recall@50" if 50 in self.cuts else f"recall@{self.cuts[-1]}"
        low, high = self.interval(main)
        lines.append(f"95% interval of {main}: {low:.4f} to {high:.4f}")
        return "\n".join([*lines, *self.notes])


def compare(
    reports: Mapping[str, Report], names: Sequence[str] | None = None, level: float = 0.95
) -> pd.DataFrame:
    """The figures of several retrievers beside each other, the first being the one to differ from.

    The same users are measured for all, so the interval of a difference is that of the users' own
    differences: narrower than the two intervals suggest. If it holds 0, there is no difference.

    Args:
        reports: name -> report, all of one part of one split.
        names: the metrics; by default recall@50, hit_rate@10, ndcg@10 and coverage@50, those that
            were measured.
        level: of the intervals.

    Returns: a row a metric and report, with the columns `mean`, `low`, `high`, and `difference`,
        `difference_low`, `difference_high` to the first report. Intervals of coverage, gini and
        popularity_rank are NaN: they are not means over users.
    Raises: ValueError when the reports do not measure the same.
    """
    if not reports:
        raise ValueError("compare takes at least one report. Received: none.")
    first_name, first = next(iter(reports.items()))
    for name, report in reports.items():
        _require_same_measure(first_name, first, name, report)
    shared = [name for name in SHOWN if all(name in report.metrics for report in reports.values())]
    rows = {}
    for metric in shared if names is None else names:
        for name, report in reports.items():
            rows[metric, name] = _compared(
                metric, report, None if report is first else first, level
            )
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.set_axis(pd.MultiIndex.from_tuples(table.index, names=["metric", "retriever"]))


def _compared(metric: str, report: Report, first: Report | None, level: float) -> dict[str, float]:
    row = {"mean": report.metrics[metric]}
    of_users = metric in report.per_user
    if of_users:
        row["low"], row["high"] = report.interval(metric, level)
    if first is not None:
        row["difference"] = report.metrics[metric] - first.metrics[metric]
        if of_users:
            change = (report.values(metric) - first.values(metric)).to_numpy()
            row["difference_low"], row["difference_high"] = metrics.bootstrap_interval(
                change, level
            )
    columns = ("mean", "low", "high", "difference", "difference_low", "difference_high")
    return {column: row.get(column, np.nan) for column in columns}


def _require_same_measure(first_name: str, first: Report, name: str, report: Report) -> None:
    other = [what for what in first.measure if report.measure.get(what) != first.measure[what]]
    same = (
        first.title == report.title
        and first.per_user.index.equals(report.per_user.index)
        and first.per_user["targets"].equals(report.per_user["targets"])
        and first.exposure.shape[1] == report.exposure.shape[1]
        and not other
    )
    if not same:
        raise ValueError(
            "Only reports of one part of one split, with the same users, targets, items and "
            f"candidates, can be compared. Received: {first_name!r} of {first.title} "
            f"({len(first.per_user):,} users), {name!r} of {report.title} "
            f"({len(report.per_user):,} users){', with other ' * bool(other)}{' and '.join(other)}."
        )
