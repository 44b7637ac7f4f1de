"""Feeding the training loop: slices of ready arrays, or a stream of Parquet files.

Both give whole batches. An element at a time, Python and tf.data take far longer than the training
step of a recall model.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tensorflow as tf

from tfrec_recall.data.examples import NoExample, pad_runs
from tfrec_recall.data.feeding.batch_parts import divisible, part
from tfrec_recall.data.feeding.next_pass import NextPass
from tfrec_recall.data.feeding.untuned import untuned
from tfrec_recall.data.reading.parts import parquet_parts

_DECODED_ROWS = 65_536  # at once, of a row group that may be far larger
_TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


def batches(
    count: int,
    batch_size: int,
    fetch: Callable[..., Any] | None = None,
    seed: int | None = None,
    first_epoch: int = 0,
    drop_remainder: bool = False,
    numbered: bool = False,
    by_row: bool = False,
) -> tf.data.Dataset:
    """Batches of the rows 0 … count - 1, in another order each epoch.

    Each pass over the dataset draws one permutation of all rows, which depends on the seed and on
    the number of passes begun before, and nothing else: a run that goes on at epoch 3 with
    `first_epoch=3` sees the batches that it would have seen uninterrupted, and so does one that
    Keras' `BackupAndRestore` takes up again; see `NextPass`. (An iterator that is made but never
    read, as Keras makes one in `fit`, is not a pass.)

    Args:
        fetch: TensorFlow operations from rows, int64 [batch], to the batch. What it gathers from
            should be tensors, not arrays, which would be copied into the graph. By default the
            batch is the rows.
        seed: of the permutations; None keeps the rows in order.
        first_epoch: the number of the first pass.
        drop_remainder: leave out a last batch of fewer rows.
        numbered: also give `fetch` the number of the pass, int64, to draw by.
        by_row: what is fetched of some of the rows of a batch is that part of the batch, so that
            the workers of a cluster may fetch a part each; see `batch_parts`.

    Returns: a dataset of known cardinality, prefetched.
    Raises: ValueError if there would be no batch.

    >>> items = tf.constant(["a", "b", "c"])
    >>> for batch in batches(3, batch_size=2, fetch=lambda rows: tf.gather(items, rows)):
    ...     print(batch.numpy())
    [b'a' b'b']
    [b'c']
    """
    steps = _steps(count, batch_size, drop_remainder)
    following = NextPass(first_epoch, steps, seed)

    def of_pass(piece: tf.Tensor) -> tf.data.Dataset:
        number, first, last = tf.unstack(piece)
        order = tf.range(count, dtype=tf.int64)
        if seed is not None:
            own = tf.stack([tf.constant(seed, tf.int64), number])
            order = tf.random.experimental.stateless_shuffle(order, seed=own)

        def rows_of(step: tf.Tensor) -> tf.Tensor | tuple[tf.Tensor, ...]:
            rows = order[step * batch_size : (step + 1) * batch_size]
            rows = tf.ensure_shape(rows, [batch_size if drop_remainder else None])
            return (rows, number) if numbered else rows

        return tf.data.Dataset.range(first, last).map(rows_of)

    # Runs when the first batch is asked for.
    once = tf.data.Dataset.range(1).map(lambda _: following.begin()).unbatch()
    once = once.filter(lambda piece: piece[1] < piece[2])

    def fetched(rows: tf.data.Dataset) -> tf.data.Dataset:
        if fetch is not None:
            rows = rows.map(fetch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        return untuned(rows.prefetch(tf.data.AUTOTUNE))

    def parts_of(replicas: range, count: int) -> tf.data.Dataset:
        def own_parts(rows: tf.Tensor, *number: tf.Tensor) -> tf.data.Dataset:
            def of_replica(replica: tf.Tensor) -> tf.Tensor | tuple[tf.Tensor, ...]:
                own = part(rows, replica, count)
                return (own, *number) if numbered else own

            return tf.data.Dataset.range(replicas.start, replicas.stop).map(of_replica)

        return fetched(once.flat_map(of_pass).repeat().flat_map(own_parts))

    dataset = fetched(following.mark(once.flat_map(of_pass)))
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps))
    return divisible(dataset, parts_of) if by_row else dataset


def gather_histories(values: tf.Tensor, start: tf.Tensor, end: tf.Tensor, length: int) -> tf.Tensor:
    """The values of the last `length` rows of each run, oldest first, padded on the right with 0.

    `Examples.histories` in TensorFlow operations, for the `fetch` of `batches`.

    Args:
        values: [events, ...]
        start, end: integers [batch], half-open.

    Returns: [batch, length, ...], of the dtype of `values`; strings are padded with "".

    >>> gather_histories(tf.constant([5, 6, 7, 8]), [0, 3], [3, 4], length=2).numpy()
    array([[6, 7],
           [8, 0]], dtype=int32)
    """
    start, end, values = map(tf.convert_to_tensor, (start, end, values))
    rows = tf.ragged.range(tf.maximum(start, end - length), end)  # [batch, (rows of the run)]
    found = rows.with_values(tf.gather(values, rows.values))
    padded = found.to_tensor(shape=[None, length, *values.shape[1:]])
    return tf.ensure_shape(padded, [*end.shape, length, *values.shape[1:]])


def _steps(count: int, batch_size: int, drop_remainder: bool) -> int:
    if batch_size < 1:
        raise ValueError(f"batch_size is at least 1. Received: {batch_size}.")
    steps = count // batch_size if drop_remainder else -(-count // batch_size)
    if steps < 1:
        raise NoExample(
            "There is no batch to learn from: rows are missing, or drop_remainder leaves out the "
            f"only batch. Received: {count:,} rows, batch_size={batch_size:,}, "
            f"drop_remainder={drop_remainder}."
        )
    return steps


def parquet(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    columns: Sequence[str],
    batch_size: int,
    lengths: Mapping[str, int] | None = None,
    shuffle_rows: int | None = None,
    seed: int = 0,
    first_epoch: int = 0,
    drop_remainder: bool = False,
) -> tf.data.Dataset:
    """Batches from Parquet files, in memory that does not grow with the data.

    What is held is one row group as it is stored, a buffer of `shuffle_rows` rows, and the batches
    prefetched. Rows are shuffled within the buffer only, so files should be written in a mixed
    order (not by date or user), or in row groups far smaller than the buffer.

    Args:
        source: a folder, which is searched for *.parquet at any depth, a file, or several files.
        columns: the columns to read: numbers, booleans, strings, times (which become Unix seconds),
            and lists of these. In text, what is missing is "", in floating-point numbers NaN, among
            lists the empty list.
        lengths: for columns of lists, the fixed number of values, of which the last are kept. Other
            lists are padded to the longest of their batch.
        shuffle_rows: the rows that are permuted as a whole; row groups then come in another order
            each epoch, too. None keeps the order of the files by name.
        seed, first_epoch: as in `batches`: an epoch's order depends on these alone.
        drop_remainder: leave out a last batch of fewer rows.

    Returns: a dataset of known cardinality of dictionaries: [batch] a column of values,
        [batch, length] a column of lists, padded on the right with 0 or "".
    Raises: ValueError if there is no file, if one is damaged, lacks a column or has it in another
        type, and for a table of Delta Lake and the like, whose log says which files count. What
        shows only while reading (a missing integer, a damaged page) is raised by the dataset, as
        tf.errors.InvalidArgumentError. The message names the file.
    """
    if shuffle_rows is not None and shuffle_rows < 1:
        raise ValueError(
            f"shuffle_rows is at least 1, or None to keep the order. Received: {shuffle_rows}."
        )
    paths = _paths(source)
    readers, groups = _survey(paths, columns, lengths or {})
    steps = _steps(sum(group.rows for group in groups), batch_size, drop_remainder)
    buffer = max(batch_size, shuffle_rows or 0)
    following = NextPass(first_epoch, steps, seed)

    def of_pass(epoch: int, first: int, last: int) -> Iterator[dict[str, np.ndarray]]:
        order, random = groups, None
        if shuffle_rows is not None:
            random = np.random.default_rng([seed % 2**64, epoch])
            order = [groups[place] for place in random.permutation(len(groups))]
        records = itertools.chain.from_iterable(
            _records(group, readers, min(buffer, _DECODED_ROWS)) for group in order
        )
        tables = _tables(records, batch_size, buffer, random)
        for table in itertools.islice(tables, first, last):
            yield {reader.name: reader.array(table[reader.name]) for reader in readers}

    def generate() -> Iterator[dict[str, np.ndarray]]:
        for piece in following.begin().numpy().tolist():  # when the first batch is asked for
            yield from of_pass(*piece)

    rows = batch_size if drop_remainder else None
    signature = {reader.name: reader.spec(rows) for reader in readers}
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    dataset = untuned(following.mark(dataset).prefetch(2))
    return dataset.apply(tf.data.experimental.assert_cardinality(steps))


@dataclass(frozen=True)
class _RowGroup:
    path: Path
    number: int
    rows: int


@dataclass(frozen=True)
class _Column:
    """A column to read: its values are numbers or text, and each row has one or a list of them."""

    name: str
    dtype: np.dtype  # object for text
    is_list: bool
    length: int | None  # of the padded lists; None for the longest of the batch

    @property
    def kind(self) -> str:
        name = tf.as_dtype(self.dtype).name
        return f"lists of {name}" if self.is_list else name

    def spec(self, rows: int | None) -> tf.TensorSpec:
        shape = [rows, self.length] if self.is_list else [rows]
        return tf.TensorSpec(shape, tf.as_dtype(self.dtype))

    def plain(self, rows: pa.Array) -> pa.Array:
        """The rows as large_string or numbers, or as large lists of these, nothing missing."""
        if not self.is_list:
            return _plain(rows)
        lengths = pc.fill_null(pc.list_value_length(rows), 0)
        offsets = np.concatenate([[0], np.cumsum(lengths.to_numpy(), dtype=np.int64)])
        return pa.LargeListArray.from_arrays(offsets, _plain(rows.flatten()))

    def array(self, rows: pa.ChunkedArray) -> np.ndarray:
        """[rows] or [rows, length], of rows that are plain."""
        if not self.is_list:
            return rows.to_numpy()
        rows = rows.combine_chunks()
        offsets = rows.offsets.to_numpy()
        values = rows.flatten().to_numpy(zero_copy_only=False)
        offsets = offsets - offsets[0]
        length = int(np.diff(offsets).max()) if self.length is None else self.length
        padding = "" if self.dtype.kind == "O" else 0
        return pad_runs(values, offsets[:-1], offsets[1:], length, padding)


def _plain(values: pa.Array) -> pa.Array:
    """Numbers or large_string; times as whole seconds, missing text as "", other gaps refused."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if _is_text(values.type):
        return pc.fill_null(values.cast(pa.large_string()), "")
    if pa.types.is_floating(values.type):
        return values
    if values.null_count:
        raise ValueError(f"{values.null_count:,} missing values of type {values.type}")
    if pa.types.is_timestamp(values.type):
        ticks = values.cast(pa.int64()).to_numpy()
        return pa.array(ticks // _TICKS[values.type.unit])
    return values


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _dtype(kind: pa.DataType) -> np.dtype | None:
    """The array type of such values, object for text; None if they are of another kind."""
    if pa.types.is_dictionary(kind):
        return _dtype(kind.value_type)
    if _is_text(kind):
        return np.dtype(object)
    if pa.types.is_timestamp(kind):
        return np.dtype(np.int64)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return np.dtype(kind.to_pandas_dtype())
    return None


def _paths(source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[Path]:
    """The files meant; see `parquet_parts`."""
    if not isinstance(source, str | os.PathLike):
        paths = [Path(path) for path in source]
    elif Path(source).is_dir():
        paths = parquet_parts(Path(source))
    else:
        paths = [Path(source)]
    absent = [str(path) for path in paths if not path.is_file()]
    if absent or not paths:
        raise ValueError(
            "parquet reads the *.parquet files of a folder, or files that exist. "
            f"Received: {source}" + (f", where {absent[0]} is no file." if absent else ".")
        )
    return paths


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    """The open file; what is wrong with it becomes a ValueError that names it."""
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ValueError(f"parquet cannot read {path}: {error}") from error


def _survey(
    paths: list[Path], columns: Sequence[str], lengths: Mapping[str, int]
) -> tuple[list[_Column], list[_RowGroup]]:
    """The columns, which every file has alike, and where the rows are; reads footers only."""
    first: list[_Column] = []
    groups: list[_RowGroup] = []
    for path in paths:
        with _opened(path) as file:
            found = [_column(file.schema_arrow, name, lengths.get(name)) for name in columns]
            sizes = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        groups += [_RowGroup(path, number, rows) for number, rows in enumerate(sizes) if rows]
        first = first or found
        for here, there in zip(found, first, strict=True):
            if here != there:
                raise ValueError(
                    f"parquet needs one type a column. Received: {here.name!r} as {here.kind} in "
                    f"{path}, as {there.kind} in {paths[0]}."
                )
    not_lists = sorted(set(lengths) - {column.name for column in first if column.is_list})
    if not_lists:
        raise ValueError(
            "lengths are for columns of lists that are among `columns`. "
            f"Received: {not_lists}, columns={list(columns)}."
        )
    return first, groups


def _column(schema: pa.Schema, name: str, length: int | None) -> _Column:
    if name not in schema.names:
        raise ValueError(f"there is no column {name!r}. Received columns: {schema.names}.")
    kind = schema.field(name).type
    is_list = any(test(kind) for test in _LISTS)
    dtype = _dtype(kind.value_type if is_list else kind)
    if dtype is None:
        raise ValueError(
            f"column {name!r} must hold numbers, booleans, text, times, or lists of these. "
            f"Received: {kind}."
        )
    return _Column(name, dtype, is_list, length)


def _records(group: _RowGroup, columns: list[_Column], rows: int) -> Iterator[pa.RecordBatch]:
    """The rows of one row group, plain, some at a time."""
    names = [column.name for column in columns]
    with _opened(group.path) as file:
        for record in file.iter_batches(rows, row_groups=[group.number], columns=names):
            arrays = []
            for column in columns:
                try:
                    arrays.append(column.plain(record[column.name]))
                except ValueError as error:
                    raise ValueError(f"column {column.name!r} has {error}") from error
            yield pa.RecordBatch.from_arrays(arrays, names)


def _tables(
    records: Iterator[pa.RecordBatch],
    batch_size: int,
    buffer: int,
    random: np.random.Generator | None,
) -> Iterator[pa.Table]:
    """Batches of rows out of a buffer, which is permuted as a whole each time it is full."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for record in records:
        held.append(record)
        rows += record.num_rows
        if rows >= buffer:
            table = _mixed(held, random)
            whole = rows - rows % batch_size
            for start in range(0, whole, batch_size):
                yield table.slice(start, batch_size)
            held = table.slice(whole).to_batches()
            rows -= whole
    if rows:
        table = _mixed(held, random)
        for start in range(0, rows, batch_size):
            yield table.slice(start, batch_size)


def _mixed(held: list[pa.RecordBatch], random: np.random.Generator | None) -> pa.Table:
    table = pa.Table.from_batches(held).combine_chunks()
    return table if random is None else table.take(random.permutation(len(table)))
