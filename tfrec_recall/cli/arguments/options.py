"""Options that several commands have, so that they mean the same in all of them."""

from __future__ import annotations

import inspect
import pathlib
from collections.abc import Callable
from typing import Annotated, Any

import typer

from tfrec_recall.cli.arguments.option_groups import takes
from tfrec_recall.cli.arguments.source import Source, layout_of, parse_columns

PANEL = "Data"


def _option(help: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(
        *names, metavar=metavar, help=help, show_default=False, rich_help_panel=PANEL
    )


Export = Annotated[
    pathlib.Path,
    typer.Argument(help="A directory that `train --export` wrote, or one version in it."),
]


To = Annotated[
    pathlib.Path | None,
    typer.Option(
        metavar="DIR",
        file_okay=False,
        help="Write the version to this directory of versions; the export's own unless given.",
        show_default=False,
    ),
]


def _json(what: str) -> Any:
    return typer.Option(
        "--json",
        metavar="FILE",
        dir_okay=False,
        readable=False,
        allow_dash=True,
        help=f"Write the {what} as JSON; - is stdout, and tables then go to stderr.",
        show_default=False,
    )


Json = Annotated[pathlib.Path | None, _json("figures")]
ListsJson = Annotated[pathlib.Path | None, _json("lists")]
Differences = Annotated[pathlib.Path | None, _json("differences")]
Advice = Annotated[pathlib.Path | None, _json("advice")]
Findings = Annotated[pathlib.Path | None, _json("findings")]
Card = Annotated[pathlib.Path | None, _json("model card")]


Repeats = Annotated[
    bool | None,
    typer.Option(
        "--repeats/--no-repeats",
        help="List the items that users had already like all others, or leave them out; as the "
        "export was trained unless given.",
        show_default=False,
    ),
]


DropBadRows = Annotated[
    bool | None,
    _option(
        "Leave out rows without an id, with a time, rating, weight or part of a split that is none "
        "where the others have one, and all but the last row of a user or an item; how many is "
        "told. By default they are refused.",
        "--drop-bad-rows/--refuse-bad-rows",
    ),
]


def source(
    data: Annotated[
        str | None,
        _option(
            "A built-in data set; a folder with events, and users and items alike; or the file of "
            "events, or a folder of its parts: .csv, .tsv, .dat, .jsonl, .parquet, also .gz."
        ),
    ] = None,
    users: Annotated[str | None, _option("The file of users.", metavar="FILE")] = None,
    items: Annotated[str | None, _option("The file of items.", metavar="FILE")] = None,
    rename: Annotated[
        list[str] | None,
        _option(
            "A column by the name it has here: visitorid=user_id; users.id=user_id in one table; "
            "user.id=user_id of objects in JSON lines or Parquet. "
            "May be given several times, as may all that name a column.",
            metavar="THEIRS=OURS",
        ),
    ] = None,
    columns: Annotated[
        list[str] | None,
        _option(
            "Keep these columns alone beside ids, times, ratings and sessions; they become the "
            "features: items.category,age; as a kind of feature: items.title=Words. A column of "
            "events, events.device, is what a request tells of itself, before the choice.",
            metavar="COLUMNS",
        ),
    ] = None,
    no_header: Annotated[
        list[str] | None,
        _option(
            "The columns of a file without a header, in order: user_id,item_id,timestamp; "
            "items=item_id,title.",
            metavar="COLUMNS",
        ),
    ] = None,
    separator: Annotated[
        str | None, _option("What stands between the cells of text: ';', tab, '::'.")
    ] = None,
    encoding: Annotated[str | None, _option("Of text files: latin-1. By default UTF-8.")] = None,
    quotes: Annotated[
        bool | None,
        _option("Whether quotation marks in text quote a cell.", "--quotes/--no-quotes"),
    ] = None,
    escape: Annotated[
        str | None,
        _option(
            "A backslash, where it stands before quotation marks within a quoted cell, which are "
            "otherwise written twice: '\\'."
        ),
    ] = None,
    decimal: Annotated[
        str | None,
        _option(
            "What stands before the decimals of numbers: a comma, so that points part thousands; "
            "or a point, so that commas do."
        ),
    ] = None,
    type: Annotated[
        list[str] | None,
        _option("The type of a column; str keeps the text: zip=str.", metavar="COLUMN=TYPE"),
    ] = None,
    list: Annotated[
        list[str] | None,
        _option("A column of lists, and what parts them: genres=|.", metavar="COLUMN=SEPARATOR"),
    ] = None,
    time_unit: Annotated[
        str | None,
        _option(
            "Of timestamps that are numbers: s, ms, us, ns, days (since 1970), spreadsheet (its "
            "days), order (which event came first, and no time)."
        ),
    ] = None,
    time_format: Annotated[
        str | None, _option("Of timestamps that are written otherwise: %Y%m%d, '%d/%m/%Y %H:%M'.")
    ] = None,
    mend_ids: Annotated[
        bool | None,
        _option(
            "Make one id of ids that differ by blanks around them, by .0, by lost zeros or by an "
            "accent as one character or two; or keep them as they are. By default they are "
            "refused.",
            "--mend-ids/--keep-ids",
        ),
    ] = None,
    drop_bad_rows: DropBadRows = None,
) -> Source:
    """The data of a command, by the options that say what it is."""
    layout = layout_of(
        rename=rename,
        columns=columns,
        type=type,
        list=list,
        no_header=no_header,
        separator=separator,
        encoding=encoding,
        quotes=quotes,
        escape=escape,
        decimal=decimal,
        time_unit=time_unit,
        time_format=time_format,
        mend_ids=mend_ids,
        drop_bad_rows=drop_bad_rows,
    )
    wanted = None if columns is None else parse_columns(columns)
    return Source(data, users, items, layout, wanted)


DATA = tuple(inspect.signature(source).parameters)


def _without(*names: str) -> Callable[..., Source]:
    """The same without some of the options."""

    def fewer(**options: Any) -> Source:
        return source(**options)

    every = inspect.signature(source, eval_str=True)
    kept = [one for name, one in every.parameters.items() if name not in names]
    fewer.__signature__ = every.replace(parameters=kept)  # type: ignore[attr-defined]
    return fewer


reads_data = takes("source", made_by=source)
# Of everybody: `--users` says there who is asked about.
reads_data_of_users = takes("source", made_by=_without("users"))
# The file of items alone.
reads_items = takes(
    "source", made_by=_without("data", "users", "columns", "time_unit", "time_format", "mend_ids")
)
# A day's events, which `--events` says, and what is known of its users and items.
reads_a_day = takes("source", made_by=_without("data", "columns"))
# The same, of a command that says itself what its users and items are.
reads_new = takes("source", made_by=_without("data", "users", "items", "columns"))
