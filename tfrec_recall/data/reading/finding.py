"""Where the tables of a data set are, and in which form."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping, Sequence

from tfrec_recall.data.reading.layout import TABLES

FilePath = str | os.PathLike[str]

PARQUET = (".parquet",)
_PACKED = ("", ".gz", ".bz2", ".zst")
TEXT = tuple(f"{suffix}{packed}" for suffix in (".csv", ".tsv", ".dat") for packed in _PACKED)
JSON_LINES = tuple(
    f"{suffix}{packed}" for suffix in (".jsonl", ".ndjson", ".json") for packed in _PACKED
)
FORMATS = (*PARQUET, *TEXT, *JSON_LINES)
_SEPARATORS = {".csv": ",", ".tsv": "\t", ".dat": "::"}


def suffix_of(path: pathlib.Path) -> str:
    """The suffix that says how a file is written, without that of its compression.

    >>> suffix_of(pathlib.Path("a.b/events.CSV.gz"))
    '.csv'
    """
    name = path.name.lower()
    for packed in _PACKED[1:]:
        name = name.removesuffix(packed)
    return pathlib.PurePath(name).suffix


def stem_of(path: pathlib.Path) -> str:
    """The name of a file or folder without the suffixes that say how it is written.

    >>> stem_of(pathlib.Path("shop/events.v2.csv.gz"))
    'events.v2'
    """
    suffix = suffix_of(path)
    if suffix not in FORMATS:
        return path.stem if path.is_file() else path.name
    return path.name[: path.name.lower().rindex(suffix)]


def separator_of(path: pathlib.Path, given: str | None) -> str:
    """What stands between the cells of a text file.

    Raises: ValueError if the name of the file does not say it.
    """
    separator = given or _SEPARATORS.get(suffix_of(path))
    if separator is None:
        raise ValueError(
            f"{path}: say how the file is written. Its name ends in none of {', '.join(FORMATS)}; "
            "for text, separator=',' (--separator ,) says what stands between the cells."
        )
    return separator


def find_tables(
    place: FilePath, elsewhere: Mapping[str, FilePath | None], formats: Sequence[str] = FORMATS
) -> dict[str, pathlib.Path]:
    """Where each table is: `events`, and `users` and `items` if there are any.

    Args:
        place: the file of events, a folder of its Parquet parts, or a folder that has a file
            `events` or a folder of parts `events`, and users and items alike.
        elsewhere: the files of tables that are not there.
        formats: the suffixes looked for.

    Raises: ValueError if something is not there, or there twice.
    """
    place = pathlib.Path(place)
    found = {table: pathlib.Path(path) for table, path in elsewhere.items() if path is not None}
    if place.is_dir():
        for table in TABLES:
            choices = [place / f"{table}{suffix}" for suffix in formats]
            if ".parquet" in formats:
                choices.append(place / table)
            present = [choice for choice in choices if choice.exists()]
            if len(present) > 1 and table not in found:
                names = [path.name for path in present]
                raise ValueError(f"{place}: {table} is there twice, remove one. Received: {names}.")
            for path in present:
                found.setdefault(table, path)
        alone = not any(path.parent == place for path in found.values())
        if alone and ".parquet" in formats and any(place.rglob("*.parquet")):
            found["events"] = place  # a folder of parts
        if "events" not in found:
            listed = sorted(path.name for path in place.iterdir())[:10]
            plain = [
                suffix for suffix in formats if suffix_of(pathlib.Path("x" + suffix)) == suffix
            ]
            raise ValueError(
                f"{place}: no table of events, that is events{' or events'.join(plain)}"
                f"{' or a folder events' if '.parquet' in formats else ''}. A file of another name "
                "is given itself, in place of the folder; users and items of other names by "
                f"users=… and items=… (--users, --items). Received: {listed}."
            )
    else:
        found["events"] = place
    for table, path in found.items():
        if not path.exists():
            raise ValueError(f"{table}: there is no file or folder {path}.")
    return {table: found[table] for table in TABLES if table in found}
