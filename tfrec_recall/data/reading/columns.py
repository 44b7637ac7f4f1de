"""Which columns the tables have: their names become ours, and some are left out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

import pandas as pd

IDS = {  # and the tables where they are ids; elsewhere they are columns like others
    "user_id": ("events", "users"),
    "item_id": ("events", "items"),
    "session_id": ("events",),
}
KNOWN_OF_SOME = ("timestamp", "rating", "weight", "session_id", "event_type", "split")
RESERVED = tuple(dict.fromkeys((*IDS, *KNOWN_OF_SOME)))
UNNAMED = re.compile(r"Unnamed: \d+")  # what a column without a name is called
_ROW_NUMBERS = re.compile(r"Unnamed: \d+|index|level_0")

Tables = dict[str, pd.DataFrame | None]


def names_of(frame: pd.DataFrame) -> list[str]:
    """The names of a frame's columns, as text."""
    return [str(name) for name in frame]


def our_names(table: str, theirs: Sequence[str], rename: Mapping[str, str]) -> list[str]:
    """The names of a table's columns after renaming.

    Raises: ValueError for a name that comes twice.

    >>> our_names("users", ["id", "age"], {"users.id": "user_id", "items.id": "item_id"})
    ['user_id', 'age']
    """
    result = [rename.get(f"{table}.{name}", rename.get(name, name)) for name in theirs]
    taken = sorted({name for name in result if result.count(name) > 1})
    if not taken:
        _check_ids(table, theirs, result, rename)
        return result
    if len(set(theirs)) < len(theirs):
        remedy = (
            f"column names are unique, but {taken} comes more than once: change one of them in the "
            f"file, or name the columns in order, names={{{table!r}: [...]}} (--no-header "
            f"{table}=…), which takes the header for a record unless it is removed"
        )
    else:
        remedy = (
            f"rename would give several columns the name {taken}: rename or drop the other one "
            f"too; '{table}.theirs=ours' renames in this table alone"
        )
    raise ValueError(f"{table}: {remedy}. Received: columns {list(theirs)}, rename={dict(rename)}.")


def _check_ids(
    table: str, theirs: Sequence[str], ours: Sequence[str], rename: Mapping[str, str]
) -> None:
    """Refuses a name meant for one table that took the ids of another."""
    own, other = ("user_id", "item_id") if table == "users" else ("item_id", "user_id")
    if table == "events" or own in ours or other not in ours:
        return
    name = theirs[ours.index(other)]
    if rename.get(name) == other:
        also = {"users": "items", "items": "users"}[table]
        raise ValueError(
            f"{table}: rename makes {other!r} of its column {name!r}, and {own!r} is missing. Say "
            f"which table is meant: rename={{'{also}.{name}': {other!r}, '{table}.{name}': "
            f"{own!r}}} (--rename {also}.{name}={other} --rename {table}.{name}={own}). "
            f"Received: rename={dict(rename)}, columns {list(theirs)}."
        )


def check_rename(columns: Mapping[str, Iterable[str]], rename: Mapping[str, str]) -> None:
    """Raises the ValueError of a name that no table has."""
    have = {table: list(names) for table, names in columns.items()}
    known = {name for names in have.values() for name in names}
    known |= {f"{table}.{name}" for table, names in have.items() for name in names}
    absent = [theirs for theirs in rename if theirs not in known]
    if absent:
        raise ValueError(
            f"rename maps the data's column names to ours, but no table has {absent}. "
            f"Received: rename={dict(rename)}, columns {have}."
        )


def check_known(argument: str, named: Iterable[str], columns: Mapping[str, Iterable[str]]) -> None:
    """Raises the ValueError of an argument that names a column, by our names, that is nowhere."""
    have = {table: list(names) for table, names in columns.items()}
    absent = [
        name
        for name in named
        if not any(
            name in (one, f"{table}.{one}") for table, names in have.items() for one in names
        )
    ]
    if absent:
        raise ValueError(
            f"{argument} names columns after renaming, but no table has {absent}. Received: {have}."
        )


def is_wanted(table: str, column: str, columns: Collection[str] | None) -> bool:
    """Whether a column is kept: all are unless some are named, and what is no feature always."""
    if columns is None or column in RESERVED:
        return True
    return column in columns or f"{table}.{column}" in columns


def renamed(tables: Mapping[str, pd.DataFrame | None], rename: Mapping[str, str] | None) -> Tables:
    """The tables with columns renamed, `{"their": "ours"}` or `{"users.their": "ours"}`.

    Raises: ValueError for a name that no table has, or one that a table has already.

    >>> tables = renamed({"events": pd.DataFrame({"sku": [1]}), "users": None}, {"sku": "item_id"})
    >>> list(tables["events"])
    ['item_id']
    """
    rename = dict(rename or {})
    frames = {table: frame for table, frame in tables.items() if frame is not None}
    check_rename({table: names_of(frame) for table, frame in frames.items()}, rename)
    result: Tables = dict(tables)
    for table, frame in frames.items():
        if rename:
            result[table] = frame.set_axis(our_names(table, names_of(frame), rename), axis=1)
    return result


def holds_row_numbers(name: str, values: pd.Series) -> bool:
    """Whether a column is what a program wrote beside the data: 0, 1, 2 … under no name.

    Without any name, whole numbers of which none comes twice are those of rows that were filtered
    or shuffled since.

    >>> numbers = pd.Series([0, 1, 2])
    >>> holds_row_numbers("Unnamed: 0", numbers), holds_row_numbers("age", numbers)
    (True, False)
    """
    if not _ROW_NUMBERS.fullmatch(name) or not pd.api.types.is_integer_dtype(values.dtype):
        return False
    if not len(values) or values.isna().any():
        return False
    if UNNAMED.fullmatch(name) and values.is_unique and bool((values >= 0).all()):
        return True
    first = values.iloc[0]
    return first in (0, 1) and bool((values.to_numpy() == range(first, first + len(values))).all())


def holds_nothing(values: pd.Series) -> bool:
    """Whether a column holds nothing, or blanks alone.

    >>> holds_nothing(pd.Series([None, " "], dtype="str")), holds_nothing(pd.Series([0]))
    (True, False)
    """
    if isinstance(values.dtype, pd.StringDtype):
        return not (values.str.strip().fillna("") != "").any()
    return bool(values.isna().all())
