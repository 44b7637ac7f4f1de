"""`tfrec-recall demo`."""

from __future__ import annotations

import pathlib
import shlex
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from tfrec_recall.cli.arguments import options
from tfrec_recall.cli.arguments.option_groups import takes
from tfrec_recall.cli.arguments.protocol import RECORD, Protocol, protocol
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.commands.train import (
    K,
    check_place,
    indexed,
    measure,
    write_export,
)
from tfrec_recall.cli.console import say, waiting
from tfrec_recall.cli.discovery import entry
from tfrec_recall.cli.figures import record, show_comparison
from tfrec_recall.cli.runs.data_of_run import days_before

if TYPE_CHECKING:
    from tfrec_recall.data import Split

MODEL, YARDSTICK = "two-tower", "popular"
SETTINGS = {"patience": 2}  # the last thousandths of recall are not worth a minute here
CUSTOMERS = 3
HISTORY = (10, 60)  # events of a customer who is shown: enough to see a taste, few enough to read


@options.reads_data
@takes("measured", made_by=protocol)
def demo(
    source: Source,
    measured: Protocol,
    seed: Annotated[int, typer.Option(help="Of the training, and of who is shown.")] = 0,
    export: Annotated[
        pathlib.Path, typer.Option(metavar="DIR", file_okay=False, help="Where the export goes.")
    ] = pathlib.Path("saved_models/two_tower"),
) -> None:
    """From events to a served model in three minutes: train, compare, export, ask.

    Trains the two-tower model, compares it with most-popular, exports it with a ScaNN index, loads
    the export in a fresh process, and shows what it recommends to three customers.
    """
    begin = time.perf_counter()
    check_place(export)
    interactions = measured.counted(source.load())
    say(("1 ", "bold"), f"{interactions!r}")
    from tfrec_recall.cli.runs.training import train_model
    from tfrec_recall.retrieval import Exact, ScaNN

    split, repeats = measured.cut(interactions), bool(measured.repeats)
    say(("2 ", "bold"), f"Training {MODEL}, which stops by its recall on validation")
    yardstick = train_model(entry(YARDSTICK), split, {}, seed, repeats=repeats)
    trained = train_model(
        entry(MODEL), split, SETTINGS, seed, repeats=repeats, columns=source.columns
    )
    with waiting("Building the indexes"):
        exact = trained.model.retriever(interactions.items, index=Exact(), k=K)
        scann = indexed(trained, split, ScaNN(), K)
    say(("3 ", "bold"), "Measuring on test, over the whole catalogue")
    popular = yardstick.model.retriever(interactions.items, index=Exact(), k=K)
    report = measure(scann, split, repeats=repeats)
    show_comparison(
        {
            YARDSTICK: measure(popular, split, repeats=repeats),
            f"{MODEL}, exact": measure(exact, split, repeats=repeats),
            f"{MODEL}, ScaNN": report,
        }
    )
    values = record(
        model=MODEL,
        data=source.recorded()["data"],
        split=split.name,
        seed=seed,
        metrics=report.metrics,
        train_seconds=trained.seconds,
        examples_per_second=trained.examples_per_second,
        settings=trained.settings,
        best_epoch=trained.best_epoch,
        seconds_to_best=trained.seconds_to_best,
        curve=trained.curve,
        field_weights=trained.field_weights,
    )
    say(("4 ", "bold"), "Exporting the ScaNN retriever as a SavedModel")
    version = write_export(
        scann,
        export,
        split,
        trained,
        days_before(split),
        {**values, RECORD: measured.record(), **source.recorded()},
    )
    customers = _customers(split, seed)
    arguments = ["recommend", str(version), "--k", "5"]
    arguments += [part for customer in customers for part in ("--user", customer)]
    say(("5 ", "bold"), "Asking the export in a fresh process:")
    say((f"tfrec-recall {shlex.join(arguments)}", "dim"))
    command = [sys.executable, "-m", "tfrec_recall.cli", *arguments]
    answered = subprocess.run(command, stderr=sys.stderr)
    if answered.returncode:
        raise typer.Exit(answered.returncode)  # it has said why
    say(f"Done in {time.perf_counter() - begin:.0f} s.")


def _customers(split: Split, seed: int) -> list[str]:
    """Some test users whose history is neither short nor endless, drawn by the seed."""
    import numpy as np

    events = split.test.history["user_id"].value_counts(sort=False)
    events = events[events.index.isin(split.test.targets["user_id"])].sort_index()
    fit = events[events.between(*HISTORY)]
    fit = events if len(fit) < CUSTOMERS else fit
    drawn = np.random.default_rng(seed).permutation(fit.index.to_numpy())
    return [str(user) for user in drawn[:CUSTOMERS]]
