"""Options that several commands have, so that they mean the same in all of them."""

from __future__ import annotations

import pathlib
from typing import Annotated

import typer

Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="A built-in data set, or a folder with events.parquet or events.csv, and users and "
        "items alike.",
        show_default=False,
    ),
]
Rename = Annotated[
    list[str] | None,
    typer.Option(
        "--rename",
        metavar="THEIRS=OURS",
        help="A column of the folder's tables by the name it has here, for instance "
        "visitorid=user_id. May be given several times.",
        show_default=False,
    ),
]
Export = Annotated[
    pathlib.Path,
    typer.Argument(help="A directory that `train --export` wrote, or one version in it."),
]
Json = Annotated[
    pathlib.Path | None,
    typer.Option(
        "--json",
        metavar="FILE",
        dir_okay=False,
        help="Write the figures as JSON.",
        show_default=False,
    ),
]
