"""Whether the program takes a command line: its own parser, and what is looked at before data."""

import contextlib
import functools
import inspect
import pathlib
import re
import tempfile

import typer

from tfrec_recall.cli.application import ANYWHERE, app
from tfrec_recall.cli.arguments.compared import parse_models
from tfrec_recall.cli.arguments.durations import seconds
from tfrec_recall.cli.arguments.protocol import parse_cuts
from tfrec_recall.cli.discovery import entry
from tfrec_recall.search import RANGES

NAMES = {one.name for one in app.registered_commands}
PLACEHOLDER = re.compile(r"[A-Z_]+")


@functools.cache
def command():
    """The program, whose commands look at what they are given, as far as they do without data."""
    checked = typer.Typer()
    checked.callback()(lambda: None)
    for one in app.registered_commands:
        checked.command(one.name)(_looking(one.callback))
    made = typer.main.get_command(checked)
    for one in made.commands.values():
        for parameter in one.params:
            parameter.callback = None  # which looks for a file
    return made


def _looking(callback):
    @functools.wraps(callback)
    def look(**given):
        of = callback
        while hasattr(of, "__wrapped__"):  # options that make one argument, by `takes`
            made_by = inspect.getclosurevars(of).nonlocals["made_by"]
            names = inspect.signature(made_by).parameters
            made_by(**{name: given[name] for name in names if name in given})
            of = of.__wrapped__
        for name, check in (("model", entry), ("budget", seconds), ("cuts", parse_cuts)):
            if given.get(name) is not None:
                check(given[name])
        if given.get("search"):
            assert set(given["search"].split(",")) <= set(RANGES)
        if "jobs" in given:  # compare
            _check_rows(given["models"], given["settings"] or ())

    return look


def _check_rows(models, settings):
    """Models are known, exports may be anywhere, and settings are of what is compared."""
    listed = (models or "").split(",")
    exports = {pathlib.PurePath(one).name for one in listed if "/" in one}
    rows = parse_models(",".join(one for one in listed if "/" not in one) or None)
    lost = {pair.partition("=")[0] for pair in settings} - rows.keys() - exports
    assert not lost, f"{sorted(lost)} are not compared"


def refusal(words, in_part=False):
    """What the program says against a command line; None where it takes it.

    Args:
        in_part: that something lacks is nothing to say, and capitals stand for any value.
    """
    words = [word for word in words if word not in ANYWHERE]
    if in_part:
        words = [words[0], *("1" if PLACEHOLDER.fullmatch(one) else one for one in words[1:])]
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        while True:
            try:
                command().main(words, prog_name="tfrec-recall", standalone_mode=False)
            except Exception as error:
                if not _made_of(str(error)):
                    kind = type(error).__name__
                    lacks = kind == "MissingParameter" or "requires an argument" in str(error)
                    return None if in_part and lacks else f"{kind}: {error}"
            else:
                return None


def _made_of(message):
    """Whether a message is of a file or folder that is not there, which then is."""
    lost = re.fullmatch(r"(file|dir|path) '([^'/][^']*)' does not exist\.", message)
    if lost:
        place = pathlib.Path(lost[2])
        place.parent.mkdir(parents=True, exist_ok=True)
        place.mkdir() if lost[1] == "dir" else place.touch()
    return bool(lost)
