"""Folders that are whole or not there at all, wherever Spark writes."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import pathlib
import re
import secrets
from collections.abc import Iterator
from typing import Any

from pyspark.sql import SparkSession

Folder = str | os.PathLike[str]
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?=/)")


def shared_path(what: str, folder: Folder) -> pathlib.Path:
    """The place, in this machine's file system, of what both Python and Spark's workers open.

    Args:
        what: the function, as the error calls it.
        folder: a path, or one with `file://`, whose signs are all taken as they are.

    Raises: ValueError for a place on another file system.

    >>> shared_path("write_parts", "file:///data/my shop")
    PosixPath('/data/my shop')
    """
    text = os.fspath(folder)
    scheme = _SCHEME.match(text)
    if scheme is None:
        return pathlib.Path(text).absolute()
    path = re.sub("^//(localhost)?(?=/)", "", text[scheme.end() :])
    if scheme[1].lower() != "file" or path.startswith("//"):
        raise ValueError(
            f"{what} takes a place in the file system that this machine and the workers share: "
            "give its path without a scheme, such as that where a volume or a bucket is mounted. "
            f"Received: {text!r}."
        )
    return pathlib.Path(path)


def for_spark(path: pathlib.Path) -> str:
    """A path of `shared_path` as Spark takes it, which quotes signs itself, `%` among them."""
    return f"file://{path}"


@contextlib.contextmanager
def whole_folder(spark: SparkSession, folder: Folder) -> Iterator[str]:
    """A temporary sibling to fill; it becomes the folder when the block ends without an error.

    The folder may be on any file system that Spark knows. Where renaming is copying, as in object
    stores, a killed program can leave a part of it.

    Raises: ValueError if the folder exists.
    """
    name = str(folder).rstrip("/")
    above, slash, last = name.rpartition("/")
    sibling = f"{above}{slash}.{last}.{secrets.token_hex(4)}"
    if exists(spark, name):
        raise ValueError(f"{name} is there already: remove it, or write to another folder.")
    system, here = _place(spark, sibling)
    system.mkdirs(here)
    try:
        yield sibling
        if not system.rename(here, _place(spark, name)[1]):
            raise OSError(f"{sibling} could not be renamed to {name}.")
    finally:
        system.delete(here, True)


def exists(spark: SparkSession, path: Folder) -> bool:
    """Whether there is a file or folder."""
    system, here = _place(spark, str(path))
    return bool(system.exists(here))


def holds(spark: SparkSession, folder: Folder, pattern: str) -> bool:
    """Whether a folder has a file of such a name; a pattern may begin with a subfolder, `a/*.b`."""
    within, slash, name = pattern.rpartition("/")
    place = f"{str(folder).rstrip('/')}{slash}{within}"
    if "*" not in name:
        return exists(spark, f"{place}/{name}")
    if not exists(spark, place):
        return False
    system, here = _place(spark, place)
    files = (one.getPath().getName() for one in system.listStatus(here))
    return any(fnmatch.fnmatchcase(file, name) for file in files)


def with_those_above(spark: SparkSession, path: Folder) -> Iterator[tuple[str, str]]:
    """A place and all that it is within, up to the root of its file system, with their names."""
    system, here = _place(spark, str(path))
    place = system.makeQualified(here)
    while place is not None:
        yield str(place), str(place.getName())
        place = place.getParent()


def is_local(spark: SparkSession, path: Folder) -> bool:
    """Whether a path without a scheme is of this machine, and not of a cluster's file system."""
    system, _ = _place(spark, str(path))
    return bool(system.getUri().getScheme() == "file")


def whole_path(spark: SparkSession, path: Folder) -> str:
    """The path from the root of its file system on, without scheme and host."""
    system, here = _place(spark, str(path))
    return str(system.makeQualified(here).toUri().getPath())


def _place(spark: SparkSession, path: str) -> tuple[Any, Any]:
    """Hadoop's file system, and the path there."""
    java: Any = spark.sparkContext._jvm
    place = java.org.apache.hadoop.fs.Path(path)
    return place.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()), place
