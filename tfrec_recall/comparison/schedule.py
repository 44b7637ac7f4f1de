"""Which run comes next, and how much of the budget it may take."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from tfrec_recall.comparison.runs import (
    FAILED,
    LEFT_OUT,
    STOPPED,
    TOO_LONG,
    WITH_FIGURES,
    Run,
    enough,
    lasts,
)

Start = Callable[[Run, float | None], Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Round:
    """What is to be run.

    Args:
        models: by name; the first seed of all comes before the second of any, so that a budget
            that ends leaves a whole table.
        seeds: of each model; one that draws nothing at random is run once.
        budget: seconds for all runs of this call; None for any.
        at_once: how many runs are made at a time.
    """

    models: Sequence[str]
    seeds: Sequence[int]
    budget: float | None = None
    at_once: int = 1


def schedule(
    wanted: Round,
    results: Mapping[Run, Mapping[str, Any]],
    start: Start,
    clock: Callable[[], float] = time.monotonic,
    stop: Callable[[], None] = lambda: None,
) -> Iterator[tuple[Run, Mapping[str, Any] | None]]:
    """Makes the runs that are wanted and whose results are not there.

    Of what is left of the budget, a run may take as much as leaves the same to every model that has
    no result yet, and to each that the budget stopped before and that comes further with as much;
    the second seed of a model is begun only where it can end as its first one did. When nothing
    else is to be begun, what the budget stopped goes on with what others have left of it.

    Args:
        results: those there are that stand; of one that the budget ended, whether it `goes_on`.
        start: makes a run within these seconds, if any, and returns its result, with `goes_on` as
            well; in a thread.
        clock: tells the seconds.
        stop: ends the runs that are on their way, where they are not waited for.

    Yields: each run with its result as it ends, and with None one for which no budget is left.
    """
    ends = None if wanted.budget is None else clock() + wanted.budget
    results, running = dict(results), dict[Future[Mapping[str, Any]], Run]()
    pending = {seed: list(wanted.models) for seed in wanted.seeds}
    given_up = set[Run]()
    with ThreadPoolExecutor(wanted.at_once) as threads:
        try:
            while True:
                left, next_one = None if ends is None else ends - clock(), None
                if len(running) < wanted.at_once:
                    busy = set(running.values())
                    next_one = _next(wanted, pending, results, busy, left)
                    for status in (TOO_LONG, STOPPED):  # what has no figures yet, first
                        if next_one is None and left is not None:
                            _put_back(status, pending, results, busy | given_up)
                            next_one = _next(wanted, pending, results, busy, left)
                if next_one is not None:
                    run, seconds = next_one
                    if seconds is not None and seconds <= 0:
                        given_up.add(run)
                        yield run, None
                        continue
                    results.pop(run, None)
                    running[threads.submit(start, run, seconds)] = run
                elif running:
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        run = running.pop(future)
                        results[run] = future.result()
                        yield run, results[run]
                else:
                    return
        except BaseException:
            stop()
            raise


def _next(
    wanted: Round,
    pending: Mapping[int, list[str]],
    results: Mapping[Run, Mapping[str, Any]],
    running: set[Run],
    left: float | None,
) -> tuple[Run, float | None] | None:
    """The run to begin now and the seconds that it may take, 0 where too few are left.

    It is pending no more, as are those before it that need not be made. None where there is no
    other, or others wait for the first seed of their model.
    """
    for seed, models in pending.items():
        for model in _cheapest_first(models, results):
            run, first = Run(model, seed), Run(model, wanted.seeds[0])
            if run != first and first in running:
                continue
            models.remove(model)
            if run != first and not _again(results.get(first)):
                continue
            allowed = None
            if left is not None and run == first:
                others = [Run(other, seed) for other in models]
                allowed = _share(left, wanted.at_once, len(running), others, results)
            elif left is not None:
                allowed = _as_first(results[first], left, results.get(run))
            if run in results and lasts(results[run], allowed):
                continue
            return run, allowed
    return None


def _put_back(
    status: str,
    pending: Mapping[int, list[str]],
    results: Mapping[Run, Mapping[str, Any]],
    but: set[Run],
) -> None:
    """Makes runs of a status pending again that go on, but for some."""
    for run, result in results.items():
        if run in but or run.seed not in pending or run.model in pending[run.seed]:
            continue
        if result["status"] == status and result.get("goes_on"):
            pending[run.seed].append(run.model)


def _share(
    left: float,
    at_once: int,
    running: int,
    others: Sequence[Run],
    results: Mapping[Run, Mapping[str, Any]],
) -> float:
    """The seconds of a run that leave as many to each of the others that is to be made.

    Those are what is missing, and of what the budget stopped as many as would come further with
    these seconds, those that need the least first.
    """
    missing = sum(_is_missing(run, results) for run in others)
    there = [results[run] for run in others if run in results]
    stopped = [result for result in there if result["status"] in (STOPPED, TOO_LONG)]
    stopped.sort(key=enough)
    again = len(stopped)
    while True:
        seconds = left * min(1.0, at_once / (1 + running + missing + again))
        if not again or not lasts(stopped[again - 1], seconds):
            return seconds
        again -= 1


def _as_first(first: Mapping[str, Any], left: float, own: Mapping[str, Any] | None) -> float:
    """The seconds of a seed that follows: what the first one took, and some more; where the budget
    stopped that, what it had, so that both have learnt as much. 0 where too few are left.

    Args:
        own: its result; of one that was stopped, and goes on, what it had counts, and where the
            first one is done, it begins where it comes further.
    """
    if first["status"] == STOPPED:
        had: float = first["seconds_allowed"]
        if own and own.get("goes_on") and own["status"] == STOPPED:
            had -= own["seconds_allowed"]
        return had if left >= had else 0.0
    needs: float = first["seconds"]
    if own and own.get("goes_on") and own.get("goes_on_with"):  # how much one needs is known
        return min(left, max(2 * needs, enough(own))) if left >= enough(own) else 0.0
    return 0.0 if left <= needs else min(left, 2 * needs)


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
