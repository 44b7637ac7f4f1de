"""Where a command leaves its results: a file, a pipe, a device, or stdout."""

from __future__ import annotations

import json
import os
import pathlib
import re
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from rich.console import Console

from tfrec_recall.cli.console import notices, results
from tfrec_recall.data.files import check_folder, replacing
from tfrec_recall.export.place import refuse_in_version

if TYPE_CHECKING:
    import pandas as pd

DASH = "-"
STDOUT, STDERR = 1, 2
MOST_LINKS = 40  # as many as Linux follows
_OPEN = re.compile(r"/(?:dev|proc/(?:self|thread-self|\d+))/fd/(\d+)")


class Output:
    """A place that can be written to, which is found out here, before the work for it begins.

    A file, also one behind links, is replaced whole or not at all, and its folder is made. What is
    no regular file is written to, and so is what this process has open already: `-`, /dev/stdout,
    or a shell's `>(…)`.

    Args:
        given: the path, or `-` for stdout.
        option: the option that it was given to, for messages.

    Raises: OSError of the kind that writing would meet; ValueError for a file of a version.
    """

    def __init__(self, given: str | os.PathLike[str], option: str):
        self.name, self.option = str(given), option
        self._open_file = STDOUT if self.name == DASH else _open_file(self.name)
        self._place = pathlib.Path(os.path.realpath(self.name))
        try:
            self._check()
        except OSError as error:
            reason = error.strerror or str(error)
            raise type(error)(f"{option} {self.name} cannot be written: {reason}.") from error

    @property
    def is_stdout(self) -> bool:
        return self._open_file == STDOUT

    @property
    def same(self) -> object:
        """Equal for two outputs that would overwrite one another."""
        return self._place if self._open_file is None else self._open_file

    def tables(self) -> Console:
        """Where tables go beside it: stdout, unless it has that for itself."""
        return notices() if self.is_stdout else results()

    @contextmanager
    def written(self) -> Iterator[BinaryIO]:
        """What the result is written into."""
        if self._open_file is not None:
            with _stream(self._open_file) as stream:
                yield stream
        elif _is_special(self._place):
            with open(self._place, "wb") as stream:
                yield stream
        else:
            self._place.parent.mkdir(parents=True, exist_ok=True)
            with replacing(self._place) as sibling, open(sibling, "wb") as stream:
                yield stream

    def write_json(self, values: Mapping[str, Any]) -> None:
        """Values as JSON, which has neither NaN nor infinities: they become null."""
        text = json.dumps(_finite(values), indent=2, ensure_ascii=False, allow_nan=False)
        with self.written() as stream:
            stream.write(f"{text}\n".encode("utf-8", "backslashreplace"))

    def write_parquet(self, table: pd.DataFrame) -> None:
        with self.written() as stream:
            table.to_parquet(stream, index=False)

    def _check(self) -> None:
        if self._open_file is not None:
            if not self.is_stdout and self._open_file != STDERR:
                os.fstat(self._open_file)
        elif _is_special(self._place):
            _require(os.access(self._place, os.W_OK), PermissionError, "no permission")
        else:
            _require(not self._place.is_dir(), IsADirectoryError, "it is a folder")
            writable = not self._place.exists() or os.access(self._place, os.W_OK)
            _require(writable, PermissionError, "no permission")
            check_folder(self._place.parent)
            refuse_in_version(self._place, self.option)


def output(given: str | os.PathLike[str] | None, option: str) -> Output | None:
    """The output that an option asks for, if it does."""
    return None if given is None else Output(given, option)


def refuse_the_same(*outputs: Output | None) -> None:
    """Raises ValueError if two of them would overwrite one another."""
    seen: dict[object, Output] = {}
    for one in outputs:
        if one is None:
            continue
        other = seen.setdefault(one.same, one)
        if other is not one:
            raise ValueError(
                f"{other.option} and {one.option} need two places. "
                f"Received: {other.name}, {one.name}."
            )


def _open_file(path: str) -> int | None:
    """The number of the open file that a path stands for by itself or by links, if it is one."""
    for _ in range(MOST_LINKS):
        found = _OPEN.fullmatch(os.path.abspath(path))
        if found:
            return int(found[1])
        if not os.path.islink(path):
            return None
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    return None  # a circle of links, which opening it will say


@contextmanager
def _stream(number: int) -> Iterator[BinaryIO]:
    """An open file to go on with where it stands; stdout and stderr are Python's own."""
    own = {STDOUT: sys.stdout, STDERR: sys.stderr}.get(number)
    if own is None:
        with os.fdopen(os.dup(number), "wb") as stream:
            yield stream
    else:
        own.flush()
        yield own.buffer
        own.flush()


def _is_special(place: pathlib.Path) -> bool:
    """Whether there is a pipe, a device or a socket."""
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _require(condition: bool, kind: type[OSError], reason: str) -> None:
    if not condition:
        raise kind(reason)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not abs(value) < float("inf") else value
