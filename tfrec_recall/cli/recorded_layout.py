"""How other files than those of the training are written, by what its export recorded."""

from __future__ import annotations

import pathlib
import warnings
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from tfrec_recall.cli.arguments.source import that_say_something

if TYPE_CHECKING:
    import pandas as pd

OF_TEXT = ("separator", "encoding", "quotes", "escape", "decimal")
OF_TIMES = ("time_unit", "time_format")
_OF_COLUMNS = ("rename", "columns", "dtype", "lists", *OF_TIMES)


def layout_for(
    files: Mapping[str, pathlib.Path], recorded: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """The layout of these files: what is given, and what is recorded as far as it is of them.

    The training's is of three tables in one form. Of fewer, or in another form, reading refuses
    it: what is of text where none is text, columns that are not there, a way of writing times
    where they are dates.

    Args:
        files: of each table.
        recorded: what the export's card tells of its training's files.
        given: what the command itself says, which counts instead, and stays whole.

    Raises: ValueError for a file that cannot be read.
    """
    from tfrec_recall.data.reading import is_text

    recorded, given = that_say_something(recorded), that_say_something(given)
    texts = [table for table, path in files.items() if is_text(path, given.get("separator"))]
    kept = ("mend_ids", "drop_bad_rows", *(OF_TEXT if texts else ()))
    written = {**{name: recorded[name] for name in kept if name in recorded}, **given}
    own = {table: one for table, one in _by_table(recorded.get("names")).items() if table in texts}
    if own:
        written["names"] = {**own, **_by_table(given.get("names"))}
    if recorded.keys().isdisjoint(_OF_COLUMNS):
        return written
    named = {**recorded.get("rename", {}), **given.get("rename", {})}
    tables = {table: _as_written(path, table, written, named) for table, path in files.items()}
    rename = _renamed(recorded, given, tables)
    return {**written, **_there(recorded, given, tables, rename), "rename": rename}


def said_of(
    table: str, layout: Mapping[str, Any], files: Mapping[str, pathlib.Path]
) -> dict[str, Any]:
    """What a command says of one table where it reads several, each by itself.

    What is said of another of them by its name is not of this one, and neither is what is of text
    where another is text and this is not.
    """
    from tfrec_recall.data.reading import is_text

    others = files.keys() - {table}
    prefixes = tuple(f"{other}." for other in others)
    result = dict(layout)
    for name in {"rename", "dtype", "lists"} & result.keys():
        own = {key: one for key, one in result[name].items() if not key.startswith(prefixes)}
        result[name] = own
    if "names" in result:
        names = _by_table(result["names"])
        result["names"] = {other: one for other, one in names.items() if other not in others}
    separator = layout.get("separator")
    if not is_text(files[table], separator) and any(is_text(files[one]) for one in others):
        result = {name: value for name, value in result.items() if name not in OF_TEXT}
    return that_say_something(result)


def _by_table(names: Any) -> dict[str, Any]:
    if not names:
        return {}
    return dict(names) if isinstance(names, Mapping) else {"events": list(names)}


def _as_written(
    path: pathlib.Path, table: str, written: Mapping[str, Any], named: Iterable[str]
) -> pd.DataFrame:
    """The table with the file's own names; what there is to tell is told when it is read.

    Args:
        named: columns, among them fields of objects by their paths.
    """
    from tfrec_recall.data.notices import ReadingNotice
    from tfrec_recall.data.reading import Layout, read_untyped

    plain = {name: written[name] for name in (*OF_TEXT, "names") if name in written}
    paths = (name.removeprefix(f"{table}.") for name in named)
    plain["rename"] = {name: name for name in paths if "." in name}  # they become columns
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReadingNotice)
        frame, _ = read_untyped(path, Layout(**plain), table)
    return frame


def _meant(keys: Iterable[str], tables: Mapping[str, pd.DataFrame]) -> set[tuple[str, str]]:
    """The table and column of each that is named and there, `category` or `items.category`."""
    named = set(keys)
    columns = ((table, str(name)) for table, frame in tables.items() for name in frame)
    return {(table, name) for table, name in columns if named & {name, f"{table}.{name}"}}


def _renamed(
    recorded: Mapping[str, Any], given: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]
) -> dict[str, str]:
    """`rename`, by table: one of them may have a column by our name already, which stays one."""
    said: Mapping[str, str] = given.get("rename", {})
    before: Mapping[str, str] = recorded.get("rename", {})
    moved = _meant([*before, *said], tables)
    result = {}
    # What is said of one table counts for more than what is said of all.
    for theirs in sorted(before, key=lambda name: name.partition(".")[0] in tables):
        ours = before[theirs]
        for table, name in sorted(_meant([theirs], tables) - _meant(said, tables)):
            there = ours in tables[table] and (table, ours) not in moved
            if not there and ours not in said.values():
                result[f"{table}.{name}"] = ours
    return {**result, **said}


def _there(
    recorded: Mapping[str, Any],
    given: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    rename: Mapping[str, str],
) -> dict[str, Any]:
    """What is given of columns, and what is recorded of others that are there."""
    from tfrec_recall.data.columns.column_types import is_list
    from tfrec_recall.data.columns.times import ORDER, holds_dates
    from tfrec_recall.data.reading import renamed

    named = renamed(tables, rename)
    ours = {table: frame for table, frame in named.items() if frame is not None}
    lists = {(t, str(name)) for t, frame in ours.items() for name in frame if is_list(frame[name])}
    said = _meant([*given.get("dtype", {}), *given.get("lists", {})], ours)
    result: dict[str, Any] = {}
    for option, without in (("dtype", said), ("lists", said | lists)):
        own = recorded.get(option, {})
        kept = {key: own[key] for key in own if _meant([key], ours) - without}
        result[option] = {**kept, **given.get(option, {})}
    if "columns" in recorded and "columns" not in given:
        result["columns"] = [key for key in recorded["columns"] if _meant([key], ours)]
    if ("events", "timestamp") in _meant(["timestamp"], ours) and given.keys().isdisjoint(OF_TIMES):
        dates = holds_dates(ours["events"]["timestamp"])
        if not dates or recorded.get("time_unit") == ORDER:
            result.update({name: recorded[name] for name in OF_TIMES if name in recorded})
    return result
