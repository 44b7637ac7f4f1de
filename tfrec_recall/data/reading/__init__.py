"""Tables from files of many kinds, without a change to any id on the way."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import pandas as pd

from tfrec_recall.data.checking.bad_rows import leaving_out
from tfrec_recall.data.checking.checks import check_rows
from tfrec_recall.data.notices import tell
from tfrec_recall.data.reading.alike import tell_of_names
from tfrec_recall.data.reading.columns import (
    KNOWN_OF_SOME,
    UNNAMED,
    Tables,
    check_known,
    check_rename,
    holds_nothing,
    holds_row_numbers,
    is_wanted,
    names_of,
    our_names,
    renamed,
)
from tfrec_recall.data.reading.delimited import read_delimited
from tfrec_recall.data.reading.finding import find_tables
from tfrec_recall.data.reading.forms import (
    FORMATS,
    JSON_LINES,
    PARQUET,
    TEXT,
    FilePath,
    stem_of,
    suffix_of,
)
from tfrec_recall.data.reading.json_lines import read_json_lines
from tfrec_recall.data.reading.layout import TABLES, Layout
from tfrec_recall.data.reading.nested import reached_into
from tfrec_recall.data.reading.parquet import read_parquet
from tfrec_recall.data.reading.parts import partitions, parts_of
from tfrec_recall.data.reading.types import typed

__all__ = [
    "FORMATS",
    "JSON_LINES",
    "PARQUET",
    "TABLES",
    "TEXT",
    "FilePath",
    "Layout",
    "Tables",
    "find_tables",
    "is_text",
    "read_parquet",
    "read_tables",
    "read_untyped",
    "renamed",
    "stem_of",
]
_OF_TEXT = ("names", "separator", "encoding", "quotes", "escape", "decimal")


def read_tables(paths: Mapping[str, pathlib.Path], layout: Layout | None = None) -> Tables:
    """The tables in these files, with our column names.

    Raises: ValueError naming the file that cannot be read, or the argument that has no effect.
    """
    layout = layout or Layout()
    tables: Tables = dict.fromkeys(TABLES)
    theirs: dict[str, list[str]] = {}
    untyped: dict[str, list[str]] = {}
    texts = 0
    for table, path in paths.items():
        tables[table], theirs[table], untyped[table] = _read(path, table, layout)
        texts += _is_text(path, layout)
    _refuse_without_effect(layout, texts, list(paths))
    check_rename(theirs, layout.rename)
    ours = {table: our_names(table, names, layout.rename) for table, names in theirs.items()}
    if layout.columns is not None:
        check_known("columns", layout.columns, ours)
    for table, names in ours.items():
        tell_of_names(table, names, tables[table])

    numbering: list[tuple[str, str]] | None = None  # as all of the rows say

    def plain(these: Mapping[str, pd.DataFrame | None]) -> Tables:
        nonlocal numbering
        found = typed(dict(these), untyped, layout)
        if numbering is None:
            numbering = _row_numbers(found, layout)
        found = _without_empty(_without_row_numbers(found, numbering))
        if layout.drop_bad_rows:  # before a mark among numbers has made text of all of them
            unit = None if layout.time_format else layout.time_unit or "s"
            check_rows(found, unit, layout.time_format)
        return found

    return leaving_out(plain, tables, layout.drop_bad_rows)


def read_untyped(
    path: pathlib.Path, layout: Layout, table: str = "events"
) -> tuple[pd.DataFrame, list[str]]:
    """One table by itself as it is written, and its columns of text without types."""
    frame, _, untyped = _read(path, table, layout)
    return frame, untyped


def is_text(path: pathlib.Path, separator: str | None = None) -> bool:
    """Whether a file, or a folder of parts, is text without types, by its name.

    Args:
        separator: what is said to stand between the cells, which makes text of JSON lines.
    """
    return _is_text(path, Layout(separator=separator))


def _is_text(path: pathlib.Path, layout: Layout) -> bool:
    suffix = suffix_of(parts_of(path)[0])
    return suffix not in PARQUET and (suffix not in JSON_LINES or layout.separator is not None)


def _read(
    path: pathlib.Path, table: str, layout: Layout
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """The wanted columns by our names, the file's own names, and the columns without types."""
    if _is_text(path, layout):
        frame, theirs = read_delimited(path, table, layout)
        return frame, theirs, names_of(frame)
    if suffix_of(parts_of(path)[0]) in JSON_LINES:
        return read_json_lines(path, table, layout)
    frame = read_parquet(path, reached_into(layout.rename, table))
    theirs = names_of(frame)
    names = our_names(table, theirs, layout.rename)
    text = {name for name in partitions(path) if isinstance(frame[name].dtype, pd.StringDtype)}
    untyped = [ours for own, ours in zip(theirs, names, strict=True) if own in text]
    frame = frame.set_axis(names, axis=1)
    return (
        frame[[name for name in names if is_wanted(table, name, layout.columns)]],
        theirs,
        untyped,
    )


def _refuse_without_effect(layout: Layout, texts: int, tables: list[str]) -> None:
    given = [name for name in _OF_TEXT if getattr(layout, name) is not None]
    if given and not texts:
        raise ValueError(
            f"{', '.join(given)} {'is' if len(given) == 1 else 'are'} for text files, and none is "
            f"read. Received: {', '.join(f'{name}={getattr(layout, name)!r}' for name in given)}."
        )
    for table in TABLES:
        if layout.names_of(table) is not None and table not in tables:
            raise ValueError(
                f"names gives the columns of {table}, and there is no such table. "
                f"Received: names={layout.names!r}."
            )


def _without_empty(tables: Tables) -> Tables:
    """The tables without columns that have neither name nor value, and times that nobody knows."""
    result: Tables = dict(tables)
    for table, frame in tables.items():
        if frame is None or not len(frame):
            continue
        for name in names_of(frame):
            looked_for = table == "events" and name in KNOWN_OF_SOME
            if (looked_for or UNNAMED.fullmatch(name)) and holds_nothing(frame[name]):
                tell(f"{table}: column {name!r} has no value in any row and is left out.")
                frame = frame.drop(columns=name)
        result[table] = pd.DataFrame(frame)
    return result


def _row_numbers(tables: Tables, layout: Layout) -> list[tuple[str, str]]:
    """The columns of row numbers that have no name of their own, each with its table."""
    wanted = {*(layout.columns or ()), *layout.rename.values(), *layout.dtype}
    return [
        (table, name)
        for table, frame in tables.items()
        if frame is not None
        for name in names_of(frame)
        if name not in wanted
        and f"{table}.{name}" not in wanted
        and holds_row_numbers(name, frame[name])
    ]


def _without_row_numbers(tables: Tables, numbering: Sequence[tuple[str, str]]) -> Tables:
    """The tables without these columns, which is told."""
    result: Tables = dict(tables)
    for table, name in numbering:
        tell(
            f"{table}: column {name!r} numbers the rows and is left out; "
            f"dtype={{{name!r}: 'int64'}} (--type '{name}=int64') keeps it."
        )
        frame = result[table]
        assert frame is not None  # it has the column
        result[table] = frame.drop(columns=name)
    return result
