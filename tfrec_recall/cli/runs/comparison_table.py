"""The table of a comparison while it runs: in a terminal as it grows, else a line a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tfrec_recall.cli.arguments.durations import shown
from tfrec_recall.cli.console import is_live, notices, say
from tfrec_recall.comparison.cuts import MAIN
from tfrec_recall.comparison.cuts import shown as shown_of
from tfrec_recall.comparison.runs import STOPPED, WITH_FIGURES, Run

CUTS = (10, MAIN)  # a terminal is narrow


class ComparisonTable:
    """What is known of each model so far; a context manager.

    Args:
        models: by name.
        seeds: of each.
        results: that are there already.
        cuts: of the metrics that are shown, up to 50.
    """

    def __init__(
        self,
        models: Sequence[str],
        seeds: Sequence[int],
        results: Mapping[Run, Mapping[str, Any]],
        cuts: Sequence[int] = CUTS,
    ):
        self._models, self._seeds = models, seeds
        self._metrics = shown_of([cut for cut in cuts if cut <= MAIN])
        self._results = {run: result for run, result in results.items() if run.model in models}
        self._running: set[Run] = set()
        self._live = Live(console=notices(), refresh_per_second=2, get_renderable=self.table)
        self._on = is_live()

    def __enter__(self) -> ComparisonTable:
        if self._on:
            self._live.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._running.clear()
        if self._on:
            self._live.stop()

    def begins(self, run: Run, seconds: float | None) -> None:
        """A run begins, which may take so many seconds."""
        self._running.add(run)
        if not self._on:
            say(f"{run} …" + (f" (at most {shown(seconds)})" if seconds else ""))

    def ended(self, run: Run, result: Mapping[str, Any] | None) -> None:
        """What came of a run; None where the budget had nothing left for it."""
        self._running.discard(run)
        if result is not None:  # in another dictionary: this one may be being drawn
            self._results = {**self._results, run: result}
        if not self._on:
            say(f"{run}: {_told(result, self._metrics)}")

    def table(self) -> Table:
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("model", no_wrap=True)
        table.add_column("seeds", justify="right")
        for metric in self._metrics:
            table.add_column(metric, justify="right")
        table.add_column("a run", justify="right")
        table.add_column("")
        results = self._results
        by_model = {
            model: [result for run, result in results.items() if run.model == model]
            for model in self._models
        }
        for model in sorted(self._models, key=lambda one: (_best_first(by_model[one]), one)):
            runs = by_model[model]
            found = [one for one in runs if one["status"] in WITH_FIGURES]
            cells = [_mean([one["metrics"][metric] for one in found]) for metric in self._metrics]
            took = shown(sum(one["seconds"] for one in found) / len(found)) if found else ""
            wanted = 1 if found and not found[0]["random"] else len(self._seeds)
            table.add_row(
                Text(model, "bold"),
                f"{len(found)}/{wanted}",
                *cells,
                took,
                self._state(model, runs),
            )
        return table

    def _state(self, model: str, runs: list[Mapping[str, Any]]) -> Text:
        seeds = sorted(str(run.seed) for run in tuple(self._running) if run.model == model)
        if seeds:
            return Text(f"running seed {', '.join(seeds)} …", "cyan")
        odd = [f"{one['status']}: {one['why'] or 'by the budget'}" for one in runs if _odd(one)]
        return Text(odd[0] if odd else "", "yellow")


def _best_first(runs: Sequence[Mapping[str, Any]]) -> float:
    """What sorts the runs of models, those without figures behind the others."""
    values = [one["metrics"][f"recall@{MAIN}"] for one in runs if one["status"] in WITH_FIGURES]
    return -sum(values) / len(values) if values else 1.0


def _odd(result: Mapping[str, Any]) -> bool:
    return result["status"] not in WITH_FIGURES or result["status"] == STOPPED


def _mean(values: list[float]) -> str:
    return f"{sum(values) / len(values):.4f}" if values else ""


def _told(result: Mapping[str, Any] | None, metrics: Sequence[str]) -> str:
    if result is None:
        return "no time is left for it"
    if result["status"] not in WITH_FIGURES:
        return f"{result['status']}: {result['why']}"
    figures = ", ".join(f"{metric} {result['metrics'][metric]:.4f}" for metric in metrics)
    ended = ", stopped by the budget" if result["status"] == STOPPED else ""
    return f"{figures}, {shown(result['seconds'])}{ended}"
