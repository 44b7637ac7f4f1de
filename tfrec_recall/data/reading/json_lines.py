"""JSON lines: one object a line, its values of the types that JSON gives them."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.json as pj

from tfrec_recall.data.reading.columns import IDS, is_wanted, our_names
from tfrec_recall.data.reading.layout import Layout
from tfrec_recall.data.reading.parquet import to_frame
from tfrec_recall.data.reading.parts import is_empty, partition, parts_of, with_partition

_BLOCK = 2**25  # bytes; a line has to fit


def read_json_lines(
    path: pathlib.Path, table: str, layout: Layout
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """The wanted columns by our names, the names in the file, and the ids that came as text.

    Integers stay integers and strings strings. Ids with a number that int64 does not hold, such as
    13.0, are text, every digit as it is written: what they are is decided with the other tables.

    Raises: ValueError naming the file, and the line that cannot be read.
    """
    parts = parts_of(path)
    filled = [part for part in parts if len(parts) == 1 or not is_empty(part)]
    if not filled:
        raise ValueError(f"{path} cannot be read as JSON lines: all {len(parts):,} are empty.")
    found = _together({part: _named(part, partition(path, part)) for part in filled})
    theirs = list(found.column_names)
    names = our_names(table, theirs, layout.rename)
    as_text = [
        place
        for place, name in enumerate(names)
        if name in IDS and pa.types.is_floating(found.schema.field(place).type)
    ]
    for place, values in _as_written(filled, [theirs[place] for place in as_text]).items():
        found = found.set_column(theirs.index(place), place, pa.array(values, pa.large_string()))
    found = found.rename_columns(names)
    found = found.select([name for name in names if is_wanted(table, name, layout.columns)])
    folders = {name for part in filled for name in partition(path, part)}
    untyped = [
        ours for place, ours in enumerate(names) if place in as_text or theirs[place] in folders
    ]
    return to_frame(found), theirs, untyped


def _named(part: pathlib.Path, folders: dict[str, str | None]) -> pa.Table:
    """One file; what goes wrong in it names it, and the line."""
    try:
        return with_partition(_typed(part), folders)
    except pa.ArrowInvalid as error:
        for _ in _objects(part):  # raises for the line
            pass
        raise ValueError(
            f"{part} cannot be read as JSON lines: {error}. A value has one type in all lines."
        ) from error
    except (OSError, EOFError) as error:
        raise ValueError(f"{part} cannot be read as JSON lines: {error}") from error


def _together(tables: dict[pathlib.Path, pa.Table]) -> pa.Table:
    """The rows of all parts; what one lacks is missing in its rows.

    Raises: ValueError naming the part whose values are of other types than those before it.
    """
    schema = pa.schema([])
    for part, table in tables.items():
        try:
            schema = pa.unify_schemas([schema, table.schema], promote_options="permissive")
        except pa.ArrowException as error:
            raise ValueError(f"{part} has other types than the parts before it: {error}") from error
    return pa.concat_tables(list(tables.values()), promote_options="permissive").select(
        schema.names
    )


def _typed(path: pathlib.Path) -> pa.Table:
    """The table, its strings unchanged: pyarrow takes some for moments unless it is told."""
    options = pj.ReadOptions(block_size=_BLOCK)

    def read(schema: pa.Schema | None) -> pa.Table:
        with pa.input_stream(str(path), compression="detect") as file:
            return pj.read_json(file, options, pj.ParseOptions(explicit_schema=schema))

    found = read(None)
    moments = [field for field in found.schema if pa.types.is_timestamp(field.type)]
    if moments:
        return read(pa.schema([(field.name, pa.string()) for field in moments])).select(
            found.column_names
        )
    return found


def _as_written(parts: Sequence[pathlib.Path], names: list[str]) -> dict[str, list[str | None]]:
    """Numbers as the text that stands in the file."""
    values: dict[str, list[str | None]] = {name: [] for name in names}
    for part in parts if names else ():
        for line in _objects(part, numbers_as_text=True):
            for name in names:
                values[name].append(line.get(name))
    return values


def _objects(path: pathlib.Path, numbers_as_text: bool = False) -> Iterator[dict[str, Any]]:
    """The objects one by one: slow, and exact about the line that is wrong."""
    parsers: dict[str, Any] = {"parse_int": str, "parse_float": str} if numbers_as_text else {}
    kinds: dict[str, tuple[str, int]] = {}
    with pa.input_stream(str(path), compression="detect") as file:
        for number, line in enumerate(_lines(file), start=1):
            if not line.strip():
                continue
            try:
                found = json.loads(line, **parsers)
            except ValueError as error:  # UnicodeDecodeError is one
                raise ValueError(
                    f"{path}: line {number:,} is no JSON object ({error}). JSON lines have one "
                    f"object a line. Received: {_shown(line)}."
                ) from error
            if not isinstance(found, dict):
                raise ValueError(
                    f"{path}: line {number:,} is a {type(found).__name__}. JSON lines have one "
                    f"object a line. Received: {_shown(line)}."
                )
            if not numbers_as_text:
                _check_kinds(found, kinds, path, number)
            yield found


def _check_kinds(
    found: dict[str, Any], kinds: dict[str, tuple[str, int]], path: pathlib.Path, number: int
) -> None:
    """Refuses a value of another type than the lines before it have."""
    for name, value in found.items():
        if value is None:
            continue
        kind = "number" if type(value) in (int, float) else type(value).__name__
        known, line = kinds.setdefault(name, (kind, number))
        if kind != known:
            raise ValueError(
                f"{path}: {name!r} is a {kind} in line {number:,} and a {known} in line {line:,}: "
                f"a value has one type in all lines. Received: {str(value)[:80]!r}."
            )


def _lines(file: pa.NativeFile) -> Iterator[bytes]:
    rest = b""
    while block := file.read(2**22):
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    return repr(text if len(text) <= 120 else text[:120] + "…")
