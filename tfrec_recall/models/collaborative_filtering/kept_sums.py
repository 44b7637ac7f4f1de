"""Sums of pairs that may stay in their file, with what has come to them since."""

from __future__ import annotations

import itertools
import pathlib
import threading
from collections.abc import Iterator
from typing import IO, Self

import numpy as np
import scipy.sparse as sp

from tfrec_recall.graph.nearby import PAIRS_AT_A_TIME
from tfrec_recall.graph.neighbour_table import row_blocks

ENDS, VALUES, COLUMNS = "co_counts.ends", "co_counts.values", "co_counts.columns"
END: np.dtype = np.dtype("<i8")
VALUE: np.dtype = np.dtype("<f8")
COLUMN: np.dtype = np.dtype("<i4")


class RowFiles:
    """The rows of a sparse matrix in files, of which some are read at a time.

    The files stay open, so that they can be read when their folder is moved or gone.

    Args:
        folder: where `write` has put them.
    """

    def __init__(self, folder: pathlib.Path):
        self.indptr = np.fromfile(folder / ENDS, END)
        self._values, self._columns = (folder / VALUES).open("rb"), (folder / COLUMNS).open("rb")
        self._reading = threading.Lock()

    def rows(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
        """The values and the columns of the rows from the first to before the last."""
        begin, end = int(self.indptr[first]), int(self.indptr[last])
        with self._reading:
            return (
                _read(self._values, begin, end, VALUE),
                _read(self._columns, begin, end, COLUMN),
            )


class KeptSums:
    """A sparse matrix of sums, items by items: rows in memory or in files, and what was added.

    What is added to rows in files stays beside them, so that memory follows what is new; both are
    put together for some rows at a time.

    Args:
        base: all rows but what was added.
        items: rows and columns; `base` may have fewer.
        added: what was added to rows in files.
    """

    def __init__(
        self, base: sp.csr_array | RowFiles, items: int, added: sp.csr_array | None = None
    ):
        self._base, self.items, self._added = base, items, added

    @property
    def entries(self) -> np.ndarray:
        """How many entries each row has at most, int64 [items]."""
        found = np.zeros(self.items, "int64")
        for part in (self._base, self._added):
            if part is not None:
                found[: len(part.indptr) - 1] += np.diff(part.indptr)
        return found

    def rows(self, asked: np.ndarray) -> sp.csr_array:
        """These rows, [asked, items], by rising number."""
        found = self._of_base(asked)
        if self._added is not None:
            found = sp.csr_array(found + _rows(self._added, asked, self.items))
        return found

    def blocks(self, asked: np.ndarray) -> Iterator[slice]:
        """Places among these rows, of about `PAIRS_AT_A_TIME` entries."""
        ends = np.append(0, np.cumsum(self.entries[asked]))
        yield from (slice(*bounds) for bounds in row_blocks(ends, PAIRS_AT_A_TIME))

    def plus(self, added: sp.csr_array) -> KeptSums:
        """With these sums, [items, items]."""
        if isinstance(self._base, RowFiles):
            before = self._added
            both = added if before is None else sp.csr_array(_wide(before, self.items) + added)
            return KeptSums(self._base, self.items, both)
        return KeptSums(sp.csr_array(_wide(self._base, self.items) + added), self.items)

    def grown(self, same: np.ndarray) -> KeptSums:
        """Of more items: nothing of one whose number is another's by now.

        Args:
            same: which numbers stand for what they stood for before, bool [items].
        """
        if same[: self.items].all():
            return KeptSums(self._base, len(same), self._added)
        pairs = self.whole().tocoo()
        row, column = pairs.coords
        stays = same[row] & same[column]
        entries = (pairs.data[stays], (row[stays], column[stays]))
        return KeptSums(sp.csr_array(entries, shape=(len(same),) * 2), len(same))

    def whole(self) -> sp.csr_array:
        """All rows, in memory."""
        return self.rows(np.arange(self.items))

    def write(self, folder: pathlib.Path) -> None:
        """Writes the rows into files of a folder, some at a time."""
        asked, ends = np.arange(self.items), [np.zeros(1, "int64")]
        with (folder / VALUES).open("wb") as values, (folder / COLUMNS).open("wb") as columns:
            for some in self.blocks(asked):
                rows = self.rows(asked[some])
                values.write(np.ascontiguousarray(rows.data, VALUE).data)
                columns.write(np.ascontiguousarray(rows.indices, COLUMN).data)
                ends.append(ends[-1][-1] + rows.indptr[1:].astype("int64"))
        np.concatenate(ends, dtype=END).tofile(folder / ENDS)

    @classmethod
    def read(cls, folder: pathlib.Path) -> Self:
        """Those that `write` wrote, which stay where they are."""
        files = RowFiles(folder)
        return cls(files, len(files.indptr) - 1)

    def _of_base(self, asked: np.ndarray) -> sp.csr_array:
        if not isinstance(self._base, RowFiles):
            return _rows(self._base, asked, self.items)
        base, there = self._base, asked[asked < len(self._base.indptr) - 1]
        starts = np.append(0, np.flatnonzero(np.diff(there) != 1) + 1)  # of runs of rows
        parts = [
            base.rows(int(there[first]), int(there[last - 1]) + 1)
            for first, last in itertools.pairwise([*starts, len(there)])
            if last > first
        ]
        sizes = np.zeros(len(asked), "int64")
        sizes[: len(there)] = base.indptr[there + 1] - base.indptr[there]
        none = (np.zeros(0, VALUE), np.zeros(0, COLUMN))
        values, columns = (np.concatenate(each) for each in zip(none, *parts, strict=True))
        kind = "int32" if len(values) < 2**31 else "int64"
        ends = np.append(0, np.cumsum(sizes)).astype(kind)
        found = (values, columns.astype(kind, copy=False), ends)
        return sp.csr_array(found, shape=(len(asked), self.items))


def _rows(matrix: sp.csr_array, asked: np.ndarray, items: int) -> sp.csr_array:
    """These rows of a matrix that may have fewer, [asked, items]; a run of them is not copied."""
    wide = _wide(matrix, items)
    if not len(asked) or asked[-1] - asked[0] != len(asked) - 1:
        return sp.csr_array(wide[asked])
    bounds = wide.indptr[asked[0] : asked[-1] + 2]
    entries = slice(bounds[0], bounds[-1])
    found = (wide.data[entries], wide.indices[entries], bounds - bounds[0])
    return sp.csr_array(found, shape=(len(asked), items))


def _wide(matrix: sp.csr_array, items: int) -> sp.csr_array:
    """The matrix with as many rows and columns, the further ones empty; its entries are shared."""
    if matrix.shape[0] == items:
        return matrix
    indptr = matrix.indptr
    ends = np.append(indptr, np.full(items - matrix.shape[0], indptr[-1], indptr.dtype))
    return sp.csr_array((matrix.data, matrix.indices, ends), shape=(items, items))


def _read(file: IO[bytes], first: int, last: int, kind: np.dtype) -> np.ndarray:
    """The numbers of a file from the first to before the last."""
    file.seek(first * kind.itemsize)
    wanted = (last - first) * kind.itemsize
    found = file.read(wanted)
    if len(found) < wanted:
        raise ValueError(
            "What items have in common is cut off in the training state: go on from an earlier "
            f"version. Received: {file.name}, which ends early."
        )
    return np.frombuffer(found, kind)
