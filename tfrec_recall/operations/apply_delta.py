"""The new version, of the old one and a delta."""

from __future__ import annotations

import os
import pathlib
import shutil
from typing import Any

import numpy as np
import pyarrow as pa

from tfrec_recall.export.next_version import next_version
from tfrec_recall.export.place import refuse_a_version
from tfrec_recall.export.version_files import fingerprint, newest_version
from tfrec_recall.export.versions import write_version
from tfrec_recall.operations import delta_files as files


def apply_delta(
    old: str | os.PathLike[str],
    delta: str | os.PathLike[str],
    to: str | os.PathLike[str] | None = None,
) -> pathlib.Path:
    """Writes the version that the delta was made for, its files byte for byte the same.

    Args:
        old: the directory of the versions, of which the newest is taken, or that of one version.
        delta: the folder that `write_delta` wrote.
        to: the directory of versions that is written to; by default that of the old one.

    Returns: the directory of the version, numbered after those that are there.

    Raises: FileNotFoundError if there is no export or no delta; ValueError if the delta is of
        another old version, or damaged, or a version was written meanwhile where this one goes:
        then no version is made. BlockingIOError where another process makes the next version there.
    """
    target = None if to is None else pathlib.Path(to)
    if target is not None:
        refuse_a_version(target)
    with next_version(pathlib.Path(old), target) as unchanged:
        before, folder = newest_version(pathlib.Path(old)), pathlib.Path(delta)
        manifest = _fitting(before, folder)

        def write(draft: pathlib.Path) -> None:
            for number, one in enumerate(manifest["files"]):
                if not one.get("made"):
                    _write_file(draft, number, one, before, folder)
            files.write_variables(draft, _values(manifest["tensors"], before, folder))
            wrong = [
                one["path"]
                for one in manifest["files"]
                if not (draft / one["path"]).is_file()
                or files.sum_of(draft / one["path"]) != one["sha256"]
            ]
            if wrong:
                raise ValueError(
                    "What the delta makes is not what it was written for: fetch it again, or the "
                    f"whole version. Received: {len(wrong)} files differ, the first are "
                    f"{wrong[:3]}."
                )
            unchanged("this delta was applied")

        return write_version(target or before.parent, write)


def _fitting(before: pathlib.Path, folder: pathlib.Path) -> dict[str, Any]:
    """The manifest of a delta; ValueError unless it is whole and goes on from this version."""
    manifest = files.read_manifest(folder)
    outside = [one["path"] for one in manifest["files"] if not _within(one["path"])]
    if outside:
        raise ValueError(f"A delta names files of a version alone. Received: {outside[:3]}.")
    expected, found = manifest["old"]["fingerprint"], fingerprint(before)
    if expected != found:
        raise ValueError(
            f"The delta goes on from the version {expected}, which was number "
            f"{manifest['old']['version']} where it was written. Received: {before}, {found}."
        )
    files.check_parts(folder, manifest)
    return manifest


def _within(path: str) -> bool:
    parts = pathlib.PurePosixPath(path)
    return not parts.is_absolute() and ".." not in parts.parts


def _write_file(
    draft: pathlib.Path,
    number: int,
    one: dict[str, Any],
    before: pathlib.Path,
    folder: pathlib.Path,
) -> None:
    path = draft / one["path"]
    path.parent.mkdir(parents=True, exist_ok=True)
    if one["kept"]:
        shutil.copyfile(before / one["path"], path)
        return
    packed = (folder / files.FILES / f"{number}.zst").read_bytes()
    path.write_bytes(pa.decompress(packed, one["size"], codec="zstd", asbytes=True))


def _values(
    tensors: list[dict[str, Any]], before: pathlib.Path, folder: pathlib.Path
) -> dict[str, np.ndarray]:
    """The variables of the new version by name."""
    old, found = files.tensors_of(before), {}
    there = set(files.names_of(old))
    for number, one in enumerate(tensors):
        path = folder / files.TENSORS
        source = files.read_source(path / f"{one['source']}.parquet")
        shape = tuple(one["shape"])
        new = files.read_new_rows(path / f"{number}.parquet", one["dtype"], shape[1:])
        rows = np.empty((len(source), *shape[1:]), new.dtype)
        rows[source < 0] = new
        if (source >= 0).any():
            known = files.value_of(old, one["name"]) if one["name"] in there else rows[:0]
            known = known.reshape(1) if known.ndim == 0 else known
            rows[source >= 0] = known[source[source >= 0]]
        found[one["name"]] = rows.reshape(shape)
    return found
