"""What the defaults bring beside each model's paper: all departures taken back, and one by one.

    python -m benchmarks.published --runs runs.jsonl
    python -m benchmarks.published --runs runs.jsonl --models two-tower sdm --table

Trains as `tfrec-recall train` does: the defaults, `--settings published`, and the defaults with
each departure of the model's docstring taken back alone, the paper's training among them. Every run
is a line of the file, written when it ends; one that is there is not made again, so that a call
goes on where another stopped. Prints Recall@50 on test, how it differs from the defaults', and the
seconds of all processors.
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


def stop(number, frame):
    raise TimeoutError


def table(done: dict[tuple[str, str], dict[str, Any]], names: list[str]) -> str:
    """Recall@50 of each run, and how far it is from that of the defaults."""
    rows = ["| model | form | Recall@50 | beside the defaults | seconds |", "|" + " --- |" * 5]
    for name in names:
        defaults = done.get((name, DEFAULTS), {}).get(METRIC)
        shown = name
        for form in (DEFAULTS, PUBLISHED, *(run.form for run in one_by_one(name))):
            found = done.get((name, form), {})
            recall, seconds = found.get(METRIC), f"{found.get('seconds', '')}"
            if TOO_LONG in found:
                seconds = f"over {found[TOO_LONG]}"
            elif "refused" in found:
                diverged = "must be finite" in found["refused"]
                seconds = "diverges" if diverged else "not by itself"
            both = recall is not None and defaults is not None and form != DEFAULTS
            apart = f"{recall - defaults:+.4f}".replace("0.", ".", 1) if both else ""
            figure = "" if recall is None else f"{recall:.4f}".lstrip("0")
            label = f"`{shown}`" if shown else ""
            rows.append(f"| {label} | {form} | {figure} | {apart} | {seconds} |")
            shown = ""
    return "\n".join(rows)


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

    lines = options.runs.read_text().splitlines() if options.runs.exists() else []
    done = {
        (line["model"], line["form"]): line
        for line in map(json.loads, lines)
        if (line["data"], line["seed"]) == (options.data, options.seed)
    }
    # The defaults and the papers' forms of all first: they are what the rest is beside.
    wanted = [Run(name, DEFAULTS) for name in options.models]
    wanted += [Run(name, PUBLISHED, published=True) for name in options.models]
    if not options.whole:
        wanted += [run for name in options.models for run in one_by_one(name)]
    if not options.table:
        signal.signal(signal.SIGPROF, stop)
        split = standard(Source(options.data).load())
        left = [run for run in wanted if (run.model, run.form) not in done][: options.at_most]
        for run in left:
            alone = run.form not in (DEFAULTS, PUBLISHED)
            if alone and TOO_LONG in done.get((run.model, DEFAULTS), {}):
                continue
            line = {"model": run.model, "form": run.form, "data": options.data}
            line |= {"seed": options.seed}
            line |= measured(run, split, options.seed, options.most_seconds)
            with options.runs.open("a") as file:
                file.write(json.dumps(line) + "\n")
            done[run.model, run.form] = line
    print(table(done, options.models))


if __name__ == "__main__":
    main()
