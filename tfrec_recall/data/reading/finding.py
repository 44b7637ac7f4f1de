"""Where the tables of a data set are."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping, Sequence

from tfrec_recall.data.kinds import WrongKind, class_name
from tfrec_recall.data.reading.forms import FORMATS, FilePath, suffix_of
from tfrec_recall.data.reading.layout import TABLES
from tfrec_recall.data.reading.parts import (
    check_link,
    has_parts,
    is_one_table,
    refuse_logged_table,
    refuse_split,
)


def find_tables(
    place: FilePath, elsewhere: Mapping[str, FilePath | None], formats: Sequence[str] = FORMATS
) -> dict[str, pathlib.Path]:
    """Where each table is: `events`, and `users` and `items` if there are any.

    Args:
        place: the file of events, a folder of its parts, or a folder that has a file
            `events` or a folder of parts `events`, and users and items alike.
        elsewhere: the files of tables that are not there.
        formats: the suffixes looked for.

    Raises: ValueError if something is not there, or there twice; or for parts that are those of a
        split by their names alone.
    """
    if not isinstance(place, str | os.PathLike):
        ways = {"DataFrame": "Interactions(events, users, items) takes tables"}
        several = "a folder of its parts is one table, and pandas.concat joins several"
        raise WrongKind(
            "A file of events, or a folder of tables, is given by its path: "
            f"{ways.get(type(place).__name__, several)}. "
            f"Received: {class_name(type(place))}."
        )
    place = pathlib.Path(place)
    found = {table: pathlib.Path(path) for table, path in elsewhere.items() if path is not None}
    if place.is_dir():
        there = sorted(place.iterdir())
        for table in TABLES:
            if table in found:
                continue
            names = [f"{table}{suffix}" for suffix in formats]
            present = [path for name in names for path in there if path.name.lower() == name]
            for path in present:
                check_link(path)
            if has_parts(place / table, formats):
                present.append(place / table)
            if len(present) > 1:
                names = [path.name for path in present]
                raise ValueError(f"{place}: {table} is there twice, remove one. Received: {names}.")
            if present:
                found[table] = present[0]
        alone = not any(path.parent == place for path in found.values())
        if alone and is_one_table(place, formats):
            found["events"] = place  # a folder of parts
        if "events" not in found:
            listed = sorted(path.name for path in place.iterdir())[:10]
            plain = [
                suffix for suffix in formats if suffix_of(pathlib.Path("x" + suffix)) == suffix
            ]
            raise ValueError(
                f"{place}: no table of events, that is events{' or events'.join(plain)}"
                " or a folder events of their parts. A file of another name "
                "is given itself, in place of the folder; users and items of other names by "
                f"users=… and items=… (--users, --items).{_other_form(there)} Received: {listed}."
            )
    else:
        found["events"] = place
    for table, path in found.items():
        check_link(path)
        if not path.exists():
            raise ValueError(f"{table}: there is no file or folder {path}.")
        if not (path.is_file() or path.is_dir()):
            raise ValueError(
                f"{table}: {path} is a pipe or a device, and a file is read more than once: write "
                "what comes out of it to a file."
            )
        if path.is_dir():
            refuse_logged_table(path)
            refuse_split(path)
    return {table: found[table] for table in TABLES if table in found}


def _other_form(there: Sequence[pathlib.Path]) -> str:
    """What to do about a file of events that is written in none of the forms that are read."""
    found = [path.name for path in there if path.name.lower().startswith("events.")]
    if not found:
        return ""
    return (
        f" {found[0]} is there by its name alone: text is given itself, with separator=',' "
        "(--separator ,); archives have to be unpacked, and workbooks saved as CSV."
    )
