"""`tfrec-recall train`."""

from __future__ import annotations

import pathlib
import warnings
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfrec_recall.cli.arguments import options
from tfrec_recall.cli.arguments.index import (
    Int8,
    Kind,
    Recall,
    ScannOps,
    check_int8,
    check_recall,
    check_server,
    index_of,
)
from tfrec_recall.cli.arguments.option_groups import takes
from tfrec_recall.cli.arguments.protocol import (
    RECORD,
    Cuts,
    Protocol,
    parse_cuts,
    protocol,
    read_split,
)
from tfrec_recall.cli.arguments.settings import PUBLISHED, read_all
from tfrec_recall.cli.arguments.source import Source, telling
from tfrec_recall.cli.console import progress, say, waiting, warn
from tfrec_recall.cli.discovery import entry
from tfrec_recall.cli.figures import record, show
from tfrec_recall.cli.outputs import output
from tfrec_recall.cli.runs.data_of_run import days_before, known_again
from tfrec_recall.cli.runs.long_run import LongRun, long_run
from tfrec_recall.cli.runs.of_parts import refuse_with_parts
from tfrec_recall.cli.runs.tensorboard import check_run, write_outcome
from tfrec_recall.cli.served import Served, served
from tfrec_recall.cluster import Cluster

if TYPE_CHECKING:
    from rich.console import Console

    from tfrec_recall.cli.runs.training import Trained
    from tfrec_recall.data import Split
    from tfrec_recall.evaluation import Report
    from tfrec_recall.health import DaysBefore
    from tfrec_recall.retrieval import IndexSettings, Retriever

K = 100
WARMUP = 4  # queries in the export's warm-up request


def _there(sources: list[str] | None) -> list[str] | None:
    for source in sources or ():
        if source != PUBLISHED and not pathlib.Path(source).is_file():
            raise typer.BadParameter(f"neither {PUBLISHED!r} nor a file: {source!r}.")
    return sources


@options.reads_data
@takes("measured", made_by=protocol)
@takes("offered", made_by=served)
@takes("run", made_by=long_run)
def train(
    model: Annotated[str, typer.Argument(help="One of `tfrec-recall models`.")],
    source: Source,
    measured: Protocol,
    offered: Served,
    run: LongRun,
    seed: Annotated[int, typer.Option(help="Of weights, batches and negatives.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE|published",
            callback=_there,
            help="JSON or TOML with settings of the training (epochs, batch_size, learning_rate, "
            "patience, rate_drops, rate_factor, weight_decay, optimizer), min_count and "
            "hash_buckets of features, and arguments of the model's constructor. `published` is "
            "the plain form of the model's paper, which files may change. May be given several "
            "times.",
            show_default=False,
        ),
    ] = None,
    index: Annotated[
        Kind,
        typer.Option(
            help="What searches the items: auto measures which is fastest; inverted-file is "
            "approximate search that any server runs."
        ),
    ] = Kind.auto,
    scann_ops: ScannOps = True,
    recall: Recall = None,
    int8: Int8 = False,
    k: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many items a list of the export has, for which its index is tuned; 100, or "
            "the largest of --cuts, unless given.",
            show_default=False,
        ),
    ] = None,
    export: Annotated[
        pathlib.Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Write the retriever as the next version of this directory.",
            show_default=False,
        ),
    ] = None,
    keep_state: Annotated[
        bool,
        typer.Option(
            "--keep-state",
            help="With --export: keep the state of the training beside it, from which "
            "`tfrec-recall update` goes on with new events.",
        ),
    ] = False,
    tensorboard: Annotated[
        pathlib.Path | None,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="Write figures after each epoch, those on test, and the items' vectors for its "
            "projector; a new folder a run.",
            show_default=False,
        ),
    ] = None,
    curve: Annotated[
        bool,
        typer.Option(
            "--curve",
            help="Measure a model that learns by a schedule on validation at five places of it, as "
            "`compare` and `tune` do, for `doctor` and --json.",
        ),
    ] = False,
    cuts: Cuts = None,
    json: options.Json = None,
) -> None:
    """Train a model, measure it under the protocol of the data, and export it.

    It learns from the training part, stops by validation, and is measured on test, once. Where the
    variable TF_CONFIG names a cluster, this process takes its part in it, and the chief writes.
    """
    chosen = entry(model)
    published, given = read_all(settings or ())
    places = None if cuts is None else parse_cuts(cuts)
    check_length(k, places)
    check_server(index, scann_ops)
    check_recall(index, recall)
    check_int8(index, int8)
    for asked, option in ((keep_state, "--keep-state"), (offered.filterable, "--filterable")):
        if asked and export is None:
            raise typer.BadParameter("say where the export goes: --export", param_hint=option)
    cluster = Cluster.of()
    if cluster is not None:
        say(f"This is {cluster}.")
        in_one_pass = chosen.in_one_pass()
        if in_one_pass and not cluster.writes:
            say(
                f"{chosen.name} learns in one pass, which the process that writes does alone: this "
                "one has nothing to do."
            )
            return
        if cluster.serves:
            cluster.serve()
            return
    writes = cluster is None or cluster.writes
    figures = output(json, "--json") if writes else None
    if export is not None and writes:
        check_place(export)
    board = tensorboard if writes else None
    if board is not None:
        check_run(board, goes_on=run.has_board(board))
    if cluster is not None:
        part = run if in_one_pass else run.within(cluster)  # a strategy waits for the others
        if part is None:
            say("The training is over, and this worker has nothing to do.")
            return
        run = part
    refuse_with_parts(source, chosen, keep_state, offered)
    split = read_split(source, measured)
    offered.check(split.interactions, chosen.load())
    from tfrec_recall.cli.runs.training import train_model
    from tfrec_recall.cli.runs.validation import check_curve

    if curve:
        check_curve(chosen.name, chosen.load(), split)
    repeats = bool(measured.repeats)
    columns = source.columns
    if run.folder is not None:
        run.check(
            {
                **{"model": chosen.name, "settings": given, "published": published, "seed": seed},
                **{"split": split.name, **source.recorded(), "columns": columns},
                **{"repeats": repeats, RECORD: measured.record()},
                "fingerprint": known_again(split)["fingerprint"],
            },
            board,
        )
    trained = train_model(
        *(chosen, split, given, seed, published, repeats, columns, board),
        long_run=run,
        on_schedule=curve,
    )
    if not run.writes:
        say("This worker has learnt its part; the chief measures and writes.")
        return
    with waiting("Building the index"):
        length = max((K, *(places or ()))) if k is None else k
        retriever = indexed(trained, split, index_of(index, scann_ops, recall, int8), length)
        if recall is not None and not retriever.report.get("index"):
            warn(f"{chosen.name} searches no vectors: --recall {recall} means nothing for it.")
        retriever = offered.offered_by(retriever, split)
    report = measure(retriever, split, places, repeats)
    beside = figures.tables() if figures else None
    show(report, on=beside)
    metrics = {**report.metrics, **rating_errors(retriever, split, on=beside)}
    took = (
        f"Trained in {trained.seconds:,.1f} s, {trained.examples_per_second:,.0f} examples a second"
    )
    if trained.seconds_to_best is not None:
        took += f"; {trained.seconds_to_best:,.1f} s to the best epoch, number {trained.best_epoch}"
        took += " of the trial" * trained.by_trial
    say(took)
    values = record(
        model=chosen.name,
        data=source.recorded()["data"],
        split=split.name,
        seed=seed,
        metrics=metrics,
        train_seconds=trained.seconds,
        examples_per_second=trained.examples_per_second,
        settings=trained.settings,
        best_epoch=trained.best_epoch,
        seconds_to_best=trained.seconds_to_best,
        curve=trained.curve,
        field_weights=trained.field_weights,
    )
    values[RECORD] = measured.record()
    if export is not None:
        of_card = {**values, **source.recorded()}
        days = days_before(split)
        if keep_state and days is not None:
            of_card |= write_state(export, trained, split, days, repeats)
        write_export(retriever, export, split, trained, days, of_card)
    if figures is not None:
        figures.write_json(values)
    if board is not None:  # last: it is to look at, and takes nothing else with it if it fails
        best = None if trained.by_trial else trained.best_epoch  # a trial has a folder of its own
        epoch = best or trained.settings.get("epochs", 1)
        write_outcome(board, trained.model, retriever, split, metrics, epoch - 1)


def check_place(path: pathlib.Path) -> None:
    """Raises what exporting to this path would raise, before the work for it is done."""
    from tfrec_recall.export.place import check

    check(path)


def check_length(k: int | None, cuts: Sequence[int] | None) -> None:
    """Refuses cuts that lists of --k items do not reach."""
    if k is not None and cuts is not None and max(cuts) > k:
        raise typer.BadParameter(
            f"lists have as many items as the largest of --cuts, or more. Received: {k}.",
            param_hint="--k",
        )


def indexed(trained: Trained, split: Split, index: IndexSettings, k: int) -> Retriever:
    """The retriever over all items, whose index is tuned with what validation users ask.

    What the user should know of the index is said.
    """
    from tfrec_recall.evaluation import tuning_queries
    from tfrec_recall.retrieval import Exact, IndexNotice

    items = split.interactions.items
    asked = None if isinstance(index, Exact) else tuning_queries(split)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", IndexNotice)
        retriever = trained.model.retriever(items, index=index, k=k, tuning_queries=asked)
    for one in told:
        if issubclass(one.category, IndexNotice):
            warn((str(one.message), "yellow"))
    return retriever


def measure(
    retriever: Retriever,
    split: Split,
    cuts: tuple[int, ...] | None = None,
    repeats: bool = False,
) -> Report:
    """The report on test; at the cuts of the split that lists of the retriever reach, if none are
    asked for."""
    from tfrec_recall.evaluation import evaluate
    from tfrec_recall.evaluation.evaluate import default_cuts

    if cuts is None:
        usual = default_cuts(split)
        cuts = tuple(cut for cut in usual if cut <= retriever.k) or (retriever.k,)
        beyond = ", ".join(str(cut) for cut in usual if cut > retriever.k)
        if beyond:
            say(f"Lists have {retriever.k} items: nothing is measured at {beyond}.")
    with progress("Ranking") as tell:
        return evaluate(retriever, split, cuts=cuts, repeats=repeats, lists=False, progress=tell)


def rating_errors(
    retriever: Retriever, split: Split, on: Console | None = None
) -> dict[str, float]:
    """RMSE and MAE on test, which are shown, of a model of ratings; of another one, nothing."""
    if "predict_rating" not in retriever.signatures:
        return {}
    if not split.test.targets["rating"].notna().any():
        warn("No test target has a rating: lists alone are measured.")
        return {}
    from tfrec_recall.cli.ratings import show_ratings
    from tfrec_recall.evaluation import evaluate_ratings

    with progress("Rating") as tell:
        errors = evaluate_ratings(retriever, split, progress=tell)
    show_ratings(errors, on=on)
    return errors.metrics


def write_state(
    path: pathlib.Path, trained: Trained, split: Split, days: DaysBefore, repeats: bool
) -> dict[str, Any]:
    """Writes the training state beside the export to come; what its card has to say of it."""
    from tfrec_recall.upkeep.state import of_training

    with waiting("Keeping the training state"):
        told = {"batch_size": trained.settings.get("batch_size"), "repeats": repeats}
        state = of_training(path, trained.model, split, days, told)
    return state.card


def write_export(
    retriever: Retriever,
    path: pathlib.Path,
    split: Split,
    trained: Trained,
    days: DaysBefore | None,
    values: dict[str, Any],
) -> pathlib.Path:
    """The next version of an export, with what is known of it in its card."""
    from tfrec_recall.export import export
    from tfrec_recall.health import Reference, write_reference

    data = split.interactions
    values = {**values, **known_again(split)}
    with telling(), waiting(f"Exporting to {path}"):
        usual = None
        if days is not None:
            coded = trained.model.features.coded_columns()
            usual = Reference.of_days(retriever, days, data.users, data.items, coded=coded)
        version = export(
            retriever,
            path,
            metrics=values["metrics"],
            data={name: value for name, value in values.items() if name != "metrics"},
            features=trained.model.features.describe(),
            items=data.items,
            warmup=first_queries(retriever, split),
            beside=None if usual is None else partial(write_reference, reference=usual),
        )
    say("Exported to ", (str(version), "bold"))
    return version


def first_queries(retriever: Retriever, split: Split) -> dict[str, Any]:
    """What a few users would ask at their newest event, for a server to warm up with."""
    import numpy as np

    from tfrec_recall.evaluation import Queries
    from tfrec_recall.evaluation.queries import first_of_each

    data = split.interactions
    users = np.sort(split.test.targets["user_id"].unique())[:WARMUP]
    now = np.full(len(users), data.events["timestamp"].max()) if data.has_time else None
    context = first_of_each(split.test.targets, users)
    queries = Queries(retriever.inputs, users, split.test.history, data.users, now, context)
    return queries.batch(np.arange(len(users)))
