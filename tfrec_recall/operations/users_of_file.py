"""The users of a Parquet file as requests, read a part at a time."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tensorflow as tf

from tfrec_recall.evaluation.queries import HISTORY, of_history
from tfrec_recall.operations.arrow_tensors import (
    in_arrow_type,
    list_lengths,
    one_type,
    raw_feature,
)
from tfrec_recall.operations.columns_of_users import (
    EXCLUDE,
    USER,
    check_read,
    columns_of,
    digest,
    files_of,
    needed,
    of_events,
)
from tfrec_recall.operations.every_user import EveryUser
from tfrec_recall.operations.requests import Part
from tfrec_recall.retrieval import Retriever
from tfrec_recall.retrieval.raw_inputs import padding

AT_A_TIME = 100_000  # rows of the ids that are looked through before the run
LISTS_AT_A_TIME = 10_000  # where histories are, too


class UsersOfFile:
    """A request a row: `user_id`, and what the file says of the user.

    A column that is named as an input of the retriever is what is asked with: `history` and other
    lists as lists in cells, `timestamp` as Unix seconds. `exclude` is a list of items to leave out
    besides those of the history. Inputs without a column come from the data, by user_id; but
    `history` and all `history_<column>` tell of the same events, and come from one place. In a row
    their lists are of one length; where a cell of the latter has none, nothing is known of it.

    A column that is named as one of the retriever's filters is what the row's list is chosen by:
    lists in cells of `where_<attribute>` and `where_not_<attribute>`, numbers in those of
    `min_<attribute>` and `max_<attribute>`; a cell without a value asks for nothing. Columns of
    other names are not read, which a `ReadingNotice` says.

    Args:
        path: a Parquet file, or a folder of them, which are read in the order of their names.
        retriever: which is asked; its inputs are looked for.
        everyone: users of the data, for the `needed` inputs that the file lacks and for the items
            that users had; None where the file says all.
        repeats: list the items of the histories like all others.

    Attributes:
        strangers: how many rows have a user whom the data does not know; 0 without data.

    Raises: ValueError where it is no Parquet, lacks user_id, has rows without one, lacks what the
        retriever needs or has it in another type, tells of histories in part or in lists of
        unequal lengths, has ids that are looked up in the data and no int64, has a column that is
        named as a filter and is none of the retriever's, or where files have a column in types that
        have none in common.
    """

    subject = USER

    def __init__(
        self,
        path: str | pathlib.Path,
        retriever: Retriever,
        everyone: EveryUser | None = None,
        repeats: bool = False,
    ):
        self._files = files_of(pathlib.Path(path))
        columns, inputs = columns_of(path), retriever.inputs
        lacking = needed(columns, inputs)
        if everyone is None and lacking:
            raise ValueError(
                f"The export is asked with {sorted(inputs)}, and {path} lacks {lacking}: add the "
                f"columns, or give the data that has them. Received columns: {', '.join(columns)}."
            )
        check_read(path, columns, retriever)
        self._inputs = {name: spec for name, spec in inputs.items() if name in columns}
        choices = retriever.filter_inputs
        self._filters = {name: spec for name, spec in choices.items() if name in columns}
        left_out = [name for name in (HISTORY, EXCLUDE) if name in columns]
        items = tf.TensorSpec([None, None], retriever.id_dtype)
        self._left_out = {name: items for name in left_out if not repeats or name == EXCLUDE}
        self._everyone = everyone
        self._seen = everyone is not None and not repeats and HISTORY not in columns
        read = {*self._inputs, *self._left_out, *self._filters}
        self._columns = [USER, *sorted(read - {USER})]
        self._cast = self._casts()
        self.id_type = self._cast.get(USER, pq.read_schema(self._files[0]).field(USER).type)
        self._size, self.strangers = 0, 0
        told = of_events(self._inputs)
        several = told if len(told) > 1 else []
        for table in self._batches(LISTS_AT_A_TIME if several else AT_A_TIME, [USER, *several]):
            self._look_through(table.column(USER))
            _check_lengths(table, several, self._size)
            self._size += len(table)
        self.source: dict[str, Any] = {
            "users": digest(self._files),
            "data": None if everyone is None else everyone.source,
            "repeats": repeats,
        }
        if self._filters:
            self.source["filters"] = sorted(self._filters)

    def __len__(self) -> int:
        return self._size

    def parts(self, size: int) -> Iterator[Part]:
        for table in self._batches(size, self._columns):
            yield PartOfFile(
                table, self._inputs, self._left_out, self._everyone, self._seen, self._filters
            )

    def _batches(self, size: int, columns: list[str]) -> Iterator[pa.Table]:
        """Tables of exactly this many rows, wherever files and row groups end."""
        held: list[pa.Table] = []
        rows = 0
        for file in self._files:
            with pq.ParquetFile(file) as reader:
                for batch in reader.iter_batches(size, columns=columns):
                    table = pa.Table.from_batches([batch]).select(columns)
                    for name in self._cast.keys() & set(columns):
                        # Inputs may round, as they do on their way into the graph; ids may not.
                        column = in_arrow_type(table[name], self._cast[name], name, name != USER)
                        table = table.set_column(columns.index(name), name, column)
                    while rows + len(table) >= size:
                        held.append(table.slice(0, size - rows))
                        table = table.slice(size - rows)
                        yield _joined(held)
                        held, rows = [], 0
                    held.append(table)
                    rows += len(table)
        if rows:
            yield _joined(held)

    def _casts(self) -> dict[str, pa.DataType]:
        """The type that holds the values of all files, by each column that has several types.

        Raises: the error of a column of another type before anybody is asked.
        """
        specs = {**self._left_out, **self._inputs, **self._filters}
        found: dict[str, tuple[pa.DataType, pathlib.Path]] = {}
        casts = {}
        for file in self._files:
            schema = pq.read_schema(file)
            for name in self._columns:
                kind = schema.field(name).type
                if name in specs:
                    raw_feature(pa.array([], kind), specs[name], name)
                before, first = found.setdefault(name, (kind, file))
                if kind == before:
                    continue
                both = one_type(before, kind)
                if both is None or (name == USER and pa.types.is_floating(both)):  # it rounds ids
                    raise ValueError(
                        f"Column {name!r} is of one type in all files of a folder: convert it. "
                        f"Received: {before} in {first}, {kind} in {file}."
                    )
                casts[name] = both
                found[name] = (both, first if both == before else file)
        return casts

    def _look_through(self, ids: pa.ChunkedArray) -> None:
        if ids.null_count:
            empty = np.flatnonzero(ids.is_null().to_numpy())[:3] + self._size
            raise ValueError(
                "Every row has a user_id. "
                f"Received: {ids.null_count} without, the first are rows {empty.tolist()}."
            )
        if self._everyone is not None:
            users = _plain(ids)
            self._everyone.check_kind(users.dtype.kind)
            self.strangers += int((~pd.Index(users).isin(self._everyone.known)).sum())


class PartOfFile:
    """See `Part`."""

    def __init__(
        self,
        table: pa.Table,
        inputs: Mapping[str, tf.TensorSpec],
        left_out: Mapping[str, tf.TensorSpec],
        everyone: EveryUser | None,
        seen: bool,
        filters: Mapping[str, tf.TensorSpec],
    ):
        self.ids = table.column(USER).combine_chunks()
        self._table, self._inputs, self._left_out = table, inputs, left_out
        self._filters = filters
        self.lengths = np.zeros(len(table), np.int64)
        self._queries = None
        if everyone is not None:
            users, self._row = np.unique(_plain(self.ids), return_inverse=True)
            self._queries, self._seen = everyone.queries(users), seen
            self.lengths = self._queries.history_length[self._row]
        if HISTORY in inputs:
            self.lengths = list_lengths(table.column(HISTORY))

    def batch(self, rows):
        table = self._table.take(rows)
        read = {**self._left_out, **self._inputs, **self._filters}
        found = {name: raw_feature(table[name], spec, name) for name, spec in read.items()}
        own = _of_one_width({name: found[name] for name in self._inputs})
        own |= {name: found[name] for name in self._filters}
        exclude = [found[name] for name in self._left_out]
        features: dict[str, Any] = own
        if self._queries is not None:
            asked = self._row[rows]
            features = {**self._queries.batch(asked), **own}
            if self._seen:
                seen = self._queries.seen(asked)
                exclude.append(tf.RaggedTensor.from_tensor(seen))
        if len(exclude) < 2:
            return features, exclude[0] if exclude else None
        return features, tf.concat(exclude, axis=1)


def _check_lengths(table: pa.Table, histories: list[str], before: int) -> None:
    """Raises ValueError where columns that tell of the same events have lists of unequal lengths.

    Args:
        before: rows of the file before those of the table.
    """
    events = np.full(len(table), -1)  # of each row, by the columns before: history is the first
    for name in sorted(histories):
        found = list_lengths(table[name])
        given = np.ones(len(table), bool)
        if name != HISTORY:
            given = ~table[name].is_null().to_numpy()
        other = given & (events >= 0) & (found != events)
        if other.any():
            row = int(other.argmax())
            raise ValueError(
                f"Columns {', '.join(sorted(histories))} tell of the same events: their lists are "
                f"of one length in each row. Received: {events[row]} and, in {name!r}, "
                f"{found[row]} values in row {before + row}, the first of {int(other.sum())} such "
                "rows."
            )
        events = np.where(given, found, events)


def _of_one_width(features: dict[str, Any]) -> dict[str, Any]:
    """The same, with a place for each event of a history where nothing is known of it."""
    told = {
        name: one
        for name, one in features.items()
        if of_history(name) and isinstance(one, tf.RaggedTensor)
    }
    if len(told) < 2:
        return features
    fillers = {name: tf.constant(padding(one.dtype), one.dtype) for name, one in told.items()}
    dense = {name: one.to_tensor(fillers[name]) for name, one in told.items()}  # [rows, own width]
    width = max(one.shape[1] for one in dense.values())
    wide = {}
    for name, one in dense.items():
        empty = tf.fill([one.shape[0], width - one.shape[1]], fillers[name])
        wide[name] = tf.concat([one, empty], axis=1)
    return {**features, **wide}


def _joined(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables).combine_chunks()


def _plain(ids: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Ids as int64, or as objects.

    Raises: ValueError for an integer that is none of int64.
    """
    if pa.types.is_dictionary(ids.type):
        ids = pc.cast(ids, ids.type.value_type)
    if pa.types.is_integer(ids.type):
        ids = in_arrow_type(ids, pa.int64(), USER)
    return ids.to_numpy() if isinstance(ids, pa.ChunkedArray) else ids.to_numpy(False)
