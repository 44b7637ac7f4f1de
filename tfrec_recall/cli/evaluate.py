"""`tfrec-recall evaluate`."""

from __future__ import annotations

import enum
import pathlib
from typing import TYPE_CHECKING, Annotated

import typer

from tfrec_recall.cli import options
from tfrec_recall.cli.console import progress
from tfrec_recall.cli.figures import record, show, write_json, write_lists
from tfrec_recall.cli.loading import DEFAULT, load_data, load_export, trained_on

if TYPE_CHECKING:
    import pandas as pd

    from tfrec_recall.data import Interactions

CUTS = (10, 50, 100)


class On(enum.StrEnum):
    validation = "validation"
    test = "test"


def evaluate(
    export: options.Export,
    data: options.Data = None,
    rename: options.Rename = None,
    on: Annotated[On, typer.Option(help="The part of the split that is measured.")] = On.test,
    k: Annotated[int, typer.Option(min=1, help="Items ranked for each user.")] = 100,
    candidates: Annotated[
        pathlib.Path | None,
        typer.Option(
            metavar="FILE",
            exists=True,
            dir_okay=False,
            help="Parquet or CSV with user_id, item_id: rank only these items for each user.",
            show_default=False,
        ),
    ] = None,
    lists: Annotated[
        pathlib.Path | None,
        typer.Option(
            metavar="FILE",
            dir_okay=False,
            help="Write the ranked lists as Parquet: user_id, rank, item_id, score.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = None,
) -> None:
    """Measure an export, as it would be served, under the protocol of the data.

    Without `--data` it is the data set that the export was trained on.
    """
    retriever = load_export(export)
    trained = trained_on(retriever)
    source = data or trained.get("data") or DEFAULT
    interactions = load_data(source, rename if data else rename or trained.get("rename"))
    from tfrec_recall.data import standard
    from tfrec_recall.evaluation import evaluate

    split = standard(interactions)
    chosen = None if candidates is None else _read_candidates(candidates, interactions)
    with progress("Ranking") as tell:
        report = evaluate(
            retriever,
            split,
            on=on.value,
            cuts=tuple(sorted({cut for cut in CUTS if cut < k} | {k})),
            k=k,
            candidates=chosen,
            lists=lists is not None,
            progress=tell,
        )
    show(report)
    if lists is not None:
        write_lists(lists, report.lists)
    if json is not None:
        known = {name: trained.get(name) for name in ("model", "seed", "settings")}
        times = {name: trained.get(name) for name in ("train_seconds", "examples_per_second")}
        values = record(data=source, split=split.name, metrics=report.metrics, **known, **times)
        write_json(json, {**values, "on": on.value})


def _read_candidates(path: pathlib.Path, interactions: Interactions) -> pd.DataFrame:
    """The candidates, with ids of the data's types: text files have none."""
    from tfrec_recall.data import Interactions

    types = {column: str(interactions.events[column].dtype) for column in ("user_id", "item_id")}
    if path.suffix == ".csv":
        table = Interactions.from_csv(path, dtype=types).events
    else:
        table = Interactions.from_parquet(path).events
    for column, expected in types.items():
        if str(table[column].dtype) != expected:
            raise ValueError(
                f"{path}: {column} is of the data's type, {expected}. Received: "
                f"{table[column].dtype}, the first {table[column].iloc[0]!r}."
            )
    return table[["user_id", "item_id"]]
