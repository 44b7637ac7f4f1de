"""MovieLens: films rated by volunteers since 1995, in the archives that GroupLens publishes.

Source: F. M. Harper, J. A. Konstan, "The MovieLens Datasets: History and Context", ACM TiiS 5(4),
2015, doi:10.1145/2827872. For research; GroupLens' terms, in the README of each archive, do not
allow redistribution without permission, so none of it is in this package.
"""

from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tfrec_recall.data.datasets import location, movielens_layouts
from tfrec_recall.data.datasets.archive import File, files_in
from tfrec_recall.data.datasets.download import Progress, fetch, published_md5
from tfrec_recall.data.datasets.tables import write_tables
from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.reading import Tables, find_tables, read_tables

MIRROR = "https://files.grouplens.org/datasets/movielens"


@dataclass(frozen=True)
class Archive:
    """One of GroupLens' archives.

    Args:
        stem: the name of the file without .zip.
        read: makes tables of its files.
        digest: of the file; None for the one that GroupLens replaces from time to time, which is
            compared with the .md5 they keep beside it.
    """

    stem: str
    read: Callable[[Mapping[str, File], pathlib.Path], Tables]
    digest: str | None


# SHA-256: TensorFlow Datasets' list of checksums. MD5: GroupLens' own ml-32m.zip.md5.
ARCHIVES = {
    "100k": Archive(
        "ml-100k",
        movielens_layouts.read_100k,
        "sha256:50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
    ),
    "1m": Archive(
        "ml-1m",
        movielens_layouts.read_1m,
        "sha256:a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
    ),
    "20m": Archive(
        "ml-20m",
        movielens_layouts.read_csv,
        "sha256:96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3",
    ),
    "25m": Archive(
        "ml-25m",
        movielens_layouts.read_csv,
        "sha256:8b21cfb7eb1706b4ec0aac894368d90acf26ebdfb6aced3ebd4ad5bd1eb9c6aa",
    ),
    "32m": Archive("ml-32m", movielens_layouts.read_csv, "md5:d472be332d4daa821edc399621853b57"),
    "latest-small": Archive("ml-latest-small", movielens_layouts.read_csv, None),
}


def load(
    size: str = "100k",
    path: str | os.PathLike[str] | None = None,
    *,
    download: bool = True,
    mirror: str = MIRROR,
    progress: Progress | None = None,
) -> Interactions:
    """The ratings, the films and, for 100k and 1m, the people of one MovieLens set.

    Events: user_id, item_id, timestamp, rating (stars). Items: title, release_year (missing for a
    few), genres (a list). Users of 100k and 1m: age (1m: the lower end of a range), gender,
    occupation, zip_code. Ids are strings.

    Looked for at the path, or else in TFREC_RECALL_DATA, in the cache (`~/.cache/tfrec_recall`) and
    on GroupLens' server; a download is compared with its digest and cached as Parquet.

    Args:
        size: 100k, 1m, 20m, 25m, 32m or latest-small.
        path: GroupLens' .zip, the folder it was unpacked to, or a folder with events.parquet.
        download: False never uses the network.
        mirror: the URL of the folder that has the archives.
        progress: called during the download with the bytes so far and in all (None if unknown).

    Raises: FileNotFoundError that names all the places looked at; ValueError for an archive that is
        damaged, hostile, or not what its name says.
    """
    archive = ARCHIVES.get(size)
    if archive is None:
        raise ValueError(f"MovieLens has the sizes {', '.join(ARCHIVES)}. Received: {size!r}.")
    name = f"movielens-{size}"
    if path is not None:
        return _read(location.existing(path), archive, name)
    file_names = (name, f"{name}.zip", archive.stem, f"{archive.stem}.zip")
    place = location.in_data_folder(*file_names)
    if place is not None:
        return _read(place, archive, name)
    cached = location.cache_folder() / name
    if not cached.is_dir():
        packaged = "it is not in there, as GroupLens' terms do not allow it"
        try:
            if not download:
                raise OSError("switched off by download=False")
            _download(archive, name, mirror, cached, progress)
        except OSError as error:
            message = location.not_found(name, file_names, packaged, f"{error}")
            raise FileNotFoundError(message) from error
    try:
        return _read(cached, archive, name)
    except ValueError as error:
        raise ValueError(
            f"The cache is damaged: remove {cached} and load again. {error}"
        ) from error


def _download(
    archive: Archive, name: str, mirror: str, cached: pathlib.Path, progress: Progress | None
) -> None:
    """Fills the cache from the web."""
    url = f"{mirror}/{archive.stem}.zip"
    cached.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cached.parent, prefix=".download-") as folder:
        path = pathlib.Path(folder) / f"{archive.stem}.zip"
        fetch(url, path, archive.digest or published_md5(url), progress)
        write_tables(_read(path, archive, name), cached)


def _read(place: pathlib.Path, archive: Archive, name: str) -> Interactions:
    """The data in Parquet tables, or in GroupLens' own files."""
    if (place / "events.parquet").exists():
        tables = read_tables(find_tables(place, {}))
    else:
        with files_in(place) as files:
            tables = archive.read(files, place)
    items = tables["items"]
    if items is not None and "genres" in items:
        tables["items"] = items.assign(
            genres=items["genres"].map(list)
        )  # not arrays, as in Parquet
    return Interactions(**tables, name=name)  # type: ignore[arg-type]
