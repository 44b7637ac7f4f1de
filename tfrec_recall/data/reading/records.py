"""The records of a text file one by one: slow, and exact about the line that is wrong."""

from __future__ import annotations

import codecs
import csv
import io
import pathlib
import re
from collections.abc import Iterator

from tfrec_recall.data.reading.packed import opened
from tfrec_recall.data.reading.stream import UNIT_SEPARATOR, TextStream

_SHOWN = 120  # characters of a bad record
_ANOTHER = re.compile(r'"[^"]*"([;|\t:])')  # what parts the cells, where the first one is quoted


class Dialect:
    """How the records of a file are told apart.

    Args:
        separator: between cells, of any length.
        quotes: whether quotation marks mean something.
        skip: lines at the beginning that are no records.
        escaped: whether marks within a quoted cell are written as \\".
    """

    def __init__(
        self,
        path: pathlib.Path,
        separator: str,
        encoding: str,
        quotes: bool,
        skip: int = 0,
        escaped: bool = False,
    ) -> None:
        self.path = path
        self.separator = separator
        self.encoding = encoding
        self.quotes = quotes
        self.skip = skip
        self.escaped = escaped

    @property
    def byte(self) -> str:
        """What stands between the cells of `stream`."""
        return self.separator if len(self.separator.encode()) == 1 else UNIT_SEPARATOR

    def stream(self) -> TextStream:
        """The file as UTF-8."""
        return TextStream(self.path, self.separator, self.encoding, self.quotes, self.escaped)

    def hint_of(self, line: str) -> str:
        """What to do about the marks of a line."""
        return QUOTES_HINT if self.escaped or '\\"' not in line else ESCAPE_HINT

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
                if record and begin > self.skip:
                    yield begin, record
                begin = reader.line_num + 1
        except csv.Error as error:
            shown = self.line(begin)
            other = _ANOTHER.match(shown)
            hint = self.hint_of(shown)
            if other and other[1] != self.separator:
                hint = f"separator={other[1]!r} (--separator {other[1]!r}) may be right."
            raise ValueError(
                f"line {begin:,}: a quotation mark opens a cell, and "
                + ("nothing closes it" if "end of data" in str(error) else "text follows its end")
                + f". {hint} Received: {shown!r}."
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

ESCAPE_HINT = (
    r"escape='\\' (--escape '\') reads marks that are written as \" within a quoted cell, as by "
    f"Spark and MySQL. {QUOTES_HINT}"
)

COMMENT = (
    "It is a comment, and there are none among records: take such lines out, for instance by "
    "grep -v '^#'."
)


# Each as it is written in a shell.
SEPARATORS = {",": ",", ";": "';'", "\t": "'\\t'", "|": "'|'", "::": "::", " ": "' '"}


def refuse_bad_record(dialect: Dialect, width: int) -> None:
    """Raises the ValueError of the first record that has not `width` cells, if there is one."""
    for line, record in dialect.records():
        if len(record) != width:
            text = dialect.line(line)
            hint = "Is it cut short, or is a cell with the separator "
            hint += f"{dialect.separator!r} in it not quoted?"
            other = that_parts(dialect.line(dialect.skip + 1), text, width)
            if text.startswith("#"):
                hint = COMMENT
            elif other is not None and other != dialect.separator:
                hint = (
                    f"It has as many {other!r} as the first line: "
                    f"separator={other!r} (--separator {SEPARATORS[other]}) may be right."
                )
            elif len(record) == width + 1 and not record[-1]:
                hint = (
                    f"It ends in the separator {dialect.separator!r}: if all lines do, end the "
                    "header so too, or name one column more."
                )
            elif len(record) == width + 1 and record[0] in ("0", "1"):
                hint = (
                    "If its first cell numbers the rows, the header lacks a cell for it: begin the "
                    f"header with {dialect.separator!r}. Or: {hint}"
                )
            elif dialect.quotes and '"' in text:
                hint += f" {dialect.hint_of(text)}"
            raise ValueError(
                f"line {line:,} has {len(record)} cells, and {width} are expected. {hint} "
                f"Received: {text!r}."
            )


def that_parts(header: str, line: str, width: int) -> str | None:
    """What would part both lines into more cells than `width`, alike; None if nothing would."""
    alike = (one for one in SEPARATORS if header.count(one) == line.count(one) >= width)
    return next(alike, None)


def refuse_undecodable(dialect: Dialect) -> None:
    """Raises the ValueError of the first line that is not of the encoding, if there is one."""
    decoder = codecs.getincrementaldecoder(dialect.encoding)()
    line = 1
    with opened(dialect.path) as file:
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
            except UnicodeError as error:  # of the mark that UTF-16 begins with
                raise ValueError(
                    f"{dialect.encoding!r} is not the encoding: {error}. Received: {block[:20]!r}."
                ) from error
            if not block:
                return
