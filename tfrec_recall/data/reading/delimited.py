"""CSV and its relatives, every cell as text: what it means is decided when all tables are there."""

from __future__ import annotations

import io
import itertools
import pathlib
import re

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv

from tfrec_recall.data.notices import tell
from tfrec_recall.data.reading.columns import RESERVED, is_wanted, our_names
from tfrec_recall.data.reading.forms import separator_of
from tfrec_recall.data.reading.layout import Layout
from tfrec_recall.data.reading.other_files import refuse_other_file
from tfrec_recall.data.reading.parts import is_empty, partition, parts_of, with_partition
from tfrec_recall.data.reading.records import (
    COMMENT,
    SEPARATORS,
    Dialect,
    refuse_bad_record,
    refuse_undecodable,
    that_parts,
)
from tfrec_recall.data.reading.swallowed import refuse_swallowed_rows

_BLOCK, _LONG = 2**23, 2**30  # bytes; a record has to fit, and few need the longer one
_SOME = 1000  # records that say what a column holds
_TEXT = pd.StringDtype(na_value=float("nan"))
_NUMBER = re.compile(r"\s*-?[0-9]+(\.[0-9]+)?\s*")
_NOTE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)  # what spreadsheets write above a table
_INVISIBLE = re.compile(r"^[\s\u200b-\u200f\u2060\ufeff]+|[\s\u200b-\u200f\u2060\ufeff]+$")
_OTHER_QUOTES = re.compile(r"\s*(?:'.*'|‘.*’|“.*”|„.*[“”]|«.*»|`.*`)\s*")


def read_delimited(
    path: pathlib.Path, table: str, layout: Layout
) -> tuple[pd.DataFrame, list[str]]:
    """The wanted columns of a text file, or of a folder's parts, as text by our names; their names.

    Raises: ValueError naming the file, and the line that cannot be read.
    """
    found: list[pa.Table] = []
    theirs: list[str] = []
    parts = parts_of(path)
    for part in parts:
        if len(parts) > 1 and is_empty(part):
            continue
        separator = separator_of(part, layout.separator)
        quotes = len(separator) == 1 if layout.quotes is None else layout.quotes
        if layout.escape and not quotes:
            raise ValueError(
                f"{part}: escape is for quoted cells, which there are none of with the separator "
                f"{separator!r} unless quotes=True (--quotes). Received: escape={layout.escape!r}."
            )
        dialect = Dialect(
            *(part, separator, layout.encoding or "utf-8", quotes), escaped=bool(layout.escape)
        )
        rows, own = _named(dialect, table, layout, partition(path, part))
        if found and sorted(own) != sorted(theirs):
            raise ValueError(
                f"{part} has other columns than the parts before it; the first line of each is its "
                f"header unless names says what they are (--no-header). Received: {own} after "
                f"{theirs}."
            )
        theirs = theirs or own
        found.append(rows.select(found[0].column_names) if found else rows)
    if not found:
        raise ValueError(f"{path} cannot be read as CSV: all its {len(parts):,} parts are empty.")
    whole = pa.concat_tables(found)
    found.clear()
    return whole.to_pandas(types_mapper=lambda _: _TEXT, self_destruct=True), theirs


def _named(
    dialect: Dialect, table: str, layout: Layout, folders: dict[str, str | None]
) -> tuple[pa.Table, list[str]]:
    """One file; what goes wrong in it names it."""
    try:
        return _read(dialect, table, layout, folders)
    except UnicodeError:
        try:
            refuse_undecodable(dialect)
        except ValueError as error:
            raise ValueError(f"{dialect.path} cannot be read as CSV: {error}") from error
        raise
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"{dialect.path} cannot be read as CSV: {error}") from error


def _read(
    dialect: Dialect, table: str, layout: Layout, folders: dict[str, str | None]
) -> tuple[pa.Table, list[str]]:
    refuse_other_file(dialect.path, dialect.encoding)
    dialect = _as_noted(dialect, layout.separator)
    theirs = layout.names_of(table)
    has_header, skipped = theirs is None, dialect.skip
    if theirs is None:
        theirs, skipped = _header(dialect)
    every = [*theirs, *(name for name in folders if name not in theirs)]
    ours = our_names(table, every, layout.rename)
    names = ours[: len(theirs)]
    _check_header(names, theirs, table, dialect, has_header)
    include = [name for name in names if is_wanted(table, name, layout.columns)]
    if dialect.quotes and layout.columns is not None:
        include = names  # what a stray mark swallows shows in all columns
    text = pa.large_string()  # as pandas has it
    found, stream = pa.table({name: pa.array([], text) for name in names}), dialect.stream()
    try:
        found = _parsed(stream, dialect, names, include, skipped, _BLOCK)
    except pa.ArrowInvalid as error:
        refuse_undecodable(dialect)
        refuse_bad_record(dialect, len(names))
        if next((line for line, _ in dialect.records() if line > skipped), None) is not None:
            if "block size" not in str(error):
                raise ValueError(str(error)) from error
            stream = dialect.stream()  # a record is longer than a block
            found = _parsed(io.BufferedReader(stream), dialect, names, include, skipped, _LONG)
    if stream.is_utf8:
        tell(
            f"{dialect.path}: its text is UTF-8 by all its bytes, and is read as "
            f"{dialect.encoding!r}, as asked: leave out encoding (--encoding) if é shows as Ã©."
        )
    if has_header:
        _refuse_header_again(found, dict(zip(names, theirs, strict=True)), dialect, skipped)
    else:
        _refuse_header(found, dialect, skipped)
    if stream.has_quotes:
        if not stream.in_order:
            refuse_bad_record(dialect, len(names))
        refuse_swallowed_rows(found, dialect, after=skipped)
    named = dict(zip(every, ours, strict=True))
    found = with_partition(found, {named[name]: value for name, value in folders.items()})
    return found.select([name for name in ours if is_wanted(table, name, layout.columns)]), every


def _parsed(
    stream: io.RawIOBase | io.BufferedReader,
    dialect: Dialect,
    names: list[str],
    include: list[str],
    skip: int,
    block: int,
) -> pa.Table:
    """Every record, as text."""
    return pv.read_csv(
        stream,
        pv.ReadOptions(column_names=names, skip_rows=skip, block_size=block),
        pv.ParseOptions(
            delimiter=dialect.byte,
            quote_char='"' if dialect.quotes else False,
            newlines_in_values=dialect.quotes,
        ),
        pv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.large_string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
            include_columns=include,
        ),
    )


def _as_noted(dialect: Dialect, given: str | None) -> Dialect:
    """The dialect by a first line such as `sep=;`, which is no record."""
    note = _NOTE.fullmatch(dialect.line(1))
    if note is None:
        return dialect
    if given not in (None, note[1]):
        raise ValueError(
            f"its first line says that the separator is {note[1]!r}. Received: separator={given!r}."
        )
    return Dialect(
        *(dialect.path, note[1], dialect.encoding, dialect.quotes), skip=1, escaped=dialect.escaped
    )


def _header(dialect: Dialect) -> tuple[list[str], int]:
    """The names in the first record, and the lines up to its end."""
    records = dialect.records()
    line, names = next(records, (0, []))
    below = next(records, (0, []))[1] if names and names[0].startswith("#") else names
    records.close()  # type: ignore[attr-defined]
    if not names:
        raise ValueError("No columns: there is no header, and no record")
    if len(below) != len(names) or (below is not names and below[0].startswith("#")):
        raise ValueError(f"line {line:,} is no header. {COMMENT} Received: {dialect.line(line)!r}.")
    lines = line + sum(name.count("\n") for name in names)
    named = [_INVISIBLE.sub("", name) for name in names]
    if not any(named):
        raise ValueError(f"line {line:,} is blank, and no header: take it out. Received: {names}.")
    return [name or f"Unnamed: {place}" for place, name in enumerate(named)], lines


def _check_header(
    names: list[str], theirs: list[str], table: str, dialect: Dialect, has_header: bool
) -> None:
    """Refuses a first line that is no header, or that another separator would cut."""
    if not has_header:
        return
    key = {"events": "user_id", "users": "user_id", "items": "item_id"}[table]
    numbers = [name for name in theirs if _NUMBER.fullmatch(name)]
    # Programs name columns 0, 1, 2; a column of ids that is called 25 is a record's.
    counted = {str(place) for place in range(len(theirs) + 1)}
    called = {own for own, ours in zip(theirs, names, strict=True) if ours in RESERVED}
    if key in names and (counted.issuperset(numbers) or called.isdisjoint(numbers)):
        return
    if len(theirs) > 1 and all(_OTHER_QUOTES.fullmatch(name) for name in theirs):
        raise ValueError(
            'its cells are in other marks than ", which is the one that quotes a cell: write that '
            f"one in their place. Received: {theirs}."
        )
    if len(theirs) == 1 and dialect.separator in theirs[0]:
        raise ValueError(
            "its header is one cell with the separator in it, as lines that were quoted whole are: "
            f"take the outer marks away, for instance by sed 's/^\"//; s/\"$//'. Received: "
            f"{theirs[0]!r}."
        )
    filled = [name for name in theirs if not name.startswith("Unnamed: ")]
    if len(filled) == 1:
        _refuse_one_cell(filled[0], dialect)
    if numbers:
        raise ValueError(
            f"its first line looks like a record, not like a header. Name the columns in order: "
            f"names={{{table!r}: ['user_id', 'item_id', …]}} (--no-header "
            f"{'' if table == 'events' else table + '='}user_id,item_id,…). "
            f"Received: {theirs}."
        )


def _refuse_one_cell(name: str, dialect: Dialect) -> None:
    """Refuses a header that is a title above the table, or that another separator would cut."""
    records = itertools.islice(dialect.records(), 1, 2)
    line, below = next(records, (0, []))
    first, second = (dialect.line(number) for number in (dialect.skip + 1, line))
    for other, shown in SEPARATORS.items():
        if other == dialect.separator or other not in name:
            continue
        alone = len(below) == 1 and other in second and other != " "
        if not below or alone or that_parts(first, second, 1) == other:
            raise ValueError(
                f"its header is one cell, as the separator is {dialect.separator!r}: "
                f"separator={other!r} (--separator {shown}) may be right. Received: {name!r}."
            )
    if len([cell for cell in below if cell]) > 1:
        raise ValueError(
            f"its first line is one cell, a title it seems, and the next has {len(below)}: take it "
            f"out, for instance by tail -n +{line}. Received: {name!r} above {second!r}."
        )


def _refuse_header_again(
    found: pa.Table, theirs: dict[str, str], dialect: Dialect, after: int
) -> None:
    """Refuses a record that is the header once more, as files that were joined have it."""
    again = None
    for name in found.column_names if found.num_columns > 1 else ():
        same = pc.fill_null(pc.equal(found[name], theirs[name]), False)
        again = same if again is None else pc.and_(again, same)
        if not pc.any(again).as_py():
            return
    if again is None:
        return
    first = pc.index(again, True).as_py()
    records = (line for line, _ in dialect.records() if line > after)
    line = next(line for row, line in enumerate(records) if row == first)
    raise ValueError(
        f"line {line:,} is the header once more: were files joined? Take it out, or read the files "
        f"as parts in a folder. Received: {dialect.line(line)!r}."
    )


def _refuse_header(found: pa.Table, dialect: Dialect, after: int) -> None:
    """Refuses a first record that is a header, where none is said to be.

    It is one if no cell of it is a number and below one of them there are numbers alone, or if
    every cell says what its column is called.
    """
    if len(found) < 2:
        return
    numbers = rf"^{_NUMBER.pattern}$"
    first = [column[0].as_py() for column in found.columns]
    below = [column.slice(1, _SOME).drop_null() for column in found.columns]
    if any(cell is not None and _NUMBER.fullmatch(cell) for cell in first):
        return
    called = [
        cell is not None and _letters(cell) in (_letters(name), _letters(name).removesuffix("id"))
        for cell, name in zip(first, found.column_names, strict=True)
    ]
    if (all(called) and len(called) > 1) or any(
        cell is not None and len(rest) and pc.all(pc.match_substring_regex(rest, numbers)).as_py()
        for cell, rest in zip(first, below, strict=True)
    ):
        line = next(line for line, _ in dialect.records() if line > after)
        raise ValueError(
            f"line {line:,} looks like a header, and names (--no-header) is for files without one: "
            "leave it out and rename columns, rename={'theirs': 'ours'} (--rename theirs=ours), or "
            f"take the line out. Received: {dialect.line(line)!r}."
        )


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()
