"""`tfrec-recall watch`."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tfrec_recall.cli.arguments import options
from tfrec_recall.cli.arguments.protocol import Protocol
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.console import ALARM, results, say, waiting, warn
from tfrec_recall.cli.loading import load_export, trained_on
from tfrec_recall.cli.outputs import output
from tfrec_recall.cli.recorded_layout import layout_for, said_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from tfrec_recall.data import Interactions
    from tfrec_recall.export import LoadedRetriever
    from tfrec_recall.health import Finding, Health

SHOWN = 12  # figures without an alarm, those furthest out


@options.reads_a_day
def watch(
    export: options.Export,
    source: Source,
    events: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="The events of the day, or of several, in any form that `train --data` reads.",
            show_default=False,
        ),
    ],
    item_vectors: Annotated[
        pathlib.Path | None,
        typer.Option(
            metavar="PATH",
            exists=True,
            help="Vectors that servers hold, as `batch --what item-vectors` writes them: looked at "
            "instead of those that the export makes of its items.",
            show_default=False,
        ),
    ] = None,
    false_alarms: Annotated[
        float,
        typer.Option(
            min=0.001,
            max=0.5,
            help="The share of days like those before the export with any alarm.",
        ),
    ] = 0.01,
    every: Annotated[bool, typer.Option("--every", help="Show every figure.")] = False,
    json: options.Findings = None,
) -> None:
    """Look whether a day is like the days before the export: inputs, vectors, index, lists.

    What was usual stands beside the export; no training data is read. The exit code is 3 where
    there is an alarm. A user's history is that of the day alone, then as now.
    """
    target = output(json, "--json")
    beside = target.tables() if target else results()
    retriever = load_export(export)
    named = {"events": events, "users": source.users, "items": source.items}
    files = {table: pathlib.Path(path) for table, path in named.items() if path is not None}
    for table, path in files.items():
        if not path.exists():
            raise FileNotFoundError(f"There are no {table} at {path}.")
    day = _of_day(retriever, files, source)
    users = _users(retriever, files, source) if "users" in files else None
    items = None
    if "items" in files:
        from tfrec_recall.cli.items_table import items_table

        of_items = said_of("items", source.layout, files)
        items = items_table(retriever, dataclasses.replace(source, layout=of_items))
    vectors = None if item_vectors is None else _vectors(item_vectors)
    from tfrec_recall.data.reading import is_text
    from tfrec_recall.health import watch as watched
    from tfrec_recall.health.watch import as_values

    untyped = [name for name, path in files.items() if is_text(path)]
    with waiting("Looking at the day"):
        found = watched(retriever, day, users, items, vectors, false_alarms, untyped=untyped)
    _show(found, every, beside)
    if target is not None:
        target.write_json(as_values(found))
    for one in found.alarms:
        warn((f"{one.check}: ", "bold red"), f"{one.where}, {one.before} before and {one.now} now")
    if found.alarms:
        raise typer.Exit(ALARM)
    say(("Like the days before.", "green"))


def _of_day(
    retriever: LoadedRetriever, files: Mapping[str, pathlib.Path], source: Source
) -> Interactions:
    """The events, with the names and times that the export was trained with, that would count."""
    from tfrec_recall.data.reading import find_tables

    found = find_tables(files["events"], {})
    layout = _as_trained(retriever, found, said_of("events", source.layout, files))
    day = Source(str(files["events"]), layout=layout).load()
    counted = Protocol.recorded(trained_on(retriever))
    if "rating" not in day.events:  # that it is gone is a finding
        counted = dataclasses.replace(counted, minimum_rating=None, keep_unrated=None)
    if not day.has_time:  # so is this
        counted = dataclasses.replace(counted, ties=None)
    return counted.counted(day)


def _as_trained(
    retriever: LoadedRetriever, files: Mapping[str, pathlib.Path], given: Mapping[str, Any]
) -> dict[str, Any]:
    """How files are written: as is said, or else as those of the training were, in all columns."""
    recorded = dict(trained_on(retriever).get("layout") or {})
    recorded.pop("columns", None)
    return layout_for(files, recorded, given)


def _users(
    retriever: LoadedRetriever, files: Mapping[str, pathlib.Path], source: Source
) -> pd.DataFrame:
    from tfrec_recall.cli.arguments.source import telling
    from tfrec_recall.data.reading import Layout, read_tables

    own = {"users": files["users"]}
    layout = _as_trained(retriever, own, said_of("users", source.layout, files))
    with telling():
        table = read_tables(own, Layout(**layout))["users"]
    if table is None or "user_id" not in table:
        raise ValueError(f"Users have a column user_id. Received: {source.users}.")
    return table


def _vectors(path: pathlib.Path) -> tuple[np.ndarray, np.ndarray]:
    """The ids and vectors in a Parquet file or a folder of its parts.

    Raises: ValueError where it lacks either, or some rows have no vector or one of another width.
    """
    import numpy as np
    import pyarrow.parquet as pq
    import tensorflow as tf

    from tfrec_recall.operations.arrow_tensors import raw_feature

    table = pq.read_table(path)
    lacking = {"item_id", "vector"} - set(table.column_names)
    if lacking or not len(table):
        raise ValueError(
            "--item-vectors has a row an item: item_id, vector. "
            f"Received: {len(table)} rows of {', '.join(table.column_names)}."
        )
    ids = table["item_id"].to_numpy()
    lists = raw_feature(table["vector"], tf.TensorSpec([None, None], tf.float32), "vector")
    widths = lists.row_lengths().numpy()
    width = max(1, widths.max())
    others = np.flatnonzero(widths != width)
    if len(others):
        raise ValueError(
            "--item-vectors has a vector in each row, all of one width: leave out items that have "
            f"none, as those that a delta removes. Received: {len(others):,} of {len(ids):,} rows "
            f"whose width is not {width}, the first of item {ids[others[0]]} with "
            f"{widths[others[0]]}."
        )
    return ids, lists.values.numpy().reshape(len(ids), width)


def _show(found: Health, every: bool, on: Console) -> None:
    on.print(
        f"{found.export}: {found.events:,} events, {found.units:,} users on a day"
        + (f", {found.drawn:,} of them drawn." if found.drawn < found.units else "."),
        soft_wrap=True,
    )
    alarms = len(found.alarms)
    rows = found.findings if every else found.findings[: alarms + SHOWN]
    table = Table(title="Before the export and now", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("figure", no_wrap=True)
    table.add_column("moved most")
    for name in ("before", "now", "change", "alarm", "chance"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in rows:
        table.add_row(*_row(one), style="bold red" if one.alarm else None)
    on.print(table)
    left = len(found.findings) - len(rows)
    if left:
        on.print(f"{left} more are less far out: --every shows them.")
    for lacking in found.unchecked:
        warn(("Not looked at: ", "yellow"), lacking)


def _row(one: Finding) -> tuple[str, ...]:
    numbers = (f"{one.change:.3f}", f"{one.bound:g}", f"{one.chance:.3f}")
    return (one.check, one.where, one.before, one.now, *numbers)
