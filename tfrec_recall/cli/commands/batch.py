"""`tfrec-recall batch`."""

from __future__ import annotations

import enum
import pathlib
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tfrec_recall.cli.arguments import options
from tfrec_recall.cli.arguments.option_groups import takes
from tfrec_recall.cli.arguments.protocol import lists_repeats
from tfrec_recall.cli.arguments.queries import check_catalogue, context_of, parse_context
from tfrec_recall.cli.arguments.source import Source, telling
from tfrec_recall.cli.arguments.wishes import Wishes, wishes
from tfrec_recall.cli.console import progress, say, waiting, warn
from tfrec_recall.cli.histories import histories
from tfrec_recall.cli.loading import load_export, trained_on

if TYPE_CHECKING:
    from tfrec_recall.export import LoadedRetriever
    from tfrec_recall.operations import Answers, EveryUser, Requests

ALL = "all"


class What(enum.StrEnum):
    recommendations = "recommendations"
    similar_items = "similar-items"
    query_vectors = "query-vectors"
    item_vectors = "item-vectors"

    @property
    def of_items(self) -> bool:
        return self in (What.similar_items, What.item_vectors)

    @property
    def listed(self) -> bool:
        return self in (What.recommendations, What.similar_items)


@options.reads_data_of_users
@takes("wishes", made_by=wishes)
def batch(
    export: options.Export,
    source: Source,
    wishes: Wishes,
    out: Annotated[
        pathlib.Path,
        typer.Option(
            metavar="DIR",
            file_okay=False,
            help="The folder of the answers: new, empty, or one that the same command began.",
            show_default=False,
        ),
    ],
    users: Annotated[
        str,
        typer.Option(
            metavar="FILE|all",
            help="Who is asked about: all users of the data, or a Parquet file or folder with "
            "user_id and, where known, what the export is asked with (history as lists), what "
            "lists are chosen by (where_category as lists, max_price), and exclude, lists of items "
            "to leave out: without history and --data they alone are.",
        ),
    ] = ALL,
    what: Annotated[
        What,
        typer.Option(
            help="What is answered; similar items and item vectors are of the export's catalogue."
        ),
    ] = What.recommendations,
    k: Annotated[
        int | None,
        typer.Option(
            min=1, help="The length of the lists; the export's unless given.", show_default=False
        ),
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="What all requests tell of themselves, as for `recommend`.",
            show_default=False,
        ),
    ] = None,
    repeats: options.Repeats = None,
    batch_size: Annotated[
        int, typer.Option("--batch", min=1, help="Requests in one call of the graph.")
    ] = 512,
    part_size: Annotated[
        int, typer.Option("--part", min=1, help="Requests in a file of the answers.")
    ] = 10_000,
) -> None:
    """Answer for everybody, as Parquet in parts; the same command goes on where it was killed.

    Lists are a row an item: user_id, rank (from 1), item_id, score; of similar items: item_id,
    rank, similar_item_id, score; vectors a row a user, or a row each of their interests. What users
    had already is left out, unless the export was trained with --repeats. Requests are made at the
    time of the newest event of the data. All lists are chosen by --where and the like.
    """
    if what.of_items and (users != ALL or context or repeats is not None):
        raise typer.BadParameter(
            "similar-items and item-vectors are of the catalogue: leave --users, --context and "
            "--repeats, --no-repeats out",
            param_hint="--what",
        )
    if what.of_items:
        source.refuse("--what", f"{what.value} are of the catalogue, and no data is read")
    if repeats is not None and not what.listed:
        raise typer.BadParameter(
            "vectors list nothing: leave --repeats, --no-repeats out", param_hint="--what"
        )
    if k is not None and not what.listed:
        raise typer.BadParameter("vectors have no length of list: leave it out", param_hint="--k")
    if wishes and not what.listed:
        raise typer.BadParameter(
            "vectors are of whoever is asked about: leave --where, --where-not, --min and --max "
            "out",
            param_hint="--what",
        )
    said = parse_context(context or [])
    retriever = load_export(export)
    from tfrec_recall.export.place import refuse_among_versions
    from tfrec_recall.operations import answer_all

    refuse_among_versions(out, "--out")
    filters = wishes.of(retriever)
    kind = _answers(what, k or retriever.k, filters)
    kind.check(retriever)
    again = lists_repeats(trained_on(retriever), repeats)
    requests = _requests(retriever, source, users, what, said, again, filters)
    with progress("Answering") as tell:
        found = answer_all(retriever, requests, out, kind, batch_size, part_size, tell)
    if found.resumed:
        say(f"{found.resumed:,} of {found.parts:,} parts were there and were left as they are.")
    if found.empty:
        why = ": no item left is as --where and the like say" if filters else ""
        warn((f"{found.empty:,} of {found.requests:,} have no answer{why}.", "yellow"))
    say(f"{found.rows:,} rows for {found.requests:,} in ", (str(out), "bold"))


def _answers(what: What, k: int, filters: Mapping[str, Any]) -> Answers:
    from tfrec_recall import operations

    if what is What.recommendations:
        return operations.Recommendations(k, filters)
    if what is What.similar_items:
        return operations.SimilarItems(k, filters)
    vectors = what is What.query_vectors
    return operations.QueryVectors() if vectors else operations.ItemVectors()


def _requests(
    retriever: LoadedRetriever,
    source: Source,
    users: str,
    what: What,
    context: dict[str, str],
    repeats: bool,
    filters: Collection[str],
) -> Requests:
    """Who is asked about; data are read where they say what nothing else does.

    Args:
        filters: the names of those that all lists are chosen by.
    """
    from tfrec_recall.evaluation.queries import HISTORY
    from tfrec_recall.operations import EveryItem, UsersOfFile
    from tfrec_recall.operations.columns_of_users import EXCLUDE, columns_of, needed

    if what.of_items:
        return EveryItem(retriever, features=what is What.item_vectors)
    listed = what.listed and not repeats  # what users had is left out
    if users == ALL:
        return _everyone(retriever, source, context, not listed)
    columns = columns_of(users)
    lacking = needed(columns, retriever.inputs)
    twice = sorted({*columns} & {*context, *filters})
    if twice:
        raise ValueError(
            "What an option tells is the same of all requests, and no column tells it: leave the "
            f"option or the column out. Received: {', '.join(twice)} of both, in {users}."
        )
    everyone, unknown = None, listed and HISTORY not in columns
    if unknown and EXCLUDE in columns and source.place is None and not (lacking or context):
        say("Of each user only the items of exclude are left out; --data tells what they had, too.")
        unknown = False
    if unknown and not lacking and source.place is None and not trained_on(retriever).get("data"):
        raise ValueError(
            "Nothing tells what users had, which lists leave out: add a column history or exclude "
            f"to {users}, give --data, or take --repeats. Received columns: {', '.join(columns)}."
        )
    if lacking or unknown or context:
        everyone = _everyone(retriever, source, context, not listed, lacking)
    else:
        source.refuse("--users", f"{users} says all that is asked, and no data is read")
    with telling(), waiting(f"Looking through {users}"):
        requests = UsersOfFile(users, retriever, everyone, not listed)
    if requests.strangers:
        told = f"{requests.strangers:,} of {len(requests):,} users are not in the data"
        warn((f"{told}; asked as newcomers.", "yellow"))
    return requests


def _everyone(
    retriever: LoadedRetriever,
    source: Source,
    context: dict[str, str],
    repeats: bool,
    names: list[str] | None = None,
) -> EveryUser:
    """The users of the data, asked with the inputs of these names; None: with all."""
    from tfrec_recall.operations import EveryUser

    trained = trained_on(retriever)
    interactions, _ = histories(trained, retriever.path, source)
    check_catalogue(interactions, retriever)
    inputs = {n: spec for n, spec in retriever.inputs.items() if names is None or n in names}
    own = {str(column) for column in interactions.users}
    told = context_of(retriever, context, own, 1)
    empty = [name for name in told if name in inputs and name not in context]
    if empty:
        say(f"No request tells its {', '.join(empty)}: left empty.")
    return EveryUser(interactions, inputs, told, repeats)
