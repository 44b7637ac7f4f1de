"""Sorted rows as they stream through a worker, in pieces that hold whole groups."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def whole_groups(
    batches: Iterator[pa.RecordBatch], key: str, rows: int
) -> Iterator[tuple[pa.Table, np.ndarray]]:
    """Tables of about so many rows, or of one group that has more; and where their groups begin.

    Args:
        batches: rows with the same key follow each other.

    >>> batch = pa.RecordBatch.from_pydict({"user": ["a", "a", "b"]})
    >>> [(len(table), starts.tolist()) for table, starts in whole_groups([batch], "user", 1)]
    [(2, [0]), (1, [0])]
    """
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        if not batch.num_rows:
            continue
        held.append(batch)
        count += batch.num_rows
        ended = held[0][key][0].as_py() != batch[key][-1].as_py()
        if count >= rows and ended:
            table = pa.Table.from_batches(held).combine_chunks()
            starts = _starts(table[key])
            yield table.slice(0, starts[-1]), starts[:-1]
            held = table.slice(starts[-1]).to_batches()
            count = sum(one.num_rows for one in held)
    if held:
        table = pa.Table.from_batches(held).combine_chunks()
        yield table, _starts(table[key])


def _starts(keys: pa.ChunkedArray) -> np.ndarray:
    """The rows that differ from the row before them, and row 0."""
    column = keys.combine_chunks()
    key, before = column[1:], column[:-1]
    ends = pc.xor(pc.is_null(key), pc.is_null(before))  # nothing compares with what is missing
    differs = pc.or_(ends, pc.fill_null(pc.not_equal(key, before), False))
    differs = differs.to_numpy(zero_copy_only=False)
    return np.append(0, np.flatnonzero(differs) + 1)
