"""Parquet files as one frame, also where types differ from part to part."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    DataType,
    DoubleType,
    IntegerType,
    IntegralType,
    LongType,
    NullType,
    NumericType,
)

from tfrec_recall.data.reading.parquet import LABELS
from tfrec_recall.spark.checks import Rule, refuse_any
from tfrec_recall.spark.folders import whole_path
from tfrec_recall.spark.names import named

_INFERENCE = "spark.sql.sources.partitionColumnTypeInference.enabled"
_NANOS = "spark.sql.legacy.parquet.nanosAsLong"
# Columns as Parquet prints them; what lies within another one stands further to the right.
_EMPTY = re.compile(r"^  \w+ \w+ (.+) \((?:UNKNOWN|NULL)\)(?: = \d+)?;$", re.MULTILINE)
_IN_NANOS = re.compile(
    r"^  \w+ int64 (.+) \(TIMESTAMP\(NANOS,(true|false)\)\)(?: = \d+)?;$", re.MULTILINE
)
_HELD = 2**53  # doubles hold all whole numbers up to here
_DAY = 86_400 * 10**6  # microseconds


def read_parts(spark: SparkSession, path: str) -> DataFrame:
    """All parts of a table, wherever Spark reads, by the rules of `data.reading.parquet`.

    What a part lacks is missing in its rows; integers and other numbers of one column become one
    type; times in nanoseconds, for which Spark has no type, are read to the microsecond. What names
    of folders `column=value` hold is text, which keeps its zeros.

    Raises: ValueError for parts whose types have nothing in common, and for whole numbers that the
        doubles of another part do not hold.
    """
    with _setting(spark, _INFERENCE, "false"):
        try:
            return _without_labels(spark.read.option("mergeSchema", True).parquet(path))
        except (PySparkException, Py4JJavaError):
            files = _by_schema(spark, path)  # raises anew what is not there
            if len(files) == 1 and not _IN_NANOS.search(next(iter(files))):
                raise
        with _setting(spark, _NANOS, "true"):
            parts = [_read_alike(spark, path, schema, some) for schema, some in files.items()]
    return _united(path, parts)


@contextlib.contextmanager
def _setting(spark: SparkSession, name: str, value: str) -> Iterator[None]:
    """A setting of the session, for a block."""
    before = spark.conf.get(name)
    spark.conf.set(name, value)
    try:
        yield
    finally:
        spark.conf.set(name, str(before))


def _by_schema(spark: SparkSession, path: str) -> dict[str, list[str]]:
    """The files that are read, by the schema in their footers, as Parquet prints it."""
    java: Any = spark.sparkContext._jvm
    reader = java.org.apache.parquet.hadoop.ParquetFileReader
    schema_alone = java.org.apache.parquet.format.converter.ParquetMetadataConverter.SKIP_ROW_GROUPS
    settings = spark.sparkContext._jsc.hadoopConfiguration()
    found: dict[str, list[str]] = {}
    for file in sorted(spark.read.format("binaryFile").load(path).inputFiles()):
        place = java.org.apache.hadoop.fs.Path(java.java.net.URI(file))
        footer = reader.readFooter(settings, place, schema_alone)
        schema = footer.getFileMetaData().getSchema().toString()
        found.setdefault(schema, []).append(place.toString())
    return found


def _read_alike(spark: SparkSession, path: str, schema: str, files: Sequence[str]) -> DataFrame:
    """Files of one schema, with nanoseconds as moments, and what holds nothing without a type."""
    is_file = whole_path(spark, path) == whole_path(spark, files[0])
    within = {} if is_file else {"basePath": path}
    frame = _without_labels(spark.read.options(**within).parquet(*files))
    for name, in_utc in _IN_NANOS.findall(schema):
        if name in frame.columns:
            frame = frame.withColumn(name, _moment(named(name), in_utc == "false"))
    for name in _EMPTY.findall(schema):
        if name in frame.columns:  # as integers, whatever other parts have
            frame = frame.withColumn(name, F.lit(None))
    return frame


def _without_labels(frame: DataFrame) -> DataFrame:
    """The columns but for labels of rows that pandas has left."""
    return frame.drop(*(name for name in frame.columns if LABELS.fullmatch(name)))


def _moment(nanos: Column, naive: bool) -> Column:
    """Nanoseconds since 1970 as a time, without a zone where it has none."""
    micros = _whole(nanos, 1000)
    if not naive:
        return F.timestamp_micros(micros)
    days, rest = _whole(micros, _DAY), F.pmod(micros, F.lit(_DAY))
    passed = F.make_dt_interval(days=days.cast("int"), secs=(rest / 10**6).cast("decimal(18, 6)"))
    return F.expr("timestamp_ntz'1970-01-01 00:00:00'") + passed


def _whole(count: Column, part: int) -> Column:
    """How many whole parts there are, in integers."""
    return F.call_function("div", count - F.pmod(count, F.lit(part)), F.lit(part))


def _united(path: str, parts: Sequence[DataFrame]) -> DataFrame:
    kinds: dict[str, list[DataType]] = {}
    for part in parts:
        for field in part.schema:
            kinds.setdefault(field.name, []).append(field.dataType)
    common = {name: _common(path, name, kinds_of) for name, kinds_of in kinds.items()}
    frames = []
    for part in parts:
        _refuse_beyond_doubles(path, part, common)
        columns = [named(name).cast(common[name]).alias(name) for name in part.columns]
        frames.append(part.select(*columns))
    return functools.reduce(lambda one, other: one.unionByName(other, True), frames)


def _common(path: str, name: str, kinds: Sequence[DataType]) -> DataType:
    """The type of a column that has these in some part each."""
    some = [kind for kind in kinds if not isinstance(kind, NullType)]
    if not some:
        return IntegerType()  # as Spark reads one that is so in all parts
    if all(kind == some[0] for kind in some):
        return some[0]
    elements = [kind.elementType for kind in some if isinstance(kind, ArrayType)]
    if len(elements) == len(some):
        return ArrayType(_common(path, name, elements))
    if all(isinstance(kind, IntegralType) for kind in some):
        return LongType()
    if all(isinstance(kind, NumericType) for kind in some):
        return DoubleType()
    received = sorted({kind.simpleString() for kind in some})
    raise ValueError(
        f"{path}: column {name!r} has types in some parts that have nothing in common with those "
        f"of others: write the column with one type in all parts. Received: {received}."
    )


def _refuse_beyond_doubles(path: str, part: DataFrame, common: dict[str, DataType]) -> None:
    """Refuses integers that become others as the doubles of another part."""
    remedy = "Write the column with one type in all parts."
    what = "integers beyond what the doubles of another part hold"
    rules = [
        Rule(field.name, F.abs(named(field.name)) > _HELD, what, remedy)
        for field in part.schema
        if isinstance(field.dataType, LongType) and isinstance(common[field.name], DoubleType)
    ]
    refuse_any(part, path, rules)
