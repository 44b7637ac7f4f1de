"""`tfrec-recall check`."""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tfrec_recall.cli.arguments import options
from tfrec_recall.cli.arguments.protocol import parse_cuts
from tfrec_recall.cli.console import ALARM, results, say, waiting, warn
from tfrec_recall.cli.outputs import output

if TYPE_CHECKING:
    from tfrec_recall.operations.check import Check


def check(
    export: options.Export,
    batches: Annotated[
        str,
        typer.Option(metavar="N,N", help="Queries in the requests whose latency is measured."),
    ] = "1,16,256",
    requests: Annotated[int, typer.Option(min=1, help="How many are measured of each.")] = 100,
    tolerance: Annotated[
        float,
        typer.Option(min=0, help="Of numbers, as a share of the largest of their row."),
    ] = 1e-4,
    agree: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="The share of expected items that lists must have; below 1 for an approximate "
            "index on a machine of another kind.",
        ),
    ] = 1.0,
    json: options.Json = None,
) -> None:
    """Check an export: load it as a server does, and hold it to what it answered when written.

    Warm-up requests are replayed, latency and memory measured. The exit code is 3 where anything
    is not as it was written.
    """
    sizes = parse_cuts(batches, "--batches")
    if importlib.util.find_spec("tensorflow_serving") is None:
        raise ImportError(
            "`check` reads warm-up requests with tensorflow-serving-api: "
            "pip install 'tfrec-recall[serving]'."
        )
    target = output(json, "--json")
    with waiting(f"Checking {export}"):
        from tfrec_recall.operations.check import check as checked

        found = checked(export, sizes, requests, tolerance, agree)
    _show(found, target.tables() if target else results())
    if target is not None:
        target.write_json(dataclasses.asdict(found))
    for problem in found.problems:
        warn(("Not as it was written: ", "bold red"), problem)
    if found.problems:
        raise typer.Exit(ALARM)
    say(("As it was written.", "green"))


def _show(found: Check, on: Console) -> None:
    memory = found.memory
    on.print(
        f"{found.export}: loaded in {found.load_seconds:,.1f} s, {memory['loaded']:,.0f} MiB; "
        f"{memory['used']:,.0f} MiB after all requests.",
        soft_wrap=True,
    )
    table = Table(title="Answers", title_justify="left", box=SIMPLE_HEAD)
    for name in ("signature", "requests", "as expected", "largest difference"):
        table.add_column(name, justify="left" if name == "signature" else "right")
    for one in found.answers:
        shown = (str(one.requests), f"{one.share:.1%}", f"{one.difference:.2g}")
        table.add_row(one.signature, *shown)
    on.print(table)
    if not found.latency:
        return
    table = Table(title="Latency of a request, ms", title_justify="left", box=SIMPLE_HEAD)
    percentiles = list(found.latency[0].milliseconds)
    for name in ("queries", *percentiles, "queries a second"):
        table.add_column(name, justify="right")
    for latency in found.latency:
        cells = [f"{latency.milliseconds[name]:,.2f}" for name in percentiles]
        table.add_row(str(latency.batch), *cells, f"{latency.queries_per_second:,.0f}")
    on.print(table)
