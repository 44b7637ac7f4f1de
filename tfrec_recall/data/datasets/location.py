"""Where data is looked for: a path, TFREC_RECALL_DATA, the package, the cache, then the web."""

from __future__ import annotations

import os
import pathlib

VARIABLE = "TFREC_RECALL_DATA"


def existing(path: str | os.PathLike[str]) -> pathlib.Path:
    """The path that the user named, which has to be there: nothing else is looked at instead."""
    place = pathlib.Path(path).expanduser()
    if not place.exists():
        raise FileNotFoundError(
            f"There is no file or folder {place} (path={str(path)!r}). Without a path, the data is "
            f"looked for in {VARIABLE}, the package and the cache."
        )
    return place


def data_folder() -> pathlib.Path | None:
    """The folder that TFREC_RECALL_DATA names at this moment; None if it is not set, or empty.

    Raises: FileNotFoundError if it names something else than a folder. To go on without it would
        give the user other data than the variable says.
    """
    value = os.environ.get(VARIABLE)
    if not value:
        return None
    folder = pathlib.Path(value).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(
            f"The environment variable {VARIABLE} has to name a folder, with one folder a data "
            f"set. Correct it, or unset it. Received: {VARIABLE}={value!r}."
        )
    return folder


def in_data_folder(*names: str) -> pathlib.Path | None:
    """The first of these files or folders that is in TFREC_RECALL_DATA."""
    folder = data_folder()
    if folder is None:
        return None
    return next((folder / name for name in names if (folder / name).exists()), None)


def found_at(place: str | os.PathLike[str]) -> pathlib.Path | None:
    """The file or folder of this path, or else the one of this name in TFREC_RECALL_DATA."""
    path = pathlib.Path(place)
    if path.exists():
        return path
    return in_data_folder(path.name) if path.name == str(place) else None


def cache_folder() -> pathlib.Path:
    """`$XDG_CACHE_HOME/tfrec_recall`, or `~/.cache/tfrec_recall`; it need not exist."""
    # The XDG specification has relative paths ignored.
    base = pathlib.Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else pathlib.Path.home() / ".cache") / "tfrec_recall"


def not_found(name: str, file_names: tuple[str, ...], not_packaged: str, download: str) -> str:
    """The message when a data set is nowhere: every place, and what to do.

    Args:
        name: of the data set.
        file_names: what was looked for in TFREC_RECALL_DATA.
        not_packaged: why it is not in the package.
        download: what became of the download.
    """
    folder = data_folder()
    looked_for = " or ".join(file_names)
    variable = f"no {looked_for} in {folder}" if folder else f"not set (it may hold {looked_for})"
    return (
        f"The data set {name!r} was found in none of the places looked at:\n"
        f"  1. a path: none was given (path=...)\n"
        f"  2. {VARIABLE}: {variable}\n"
        f"  3. the package: {not_packaged}\n"
        f"  4. the cache: no {cache_folder() / name}\n"
        f"  5. download: {download}\n"
        f"Get the archive on any machine with a network, and give its path: "
        f"load({name!r}, path='<the .zip or the unpacked folder>')."
    )
