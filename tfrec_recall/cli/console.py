"""What the terminal shows: results on stdout; progress, notices, warnings and errors on stderr.

A file in place of the terminal gets whole lines, without a sign that moves a cursor.
"""

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
ALARM = 3  # the exit code of a command that did what it was asked, and found what is not to be


class _Outlet(Console):
    """A console whose reader may stop, as `head` does: what is done goes on without it."""

    def on_broken_pipe(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.file.fileno())  # of other consoles, too
        os.close(nowhere)


def write_any_text() -> None:
    """From now on stdout takes any character: one that its encoding lacks is written as \\u2026.

    Otherwise it would be an error where a table is shown, when all the work for it is done.
    """
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:  # something else may stand in for it
        reconfigure(errors="backslashreplace")


def results() -> Console:
    """Where tables go; made when it is used, so that it follows a redirected stdout.

    Paths, ids and titles are shown as they are: no text is read as markup, here or in `notices`.
    What has a style is a `rich.text.Text`.
    """
    return _Outlet(highlight=False, markup=False, emoji=False)


def notices() -> Console:
    """Where everything goes that is not the result."""
    return _Outlet(stderr=True, highlight=False, markup=False, emoji=False)


_asked = {"notices": True}  # for by whoever runs the command


def only_warnings(wanted: bool = True) -> None:
    """From now on `say`, `waiting` and `progress` show nothing, or show it again; `warn` does."""
    _asked["notices"] = not wanted


def tells() -> bool:
    """Whether notices are asked for."""
    return _asked["notices"]


def is_live() -> bool:
    """Whether what is written moves before someone's eyes: notices, on a terminal."""
    console = notices()
    return tells() and console.file.isatty() and not console.is_dumb_terminal


def say(*parts: str | tuple[str, str]) -> None:
    """A notice of one line, unless only warnings are wanted: texts, and pairs of a text and its
    style.

    >>> say("Exported to ", ("saved_models/two_tower/1", "bold"))
    """
    if tells():
        warn(*parts)


def warn(*parts: str | tuple[str, str]) -> None:
    """As `say`, of what makes a result another one than was asked for: it is always shown."""
    notices().print(Text.assemble(*parts), soft_wrap=True)


def say_error(error: Exception) -> None:
    """An error as its message: one that was foreseen as it is, any other one with its type."""
    message = str(error) or type(error).__name__
    if not isinstance(error, EXPECTED):
        message = f"{type(error).__name__}: {message}\nThis is a fault of tfrec-recall."
    warn(("Error:", "bold red"), f" {message}")
    warn(("--debug shows where it comes from.", "dim"))


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
    if not is_live():
        say(f"{what} …")
        yield
        return
    with notices().status(Text(f"{what} …")):
        yield


@contextlib.contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar; gives the function that is told how many are done, of how many."""
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=notices(),
        transient=True,
        disable=not is_live(),
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
