"""`tfrec-recall reindex`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
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
from tfrec_recall.cli.arguments.source import Source, telling
from tfrec_recall.cli.console import progress, results, say
from tfrec_recall.cli.loading import load_export
from tfrec_recall.cli.outputs import output

if TYPE_CHECKING:
    import pandas as pd

    from tfrec_recall.export import LoadedRetriever
    from tfrec_recall.retrieval import Diversity

SHOWN = 5  # items that are named of those that came, went or changed


@options.reads_items
def reindex(
    export: options.Export,
    source: Source,
    index: Annotated[
        Kind | None,
        typer.Option(
            help="What searches the items; as in the export unless given.", show_default=False
        ),
    ] = None,
    scann_ops: ScannOps = True,
    recall: Recall = None,
    int8: Int8 = False,
    k: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many items a list has, for which the index is tuned; as in the export unless "
            "given.",
            show_default=False,
        ),
    ] = None,
    diverse_by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Of an export whose lists are spread over categories: the column of these.",
            show_default=False,
        ),
    ] = None,
    to: options.To = None,
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild",
            help="Build the index anew, where the tree of ScaNN's would be kept.",
        ),
    ] = False,
    json: options.Differences = None,
) -> None:
    """Write a new version over other items, embedded by the export itself, without training.

    The file of items is the whole catalogue, with the columns of the item features. The tree of an
    index of ScaNN is kept, new and moved items are put in, and its recall is measured; another
    index, or one for another --recall or --k, is built anew, of the same kind.

    What knows items by neighbours or scores of its training (item-cf, user-cf, neural-cf) takes
    items out and lists them again. A blend is made anew of its exports over these items, with its
    weights.
    """
    if source.items is None:
        raise typer.BadParameter("say where the items are", param_hint="--items")
    if index is not None:
        check_server(index, scann_ops)
    elif not scann_ops:
        raise typer.BadParameter(
            "without --index it is the export's, whatever the server has",
            param_hint="--no-scann-ops",
        )
    check_recall(index, recall)
    check_int8(index, int8)
    target = output(json, "--json")
    retriever = load_export(export)
    from tfrec_recall.cli.items_table import items_table
    from tfrec_recall.operations.index_settings import index_settings, with_recall
    from tfrec_recall.operations.reindex import reindex as reindexed

    items = items_table(retriever, source)
    diversity = None if diverse_by is None else _diversity(retriever, items, diverse_by)
    from tfrec_recall.retrieval import IndexNotice

    chosen = None if index is None else index_of(index, scann_ops, recall, int8)
    if chosen is None and recall is not None:
        if not retriever.report.get("index"):
            raise ValueError(
                "--recall is that of an index, and this export has none of its own: leave it out. "
                f"Received: {recall}."
            )
        chosen = with_recall(index_settings(retriever.report["index"]), recall)
    with telling(IndexNotice), progress("Embedding items") as tell:
        found = reindexed(export, items, chosen, to, diversity, tell, rebuild, k)
    changes = dataclasses.asdict(found.changes)
    beside = target.tables() if target else results()
    beside.print("Items: {:,} and now {:,}.".format(*changes["items"]), soft_wrap=True)
    for name in ("added", "removed", "changed"):
        beside.print(_named(name, changes[name]), soft_wrap=True)
    beside.print(
        f"Index: {_index(found.index)}; tuned with {found.tuned_with}.",
        soft_wrap=True,
    )
    say("Exported to ", (str(found.version), "bold"))
    if target is not None:
        values: dict[str, Any] = {"export": str(found.version), "from": str(found.before)}
        told_of = {"index": found.index, "tuned_with": found.tuned_with}
        target.write_json({**values, "catalogue": changes, **told_of})


def _index(told: Mapping[str, Any] | None) -> str:
    if told is None:
        return "none of its own"
    return f"{told['kind']}, recall {told['recall']:.3f}"


def _named(name: str, ids: list[Any] | None) -> str:
    if ids is None:
        return f"{name.capitalize()}: not known, as the export has no table of items."
    more = ", …" if len(ids) > SHOWN else ""
    shown = f": {', '.join(map(str, ids[:SHOWN]))}{more}" if ids else ""
    return f"{name.capitalize()}: {len(ids):,}{shown}"


def _diversity(retriever: LoadedRetriever, items: pd.DataFrame, column: str) -> Diversity:
    from tfrec_recall.retrieval import Diversity

    report = retriever.report
    if "diversity" not in report:
        raise ValueError(
            "The lists of this export are not spread over categories: leave --diverse-by out."
        )
    if column not in items:
        raise ValueError(
            f"--diverse-by is a column of the items. Received: {column!r}; there are "
            f"{', '.join(map(str, items))}."
        )
    return Diversity(items[column], report["diversity"], report["diversity_candidates"])
