"""A day held to the days before, figure by figure, by what chance makes of each."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from tfrec_recall.health import asked, coverage
from tfrec_recall.health.check import LISTS, Check
from tfrec_recall.health.comparisons import Stability
from tfrec_recall.health.finding import Finding
from tfrec_recall.health.shuffles import Figure, chances, dealt

STRATA = (asked.ANSWERED, asked.REQUESTS)  # some checks are of the first units alone
FALSE_ALARMS = 0.01


@dataclasses.dataclass(frozen=True, eq=False)
class Compared:
    """The counts of a check before and now, float32 [units, bins]."""

    check: Check
    before: np.ndarray
    now: np.ndarray


def judge(
    of_days: Sequence[Compared],
    of_items: Sequence[Compared],
    lists: tuple[np.ndarray, np.ndarray] | None = None,
    false_alarms: float = FALSE_ALARMS,
    seed: int = 0,
) -> list[Finding]:
    """What is found of each check, the alarms first, and then what is furthest out.

    An alarm is a change that is not chance and at least the check's bound. On days like those
    before, one of all the checks is an alarm on at most the share `false_alarms` of the days.

    Args:
        of_days: checks of users on a day.
        of_items: checks of items.
        lists: rows of the catalogue in lists before and now.
        false_alarms: the share.
    """
    figures, found = [], []
    for compared, strata in ((of_days, STRATA), (of_items, ())):
        compared = [one for one in compared if one.before.sum() and one.now.sum()]
        for one, figure in zip(compared, _figures(compared, strata, seed), strict=True):
            figures.append(figure)
            found.append(_finding(one, figure))
    shown = None if lists is None else coverage.coverage(*lists, seed)
    if shown is not None:
        figure, old, new = shown
        figures.append(figure)
        found.append(
            Finding(
                LISTS,
                coverage.NAME,
                "of the catalogue",
                f"{old:,}",
                f"{new:,}",
                float(figure.seen),
                coverage.BOUND,
                chance=1.0,
                alarm=False,
            )
        )
    if not figures:
        return []
    judged = []
    for finding, chance in zip(found, chances(figures), strict=True):
        alarm = bool(chance <= false_alarms and finding.change >= finding.bound)
        judged.append(dataclasses.replace(finding, chance=float(chance), alarm=alarm))
    return sorted(judged, key=lambda one: (not one.alarm, one.chance, -one.change / one.bound))


def _figures(compared: Sequence[Compared], strata: Sequence[int], seed: int) -> list[Figure]:
    """What is seen of each check and what it is in other ways of dealing the same units out."""
    if not compared:
        return []
    before, now = (max(len(getattr(one, name)) for one in compared) for name in ("before", "now"))
    widths = [one.before.shape[1] for one in compared]
    edges = np.concatenate([[0], np.cumsum(widths)])
    spans = list(itertools.pairwise(edges))  # the columns of each check
    counts = np.zeros((before + now, edges[-1]), np.float32)
    for one, (first, last) in zip(compared, spans, strict=True):
        counts[: len(one.before), first:last] = one.before
        counts[before : before + len(one.now), first:last] = one.now
    total = counts.sum(axis=0, dtype=np.float64)

    def measured(labels: np.ndarray) -> np.ndarray:
        mine = (labels @ counts).astype(np.float64)
        return np.stack(
            [
                one.check.comparison.measured(total[first:last] - part, part)
                for one, (first, last) in zip(compared, spans, strict=True)
                for part in (mine[:, first:last],)
            ],
            axis=1,
        )

    seen = np.zeros((1, before + now), np.float32)
    seen[:, before:] = 1
    values = measured(seen)[0]
    by_chance = np.concatenate(dealt(before, now, strata, measured, seed=seed))
    return [Figure(float(value), by_chance[:, i]) for i, value in enumerate(values)]


def _finding(one: Compared, figure: Figure) -> Finding:
    before, now = (counts.sum(axis=0, dtype=np.float64) for counts in (one.before, one.now))
    comparison = one.check.comparison
    told = comparison.shown(before, now)
    bin = comparison.moved(before, now) if isinstance(comparison, Stability) else 1
    return Finding(
        group=one.check.group,
        check=one.check.name,
        where=one.check.told(bin),
        before=told[0],
        now=told[1],
        change=figure.seen,
        bound=comparison.bound,
        chance=1.0,
        alarm=False,
    )
