"""Files that are whole or not there at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pathlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator

PATTERN = "*?[\\"  # signs that make a path a pattern to TensorFlow, which need not match itself


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """A temporary sibling to write; it takes the path's place when the block ends without an error.

    A reader sees the old file or the new one, never a part; after an error the old file stays and
    the sibling is removed.

    >>> import tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "notes.txt"
    >>> with replacing(path) as sibling:
    ...     _ = sibling.write_text("whole")
    >>> path.read_text()
    'whole'
    """
    path = pathlib.Path(path)
    sibling = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        yield sibling
        with open(sibling, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(sibling, path)
    finally:
        sibling.unlink(missing_ok=True)


@contextlib.contextmanager
def alone_in(folder: str | os.PathLike[str], doing: str) -> Iterator[None]:
    """Holds a folder, made where it is not there; the hold ends with the block or the process.

    Args:
        doing: what the others that hold it are doing, in words.

    Raises: BlockingIOError where another one holds it.
    """
    os.makedirs(folder, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BlockingIOError(
                error.errno, f"another process {doing} there", str(folder)
            ) from error
        yield
    finally:
        os.close(descriptor)  # and the lock goes with it, as it does with a killed process


@contextlib.contextmanager
def whole_folder(folder: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """A temporary sibling to fill; it becomes the folder when the block ends without an error.

    Raises: ValueError if the folder exists.
    """
    folder = pathlib.Path(folder)
    if folder.exists():
        raise ValueError(f"{folder} is there already: remove it, or write to another folder.")
    sibling = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    sibling.mkdir(parents=True)
    try:
        yield sibling
        os.replace(sibling, folder)
    finally:
        shutil.rmtree(sibling, ignore_errors=True)


def check_name(path: str | os.PathLike[str]) -> None:
    """Raises ValueError for a path that TensorFlow reads as a pattern."""
    signs = [sign for sign in PATTERN if sign in str(path)]
    if signs:
        raise ValueError(
            "TensorFlow takes a path with one of * ? [ \\ for a pattern and would not find what is "
            f"there: use a path without {' '.join(signs)}. Received: {path}."
        )


def check_folder(folder: str | os.PathLike[str]) -> None:
    """Raises what making a file in this folder would raise; leaves nothing, and makes no folder.

    Raises: OSError of the kind that occurred.
    """
    there = pathlib.Path(folder).resolve()
    while not there.exists() and there != there.parent:
        there = there.parent  # the folders below can be made where a file can be
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "there is a file of this name", str(there))
    with tempfile.TemporaryFile(dir=there):
        pass
