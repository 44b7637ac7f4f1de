"""Where an export can be written, and be read back by TensorFlow."""

from __future__ import annotations

import os
import pathlib

from tfrec_recall.data.files import check_folder, check_name
from tfrec_recall.export.version_files import GRAPH
from tfrec_recall.export.versions import version_folders


def check(path: str | os.PathLike[str]) -> None:
    """Raises what exporting to this path would raise, before the work for it is done.

    Raises: ValueError for a path that TensorFlow would not find again, or one that is a version or
        would be taken for one; OSError of the kind that occurred where nothing can be written.
    """
    check_name(os.path.abspath(path))  # it is to be found from anywhere
    refuse_a_version(path)
    try:
        check_folder(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise type(error)(error.errno, f"cannot export to {path}: {reason}") from error


def refuse_a_version(path: str | os.PathLike[str]) -> None:
    """Raises ValueError for a directory of versions that is a version itself, lies in one, or has a
    number for its name beside others: servers would take it for one."""
    place = pathlib.Path(path).resolve()
    inside = _version_around(place)
    if inside is None and place.name.isdecimal() and _holds_versions(place.parent):
        inside = place
    if inside is not None:
        raise ValueError(
            "An export is a directory of versions, and takes no other one into itself: name the "
            f"directory of all, {inside.parent}, or another one. Received: {path}."
        )


def refuse_among_versions(path: str | os.PathLike[str], option: str) -> None:
    """Raises ValueError for a folder that would lie in a directory of versions.

    Servers and `load` take a folder with a number for a name for a version there.

    Args:
        option: that the folder was given to, or the name of the argument.
    """
    place = pathlib.Path(path).resolve()
    around = next((one for one in (place, *place.parents) if _holds_versions(one)), None)
    around = around or _version_around(place)
    if around is not None:
        raise ValueError(
            f"{option} goes into a folder of its own, outside of exports, whose directories hold "
            f"versions alone. Received: {path}, in the export {around}."
        )


def refuse_in_version(path: str | os.PathLike[str], option: str) -> None:
    """Raises ValueError for a file that would lie among those of a version."""
    inside = _version_around(pathlib.Path(path).resolve())
    if inside is not None:
        raise ValueError(
            f"{option} is a file outside of the versions of exports, which stay as they were "
            f"written. Received: {path}, in {inside}."
        )


def _version_around(place: pathlib.Path) -> pathlib.Path | None:
    """The version that a place is, or lies in."""
    return next((one for one in (place, *place.parents) if (one / GRAPH).is_file()), None)


def _holds_versions(folder: pathlib.Path) -> bool:
    if not os.access(folder, os.R_OK):
        return False
    return any((one / GRAPH).is_file() for one in version_folders(folder).values())
