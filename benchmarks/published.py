"""What the defaults bring beside each model's paper: all departures taken back, and one by one.

    python -m benchmarks.published --runs docs/published/movielens-100k.jsonl
    python -m benchmarks.published --runs runs.jsonl --models two-tower sdm --table

Trains as `tfrec-recall train` does: the defaults, `--settings published`, and the defaults with
each departure of the model's docstring taken back alone, the paper's training among them. Every run
is a line of the file, written when it ends; one that is there is not made again, unless it was
stopped after fewer seconds than are given, so that a call goes on where another stopped. Prints
Recall@50 on test, how it differs from the defaults', and the seconds of all processors. What lies
in `docs/published` is in RESULTS.md, by `docs/hooks/published.py`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import signal
import time
from collections.abc import Iterator
from typing import Any

from tests.contract.departures import departures
from tests.signatures import arguments_of
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.discovery import entries
from tfrec_recall.cli.runs.training import train_model
from tfrec_recall.data import Split, standard
from tfrec_recall.evaluation import evaluate
from tfrec_recall.models.one_pass_model import OnePassModel

METRIC = "recall@50"
DEFAULTS, PUBLISHED, TRAINING = "defaults", "published", "the paper's training"
TOO_LONG = "stopped"
Done = dict[tuple[str, str], dict[str, Any]]  # by model and form


@dataclasses.dataclass(frozen=True)
class Run:
    """A model in one form: its name, what the form is called, and the settings that make it."""

    model: str
    form: str
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    published: bool = False


def models() -> list[str]:
    """All that learn by gradients and have a paper, by name."""
    found = {name: one.load() for name, one in entries().items()}
    return [
        name
        for name, model_class in found.items()
        if model_class.PUBLISHED is not None and not issubclass(model_class, OnePassModel)
    ]


def one_by_one(name: str) -> Iterator[Run]:
    """The defaults with one departure taken back."""
    model_class = entries()[name].load()
    for departure in departures(model_class):
        yield Run(name, departure.text, departure.arguments)
    plain = model_class.plain_form()
    if set(plain.settings) - set(plain.arguments):
        parameters = arguments_of(model_class)
        ours = {argument: parameters[argument].default for argument in plain.arguments}
        yield Run(name, TRAINING, ours, published=True)


def measured(run: Run, split: Split, seed: int, most_seconds: int) -> dict[str, Any]:
    """The figures of a run, or why it has none."""
    began = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, most_seconds)
    try:
        trained = train_model(entries()[run.model], split, run.settings, seed, run.published)
        retriever = trained.model.retriever(split.interactions.items, k=50)
        report = evaluate(retriever, split, cuts=(50,), lists=False)
        found = {METRIC: round(float(report.metrics[METRIC]), 4)}
    except Exception as reason:  # an interruption may come wrapped
        if not signal.getitimer(signal.ITIMER_PROF)[0]:  # it has run out
            found = {TOO_LONG: most_seconds}
        elif isinstance(reason, ValueError):  # not to be had by itself
            found = {"refused": str(reason)}
        else:
            raise
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return {**found, "seconds": round(time.process_time() - began)}


def is_left(line: dict[str, Any] | None, most_seconds: int) -> bool:
    """Whether a run was not made yet, or stopped after fewer seconds."""
    return line is None or line.get(TOO_LONG, most_seconds) < most_seconds


def stop(number, frame):
    raise TimeoutError


def read(path: pathlib.Path, data: str, seed: int) -> Done:
    """The runs of a file, the latest of each form."""
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return {
        (line["model"], line["form"]): line
        for line in map(json.loads, lines)
        if (line["data"], line["seed"]) == (data, seed)
    }


def tables(done: Done, names: list[str]) -> str:
    """Recall@50 of the defaults and the papers' forms; and of single departures that were made."""
    whole = ["| model | defaults | published | beside the defaults | seconds |", "|" + " --- |" * 5]
    parts = ["| | taken back alone | Recall@50 | beside the defaults | seconds |", whole[1]]
    for name in names:
        defaults, published = (done.get((name, form), {}) for form in (DEFAULTS, PUBLISHED))
        figures = [_figure(defaults), _figure(published), _apart(published, defaults)]
        seconds = f"{_seconds(defaults)}, {_seconds(published)}"
        whole.append(f"| {' | '.join([f'`{name}`', *figures, seconds])} |")
        found = {run.form: done.get((name, run.form), {}) for run in one_by_one(name)}
        if not any(found.values()):
            continue
        shown = f"`{name}`"
        for form, line in found.items():
            cells = [shown, form, _figure(line), _apart(line, defaults), _seconds(line)]
            parts.append(f"| {' | '.join(cells)} |")
            shown = ""
    return "\n".join([*whole, "", *parts])


def _figure(line: dict[str, Any]) -> str:
    return f"{line[METRIC]:.4f}".removeprefix("0") if METRIC in line else ""


def _apart(line: dict[str, Any], defaults: dict[str, Any]) -> str:
    if METRIC not in line or METRIC not in defaults:
        return ""
    return f"{line[METRIC] - defaults[METRIC]:+.4f}".replace("0.", ".", 1)


def _seconds(line: dict[str, Any]) -> str:
    """Those of a run, or why it has no figure."""
    if TOO_LONG in line:
        return f"over {line[TOO_LONG]}"
    if "refused" in line:
        return "diverges" if "must be finite" in line["refused"] else "not by itself"
    return str(line["seconds"]) if line else "–"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=pathlib.Path, required=True, help="a file of JSON lines")
    parser.add_argument("--data", default="movielens-100k")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", nargs="*", choices=models(), default=models())
    parser.add_argument("--whole", action="store_true", help="defaults and published alone")
    parser.add_argument("--table", action="store_true", help="print what is there, run nothing")
    parser.add_argument("--at-most", type=int, help="runs of this call")
    parser.add_argument(
        "--most-seconds",
        type=int,
        default=480,
        help="of a run; where the defaults take longer, nothing is taken back alone",
    )
    options = parser.parse_args()

    done = read(options.runs, options.data, options.seed)
    # The defaults and the papers' forms of all first: they are what the rest is beside.
    wanted = [Run(name, DEFAULTS) for name in options.models]
    wanted += [Run(name, PUBLISHED, published=True) for name in options.models]
    if not options.whole:
        wanted += [run for name in options.models for run in one_by_one(name)]
    if not options.table:
        signal.signal(signal.SIGPROF, stop)
        split = standard(Source(options.data).load())
        most = options.most_seconds
        left = [run for run in wanted if is_left(done.get((run.model, run.form)), most)]
        left = left[: options.at_most]
        for run in left:
            alone = run.form not in (DEFAULTS, PUBLISHED)
            if alone and TOO_LONG in done.get((run.model, DEFAULTS), {}):
                continue
            line = {"model": run.model, "form": run.form, "data": options.data}
            line |= {"seed": options.seed}
            line |= measured(run, split, options.seed, most)
            with options.runs.open("a") as file:
                file.write(json.dumps(line) + "\n")
            done[run.model, run.form] = line
    print(tables(done, options.models))


if __name__ == "__main__":
    main()
