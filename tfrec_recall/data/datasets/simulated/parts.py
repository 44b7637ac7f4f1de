"""A simulated log as Parquet in parts, of more events than memory holds."""

from __future__ import annotations

import inspect
import itertools
import os
import pathlib
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tfrec_recall.data.datasets.simulated.assembly import Block
from tfrec_recall.data.datasets.simulated.catalogue import named
from tfrec_recall.data.datasets.simulated.choices import EVENT_TYPES
from tfrec_recall.data.datasets.simulated.generate import draw, simulate
from tfrec_recall.data.files import whole_folder

ROWS_A_PART = 2_000_000


def write(
    folder: str | os.PathLike[str], events: int, rows_a_part: int = ROWS_A_PART, **options: Any
) -> pathlib.Path:
    """Writes the log that `simulate` gives as `events/`, `users/` and `items.parquet`.

    Users are drawn some after the other, and what they do is written before the next are: memory
    is that of the catalogue and of one block of users, whatever `events` is. Events are by user,
    and a user's in the order of time, where `simulate` has all in the order of time. The folder is
    there whole or not at all; `datasets.load(folder)` reads it, and `data.part_events`.

    Args:
        folder: that does not exist yet.
        events: rows.
        rows_a_part: that a file has, at least, but for the last.
        options: of `simulate`.

    Raises: ValueError if the folder exists; as `simulate`.
    """
    bound = inspect.signature(simulate).bind(events, **options)
    bound.apply_defaults()
    drawing = draw(*bound.args, **bound.kwargs)
    with whole_folder(folder) as sibling:
        names = _names("i", 0, len(drawing.catalogue.topic))
        drawing.catalogue.table(names, drawing.start).to_parquet(sibling / "items.parquet")
        tables = [_Parts(sibling / table, rows_a_part) for table in ("events", "users")]
        people, visits = 0, 0
        for block in drawing.blocks:
            users = _names("u", people, len(block.people.age))
            tables[0].add(_events(block, users, visits, drawing.start))
            tables[1].add(block.people.table(users))
            people, visits = people + len(users), visits + len(block.visits.user)
        for table in tables:
            table.close()
    return pathlib.Path(folder)


class _Parts:
    """The files of one table; another one begins where the last has rows enough."""

    def __init__(self, folder: pathlib.Path, rows_a_part: int):
        folder.mkdir()
        self.paths = (folder / f"part-{number:05}.parquet" for number in itertools.count())
        self.rows_a_part, self.rows = rows_a_part, 0
        self.writer: pq.ParquetWriter | None = None

    def add(self, frame: pd.DataFrame) -> None:
        table = pa.Table.from_pandas(frame, preserve_index=False)
        if self.writer is None:
            self.writer, self.rows = pq.ParquetWriter(next(self.paths), table.schema), 0
        self.writer.write_table(table)
        self.rows += len(table)
        if self.rows >= self.rows_a_part:
            self.close()

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.writer = None


def _events(block: Block, users: pd.Series, visits: int, start: int) -> pd.DataFrame:
    """The events of a block, each user's in the order of time.

    Args:
        users: the names of its people.
        visits: sessions that were before.
        start: in Unix seconds.
    """
    log = block.log.take(np.lexsort((block.log.time, block.visits.user[block.log.session])))
    user = block.visits.user[log.session]
    return pd.DataFrame(
        {
            "user_id": users.take(user).reset_index(drop=True),
            "item_id": _items(log.item),
            "timestamp": start + log.time.astype("int64"),
            "session_id": visits + log.session,
            "event_type": pd.Series(EVENT_TYPES, dtype="str").take(log.type).array,
            "watch_ratio": log.watch_ratio.astype("float32"),
            "query": named("w", block.visits.word[log.session]),
        }
    )


def _items(numbers: np.ndarray) -> pd.Series:
    """The names of these items; of each that is there, made once."""
    distinct, place = np.unique(numbers, return_inverse=True)
    names = pd.Series([f"i{number}" for number in distinct.tolist()], dtype="str")
    return names.take(place).reset_index(drop=True)


def _names(prefix: str, first: int, count: int) -> pd.Series:
    return pd.Series([f"{prefix}{number}" for number in range(first, first + count)], dtype="str")
