"""Quoted cells that hold whole records: what a stray quotation mark makes of a file.

It opens a cell that ends at the next mark, many lines later, and a parser takes all between for
text. Text with line breaks is legal, too. What tells them apart is that each line of the record,
taken alone, is a record of this file: as many cells, and each of the kind that its column has.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tfrec_recall.data.reading.records import Dialect

_SAMPLE = 10_000  # rows that say what a column holds
_NUMBER = r"^[ \t]*-?[0-9]+(?:\.[0-9]*)?[ \t]*$"


class _Shape:
    """What the values of a column have in common: present, numbers, without blanks."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        values = column.slice(0, _SAMPLE)
        values = values.filter(pc.invert(pc.fill_null(pc.match_substring(values, "\n"), False)))
        self.is_present = values.null_count == 0
        values = values.drop_null()
        some = len(values) > 0
        self.is_number = some and pc.all(pc.match_substring_regex(values, _NUMBER)).as_py()
        self.has_blanks = not some or pc.any(pc.match_substring(values, " ")).as_py()

    def fits(self, cell: str) -> bool:
        if not cell:
            return not self.is_present
        if self.is_number:
            return cell.strip().removeprefix("-").replace(".", "", 1).isdecimal()
        return self.has_blanks or " " not in cell


def refuse_swallowed_rows(table: pa.Table, dialect: Dialect, after: int) -> None:
    """Raises the ValueError of a quoted cell that holds whole records, if there is one.

    Args:
        table: all cells of all records as text.
        after: the lines of the header.
    """
    found = []
    shapes: list[_Shape] = []
    for place, column in enumerate(table.columns):
        several = pc.fill_null(pc.match_substring(column, "\n"), False)
        if not pc.any(several).as_py():
            continue
        shapes = shapes or [_Shape(one) for one in table.columns]
        rows = pc.indices_nonzero(several).to_pylist()
        for row, value in zip(rows, column.filter(several).to_pylist(), strict=True):
            if _holds_records(value, place, shapes, dialect.byte):
                found.append(row)
                break
    if found:
        _refuse(min(found), dialect, after)


def _holds_records(value: str, place: int, shapes: Sequence[_Shape], byte: str) -> bool:
    """Whether the lines of a cell are the end of a record, whole ones, and the beginning of one."""
    head, *between, tail = (line.removesuffix("\r") for line in value.split("\n"))
    between = [line for line in between if line]
    if not _fit(head.split(byte), shapes[place:]):
        return False
    if not all(_fit(line.split(byte), shapes) for line in between):
        return False
    return len(between) > 0 or _fit(tail.split(byte), shapes[: place + 1])


def _fit(cells: Sequence[str], shapes: Sequence[_Shape]) -> bool:
    return len(cells) == len(shapes) and all(
        shape.fits(cell) for cell, shape in zip(cells, shapes, strict=True)
    )


def _refuse(first: int, dialect: Dialect, after: int) -> None:
    records = ((line, record) for line, record in dialect.records() if line > after)
    for row, (line, record) in enumerate(records):
        if row == first:
            shown = dialect.line(line)
            lines = max(cell.count("\n") for cell in record) + 1
            raise ValueError(
                f"line {line:,}: a quotation mark makes one record of {lines:,} lines that are "
                f"records themselves. {dialect.hint_of(shown)} Received: {shown!r}."
            )
