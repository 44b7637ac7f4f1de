"""Parquet files and folders of their parts, without a change to any id on the way."""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Collection, Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from tfrec_recall.data.columns.arrow_frames import NULLABLE, plain_values, without_nullable
from tfrec_recall.data.reading.forms import FilePath
from tfrec_recall.data.reading.nested import spread
from tfrec_recall.data.reading.parts import partition, partitions, parts_of, with_partition

LABELS = re.compile(r"__index_level_\d+__")  # what pandas calls row labels that nobody named


def read_parquet(path: FilePath, objects: Collection[str] = ()) -> pd.DataFrame:
    """One Parquet file, or every `*.parquet` of a folder and its subfolders as one table.

    A subfolder `column=value` adds a column of text; what a part lacks is missing in its rows. A
    part that has such a column itself says the same as the name of its folder.
    Integers and booleans beside missing values become nullable, not floats.

    Args:
        objects: columns of objects that become a column for each of their fields, `user.id`.

    Raises: ValueError naming the file that is damaged, or whose types are not those of the others,
        or has whole numbers that the doubles of another part do not hold.
    """
    found, schema, metadata = _found(pathlib.Path(path))
    frames = []
    for fragment in found.get_fragments():
        try:
            own = schema.with_metadata(metadata[fragment.path])  # pandas keeps its index there
            table = plain_values(fragment.to_table(schema=own))
            table.validate(full=True)  # text may be no UTF-8
            table = _agreeing(table, fragment, path)
            frame = spread(table, objects).to_pandas(types_mapper=NULLABLE.get)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(_wrong_with(fragment, schema, error)) from error
        named = [name for name in frame.index.names if name is not None]
        frames.append(frame.reset_index(named))
    if len(frames) == 1:
        return without_nullable(frames[0].reset_index(drop=True))
    return without_nullable(pd.concat(frames, ignore_index=True))


def parquet_tables(path: FilePath, rows: int) -> Iterator[pa.Table]:
    """What `read_parquet` reads, some rows at a time and at most so many, all of one schema."""
    found, schema, _ = _found(pathlib.Path(path))
    for fragment in found.get_fragments():
        try:
            for batch in fragment.to_batches(schema=schema, batch_size=rows, batch_readahead=1):
                if not batch.num_rows:  # of a part without rows, as Spark writes some
                    continue
                table = pa.Table.from_batches([batch])
                table.validate(full=True)
                yield plain_values(_agreeing(table, fragment, path))
        except (pa.ArrowException, OSError) as error:
            raise ValueError(_wrong_with(fragment, schema, error)) from error


def parquet_rows(path: FilePath) -> int:
    """The rows of a file or of all parts, by their footers."""
    return sum(pq.read_metadata(part).num_rows for part in parts_of(pathlib.Path(path)))


def _found(path: pathlib.Path) -> tuple[ds.Dataset, pa.Schema, dict[str, Any]]:
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
        labels = _labels(own)
        try:
            schema = _unified(schema, pa.schema([one for one in own if one.name not in labels]))
        except pa.ArrowException as error:
            raise ValueError(
                f"{part} has other types than the parts before it: {error}. Write the column with "
                "one type in all parts."
            ) from error
        metadata[str(part)] = _without_arrow_types(own.metadata)
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


def _labels(schema: pa.Schema) -> set[str]:
    """The columns of row labels that nobody named, as pandas writes of frames put together."""
    noted = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    index = [name for name in noted.get("index_columns", ()) if isinstance(name, str)]
    return {name for name in index if LABELS.fullmatch(name)}


def _without_arrow_types(metadata: dict[bytes, bytes] | None) -> dict[bytes, bytes] | None:
    """What pandas wrote, without types of Arrow, some of whose names it cannot read itself."""
    if metadata is None or b"pandas" not in metadata:
        return metadata
    noted = json.loads(metadata[b"pandas"])
    for column in noted.get("columns", ()):
        if str(column.get("numpy_type")).endswith("[pyarrow]"):
            column["numpy_type"] = "object"
    return {**metadata, b"pandas": json.dumps(noted).encode()}


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


def _wrong_with(fragment: ds.Fragment, schema: pa.Schema, error: Exception) -> str:
    """What to say of a part that cannot be read, or has numbers that doubles of others do not hold.

    Args:
        schema: of all parts together.
    """
    for field in fragment.physical_schema:
        kind = schema.field(field.name).type if field.name in schema.names else field.type
        if kind == field.type:
            continue
        try:
            values = fragment.to_table(schema=fragment.physical_schema, columns=[field.name])[0]
        except (pa.ArrowException, OSError):
            break
        try:
            values.cast(kind)
        except pa.ArrowException as misfit:
            return (
                f"{fragment.path}: column {field.name!r} is {field.type} here and {kind} with the "
                "other parts, which does not hold all of its values: write the column with one "
                f"type in all parts. Received: {misfit}."
            )
    return f"{fragment.path} is damaged: {error}"


def _agreeing(table: pa.Table, fragment: ds.Fragment, path: FilePath) -> pa.Table:
    """The rows of a part.

    Raises: ValueError if a column of it says something else than the name of its folder.
    """
    try:
        return with_partition(table, partition(pathlib.Path(path), pathlib.Path(fragment.path)))
    except ValueError as error:
        raise ValueError(f"{fragment.path}: {error}") from error
