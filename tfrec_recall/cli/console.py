"""What the terminal shows: results on stdout; progress, notices and errors on stderr."""

from __future__ import annotations

import contextlib
import faulthandler
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

EXPECTED = (ValueError, OSError, ImportError)  # what goes wrong outside this program


def results() -> Console:
    """Where tables go; made when it is used, so that it follows a redirected stdout.

    Paths, ids and titles are shown as they are: no text is read as markup, here or in `notices`.
    What has a style is a `rich.text.Text`.
    """
    return Console(highlight=False, markup=False, emoji=False)


def notices() -> Console:
    """Where everything goes that is not the result."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def say(*parts: str | tuple[str, str]) -> None:
    """A notice of one line: texts, and pairs of a text and its style.

    >>> say("Exported to ", ("saved_models/two_tower/1", "bold"))
    """
    notices().print(Text.assemble(*parts), soft_wrap=True)


def say_error(error: Exception) -> None:
    """An error as its message: one that was foreseen as it is, any other one with its type."""
    message = str(error) or type(error).__name__
    if not isinstance(error, EXPECTED):
        message = f"{type(error).__name__}: {message}\nThis is a fault of tfrec-recall."
    say(("Error:", "bold red"), f" {message}")
    say(("--debug shows where it comes from.", "dim"))


def quiet() -> None:
    """Keeps the messages of TensorFlow and ScaNN off the terminal.

    Much of it is written by C++ to file descriptor 2, whatever the log levels say. Python's own
    stderr moves to a copy of that descriptor, so that progress and errors are still seen, and so
    does the message of a crash.
    """
    warnings.simplefilter("ignore")
    for name in ("tensorflow", "absl"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if sys.stderr is not sys.__stderr__ or sys.stderr is None:
        return  # something else has it, such as a test
    terminal = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="replace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    sys.stderr = terminal
    faulthandler.enable(terminal)


@contextlib.contextmanager
def waiting(what: str) -> Iterator[None]:
    """A spinner while something of unknown length runs; one line where there is no terminal."""
    console = notices()
    if not console.is_terminal:
        say(f"{what} …")
        yield
        return
    with console.status(Text(f"{what} …")):
        yield


@contextlib.contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar; gives the function that is told how many are done, of how many."""
    console = notices()
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
