"""`tfrec-recall compare`."""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfrec_recall.cli.arguments import options
from tfrec_recall.cli.arguments.compared import parse_models, parse_settings
from tfrec_recall.cli.arguments.durations import seconds, shown
from tfrec_recall.cli.arguments.index import Kind
from tfrec_recall.cli.arguments.option_groups import takes
from tfrec_recall.cli.arguments.protocol import PANEL, Protocol, parse_cuts, protocol
from tfrec_recall.cli.arguments.settings import separate
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.console import results, say, waiting, warn
from tfrec_recall.cli.discovery import Entry, entries, entry
from tfrec_recall.cli.runs.comparison_table import ComparisonTable
from tfrec_recall.cli.runs.plan import Plan
from tfrec_recall.cli.runs.run_apart import RunsApart
from tfrec_recall.cluster import Cluster
from tfrec_recall.comparison.cuts import with_main
from tfrec_recall.comparison.runs import Run, standing
from tfrec_recall.comparison.schedule import Round, schedule
from tfrec_recall.data.files import alone_in, check_folder, check_name, replacing
from tfrec_recall.export.place import refuse_among_versions

if TYPE_CHECKING:
    from tfrec_recall.data import Split

JSON, CSV, TABLE, PAGE = "comparison.json", "leaderboard.csv", "leaderboard.md", "report.html"


@options.reads_data
@takes("measured", made_by=protocol)
def compare(
    source: Source,
    measured: Protocol,
    models: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,…",
            help="Models by name, and exports by path; by default all models that the data allow. "
            "A model may stand beside itself by names of its own: two-tower,tuned=two-tower.",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="Runs of each model, with the seeds 0, 1, …")
    ] = 3,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="How long this call may train and measure: 2h, 90m. What it leaves, the next call "
            "of the same command does.",
            show_default=False,
        ),
    ] = None,
    jobs: Annotated[
        int,
        typer.Option(
            min=1,
            help="Runs at a time, each with its share of the cores: sooner done, though each takes "
            "longer.",
        ),
    ] = 1,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL=FILE|published",
            help="Settings of a model, by its name in --models, as `train --settings` takes them "
            "and `tune` writes them. May be given several times.",
            show_default=False,
        ),
    ] = None,
    index: Annotated[
        Kind, typer.Option(help="What searches the items; exact compares models alone.")
    ] = Kind.exact,
    cuts: Annotated[
        str | None,
        typer.Option(
            metavar="K,K",
            help="The k of the metrics in tables and report, such as 5,20: as for `train`. 50, by "
            "which models are ordered, is always among them.",
            show_default=False,
            rich_help_panel=PANEL,
        ),
    ] = None,
    out: Annotated[
        pathlib.Path,
        typer.Option(metavar="DIR", file_okay=False, help="Where runs and the report go."),
    ] = pathlib.Path("report"),
) -> None:
    """Train all models on one split, measure all alike, and write one report.

    Writes `report.html`, which works offline, `comparison.json`, `leaderboard.csv` and
    `leaderboard.md`. Each run is a process of its own, whose result stays: a call that was
    interrupted goes on, within a run from its last epoch, and what is finished is not repeated.
    """
    Cluster.refuse("compare")
    named = parse_models(models)
    names = list(named)
    limit = None if budget is None else seconds(budget)
    places = None if cuts is None else parse_cuts(cuts)
    chosen, published = parse_settings(settings or (), named)
    for name, given in chosen.items():
        _check(given, entry(named[name]))
    refuse_among_versions(out, "--out")
    check_folder(out)
    check_name(os.path.abspath(out))  # checkpoints of runs are found by it
    trained = {name: model for name, model in named.items() if model in entries()}
    of = trained.items() if source.columns else ()
    unread = [name for name, model in of if not entry(model).load().reads_columns]
    if unread:
        told = f"--columns changes nothing in {', '.join(unread)}"
        warn((f"{told}: what they know of users and items is ids and histories.", "yellow"))
    began = time.monotonic()
    interactions = measured.counted(source.load())
    from tfrec_recall.data.fingerprint import fingerprint
    from tfrec_recall.evaluation.evaluate import default_cuts

    split = measured.cut(interactions)
    places = with_main(places or default_cuts(split))
    own = {name: model for name, model in named.items() if name != model}
    known = fingerprint(interactions)
    plan = Plan(out, source, measured, known, index.value, chosen, places, own, published)
    with alone_in(out, "compares models"):
        plan.write()
        try:
            _made(plan, Round(names, tuple(range(seeds)), limit, jobs))
        finally:  # also of what an interruption left
            write_report(plan, split, names)
    say(f"Done in {shown(time.monotonic() - began)}.")


def _check(settings: Mapping[str, Any], model: Entry) -> None:
    """Raises ValueError for settings that the model does not have or follow, before any run."""
    from tfrec_recall.cli.runs.followed import require_effect

    require_effect(settings, model.load())
    separate(settings, model.load(), model.name)


def _made(plan: Plan, wanted: Round) -> None:
    """Makes the runs that are not there."""
    made_of = {name: plan.made_of(name) for name in wanted.models}
    kept, apart = plan.runs().read(), RunsApart(plan, wanted.at_once)
    there = standing(kept, made_of)
    old = [str(run) for run in kept if run.model in made_of and run not in there]
    if old:
        say(f"Of other settings or another version, and made again: {', '.join(old)}.")
    there = {run: {**one, "goes_on": plan.goes_on(run)} for run, one in there.items()}
    with ComparisonTable(wanted.models, wanted.seeds, there, plan.cuts) as table:

        def start(run: Run, allowed: float | None) -> Mapping[str, Any]:
            table.begins(run, allowed)
            made = apart.made(run, allowed)
            return {**made, "goes_on": plan.goes_on(run)}

        for run, result in schedule(wanted, there, start, stop=apart.stop):
            table.ended(run, result)


def write_report(plan: Plan, split: Split, names: list[str]) -> None:
    """Writes what there is: of the runs that stand, the tables and the page."""
    from tfrec_recall.cli.lists import titles_of
    from tfrec_recall.comparison import facts, leaderboard, page, summarised
    from tfrec_recall.comparison.tables import markdown

    with waiting("Writing the report"):
        stand = standing(plan.runs().read(), {name: plan.made_of(name) for name in names})
        titles = titles_of(split.interactions.items)
        told = facts(split, titles, bool(plan.measured.repeats), plan.cuts)
        summary = summarised(stand, told, names)
        summary["command"] = shlex.join(["tfrec-recall", *sys.argv[1:]])
        texts = {
            JSON: json.dumps(summary, ensure_ascii=False, allow_nan=False),
            PAGE: page(summary, titles),
        }
        if summary["models"]:
            table = leaderboard(summary)
            texts[CSV] = table.to_csv(index=False)
            texts[TABLE] = f"{markdown(table)}\n"
        for name in {CSV, TABLE} - set(texts):  # those of an earlier call tell of other models
            (plan.folder / name).unlink(missing_ok=True)
        for name, text in texts.items():
            with replacing(plan.folder / name) as sibling:
                sibling.write_text(text, encoding="utf-8")
    if summary["models"]:
        results().print(texts[TABLE].rstrip(), soft_wrap=True)
    for absent in summary["absent"]:
        warn((absent["model"], "bold"), f": {absent['why']}")
    for note in [*summary["facts"]["notes"], *summary["notes"]]:
        warn((note, "yellow"))
    say("The report: ", (str(plan.folder / PAGE), "bold"))
