"""Parquet files and folders of their parts, without a change to any id on the way."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from tfrec_recall.data.reading.forms import FilePath
from tfrec_recall.data.reading.parts import partition, partitions, parts_of, with_partition

_NULLABLE: dict[pa.DataType, Any] = {
    **{pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype()},
    **{pa.int64(): pd.Int64Dtype(), pa.uint8(): pd.UInt8Dtype(), pa.uint16(): pd.UInt16Dtype()},
    **{pa.uint32(): pd.UInt32Dtype(), pa.uint64(): pd.UInt64Dtype(), pa.bool_(): pd.BooleanDtype()},
}


def read_parquet(path: FilePath) -> pd.DataFrame:
    """One Parquet file, or every `*.parquet` of a folder and its subfolders as one table.

    A subfolder `column=value` adds a column of text; what a part lacks is missing in its rows. A
    part that has such a column itself says the same as the name of its folder.
    Integers and booleans beside missing values become nullable, not floats.

    Raises: ValueError naming the file that is damaged, or whose types are not those of the others.
    """
    found, schema, metadata = _found(pathlib.Path(path))
    frames = []
    for fragment in found.get_fragments():
        try:
            own = schema.with_metadata(metadata[fragment.path])  # pandas keeps its index there
            table = _plain_values(fragment.to_table(schema=own))
            table.validate(full=True)  # text may be no UTF-8
            table = _agreeing(table, fragment, path)
            frame = table.to_pandas(types_mapper=_NULLABLE.get)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{fragment.path} is damaged: {error}") from error
        named = [name for name in frame.index.names if name is not None]
        frames.append(frame.reset_index(named))
    return _plain(pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0])


def parquet_tables(path: FilePath, rows: int) -> Iterator[pa.Table]:
    """What `read_parquet` reads, at most so many rows at a time, all of one schema."""
    found, schema, _ = _found(pathlib.Path(path))
    for fragment in found.get_fragments():
        try:
            for batch in fragment.to_batches(schema=schema, batch_size=rows, batch_readahead=1):
                table = pa.Table.from_batches([batch])
                table.validate(full=True)
                yield _plain_values(_agreeing(table, fragment, path))
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{fragment.path} is damaged: {error}") from error


def parquet_rows(path: FilePath) -> int:
    """The rows of a file or of all parts, by their footers."""
    return sum(pq.read_metadata(part).num_rows for part in parts_of(pathlib.Path(path)))


def _found(path: pathlib.Path) -> tuple[ds.Dataset, pa.Schema, dict[str, dict]]:
    """The parts as one dataset, its schema, and what pandas wrote of each part.

    Raises: as `read_parquet`.
    """
    parts = parts_of(path)
    schema, metadata = pa.schema([]), {}
    for part in parts:
        try:
            own = pq.read_schema(part)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{part} is no whole Parquet file: {error}") from error
        twice = sorted({name for name in own.names if own.names.count(name) > 1})
        if twice:
            raise ValueError(
                f"{part}: column names are unique, but {twice} comes more than once: change one of "
                f"them in the file. Received: columns {own.names}."
            )
        try:
            schema = _unified(schema, own.remove_metadata())
        except pa.ArrowException as error:
            raise ValueError(
                f"{part} has other types than the parts before it: {error}. Write the column with "
                "one type in all parts."
            ) from error
        metadata[str(part)] = own.metadata
    names = [name for name in partitions(path) if name not in schema.names]
    for name in names:
        # Names of folders have no types: as text they keep their zeros.
        schema = schema.append(pa.field(name, pa.string()))
    folder = {
        "partitioning": ds.HivePartitioning(pa.schema([schema.field(name) for name in names])),
        "partition_base_dir": str(path),
    }
    found = ds.dataset(list(metadata), schema=schema, **(folder if names else {}))
    return found, schema, metadata


def _unified(schema: pa.Schema, own: pa.Schema) -> pa.Schema:
    """One schema for the rows of both; where only one has packed a column's values, they are not.

    Raises: pyarrow.ArrowException for types that have nothing in common.
    """
    try:
        return pa.unify_schemas([schema, own], promote_options="permissive")
    except pa.ArrowException:
        both = [_without_dictionaries(schema), _without_dictionaries(own)]
        return pa.unify_schemas(both, promote_options="permissive")


def _without_dictionaries(schema: pa.Schema) -> pa.Schema:
    """The types of the values, where a writer packed those that come again."""
    for place, field in enumerate(schema):
        if pa.types.is_dictionary(field.type):
            schema = schema.set(place, field.with_type(field.type.value_type))
    return schema


def _agreeing(table: pa.Table, fragment: ds.Fragment, path: FilePath) -> pa.Table:
    """The rows of a part.

    Raises: ValueError if a column of it says something else than the name of its folder.
    """
    try:
        return with_partition(table, partition(pathlib.Path(path), pathlib.Path(fragment.path)))
    except ValueError as error:
        raise ValueError(f"{fragment.path}: {error}") from error


def to_frame(table: pa.Table) -> pd.DataFrame:
    """A frame whose integers and booleans are nullable where something is missing, not floats."""
    return _plain(table.to_pandas(types_mapper=_NULLABLE.get))


def _plain_values(table: pa.Table) -> pa.Table:
    """Decimals as numbers, whole ones as integers; bytes that are text as text."""
    for place, field in enumerate(table.schema):
        if not (pa.types.is_decimal(field.type) or _is_binary(field.type)):
            continue
        kinds = [pa.large_string()] if _is_binary(field.type) else [pa.float64()]
        if pa.types.is_decimal(field.type) and field.type.scale <= 0:
            kinds = [pa.int64(), pa.large_string()]
        for kind in kinds:
            with contextlib.suppress(pa.ArrowInvalid):  # beyond int64, or no text
                table = table.set_column(place, field.name, table[place].cast(kind))
                break
    return table


def _is_binary(kind: pa.DataType) -> bool:
    views = pa.types.is_binary_view(kind)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or views


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Nullable columns without missing values as NumPy's."""
    plain = {dtype: dtype.numpy_dtype for dtype in _NULLABLE.values()}
    whole = {
        column: plain[dtype]
        for column, dtype in frame.dtypes.items()
        if dtype in plain and not frame[column].isna().any()
    }
    return frame.astype(whole)
