"""Tables of Parquet files, wherever Spark reads: found, and read as pandas reads them."""

from __future__ import annotations

import pathlib
import urllib.parse
from collections.abc import Collection, Mapping, Sequence

import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StringType

from tfrec_recall.data.ids import of_one_type
from tfrec_recall.data.notices import tell
from tfrec_recall.data.reading import PARQUET, find_tables
from tfrec_recall.data.reading.columns import IDS, check_known, check_rename, is_wanted, our_names
from tfrec_recall.data.reading.layout import TABLES
from tfrec_recall.data.reading.parts import LOGS, logged_table, partition, refuse_split
from tfrec_recall.data.reading.types import numbers
from tfrec_recall.spark.checks import KEYS
from tfrec_recall.spark.folders import (
    Folder,
    exists,
    holds,
    is_local,
    whole_path,
    with_those_above,
)
from tfrec_recall.spark.names import contents, each, named
from tfrec_recall.spark.parquet import read_parts

Frames = dict[str, DataFrame]
Texts = dict[str, dict[str, pd.Series]]  # of each table, the values of each column without types


def find(spark: SparkSession, place: str, elsewhere: Mapping[str, Folder | None]) -> dict[str, str]:
    """Where each table is.

    Args:
        place: a file, a folder of parts, or a folder of tables.
        elsewhere: the files of tables that are not there.

    Raises: ValueError for what is not there, and for tables whose log says which files count.
    """
    found = {table: str(path) for table, path in elsewhere.items() if path is not None}
    if all("://" not in path and is_local(spark, path) for path in (place, *found.values())):
        return {table: str(path) for table, path in find_tables(place, found, PARQUET).items()}
    for table in TABLES:
        for name in (f"{table}.parquet", table):
            if table not in found and exists(spark, f"{place.rstrip('/')}/{name}"):
                found[table] = f"{place.rstrip('/')}/{name}"
    found.setdefault("events", place)
    for path in found.values():
        _refuse_logged_table(spark, path)
    return {table: found[table] for table in TABLES if table in found}


def _refuse_logged_table(spark: SparkSession, path: str) -> None:
    """As `data.reading.parts.refuse_logged_table`, wherever Spark reads."""
    for place, name in with_those_above(spark, path):
        for log in LOGS:
            if holds(spark, place, log):
                raise logged_table(place, log)
        if "=" not in name and name != "data":  # these stand beside or below the log
            return


def read_tables(
    spark: SparkSession,
    paths: Mapping[str, str],
    rename: Mapping[str, str],
    columns: Collection[str] | None,
) -> tuple[Frames, Texts]:
    """The wanted columns of all tables by our names, and what the names of folders say of them.

    Raises: ValueError for files that are parts of a split by their names.
    """
    frames = {table: read_parts(spark, path) for table, path in paths.items()}
    texts: Texts = {}
    for table, frame in frames.items():
        ours = dict(zip(frame.columns, our_names(table, frame.columns, rename), strict=True))
        folder = pathlib.Path(whole_path(spark, paths[table]))
        files = _files(frame, folder)
        refuse_split(folder, files)  # where `find` has not looked into it
        said = _of_folders(frame, folder, files)
        texts[table] = {ours[name]: values for name, values in said.items()}
    return wanted(frames, rename, columns), texts


def wanted(
    frames: Mapping[str, DataFrame], rename: Mapping[str, str], columns: Collection[str] | None
) -> Frames:
    """The wanted columns of all tables by our names."""
    check_rename({table: frame.columns for table, frame in frames.items()}, rename)
    found = {
        table: frame.toDF(*our_names(table, frame.columns, rename))
        for table, frame in frames.items()
    }
    if columns is None:
        return found
    check_known("columns", columns, {table: frame.columns for table, frame in found.items()})
    return {
        table: frame.select(*each(one for one in frame.columns if is_wanted(table, one, columns)))
        for table, frame in found.items()
    }


def with_types(frames: Frames, texts: Texts) -> Frames:
    """Columns that names of folders hold as numbers where all are, by the rules of text files.

    Ids are integers if all of them, in all tables together, are written as integers.

    Raises: ValueError where one table has integers and the folders of another have other text.
    """
    found: dict[tuple[str, str], pd.Series] = {}
    for name, having in IDS.items():
        there = [one for one in having if one in frames and name in frames[one].columns]
        untyped = [table for table in there if name in texts[table]]
        if untyped:
            columns = {
                table: texts[table][name] if table in untyped else _some(frames[table], name)
                for table in there
            }
            typed = of_one_type(columns, untyped, name)
            found |= {(table, name): typed[table] for table in untyped}
    for table, of_table in texts.items():
        for name, text in of_table.items():
            if name in frames[table].columns and table not in IDS.get(name, ()):
                values = numbers(text, None)
                found[table, name] = text if values is None else values
    for (table, name), values in found.items():
        is_number = pd.api.types.is_numeric_dtype(values.dtype)
        if is_number and isinstance(frames[table].schema[name].dataType, StringType):
            kind = "double" if pd.api.types.is_float_dtype(values.dtype) else "bigint"
            typed_column = named(name).try_cast(kind)  # what stands for a missing one is no number
            frames = {**frames, table: frames[table].withColumn(name, typed_column)}
    return frames


def without_copies(frame: DataFrame, table: str) -> DataFrame:
    """Users or items without rows that repeat another one in every column; tells how many."""
    key = KEYS[table]
    if key not in frame.columns or len(contents(frame)) < len(frame.columns):
        return frame  # maps have no order, by which rows could be compared
    if frame.groupBy(key).count().where("count > 1").isEmpty():
        return frame
    kept = frame.dropDuplicates()
    copies = frame.count() - kept.count()
    if not copies:
        return frame
    tell(f"{table}: {copies:,} rows repeat another in every column and are left out.")
    return kept


def _files(frame: DataFrame, folder: pathlib.Path) -> list[pathlib.Path]:
    """The files of a table in a folder, or the folder itself where it is a file."""
    files = (urllib.parse.unquote(urllib.parse.urlsplit(file).path) for file in frame.inputFiles())
    return [file for file in map(pathlib.Path, files) if file.is_relative_to(folder)]


def _of_folders(
    frame: DataFrame, folder: pathlib.Path, files: Sequence[pathlib.Path]
) -> dict[str, pd.Series]:
    """The columns that names of folders below a folder hold, and their values, each once."""
    values: dict[str, dict[str | None, None]] = {}
    for file in files:
        for name, value in partition(folder, file).items():
            values.setdefault(name, {})[value] = None
    return {
        name: pd.Series(list(values[name]), name=name, dtype="str")
        for name in frame.columns
        if name in values
    }


def _some(frame: DataFrame, name: str) -> pd.Series:
    """A few values of a column, whose type they have."""
    return pd.Series([row[0] for row in frame.select(named(name)).take(3)], name=name)
