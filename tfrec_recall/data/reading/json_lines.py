"""JSON lines, one object a line, or an array of objects; values of the types that JSON gives."""

from __future__ import annotations

import codecs
import io
import json
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from tfrec_recall.data.columns.arrow_frames import to_frame
from tfrec_recall.data.ids import is_unicode
from tfrec_recall.data.reading.columns import IDS, is_wanted, our_names
from tfrec_recall.data.reading.json_array import array_as_lines
from tfrec_recall.data.reading.layout import Layout
from tfrec_recall.data.reading.nested import reached_into, spread, value_at
from tfrec_recall.data.reading.other_files import refuse_other_file
from tfrec_recall.data.reading.packed import opened
from tfrec_recall.data.reading.parts import is_empty, partition, parts_of, with_partition

_BLOCK = 2**25  # bytes; a line has to fit
_EXACT = 2**53  # a double holds every whole number up to here
_DIGITS = re.compile(r"-?[0-9]+")


def read_json_lines(
    path: pathlib.Path, table: str, layout: Layout
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """The wanted columns by our names, the names in the file, and the ids that came as text.

    Integers stay integers and strings strings. Ids with a number that int64 does not hold, such as
    13.0, are text, every digit as it is written: what they are is decided with the other tables.
    Other columns of whole numbers that are too long for int64 are text as well.

    Raises: ValueError naming the file, and the line that cannot be read.
    """
    parts = parts_of(path)
    filled = [part for part in parts if len(parts) == 1 or not is_empty(part)]
    if not filled:
        raise ValueError(f"{path} cannot be read as JSON lines: all {len(parts):,} are empty.")
    found = _together(path, {part: _named(part, partition(path, part)) for part in filled})
    found = spread(found, reached_into(layout.rename, table))
    theirs = list(found.column_names)
    names = our_names(table, theirs, layout.rename)
    # Names of folders are text, unless the parts have the column themselves.
    is_text = [
        pa.types.is_string(one) or pa.types.is_large_string(one) for one in found.schema.types
    ]
    floating = [pa.types.is_floating(field.type) for field in found.schema]
    as_text = [place for place, name in enumerate(names) if floating[place] and name in IDS]
    long = [
        place
        for place in range(len(names))
        if floating[place] and place not in as_text and _is_long(found.column(place))
    ]
    written = _as_written(filled, [theirs[place] for place in (*as_text, *long)])
    for name, values in written.items():
        place = theirs.index(name)
        if place in as_text or all(one is None or _DIGITS.fullmatch(one) for one in values):
            found = found.set_column(place, name, pa.array(values, pa.large_string()))
    found = found.rename_columns(names)
    found = found.select([name for name in names if is_wanted(table, name, layout.columns)])
    folders = {name for part in filled for name in partition(path, part)}
    untyped = [
        ours
        for place, ours in enumerate(names)
        if place in as_text or (theirs[place] in folders and is_text[place])
    ]
    return to_frame(found), theirs, untyped


def _named(part: pathlib.Path, folders: dict[str, str | None]) -> pa.Table:
    """One file; what goes wrong in it names it, and the line."""
    try:
        refuse_other_file(part, None)
        found = _typed(part)
        found.validate(full=True)  # its text may be no UTF-8
        if not found.column_names:
            raise ValueError("there is no object in it, or none that holds a value.")
        if len(found) == 1 and all(pa.types.is_nested(field.type) for field in found.schema):
            raise ValueError(_ONE.format(found.column_names))
    except pa.ArrowInvalid as error:
        lines = sum(1 for _ in _objects(part))  # raises for the line
        if lines == 1:
            raise ValueError(
                f"{part} cannot be read as JSON lines: {_ONE.format(error)}"
            ) from error
        if not lines:
            raise ValueError(
                f"{part} cannot be read as JSON lines: there is no object in it."
            ) from error
        raise ValueError(
            f"{part} cannot be read as JSON lines: {error}. A value has one type in all lines."
        ) from error
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"{part} cannot be read as JSON lines: {error}") from error
    try:
        return with_partition(found, folders)
    except ValueError as error:
        raise ValueError(f"{part}: {error}") from error


_ONE = (
    "it is one object for all records. JSON lines have one object a record, and so have arrays: of "
    "a frame, to_json(path, orient='records', lines=True). Received: {}."
)


def _lines_of(path: pathlib.Path) -> tuple[BinaryIO, str]:
    """The lines of a file, or those that an array would be; and what an error calls one."""
    with opened(path) as file:
        begin = file.read(64).removeprefix(codecs.BOM_UTF8).lstrip()
    if not begin.startswith(b"["):
        return opened(path), "line"
    return io.BytesIO(array_as_lines(path)), "element"


def _is_long(column: pa.ChunkedArray) -> bool:
    """Whether numbers are beyond what a double holds exactly."""
    return bool(pc.any(pc.greater_equal(pc.abs(column), _EXACT)).as_py())


def _together(path: pathlib.Path, tables: dict[pathlib.Path, pa.Table]) -> pa.Table:
    """The rows of all parts; what one lacks is missing in its rows.

    Whole numbers beside 13.0 in another part are doubles, as in one file: those that a double does
    not hold are read again, as text.

    Raises: ValueError naming the part whose values are of other types than those before it.
    """
    schema = pa.schema([])
    for part, table in tables.items():
        try:
            schema = pa.unify_schemas([schema, table.schema], promote_options="permissive")
        except pa.ArrowException as error:
            raise ValueError(f"{part} has other types than the parts before it: {error}") from error
    fitting = [_with_doubles(table, schema) for table in tables.values()]
    try:
        whole = pa.concat_tables(fitting, promote_options="permissive")
    except pa.ArrowException as error:  # of numbers in lists
        raise ValueError(
            f"{path}: the parts have other types than each other: {error}. A value has one type in "
            "all of them."
        ) from error
    return whole.select(schema.names)


def _with_doubles(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with doubles for whole numbers, in the columns where the schema has them."""
    for place, field in enumerate(table.schema):
        kind = schema.field(field.name).type
        if pa.types.is_floating(kind) and pa.types.is_integer(field.type):
            table = table.set_column(place, field.name, table[place].cast(kind, safe=False))
    return table


def _typed(path: pathlib.Path) -> pa.Table:
    """The table, its strings unchanged: pyarrow takes some for moments unless it is told."""
    options = pj.ReadOptions(block_size=_BLOCK)

    def read(schema: pa.Schema | None) -> pa.Table:
        with _lines_of(path)[0] as file:
            return pj.read_json(file, options, pj.ParseOptions(explicit_schema=schema))

    found = read(None)
    plain = {field.name: _with_text(field.type) for field in found.schema}
    moments = [field.name for field in found.schema if plain[field.name] != field.type]
    if moments:
        schema = pa.schema([(name, plain[name]) for name in moments])
        return read(schema).select(found.column_names)
    return found


def _with_text(kind: pa.DataType) -> pa.DataType:
    """The type with strings in place of moments, in lists and structs too."""
    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_with_text(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_with_text(field.type)) for field in kind])
    return kind


def _as_written(parts: Sequence[pathlib.Path], names: list[str]) -> dict[str, list[str | None]]:
    """Numbers as the text that stands in the file."""
    values: dict[str, list[str | None]] = {name: [] for name in names}
    for part in parts if names else ():
        for line in _objects(part, numbers_as_text=True):
            for name in names:
                values[name].append(value_at(line, name))
    return values


def _objects(path: pathlib.Path, numbers_as_text: bool = False) -> Iterator[dict[str, Any]]:
    """The objects one by one: slow, and exact about the line that is wrong."""
    parsers: dict[str, Any] = {}
    if numbers_as_text:
        parsers = {"parse_int": str, "parse_float": str, "parse_constant": _constant}
    kinds: dict[str, tuple[str, int]] = {}
    whole, unit = _lines_of(path)
    with whole as file:
        for number, line in enumerate(_lines(file), start=1):
            if not line.strip():
                continue
            where = f"{unit} {number:,}"
            try:
                found = json.loads(line, object_pairs_hook=_once, **parsers)
            except _TwiceError as error:
                raise ValueError(
                    f"{path}: {error} comes twice in one object of {where}, so one of its values "
                    f"would be lost: rename or remove it. Received: {_shown(line)}."
                ) from error
            except ValueError as error:  # UnicodeDecodeError is one
                raise ValueError(
                    f"{path}: {where} is no JSON object ({error}). {_way(line, error)} Received: "
                    f"{_shown(line)}."
                ) from error
            if not isinstance(found, dict):
                raise ValueError(
                    f"{path}: {where} is a {type(found).__name__}. JSON lines have one object a "
                    f"line. Received: {_shown(line)}."
                )
            if not numbers_as_text:
                _check_kinds(found, kinds, path, number, unit)
            yield found


def _constant(name: str) -> str | None:
    """NaN is what is missing; the infinities are not."""
    return None if name == "NaN" else name


class _TwiceError(Exception):
    """A name that comes twice in one object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(repr(next(name for name in names if names.count(name) > 1)))
    return found


def _way(line: bytes, error: ValueError) -> str:
    """What to do about a line that is no JSON."""
    if isinstance(error, UnicodeDecodeError):
        return "JSON is UTF-8: iconv -f latin-1 -t utf-8, or from what it is, makes it so."
    if line.lstrip().startswith(b"{'"):
        return "Python's print wrote it: json.dumps writes JSON."
    if line.rstrip().endswith((b"},", b"}, ")):
        return "Objects with commas between them are an array: put them between [ and ]."
    if b"," in line and b"{" not in line:
        return "Is it CSV? Its name ends in .csv then."
    return "JSON lines have one object a line."


def _check_kinds(
    found: dict[str, Any],
    kinds: dict[str, tuple[str, int]],
    path: pathlib.Path,
    number: int,
    unit: str,
) -> None:
    """Refuses a value of another type than the lines before it have."""
    for name, value in found.items():
        if value is None:
            continue
        if not is_unicode(json.dumps(value, ensure_ascii=False)):
            raise ValueError(
                f"{path}: {name!r} of {unit} {number:,} has half of a character that UTF-16 writes "
                "as two, as text has that was cut between them: cut it by characters, or drop the "
                f"half. Received: {str(value)[:80]!a}."
            )
        kind = "number" if type(value) in (int, float) else type(value).__name__
        known, line = kinds.setdefault(name, (kind, number))
        if kind != known:
            raise ValueError(
                f"{path}: {name!r} is a {kind} in {unit} {number:,} and a {known} in {unit} "
                f"{line:,}: a value has one type in all {unit}s. Received: {str(value)[:80]!r}."
            )


def _lines(file: BinaryIO) -> Iterator[bytes]:
    rest = b""
    while block := file.read(2**22):
        *whole, rest = (rest + block).split(b"\n")
        yield from whole
    if rest:
        yield rest


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    return repr(text if len(text) <= 120 else text[:120] + "…")
