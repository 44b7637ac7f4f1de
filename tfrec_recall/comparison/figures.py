"""What is kept of a run: every figure that the report shows, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfrec_recall.comparison.ablation import ablation
from tfrec_recall.comparison.asked import queries_of
from tfrec_recall.comparison.cuts import measured as measured_at
from tfrec_recall.comparison.cuts import paired
from tfrec_recall.comparison.facts import Measured
from tfrec_recall.comparison.groups import NAMES
from tfrec_recall.comparison.latency import REQUESTS, latency
from tfrec_recall.comparison.reasons import plain, reasons
from tfrec_recall.comparison.shown import LENGTH, OVERLAP
from tfrec_recall.evaluation import Report, evaluate
from tfrec_recall.evaluation.ranking import NONE

if TYPE_CHECKING:
    from tfrec_recall.data import Split
    from tfrec_recall.retrieval import Retriever

PLACES = (1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 100)  # of the curve over k
GROUPED = 50  # of the figures of groups
BLOCK = 8192  # users whose hits are counted at once
Progress = Callable[[int, int], None]


def figures(
    retriever: Retriever,
    split: Split,
    repeats: bool = False,
    progress: Progress | None = None,
    cuts: Sequence[int] = (),
) -> dict[str, Any]:
    """The figures of a retriever on test.

    Args:
        cuts: the k of the metrics, beside 10, 20, 50 and 100.

    Returns: `metrics` and `intervals` by name; `curve`, [k, recall] pairs; `per_user`, values in
        the order of users; `by_item` and `by_history`, what groups of them find; `exposure`, the
        share of all places that each group of items has; `ablation`; `latency`; `lists` of the
        users that are picked, with reasons, and `compared`, positions in the catalogue of those
        that are compared, -1 for other items; `index` and `retriever`, what these say of
        themselves; `notes`.
    """
    measured, places, of_users = Measured.of(split, repeats), measured_at(cuts), paired(cuts)
    length = max(places)
    report = evaluate(
        retriever, split, cuts=places, k=length, repeats=repeats, progress=progress, lists=True
    )
    positions, scores = report.positions, report.scores
    assert positions is not None  # mypy: lists are kept
    assert scores is not None
    # Targets and groups know the catalogue alone, and an export may hold other items.
    known = np.where(positions < len(measured.items.of), positions, NONE)
    users = np.arange(len(measured.users))
    hits, at = np.empty(known.shape, bool), np.array(PLACES) - 1
    found = np.empty((len(users), len(PLACES)))  # of the targets, to each of these places
    for start in range(0, len(users), BLOCK):
        block = slice(start, start + BLOCK)
        hits[block] = measured.targets.pairs.holds(users[block], known[block])
        wanted = measured.targets.counts[block, np.newaxis]
        found[block] = np.cumsum(hits[block], axis=1)[:, at] / wanted
    picked = measured.shown.picked
    asked = np.union1d(picked, users[:REQUESTS])  # these alone are asked again
    queries = queries_of(retriever, split, measured.users[asked])
    lists = [[report.item_ids[p] for p in positions[row, :LENGTH] if p >= 0] for row in picked]
    lists = [plain(np.asarray(items, dtype=object)) for items in lists]
    why = reasons(retriever, queries, np.searchsorted(asked, picked), lists, repeats)

    def ask(rows: np.ndarray) -> Any:
        exclude = None if repeats else queries.seen(rows)
        return retriever(queries.batch(rows), k=length, exclude=exclude)

    return {
        "metrics": {name: _number(value) for name, value in report.metrics.items()},
        "intervals": {name: _pair(report.interval(name)) for name in of_users},
        "curve": [[k, _number(found[:, n].mean())] for n, k in enumerate(PLACES)],
        "per_user": {name: np.round(report.values(name), 4).tolist() for name in of_users},
        "by_item": _by_item(measured, hits, known),
        "by_history": [
            _number(found[measured.histories.of == group, PLACES.index(GROUPED)].mean())
            for group in range(len(measured.histories.names))
        ],
        "exposure": _exposure(report, measured),
        "ablation": ablation(retriever, split, repeats),
        "latency": latency(ask, len(users[:REQUESTS])),
        "lists": [
            [[item, hit, round(float(score), 4), reason] for item, hit, score, reason in one]
            for one in (
                list(zip(items, hits[row].tolist(), scores[row], told, strict=False))
                for row, items, told in zip(picked, lists, why, strict=True)
            )
        ],
        "compared": known[measured.shown.compared, :OVERLAP].tolist(),
        "retriever": retriever.report.get("kind"),
        "index": retriever.report.get("index"),
        "similar_items_index": retriever.report.get("similar_items_index"),
        "notes": list(report.notes),
    }


def _by_item(measured: Measured, hits: np.ndarray, positions: np.ndarray) -> list[float | None]:
    """The share of the targets of each group of items that lists find; None of none."""
    groups = measured.items.of
    there = hits[:, :GROUPED]
    found = np.bincount(groups[positions[:, :GROUPED][there]], minlength=len(NAMES))
    all = np.bincount(groups[measured.targets.pairs.items], minlength=len(NAMES))
    return [_number(f / n) if n else None for f, n in zip(found, all, strict=True)]


def _exposure(report: Report, measured: Measured) -> list[float]:
    """The share of the first places that each group of items has."""
    shown = report.exposure[report.cuts.index(GROUPED)]
    places = np.bincount(measured.items.of, weights=shown, minlength=len(NAMES))
    return [round(float(share), 4) for share in places / max(1, places.sum())]


def _number(value: float) -> float | None:
    """As JSON has it, five digits: NaN is none."""
    value = float(value)
    return float(f"{value:.5g}") if np.isfinite(value) else None


def _pair(interval: tuple[float, float]) -> list[float | None]:
    return [_number(end) for end in interval]
