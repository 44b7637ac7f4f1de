"""`tfrec-recall blend`."""

from __future__ import annotations

import enum
import os
import pathlib
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from tfrec_recall.cli.arguments import options
from tfrec_recall.cli.arguments.option_groups import takes
from tfrec_recall.cli.arguments.protocol import RECORD, Cuts, Protocol, parse_cuts, protocol
from tfrec_recall.cli.arguments.source import Source, telling
from tfrec_recall.cli.commands.train import (
    K,
    check_length,
    check_place,
    first_queries,
    measure,
)
from tfrec_recall.cli.console import progress, results, say, waiting, warn
from tfrec_recall.cli.figures import record, show
from tfrec_recall.cli.loading import load_export, trained_on
from tfrec_recall.cli.outputs import output
from tfrec_recall.cli.runs.data_of_run import known_again
from tfrec_recall.cli.updates import (
    UPDATED,
    has_learnt,
    told_of_update,
    warn_of_another_cut,
)

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from tfrec_recall.data import Split
    from tfrec_recall.evaluation.blending import ChannelLists
    from tfrec_recall.export import LoadedRetriever
    from tfrec_recall.retrieval.merging import Merging


class By(enum.StrEnum):
    scores = "scores"
    ranks = "ranks"
    quotas = "quotas"


@options.reads_data
@takes("measured", made_by=protocol)
def blend(
    exports: Annotated[
        list[pathlib.Path],
        typer.Argument(metavar="EXPORT…", help="Two or more that `train --export` wrote."),
    ],
    source: Source,
    measured: Protocol,
    by: Annotated[
        By,
        typer.Option(
            help="What makes one list of several: scores, scaled in each list and weighted; ranks, "
            "weighted sums of 1 / (60 + rank); quotas, a share of the places for each."
        ),
    ] = By.scores,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=NUMBER,…",
            help="The weight of each of them, by the names of the table, instead of fitted ones: "
            "two_tower=0.7,item_cf=0.3. Validation is then not needed.",
            show_default=False,
        ),
    ] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=NUMBER",
            help="The same, once for each of them: also for a name with a comma.",
            show_default=False,
        ),
    ] = None,
    k: Annotated[int, typer.Option(min=1, help="How many items a list of the export has.")] = K,
    depth: Annotated[
        int | None,
        typer.Option(
            min=K,
            help=f"How many items each of them is asked for; {K}, or as many as a list has.",
            show_default=False,
        ),
    ] = None,
    cut: Annotated[
        int,
        typer.Option(
            min=1,
            max=K,
            help="The k of the recall that weights are fitted to, and that each of them adds to.",
        ),
    ] = 50,
    export: Annotated[
        pathlib.Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Write the blend as the next version of this directory.",
            show_default=False,
        ),
    ] = None,
    cuts: Cuts = None,
    json: options.Json = None,
) -> None:
    """Blend exports into one, with weights fitted on validation, and measure it on test.

    A table says what each of them adds: the recall of the blend without it, fitted anew. Weights
    that are given are kept, there as well.
    """
    if len(exports) < 2:
        raise typer.BadParameter("a blend is of two exports or more", param_hint="EXPORT…")
    depth = max(k, K) if depth is None else depth
    if depth < k:
        raise typer.BadParameter(
            f"lists of {k} are made of {k} items or more of each. Received: {depth}.",
            param_hint="--depth",
        )
    places = None if cuts is None else parse_cuts(cuts)
    check_length(k, places)
    figures = output(json, "--json")
    if export is not None:
        check_place(export)
    channels = _by_name([load_export(path) for path in exports])
    from tfrec_recall import retrieval
    from tfrec_recall.evaluation.blending import fit_weights, what_each_adds

    ways: dict[By, type[Merging]] = {
        By.scores: retrieval.WeightedScores,
        By.ranks: retrieval.ReciprocalRank,
        By.quotas: retrieval.Quotas,
    }
    given = _weights(weights, weight) if weights or weight else None
    merging = ways[by](given).for_channels(tuple(channels))
    trained = {name: trained_on(channel) for name, channel in channels.items()}
    first = next(iter(trained.values()))
    source = source.or_of_card(first)
    kept = Protocol.recorded(first)
    _tell_of_others(trained)
    updated = _updated(trained, source, fits=given is None)
    measured = kept.changed_by(measured)
    if first:
        warn_of_another_cut(kept, measured)
    split = measured.cut(measured.counted(source.load()))
    if given is None and not len(split.validation.targets):
        alike = _alike(list(channels))
        raise ValueError(
            "Weights are fitted to validation, which this split has none of: give them, "
            f"{alike}, or take another split, such as --split last:1. Received: {split.name}."
        )
    repeats = bool(measured.repeats)
    on_validation = None
    if given is None:
        on_validation = _lists(channels, split, "validation", depth, repeats)
    on_test = _lists(channels, split, "test", depth, repeats)
    with waiting("Fitting weights" if given is None else "Merging lists"):
        if on_validation is not None:
            merging = fit_weights(on_validation, merging, cut)
        adds = what_each_adds(on_validation, on_test, merging, cut)
    blended = retrieval.Blend(channels, merging, k=k, depth=depth)
    if lost := blended.report.get("filters_lost"):
        warn(
            "Requests cannot choose items by what some export was not told to offer (train "
            f"--filterable): {', '.join(lost)}."
        )
    report = measure(blended, split, places, repeats)
    beside = figures.tables() if figures else None
    show(report, on=beside)
    _show_what_each_adds(adds, cut, on=beside)
    for name in adds.loc[adds["weight"] == 0, "channel"]:
        say(
            f"{name} has a weight of 0: it is asked all the same, for what the others leave open. "
            "Leave it out, and lists take less time."
        )
    values = record(
        model="blend",
        data=source.recorded()["data"],
        split=split.name,
        seed=None,
        metrics=report.metrics,
        train_seconds=None,
        examples_per_second=None,
        settings={
            "exports": {name: str(one.path.absolute()) for name, one in channels.items()},
            **merging.report,
        },
    )
    values[RECORD] = measured.record()
    if updated:
        values[UPDATED] = {"channels": updated}
    values["channels"] = adds.to_dict(orient="records")
    if export is not None:
        _write(blended, export, split, {**values, **source.recorded()})
    if figures is not None:
        figures.write_json(values)


def _weights(
    several: Sequence[str] | None = None, single: Sequence[str] | None = None
) -> dict[str, float]:
    """The weights of --weights and of --weight, by the names of channels.

    Args:
        several: texts of one weight or more, with commas between.
        single: texts of one weight, of a name that may have commas.

    Raises: ValueError for what is not NAME=NUMBER, or a name twice.

    >>> _weights(["de/two_tower=0.7, item_cf=.3"], ["cups,lamps=1"])
    {'de/two_tower': 0.7, 'item_cf': 0.3, 'cups,lamps': 1.0}
    """
    found: dict[str, float] = {}
    for text in [*(part for one in several or () for part in one.split(",")), *(single or ())]:
        name, _, number = text.strip().rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            name = ""
        if not name or name in found:
            raise ValueError(
                "--weights takes NAME=NUMBER, one of each export, such as "
                "two_tower=0.7,item_cf=0.3, and --weight one of them, such as 'cups,lamps=0.3'. "
                f"Received: {text!r}."
            )
        found[name] = weight
    return found


def _alike(names: Sequence[str]) -> str:
    """The options that give each of these the same weight, as a shell takes them."""
    each = [f"{name}={1 / len(names):.2g}" for name in names]
    if any("," in name for name in names):
        return " ".join(f"--weight {shlex.quote(one)}" for one in each)
    return f"--weights {shlex.quote(','.join(each))}"


def _by_name(loaded: Sequence[LoadedRetriever]) -> dict[str, LoadedRetriever]:
    """Exports by the names of their directories, with so many of those above that they differ;
    versions of one directory, by both.

    Raises: ValueError for one export twice, by whatever paths.
    """
    same = [one.path.resolve() for one in loaded]
    twice = [one.path for place, one in enumerate(loaded) if same[place] in same[:place]]
    if twice:
        raise ValueError(f"Each export is blended once. Received: {twice[0]} twice.")
    paths = [pathlib.Path(os.path.abspath(one.path)) for one in loaded]  # as the reader names them
    found: dict[str, LoadedRetriever] = {}
    for path, one in zip(paths, loaded, strict=True):
        own, length = path.parent.parts, 1
        others = {other.parent.parts for other in paths} - {own}
        while own[-length:] in {other[-length:] for other in others}:
            length += 1
        versions = sum(other.parent == path.parent for other in paths)
        name = str(pathlib.Path(*own[-length:], path.name if versions > 1 else ""))
        found[str(path) if name in found else name] = one
    return found


def _tell_of_others(trained: dict[str, dict[str, Any]]) -> None:
    """Says which exports were not trained as the first one was."""
    first, *others = trained
    for name in others:
        for what in ("data", "split", RECORD):
            if trained[name].get(what) != trained[first].get(what):
                warn(
                    f"{name} was not trained on the {what} of {first}: what it is asked for here, "
                    "it may have learnt from."
                )
                break


def _updated(trained: dict[str, dict[str, Any]], source: Source, fits: bool) -> list[str]:
    """Channels that were updated.

    Args:
        fits: whether weights are to be fitted.

    Raises: ValueError where one has learnt the events that weights would be fitted to.
    """
    updates = {name: told for name, card in trained.items() if (told := told_of_update(card))}
    learnt = {name: updates[name] for name in updates if has_learnt(trained[name], source)}
    if learnt and fits:
        raise ValueError(
            "Weights are fitted to validation, which these channels learnt when they were updated: "
            "blend the versions that training wrote, such as EXPORT/1, give --data with events "
            f"since, or give the weights (--weights). Received: {_listed(learnt)}."
        )
    if updates:
        warn(f"What they are asked for here, updates may have learnt: {_listed(updates)}.")
    return list(updates)


def _listed(updates: dict[str, str]) -> str:
    return ", ".join(f"{name}, updated {told}" for name, told in updates.items())


def _lists(
    channels: dict[str, LoadedRetriever], split: Split, on: str, depth: int, repeats: bool
) -> ChannelLists:
    from tfrec_recall.evaluation.blending import ChannelLists

    with progress(f"Asking for {on}") as tell:
        asked = dict(zip(channels, range(len(channels)), strict=True))

        def told(name: str, done: int, users: int) -> None:
            tell(asked[name] * users + done, len(asked) * users)

        return ChannelLists.of(channels, split, on, depth, repeats, told)


def _show_what_each_adds(adds: pd.DataFrame, cut: int, on: Console | None) -> None:
    title = f"What each channel adds, recall@{cut}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("channel")
    for column in ("weight", "alone", "blend without it", "it adds"):
        table.add_column(column, justify="right")
    for name, weight, *numbers in adds.itertuples(index=False):
        table.add_row(Text(name, "bold"), f"{weight:.2f}", *(f"{one:.4f}" for one in numbers))
    (on or results()).print(table)


def _write(blended: Any, path: pathlib.Path, split: Split, values: dict[str, Any]) -> pathlib.Path:
    from tfrec_recall.export import export
    from tfrec_recall.health import Reference, write_reference

    data = split.interactions
    values = {**values, **known_again(split)}
    with telling(), waiting(f"Exporting to {path}"):
        usual = Reference.of(blended, data, split.train.events["user_id"])
        version = export(
            blended,
            path,
            metrics=values["metrics"],
            data={name: value for name, value in values.items() if name != "metrics"},
            items=data.items,
            warmup=first_queries(blended, split),
            beside=lambda folder: write_reference(folder, usual),
        )
    say("Exported to ", (str(version), "bold"))
    return version
