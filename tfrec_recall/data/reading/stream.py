"""A text file as UTF-8 with one byte between its cells, and its quotation marks looked at."""

from __future__ import annotations

import codecs
import io
import pathlib
import re

import numpy as np

from tfrec_recall.data.reading.packed import opened

UNIT_SEPARATOR = "\x1f"  # takes the place of a separator of several characters
_BLOCK = 2**22
_MARK = ord('"')

_ESCAPED = re.compile(rb'(\\+)"')


def _doubled(found: re.Match[bytes]) -> bytes:
    """A mark behind backslashes, of which two are one and one is for the mark."""
    slashes, odd = divmod(len(found[1]), 2)
    return b"\\" * slashes + (b'""' if odd else b'"')


class TextStream(io.RawIOBase):
    """The file's bytes, unpacked and as UTF-8; knows afterwards what to think of them.

    The encoding may be UTF-8 although another one was said. Quotes are in order if each opens a
    cell and closes it again at its end, or is written twice within. A file where one is not may
    still be right ('7" single' in a cell without quotes): then the records have to be read one by
    one to see.

    Args:
        separator: of cells; one of several characters becomes `UNIT_SEPARATOR`.
        quotes: whether quotation marks mean something.
        escaped: whether those within a cell are written as \\" rather than twice; they come out as
            if they were.
    """

    def __init__(
        self,
        path: pathlib.Path,
        separator: str,
        encoding: str,
        quotes: bool,
        escaped: bool = False,
    ) -> None:
        super().__init__()
        self.has_quotes = False
        self.in_order = True
        self.is_utf8 = False  # text beyond ASCII that UTF-8 reads too, while it is read otherwise
        self._file = opened(path, buffer_size=_BLOCK)
        decode = codecs.getincrementaldecoder(encoding)
        name = codecs.lookup(encoding).name
        self._decoder = None if name == "utf-8" else decode()
        self._utf8 = None if name.startswith("utf") else codecs.getincrementaldecoder("utf-8")()
        self._separator = separator.encode()
        self._quotes, self._escaped = quotes, escaped
        self._slashes = b""  # at the end of a block: what they stand before is in the next
        self._rest = b""  # of a separator that the block cut in two
        self._held = b""  # ready, and not yet asked for
        self._began = self._ended = False
        self._marks = 0  # quotation marks so far
        self._before = b"\n"  # the last byte before the block
        self._open_end = False  # whether the last byte was a mark that closes or is doubled

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        while not self._held and not self._ended:
            self._held = self._next()
        size = min(len(buffer), len(self._held))
        buffer[:size] = self._held[:size]
        self._held = self._held[size:]
        return size

    def _next(self) -> bytes:
        block = self._file.read(_BLOCK)
        self._ended = not block
        if self._utf8 is not None:
            self._try_utf8(block)
        if self._decoder is not None:
            block = self._decoder.decode(block, final=self._ended).encode()
        if block and not self._began:
            self._began = True
            block = block.removeprefix(codecs.BOM_UTF8)
        if self._escaped:
            block = self._with_double_marks(self._slashes + block)
        if len(self._separator) > 1:
            block = self._with_one_byte(self._rest + block)
        if self._quotes:
            self._look(block)
        return block

    def _try_utf8(self, block: bytes) -> None:
        try:
            self._utf8.decode(block, final=self._ended)  # type: ignore[union-attr]
            self.is_utf8 |= not block.isascii()
        except UnicodeDecodeError:
            self._utf8, self.is_utf8 = None, False

    def _with_double_marks(self, block: bytes) -> bytes:
        kept = len(block) if self._ended else len(block.rstrip(b"\\"))
        self._slashes = block[kept:]
        return _ESCAPED.sub(_doubled, block[:kept])

    def _with_one_byte(self, block: bytes) -> bytes:
        unit = UNIT_SEPARATOR.encode()
        if unit in block:
            raise ValueError(
                "a separator of several characters cannot be told from the control character "
                f"{UNIT_SEPARATOR!r}, which the text holds"
            )
        # First whole separators: what `::` ends in may begin another one, and does not here.
        block = block.replace(self._separator, unit)
        cut = 0
        if not self._ended:
            cut = next(
                size
                for size in range(len(self._separator) - 1, -1, -1)
                if block.endswith(self._separator[:size])
            )
        self._rest = block[len(block) - cut :]
        return block[: len(block) - cut]

    def _look(self, block: bytes) -> None:
        """Whether the marks of this block are where a writer of CSV puts them."""
        if self._open_end and block:
            self._open_end = False
            if block[:1] not in (*self._ends(), b'"'):
                self.in_order = False
        if b'"' in block:
            self.has_quotes = True
            if self.in_order:
                data = np.frombuffer(self._before + block, dtype=np.uint8)
                places = np.flatnonzero(data == _MARK)
                places = places[places > 0]  # that of the block before was counted there
                number = np.arange(self._marks, self._marks + len(places))
                opens, closes = places[number % 2 == 0], places[number % 2 == 1]
                ends = np.frombuffer(b"".join((*self._ends(), b'"')), dtype=np.uint8)
                last = closes == len(data) - 1
                before = data[opens - 1]
                self.in_order = bool(
                    np.isin(before, ends).all() and np.isin(data[closes[~last] + 1], ends).all()
                )
                self._open_end = bool(last.any())
                self._marks += len(places)
        if block:
            self._before = block[-1:]
        if self._ended and self._marks % 2:
            self.in_order = False

    def _ends(self) -> tuple[bytes, ...]:
        separator = self._separator if len(self._separator) == 1 else UNIT_SEPARATOR.encode()
        return separator, b"\n", b"\r"
