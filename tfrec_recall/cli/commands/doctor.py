"""`tfrec-recall doctor`."""

from __future__ import annotations

import dataclasses
import json as json_module
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from tfrec_recall.cli.arguments import options
from tfrec_recall.cli.arguments.option_groups import takes
from tfrec_recall.cli.arguments.protocol import Protocol, protocol
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.commands.show import indexes
from tfrec_recall.cli.console import results, waiting, warn
from tfrec_recall.cli.outputs import output
from tfrec_recall.comparison.runs import YARDSTICK

if TYPE_CHECKING:
    from tfrec_recall.advice import Advice, Evidence
    from tfrec_recall.export import LoadedRetriever

REPORT = "comparison.json"
DATA = "the data"
NO_FIGURES = (
    "No figures on validation after its epochs are at hand: where the data have a validation part, "
    "`train --curve` has them."
)
AT_ITS_BEST = (
    "A schedule is at its best at its end, however long it is: `tune --search epochs` tells "
    "whether a longer one brings more."
)


@options.reads_data
@takes("measured", made_by=protocol)
def doctor(
    path: Annotated[
        pathlib.Path,
        typer.Argument(
            metavar="EXPORT|REPORT",
            help="An export of `train`, or what `compare` wrote: its folder, or comparison.json.",
        ),
    ],
    source: Source,
    measured: Protocol,
    json: options.Advice = None,
) -> None:
    """Say what is wrong with a model, by which figure, and which setting mends it.

    Of an export it reads the card, and asks it for lists on the data that it was trained on, or on
    `--data`: test is measured again, and each feature shuffled once. Of a comparison all is there.
    """
    target = output(json, "--json")
    beside = target.tables() if target else results()
    report = path / REPORT if path.is_dir() else path
    if report.suffix == ".json" and report.exists():
        _refuse(source, measured)
        found, models = _of_report(report)
    else:
        found, models = _of_export(path, source, measured)
    unseen = {name: evidence.not_looked_at for name, evidence in models.items()}
    unseen = {name: faults for name, faults in unseen.items() if faults}
    _show(found, unseen, beside)
    if target is not None:
        plain = {name: [dataclasses.asdict(one) for one in said] for name, said in found.items()}
        target.write_json({"advice": plain, "not_looked_at": unseen})


def _refuse(source: Source, measured: Protocol) -> None:
    if source.given or measured.record():
        raise ValueError(
            f"A comparison was measured on its own data: leave {source.given or '--data'} and the "
            "options of the measurement out."
        )


def _of_report(path: pathlib.Path) -> tuple[dict[str, list[Advice]], dict[str, Evidence]]:
    """What is said of the data and of each model, and what is known of the latter."""
    from tfrec_recall.advice import advise, advise_on_data

    try:
        summary = json_module.loads(path.read_text(encoding="utf-8"))
        facts, models = summary["facts"], summary["models"]
        rows = {row["model"]: _evidence(row, facts) for row in models}
        if not rows:
            why = "; ".join(f"{one['model']}: {one['why']}" for one in summary["absent"])
            warn((f"No model of {path} has figures. {why}", "yellow"))
        said = {name: advise(evidence) for name, evidence in rows.items()}
        return {DATA: advise_on_data(facts), **said}, rows
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is not what `compare` wrote. Received: {type(error).__name__}: {error}."
        ) from error


def _evidence(row: Mapping[str, Any], facts: Mapping[str, Any] | None) -> Evidence:
    """Of a row; the yardstick is biased to what is popular by design."""
    from tfrec_recall.advice import Evidence

    impartial = {**row, "exposure": ()} if row["model"] == YARDSTICK else row
    return Evidence.of(impartial, facts)


def _of_export(
    path: pathlib.Path, source: Source, measured: Protocol
) -> tuple[dict[str, list[Advice]], dict[str, Evidence]]:
    """What is said of the data and of the model, and what the card tells of the latter and, where
    data are at hand, the export finds in them."""
    from tfrec_recall.advice import advise, advise_on_data
    from tfrec_recall.cli.loading import load_export, trained_on
    from tfrec_recall.cli.updates import warn_of_learnt

    try:
        retriever = load_export(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{error} Nor is there a report: {REPORT}, which `compare` writes when it ends."
        ) from error
    trained = trained_on(retriever)
    name = str(trained.get("model") or path)
    row: dict[str, Any] = {
        "model": name,
        "epochs": trained.get("curve") or [],
        "settings": trained.get("settings") or {},
        "indexes": indexes(retriever.card.get("retriever") or {}),
        "field_weights": trained.get("field_weights") or {},
        "features": retriever.card.get("features"),
    }
    if "best_epoch" in trained:
        row["best_epoch"] = trained["best_epoch"]
    told: dict[str, list[Advice]] = {}
    facts: Mapping[str, Any] | None = None
    try:
        source = source.or_of_card(trained)
    except (FileNotFoundError, ValueError) as error:
        warn((f"{error} Without data, only what the card tells is looked at.", "yellow"))
    else:
        measured = Protocol.recorded(trained).changed_by(measured)
        warn_of_learnt(retriever, trained, source, measured)
        found, facts = _measured(retriever, source, measured)
        row = {**row, **found}
        told[DATA] = advise_on_data(facts)
    evidence = _evidence(row, facts)
    return {**told, name: advise(evidence)}, {name: evidence}


def _measured(
    retriever: LoadedRetriever, source: Source, measured: Protocol
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """What the export finds on test, and the facts of the data."""
    from tfrec_recall.comparison import facts, figures

    split = measured.cut(measured.counted(source.load()))
    repeats = bool(measured.repeats)
    with waiting("Measuring on test"):
        found = figures(retriever, split, repeats)
    kept = {name: found[name] for name in ("ablation", "exposure")}
    return kept, facts(split, {}, repeats)


def _show(found: Mapping[str, list[Advice]], unseen: Mapping[str, list[str]], on: Console) -> None:
    """Each piece of advice under what it is about, and what was not looked at."""
    for name, said in found.items():
        for one in said:
            on.print(Text.assemble((f"{name} ", "bold"), (one.fault, "yellow")), soft_wrap=True)
            on.print(f"  {one.figure}", soft_wrap=True)
            on.print(f"  {one.setting}", soft_wrap=True)
    for faults in sorted({tuple(faults) for faults in unseen.values()}):
        names = [name for name, theirs in unseen.items() if tuple(theirs) == faults]
        on.print(
            f"Not looked at of {', '.join(names)}: whether it {' or is '.join(faults)}. "
            f"{NO_FIGURES if 'overfits' in faults else AT_ITS_BEST}",
            soft_wrap=True,
        )
    healthy = [name for name, said in found.items() if not said and name != DATA]
    healthy = [name for name in healthy if name not in unseen]
    if healthy:
        on.print(f"Nothing to say of {', '.join(healthy)}.", soft_wrap=True)
