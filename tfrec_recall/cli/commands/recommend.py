"""`tfrec-recall recommend`."""

from __future__ import annotations

from typing import Annotated

import typer

from tfrec_recall.cli import lists
from tfrec_recall.cli.arguments import options
from tfrec_recall.cli.arguments.option_groups import takes
from tfrec_recall.cli.arguments.protocol import lists_repeats
from tfrec_recall.cli.arguments.queries import of_items, of_users_in, parse_context, parts_of
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.arguments.wishes import Wishes, wishes
from tfrec_recall.cli.console import results, warn
from tfrec_recall.cli.histories import histories
from tfrec_recall.cli.loading import load_export, trained_on
from tfrec_recall.cli.outputs import output


@options.reads_data
@takes("wishes", made_by=wishes)
def recommend(
    export: options.Export,
    source: Source,
    wishes: Wishes,
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
    context: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="What the request tells of itself, for an export that learnt from columns of "
            "events: device=phone; may be given several times. What is not given is unknown.",
            show_default=False,
        ),
    ] = None,
    k: Annotated[int, typer.Option(min=1, help="How many items.")] = 10,
    repeats: options.Repeats = None,
    json: options.ListsJson = None,
) -> None:
    """Recommend items to users of the data, or to someone with a given history.

    What they had already is left out, unless the export was trained with --repeats. Titles are
    shown where the export holds them, ids elsewhere.
    """
    if sum(one is not None for one in (user, item, history)) != 1:
        raise typer.BadParameter(
            "give one of --user, --item and --history", param_hint="--user, --item, --history"
        )
    if user is None:
        named = "--history" if item is None else "--item"
        source.refuse(named, "the items are all that is asked with, and no data is read")
    said = parse_context(context or [])
    target = output(json, "--json")
    retriever = load_export(export)
    filters, trained = wishes.of(retriever), trained_on(retriever)
    again = lists_repeats(trained, repeats)
    if user is None:
        items = list(item or ()) if history is None else parts_of(history, retriever.item_ids)
        asked = of_items(retriever, items, said)
        found = lists.recommended(retriever, asked, [0], [None], k, filters, again)
    else:
        data, name = histories(trained, retriever.path, source)
        queries, rows = of_users_in(data, name, retriever, user, said)
        found = lists.recommended(retriever, queries, rows, user, k, filters, again)
    if filters:
        for one in found:
            if not one.items:
                whose = "this history" if one.user is None else f"user {one.user}"
                told = (
                    f"Nothing is listed for {whose}: no other item is as --where and the like say"
                )
                warn((f"{told}.", "yellow"))
    lists.show(found, retriever.items, target.tables() if target else results())
    if target is not None:
        values = {"export": str(retriever.path), "lists": lists.as_json(found, retriever.items)}
        target.write_json(values)
