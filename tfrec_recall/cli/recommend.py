"""`tfrec-recall recommend`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from tfrec_recall.cli import options
from tfrec_recall.cli.console import results
from tfrec_recall.cli.loading import load_export, titles, trained_on
from tfrec_recall.cli.protocol import Protocol
from tfrec_recall.cli.queries import of_items, of_users, parts_of
from tfrec_recall.cli.source import Source

if TYPE_CHECKING:
    from tfrec_recall.evaluation import Queries
    from tfrec_recall.export import LoadedRetriever

SHOWN = 8  # items of a history


@options.reads_data
def recommend(
    export: options.Export,
    source: Source,
    user: Annotated[
        list[str] | None,
        typer.Option(help="A user of the data; may be given several times.", show_default=False),
    ] = None,
    item: Annotated[
        list[str] | None,
        typer.Option(
            help="An item that someone had who is in no data, as it is written; may be given "
            "several times, oldest first.",
            show_default=False,
        ),
    ] = None,
    history: Annotated[
        str | None,
        typer.Option(
            metavar="A,B,C",
            help="The same in one, for ids without commas.",
            show_default=False,
        ),
    ] = None,
    k: Annotated[int, typer.Option(min=1, help="How many items.")] = 10,
) -> None:
    """Recommend items to users of the data, or to someone with a given history.

    What they had already is left out. Titles are shown where the export holds them.
    """
    if sum(one is not None for one in (user, item, history)) != 1:
        raise typer.BadParameter(
            "give one of --user, --item and --history", param_hint="--user, --item, --history"
        )
    retriever = load_export(export)
    if user is None:
        items = list(item or ()) if history is None else parts_of(history, retriever.item_ids)
        queries, rows = of_items(retriever, items), [0]
        names = ["this history"]
    else:
        trained = trained_on(retriever)
        counted = Protocol.recorded(trained)  # histories of the events that it has learnt from
        queries, rows = of_users(retriever, user, source.or_of_card(trained), counted)
        names = [f"user {name}" for name in user]
    _show(retriever, queries, rows, names, k)


def _show(
    retriever: LoadedRetriever, queries: Queries, asked: list[int], names: list[str], k: int
) -> None:
    import numpy as np

    named = titles(retriever.items)
    rows = np.array(asked)
    seen = queries.seen(rows)
    item_ids, scores = retriever(queries.batch(rows), k=k, exclude=seen)
    for row, name in enumerate(names):
        history = [_plain(item) for item in seen[row].numpy()]
        history = [item for item in history if item not in ("", -1)]
        table = Table(box=SIMPLE_HEAD)
        table.add_column("", justify="right")
        table.add_column("item")
        if named is not None:
            table.add_column("title")
        table.add_column("score", justify="right")
        for place, (item, score) in enumerate(
            zip(item_ids[row].numpy(), scores[row].numpy(), strict=True)
        ):
            if not np.isfinite(score):
                break
            item = _plain(item)
            title = [] if named is None else [escape(str(named.get(item, "")))]
            table.add_row(str(place + 1), escape(str(item)), *title, f"{score:.3f}")
        latest = [
            str(item if named is None else named.get(item, item)) for item in history[-SHOWN:]
        ]
        more = f"{len(history) - SHOWN} others, then " if len(history) > SHOWN else ""
        results().print(f"[bold]Had:[/] {more}{escape('; '.join(latest)) or 'nothing'}")
        results().print(f"[italic]For {escape(name)}[/]", soft_wrap=True)  # ids are not folded
        results().print(table)


def _plain(item: bytes | int) -> str | int:
    return item.decode() if isinstance(item, bytes) else int(item)
