"""The commands under one name, and what happens when one of them fails."""

from __future__ import annotations

import itertools
import shlex
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import tfrec_recall
from tfrec_recall.cli.commands import (
    batch,
    blend,
    check,
    compare,
    datasets,
    delta,
    demo,
    diff,
    doctor,
    evaluate,
    models,
    recommend,
    reindex,
    serve,
    show,
    train,
    tune,
    update,
    watch,
)
from tfrec_recall.cli.console import only_warnings, quiet, say_error, warn, write_any_text

NAME = "tfrec-recall"
DEBUG = "--debug"
QUIET = "--quiet"
ANYWHERE = (DEBUG, QUIET)
MAY_BE_EMPTY = ("--history",)  # which is that of a newcomer

app = typer.Typer(
    name=NAME,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (
    datasets,
    models,
    train,
    evaluate,
    recommend,
    batch,
    blend,
    check,
    reindex,
    update,
    delta,
    watch,
    serve,
    show,
    diff,
    compare,
    tune,
    doctor,
    demo,
):
    command = module.__name__.rpartition(".")[2]
    app.command(command)(getattr(module, command))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{NAME} {tfrec_recall.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option(DEBUG, help="Show tracebacks and TensorFlow's own messages.")
    ] = False,
    only: Annotated[
        bool,
        typer.Option(
            QUIET, help="Show results, warnings and errors alone: no progress, no notices."
        ),
    ] = False,
) -> None:
    """Recall models for recommenders: train, measure, export and ask them."""
    only_warnings(only)
    context.call_on_close(lambda: only_warnings(False))
    if not debug:
        quiet()


def _empty(arguments: Sequence[str]) -> str | None:
    """The first option whose value is an empty text, or that there is such an argument.

    >>> _empty(["train", "popular", "--data", ""]), _empty(["train", "", "--export=x"])
    ('--data', 'An argument')
    """
    for before, argument in itertools.pairwise(["", *arguments]):
        option = before if before.startswith("--") and "=" not in before else "An argument"
        name, equals, value = argument.partition("=")
        if argument.startswith("--") and equals and not value:
            argument, option = "", name
        if not argument and option not in MAY_BE_EMPTY:
            return option
    return None


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command and exits: 0 done, 1 failed, 2 called wrongly, 130 interrupted; and 3 where
    `watch`, `check` or `update` did what it was asked, and the outcome is an alarm or a refusal.

    Args:
        arguments: those of the command line unless given; `--debug` and `--quiet` may stand
            anywhere in them.
    """
    write_any_text()
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    first = [option for option in ANYWHERE if option in arguments]
    arguments = first + [argument for argument in arguments if argument not in ANYWHERE]
    empty = _empty(arguments)
    if empty is not None:  # which would be as if it were not given, or be the folder we are in
        error = (
            f"{empty} is an empty text: is a variable of the shell not set? Give it a value, or "
            f"leave it out. Received: {shlex.join(arguments)}."
        )
        warn(("Error:", "bold red"), f" {error}")
        sys.exit(2)
    try:
        app(arguments, prog_name=NAME)
    except Exception as error:
        if DEBUG in first:
            raise
        say_error(error)
        sys.exit(1)
