"""`tfrec-recall evaluate`."""

from __future__ import annotations

import enum
import pathlib
from typing import Annotated, Any

import typer

from tfrec_recall.cli.arguments import options
from tfrec_recall.cli.arguments.option_groups import takes
from tfrec_recall.cli.arguments.protocol import (
    RECORD,
    Cuts,
    Protocol,
    parse_cuts,
    protocol,
    read_split,
)
from tfrec_recall.cli.arguments.source import Source, telling
from tfrec_recall.cli.console import progress, say
from tfrec_recall.cli.figures import record, show
from tfrec_recall.cli.loading import load_export, trained_on
from tfrec_recall.cli.outputs import output, refuse_the_same
from tfrec_recall.cli.ratings import show_ratings
from tfrec_recall.cli.updates import warn_of_learnt

# What the export's card tells of its training.
OF_RUN = ("model", "seed", "settings", "field_weights")
TIMES = ("train_seconds", "examples_per_second", "best_epoch", "seconds_to_best")


class On(enum.StrEnum):
    validation = "validation"
    test = "test"


@options.reads_data
@takes("measured", made_by=protocol)
def evaluate(
    export: options.Export,
    source: Source,
    measured: Protocol,
    on: Annotated[On, typer.Option(help="The part of the split that is measured.")] = On.test,
    cuts: Cuts = None,
    k: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Items ranked for each user; the largest cut unless given.",
            show_default=False,
        ),
    ] = None,
    ratings: Annotated[
        bool,
        typer.Option("--ratings", help="Measure foretold ratings (RMSE, MAE) instead of lists."),
    ] = False,
    candidates: Annotated[
        pathlib.Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="A file with user_id, item_id, in any form that --data reads: rank only these "
            "items for each user. --rename candidates.sku=item_id is of this file alone.",
            show_default=False,
        ),
    ] = None,
    lists: Annotated[
        pathlib.Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            readable=False,
            allow_dash=True,
            help="Write the ranked lists as Parquet: user_id, rank, item_id, score.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = None,
) -> None:
    """Measure an export, as it would be served, under the protocol of the data.

    Without `--data` it is the data set that the export was trained on.
    """
    places = None if cuts is None else parse_cuts(cuts)
    if ratings and not all(one is None for one in (places, k, candidates, lists)):
        raise typer.BadParameter(
            "leave --cuts, --k, --candidates and --lists out: nothing is ranked",
            param_hint="--ratings",
        )
    figures, ranked = output(json, "--json"), output(lists, "--lists")
    refuse_the_same(figures, ranked)
    beside = next((one.tables() for one in (figures, ranked) if one and one.is_stdout), None)
    retriever = load_export(export)
    trained = trained_on(retriever)
    renamed: dict[str, str] = {}
    if candidates is not None:
        source, renamed = source.apart("candidates")
    source = source.or_of_card(trained)
    measured = Protocol.recorded(trained).changed_by(measured)
    if measured.record():
        say(f"Measured as {measured} says.")
    warn_of_learnt(retriever, trained, source, measured)
    split = read_split(source, measured)
    from tfrec_recall.data.reading.candidates import read_candidates
    from tfrec_recall.evaluation import evaluate, evaluate_ratings
    from tfrec_recall.evaluation.evaluate import default_cuts

    if places is None and k is not None:
        places = tuple(sorted({cut for cut in default_cuts(split) if cut < k} | {k}))
    chosen = None
    if candidates is not None:
        said = ("mend_ids", "separator", "encoding", "drop_bad_rows")
        ways = {name: source.layout.get(name) for name in said}
        # A candidates file is read as events are: of these the data's own names may say more.
        own = {f"events.{name}": ours for name, ours in renamed.items()}
        rename = {**source.layout.get("rename", {}), **own}
        with telling():
            chosen = read_candidates(candidates, split.interactions, rename, **ways)
    metrics: dict[str, float]
    if ratings:
        with progress("Rating") as tell:
            foretold = evaluate_ratings(retriever, split, on=on.value, progress=tell)
        show_ratings(foretold, on=beside)
        metrics = foretold.metrics
    else:
        with progress("Ranking") as tell:
            report = evaluate(
                retriever,
                split,
                on=on.value,
                cuts=places,
                k=k,
                candidates=chosen,
                repeats=bool(measured.repeats),
                lists=ranked is not None,
                progress=tell,
            )
        show(report, on=beside)
        metrics = report.metrics
        if ranked is not None:
            ranked.write_parquet(report.lists)
    if figures is not None:
        told: dict[str, Any] = {name: trained.get(name) for name in (*OF_RUN, *TIMES)}
        told["curve"] = trained.get("curve") or ()  # of a card that was written without
        values = record(data=source.name, split=split.name, metrics=metrics, **told)
        figures.write_json({**values, "on": on.value, RECORD: measured.record()})
