"""The records of a text file one by one: slow, and exact about the line that is wrong."""

from __future__ import annotations

import codecs
import csv
import io
import pathlib
from collections.abc import Iterator

import pyarrow as pa

from tfrec_recall.data.reading.stream import UNIT_SEPARATOR, TextStream

_SHOWN = 120  # characters of a bad record
_OTHER_FILES = {  # first bytes of what is no text, and its name
    b"\x1f\x8b": "packed by gzip: its name ends in .gz",
    b"BZh": "packed by bzip2: its name ends in .bz2",
    b"\x28\xb5\x2f\xfd": "packed by zstandard: its name ends in .zst",
    b"PK\x03\x04": "a zip archive, or a workbook: unpack it, or save its sheet as CSV",
    b"PAR1": "Parquet: its name ends in .parquet",
    b"\xff\xfe": "UTF-16: encoding='utf-16' (--encoding utf-16) reads it",
    b"\xfe\xff": "UTF-16: encoding='utf-16' (--encoding utf-16) reads it",
}


class Dialect:
    """How the records of a file are told apart.

    Args:
        separator: between cells, of any length.
        quotes: whether quotation marks mean something.
    """

    def __init__(self, path: pathlib.Path, separator: str, encoding: str, quotes: bool) -> None:
        self.path = path
        self.separator = separator
        self.encoding = encoding
        self.quotes = quotes

    @property
    def byte(self) -> str:
        """What stands between the cells of `stream`."""
        return self.separator if len(self.separator.encode()) == 1 else UNIT_SEPARATOR

    def stream(self) -> TextStream:
        """The file as UTF-8."""
        return TextStream(self.path, self.separator, self.encoding, self.quotes)

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """The line that each record begins in, and its cells; blank lines are none.

        Raises: ValueError naming the line of a quoted cell that something follows, or nothing ends.
        """
        csv.field_size_limit(2**31 - 1)
        text = io.TextIOWrapper(io.BufferedReader(self.stream()), encoding="utf-8", newline="")
        reader = csv.reader(
            text,
            delimiter=self.byte,
            quoting=csv.QUOTE_MINIMAL if self.quotes else csv.QUOTE_NONE,
            strict=True,
        )
        begin = 1
        try:
            for record in reader:
                if record:
                    yield begin, record
                begin = reader.line_num + 1
        except csv.Error as error:
            raise ValueError(
                f"line {begin:,}: a quotation mark opens a cell, and "
                + ("nothing closes it" if "end of data" in str(error) else "text follows its end")
                + f". {QUOTES_HINT} Received: {self.line(begin)!r}."
            ) from error

    def line(self, number: int) -> str:
        """The text of a line, shortened."""
        with io.TextIOWrapper(
            io.BufferedReader(self.stream()), encoding="utf-8", errors="replace", newline="\n"
        ) as text:
            for place, line in enumerate(text, start=1):
                if place == number:
                    line = line.rstrip("\r\n").replace(self.byte, self.separator)
                    return line if len(line) <= _SHOWN else line[:_SHOWN] + "…"
        return ""


QUOTES_HINT = (
    "A quotation mark that belongs to the text is written twice, in a cell that is quoted whole; "
    "quotes=False (--no-quotes) reads every mark as text and every line as a record."
)


def refuse_bad_record(dialect: Dialect, width: int) -> None:
    """Raises the ValueError of the first record that has not `width` cells, if there is one."""
    for line, record in dialect.records():
        if len(record) != width:
            hint = f" {QUOTES_HINT}" if dialect.quotes and '"' in dialect.line(line) else ""
            raise ValueError(
                f"line {line:,} has {len(record)} cells, and {width} are expected. Is it cut "
                f"short, or is a cell with the separator {dialect.separator!r} in it not quoted?"
                f"{hint} Received: {dialect.line(line)!r}."
            )


def refuse_undecodable(dialect: Dialect) -> None:
    """Raises the ValueError of the first line that is not of the encoding, if there is one."""
    decoder = codecs.getincrementaldecoder(dialect.encoding)()
    line = 1
    with pa.input_stream(str(dialect.path), compression="detect") as file:
        first = file.read(4)
    for begin, what in _OTHER_FILES.items():
        if first.startswith(begin):
            raise ValueError(f"by its first bytes it is {what}. Received: {first!r}.")
    with pa.input_stream(str(dialect.path), compression="detect") as file:
        while True:
            block = file.read(2**20)
            try:
                line += decoder.decode(block, final=not block).count("\n")
            except UnicodeDecodeError as error:
                line += error.object[: error.start].count(b"\n")
                byte = error.object[error.start]
                raise ValueError(
                    f"{dialect.encoding!r} is not the encoding of line {line:,}: byte {byte:#04x}. "
                    "encoding='latin-1' (--encoding latin-1), or 'cp1252' or 'utf-16', may be "
                    f"right. Received: {error.object[max(0, error.start - 20) :][:40]!r}."
                ) from error
            if not block:
                return
