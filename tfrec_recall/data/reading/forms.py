"""In which form a file is written, by its name."""

from __future__ import annotations

import os
import pathlib

FilePath = str | os.PathLike[str]

PARQUET = (".parquet",)
_PACKED = ("", ".gz", ".bz2", ".zst")
TEXT = tuple(f"{suffix}{packed}" for suffix in (".csv", ".tsv", ".dat") for packed in _PACKED)
JSON_LINES = tuple(
    f"{suffix}{packed}" for suffix in (".jsonl", ".ndjson", ".json") for packed in _PACKED
)
FORMATS = (*PARQUET, *TEXT, *JSON_LINES)
FORMS_ABOUT = ".csv, .tsv, .dat, .jsonl, .ndjson, .json (also .gz, .bz2, .zst) and .parquet"
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
    if path.name in ("", ".."):  # the folder we are in, or above it: what it is called
        path = path.resolve()
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
            f"{path}: say how the file is written. Its name ends in none of {FORMS_ABOUT}; for "
            "text, separator=',' (--separator ,) says what stands between the cells. What is "
            "packed otherwise has to be unpacked, and workbooks saved as CSV."
        )
    return separator
