"""Folders whose files are parts of one table, and columns that are names of subfolders."""

from __future__ import annotations

import pathlib
import re
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from tfrec_recall.data.reading.forms import FORMATS, JSON_LINES, PARQUET, TEXT, suffix_of
from tfrec_recall.data.reading.packed import opened
from tfrec_recall.data.split_names import SPLIT

_NOTHING = "__HIVE_DEFAULT_PARTITION__"  # what Hive and Spark call the folder of missing values
# What files and folders of a split are called; perhaps with a number behind.
_OF_SPLIT = re.compile(rf"(?:.*[-_.])?(?P<part>{'|'.join(SPLIT)})(?:[-_.].*)?")
# Of tables whose files count only as a log says; what such a table is called, and what reads it.
LOGS: dict[str, tuple[str, str, str | None]] = {
    "_delta_log": ("Delta Lake", "delta", "delta_scan"),
    ".hoodie": ("Apache Hudi", "hudi", None),
    "metadata/*.metadata.json*": ("Apache Iceberg", "iceberg", "iceberg_scan"),
}


def parts_of(path: pathlib.Path) -> list[pathlib.Path]:
    """The file itself, or all parts in a folder and its subfolders, in the order of their names.

    A part has a suffix that says how it is written, or is called `part…` and has none. What begins
    with `_` or `.` is left by writers beside their parts and is none.

    Raises: ValueError if there is no part, if they are written in several forms, or for a table
        whose log says which of them count.
    """
    if not path.is_dir():
        return [path]
    parts = sorted(_parts(path))
    forms = {_form(part): part for part in parts}
    if not parts:
        raise ValueError(f"{path} is a folder without any part: {', '.join(FORMATS)}.")
    if len(forms) > 1:
        found = [str(part.relative_to(path)) for part in forms.values()]
        raise ValueError(
            f"{path}: all parts of one table are written in one form, as text with one separator, "
            f"JSON lines or Parquet. Received: {found}."
        )
    return parts


def parquet_parts(folder: pathlib.Path) -> list[pathlib.Path]:
    """The Parquet files of a folder and its subfolders, in the order of their names.

    Raises: ValueError for a table whose log says which of them count.
    """
    return sorted(part for part in _parts(folder) if suffix_of(part) in PARQUET)


def refuse_logged_table(folder: pathlib.Path) -> None:
    """Raises the ValueError of a table, or a part of one, whose log says which files count."""
    place = folder
    while True:
        for log in LOGS:
            if next(place.glob(log), None) is not None:
                raise logged_table(place, log)
        if "=" not in place.name and place.name != "data":  # these stand beside or below the log
            return
        place = place.parent


def logged_table(place: pathlib.Path | str, log: str) -> ValueError:
    """The error of a table with this log, one of `LOGS`."""
    called, form, function = LOGS[log]
    ways = [f"Spark's spark.read.format('{form}').load('{place}').write.parquet('plain')"]
    if function:
        ways.append(f"DuckDB's COPY (FROM {function}('{place}')) TO 'plain.parquet'")
    return ValueError(
        f"{place} is a table of {called}: its log says which files count, and those of rows that "
        "were removed or rewritten are still there. Write what counts as plain Parquet and give "
        f"that: {', or '.join(ways)}. Received: {log}."
    )


def refuse_split(folder: pathlib.Path, files: Iterable[pathlib.Path] | None = None) -> None:
    """Raises ValueError if files are parts of a split by their names, and nothing says so inside.

    They would become one table, and what is tested would be learnt. A name is also that of a
    subfolder, but for `column=value`; such a column may say the part, and then all is well.

    Args:
        files: of the table, where they are known; else they are looked for.
    """
    named: dict[tuple[str, ...], str] = {}  # the first file of those that are called alike
    for file in sorted(_parts(folder) if files is None else files):
        within = file.relative_to(folder)
        of = tuple(part for name in within.parts if "=" not in name for part in _of_split(name))
        said = (part for value in partition(folder, file).values() for part in _of_split(value))
        if of and next(said, None) is None:
            named.setdefault(of, within.as_posix())
    if len(named) > 1:
        parts = dict.fromkeys(part for of in named for part in of)
        moved = ", ".join(f"{folder.name}/split={part}/" for part in parts)
        raise ValueError(
            f"{folder}: files called after parts of a split would become one table, and what is "
            "tested would be learnt. Move each into a folder that says its part, which becomes the "
            f"column 'split' and is followed: {moved}; or give the table of events alone. "
            f"Received: {sorted(named.values())}."
        )


def _of_split(name: str | None) -> list[str]:
    """The part of a split that something is called after, if it is."""
    found = _OF_SPLIT.fullmatch((name or "").lower())
    return [SPLIT[found["part"]]] if found else []


def has_parts(folder: pathlib.Path, formats: Sequence[str]) -> bool:
    """Whether a folder holds parts in one of these formats."""
    return folder.is_dir() and any(suffix_of(part) in ("", *formats) for part in _parts(folder))


def is_one_table(folder: pathlib.Path, formats: Sequence[str]) -> bool:
    """Whether all files of a folder are parts of one table, by their names.

    Parquet files are. Others are if they are called `part…`, stand in folders `column=value`, or
    are several whose names differ in digits alone.
    """
    parts = [part for part in _parts(folder) if suffix_of(part) in ("", *formats)]
    if any(suffix_of(part) in PARQUET for part in parts):
        return True
    if not parts:
        return False
    if all(part.name.startswith("part") or partition(folder, part) for part in parts):
        return True
    return len(parts) > 1 and len({re.sub(r"\d+", "0", part.name) for part in parts}) == 1


def partition(folder: pathlib.Path, part: pathlib.Path) -> dict[str, str | None]:
    """The columns that the names of subfolders hold, `column=value`, as text.

    >>> partition(pathlib.Path("events"), pathlib.Path("events/day=3/item_id=0%2F7/part-0.csv"))
    {'day': '3', 'item_id': '0/7'}
    """
    if folder == part:
        return {}
    pairs = [name.partition("=") for name in part.relative_to(folder).parts[:-1]]
    return {
        name: None if value == _NOTHING else urllib.parse.unquote(value)
        for name, equals, value in pairs
        if equals
    }


def partitions(path: pathlib.Path) -> list[str]:
    """The columns that the names of subfolders hold; their text has no type."""
    return list(dict.fromkeys(name for part in parts_of(path) for name in partition(path, part)))


def with_partition(table: pa.Table, values: dict[str, str | None]) -> pa.Table:
    """The rows of a part, with the columns that the names of its folders hold.

    Raises: ValueError if the part has such a column itself, and it says something else.
    """
    for name, value in values.items():
        if name not in table.column_names:
            column = pa.repeat(pa.scalar(value, pa.large_string()), len(table))
            table = table.append_column(name, column)
            continue
        own = table[name].unique().to_pylist()
        other = next((one for one in own if str(one) != str(value)), value)
        if other != value:
            raise ValueError(
                f"column {name!r} is in the part and in the name of its folder, and they differ. "
                f"Received: {other!r} in {name}={value}."
            )
    return table


def is_empty(path: pathlib.Path) -> bool:
    """Whether nothing is in a file, packed or not: writers leave such parts where none fell."""
    with opened(path) as file:
        return not file.read(1)


def _parts(folder: pathlib.Path, within: tuple[pathlib.Path, ...] = ()) -> Iterator[pathlib.Path]:
    here = folder.resolve()
    if here in within:
        return  # a link back to a folder that holds it
    refuse_logged_table(folder)
    for path in folder.iterdir():
        if path.name.startswith(("_", ".")):
            continue
        if path.is_dir():
            yield from _parts(path, (*within, here))
        elif suffix_of(path) in FORMATS or (path.name.startswith("part") and not suffix_of(path)):
            check_link(path)
            if path.is_file():
                yield path


def check_link(path: pathlib.Path) -> None:
    """Raises the ValueError of a link to what is not there."""
    if path.is_symlink() and not path.exists():
        raise ValueError(f"{path} is a link to {path.readlink()}, which is not there.")


def _form(part: pathlib.Path) -> str:
    suffix = suffix_of(part)
    for form in (PARQUET, JSON_LINES):
        if suffix in form:
            return form[0]
    return suffix if suffix in TEXT else ""
