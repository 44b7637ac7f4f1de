"""Versioned directories that appear whole or not at all.

`<path>/<number>/` is a version, as TensorFlow Serving reads it. A new one is written into a hidden
sibling, brought to disk, and renamed. A writer that is killed leaves only the hidden sibling, and
the next one removes it: a lock, which ends with its process, tells the dead from the living.
"""

import contextlib
import errno
import fcntl
import os
import pathlib
import shutil
import uuid
from collections.abc import Callable, Iterator

DRAFT = ".incoming-"


def versions(path: str | os.PathLike) -> list[int]:
    """The numbers of the versions at a path, in order."""
    return sorted(version_folders(path))


def version_folders(path: str | os.PathLike) -> dict[int, pathlib.Path]:
    """The directories of the versions at a path, by number."""
    path = pathlib.Path(path)
    if not path.is_dir():
        return {}
    return {int(entry.name): entry for entry in path.iterdir() if _is_version(entry)}


def write_version(path: str | os.PathLike, write: Callable[[pathlib.Path], None]) -> pathlib.Path:
    """Writes the next version of a path: all of it or nothing.

    Args:
        path: the directory of the versions; made if it is not there.
        write: fills the empty directory that it is given.

    Returns: the directory of the new version, numbered one more than the highest.

    Raises: OSError of the kind that occurred (no space, no permission, the path is a file); then
        nothing has changed for a reader.
    """
    path = pathlib.Path(path)
    try:
        _make_directory(path)
        _remove_abandoned(path)
        with _draft(path) as draft:
            write(draft)
            _bring_to_disk(draft)
            return _publish(draft, path)
    except OSError as error:
        raise _explained(error, path) from error


def _is_version(entry: pathlib.Path) -> bool:
    return entry.name.isascii() and entry.name.isdecimal() and entry.is_dir()


def _make_directory(path: pathlib.Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, "there is a file of this name") from None


@contextlib.contextmanager
def _draft(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A locked, hidden, empty directory; gone at the end unless it was renamed."""
    while True:
        draft = path / f"{DRAFT}{uuid.uuid4().hex}"
        draft.mkdir()
        lock = _lock(draft)
        if lock is not None:
            break  # else another writer took it for abandoned, between these two lines
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        os.close(lock)


def _remove_abandoned(path: pathlib.Path) -> None:
    for entry in path.glob(f"{DRAFT}*"):
        lock = _lock(entry)
        if lock is not None:
            shutil.rmtree(entry, ignore_errors=True)
            os.close(lock)


def _lock(directory: pathlib.Path) -> int | None:
    """An open, locked directory; None if another process holds it, or removed it."""
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.stat(directory)
    except (BlockingIOError, FileNotFoundError):
        os.close(descriptor)
        return None
    return descriptor


def _bring_to_disk(directory: pathlib.Path) -> None:
    for folder, _, files in os.walk(directory):
        for name in (*files, "."):
            _sync(pathlib.Path(folder, name))


def _sync(path: pathlib.Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(draft: pathlib.Path, path: pathlib.Path) -> pathlib.Path:
    """Renames the draft to the next number; a number taken meanwhile is passed over."""
    number = max(versions(path), default=0) + 1
    while True:
        version = path / str(number)
        try:
            draft.rename(version)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
            number += 1
        else:
            _sync(path)
            return version


def _explained(error: OSError, path: pathlib.Path) -> OSError:
    """The same kind of error, saying what was being done and what is still whole."""
    kept = versions(path) if path.is_dir() else []
    whole = f"versions {kept} are as they were" if kept else "no version was made"
    reason = error.strerror or str(error)
    message = f"cannot export to {path}: {reason}; {whole}"
    if error.errno is None:
        return OSError(message)
    return OSError(error.errno, message, error.filename)
