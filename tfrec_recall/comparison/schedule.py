"""Which run comes next, and how much of the budget it may take."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tfrec_recall.comparison.runs import FAILED, LEFT_OUT, WITH_FIGURES, Run, lasts

Start = Callable[[Run, float | None], Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Round:
    """What is to be run.

    Args:
        models: by name; the first seed of all comes before the second of any, so that a budget
            that ends leaves a whole table.
        seeds: of each model; one that draws nothing at random is run once.
        budget: seconds for all runs of this call; None for any.
    """

    models: Sequence[str]
    seeds: Sequence[int]
    budget: float | None = None


def schedule(
    wanted: Round,
    results: Mapping[Run, Mapping[str, Any]],
    start: Start,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[Run, Mapping[str, Any] | None]]:
    """Makes the runs that are wanted and whose results are not there, one after the other.

    Of what is left of the budget, a run may take as much as leaves the same to every model that has
    no result yet; the second seed of a model is begun only where it can end as its first one did.

    Args:
        results: those there are that stand.
        start: makes a run within these seconds, if any, and returns its result.
        clock: tells the seconds.

    Yields: each run with its result, and with None one for which no budget is left.
    """
    ends = None if wanted.budget is None else clock() + wanted.budget
    results = dict(results)
    for seed in wanted.seeds:
        order = _cheapest_first(wanted.models, results)
        for place, model in enumerate(order):
            run, first = Run(model, seed), results.get(Run(model, wanted.seeds[0]))
            if seed != wanted.seeds[0] and not _again(first):
                continue
            others = sum(_is_missing(Run(other, seed), results) for other in order[place + 1 :])
            allowed = None if ends is None else (ends - clock()) / (1 + others)
            if run in results and lasts(results[run], allowed):
                continue
            left = None if ends is None else ends - clock()
            needs = 0.0 if first is None or seed == wanted.seeds[0] else first["seconds"]
            if left is not None and left <= needs:
                yield run, None
                continue
            # A seed that follows has the time of the first, and some more.
            seconds = allowed if needs == 0 or left is None else min(left, 2 * needs)
            results[run] = start(run, seconds)
            yield run, results[run]


def _is_missing(run: Run, results: Mapping[Run, Mapping[str, Any]]) -> bool:
    return run not in results or results[run]["status"] == FAILED


def _again(first: Mapping[str, Any] | None) -> bool:
    """Whether other seeds of a model say more than the first one."""
    return first is not None and first["status"] in WITH_FIGURES and bool(first["random"])


def _cheapest_first(models: Sequence[str], results: Mapping[Run, Mapping[str, Any]]) -> list[str]:
    """Models by the seconds that a run of theirs took; those without one in their order, last."""
    took = {
        run.model: result["seconds"]
        for run, result in results.items()
        if result["status"] in (*WITH_FIGURES, LEFT_OUT)
    }
    return sorted(models, key=lambda model: (model not in took, took.get(model, 0.0)))
