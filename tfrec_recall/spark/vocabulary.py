"""Vocabularies and counts for samplers, as `tfrec_recall.data.Vocabulary` has them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, IntegralType, NullType, StringType

from tfrec_recall.data.files import replacing
from tfrec_recall.data.vocabulary import FIRST_KNOWN, HEADER, UNKNOWN
from tfrec_recall.spark.folders import Folder, shared_path
from tfrec_recall.spark.names import contents, each, named, own, refuse_taken
from tfrec_recall.spark.order import running_total

ID, COUNT, NUMBER = "id", "count", "number"
HEAD = 10_000  # ids that every worker holds: the most frequent ones, which no join has to gather
_SPREAD = 1_024  # places for the rows that the head has matched already
_ID, _NUMBER, _NEAR = map(own, (ID, NUMBER, "near"))
_KEY, _SALT, _ZERO = map(own, ("key", "salt", "zero"))


def counts(frame: DataFrame, column: str) -> DataFrame:
    """How often each value of a column is there: id, count. Gaps and the padding do not count.

    Args:
        column: of ids, or of lists of ids, whose values count each.
    """
    kind = frame.schema[column].dataType
    values = F.explode(named(column)) if isinstance(kind, ArrayType) else named(column)
    found = frame.select(values.alias(ID))
    kind = found.schema[ID].dataType
    if isinstance(kind, IntegralType):
        found = found.withColumn(ID, F.col(ID).cast("bigint"))
    elif not isinstance(kind, StringType):
        raise ValueError(
            f"Ids are text or integers: cast the column {column!r} to 'string' or 'bigint'. "
            f"Received: {kind.simpleString()}."
        )
    padding = "" if isinstance(kind, StringType) else -1
    present = F.col(ID).isNotNull() & (F.col(ID) != F.lit(padding))
    return found.where(present).groupBy(ID).agg(F.count(F.lit(1)).alias(COUNT))


def vocabulary(counted: DataFrame, min_count: int = 1) -> DataFrame:
    """Ids with their numbers, as `Vocabulary.of_counts`: by falling count, equals by SHA-256.

    Args:
        counted: id and count, as `counts` gives them of training events.
        min_count: ids that occur less often are unknown.

    Returns: number (from 2), id, count; kept by the workers until it is dropped.
    """
    if min_count < 1:
        raise ValueError(f"min_count is at least 1. Received: {min_count}.")
    known = counted.where(F.col(COUNT) >= min_count)
    known = known.withColumn("_hash", F.sha2(F.col(ID).cast("string"), 256))
    order = [F.col(COUNT).desc(), F.col("_hash")]
    return running_total(known, order, F.lit(1), NUMBER).select(
        (F.col(NUMBER) + FIRST_KNOWN).cast("int").alias(NUMBER), ID, COUNT
    )


def encode(frame: DataFrame, known: DataFrame, column: str, name: str | None = None) -> DataFrame:
    """The frame with the numbers of a column's ids: missing or padding 0, not known 1, known 2 on.

    The most frequent ids, of which a tenth of all rows may be, are looked up where the rows are;
    only the other rows are brought together by id.

    Args:
        known: as `vocabulary` makes it.
        column: of ids; as many rows of one id as there are.
        name: of the new column; by default it takes the place of the ids.

    Raises: ValueError if the ids are of another type than the vocabulary's, or where a column is
        called as the new one but for upper and lower case.
    """
    ours, theirs = frame.schema[column].dataType, known.schema[ID].dataType
    kind = StringType if isinstance(theirs, StringType) else IntegralType
    if not isinstance(ours, (kind, NullType)):
        raise ValueError(
            f"This vocabulary holds {theirs.simpleString()}, so nothing in {column!r} can match: "
            f"cast it if these are the same ids. Received: {ours.simpleString()}."
        )
    name = name or column
    refuse_taken("encode", frame, [name], but=[name])
    raw = named(column)
    ids = known.select(F.col(ID).alias(_ID), F.col(NUMBER).alias(_NUMBER))
    head = ids.where(F.col(_NUMBER) < FIRST_KNOWN + HEAD)
    met = frame.join(F.broadcast(head), raw == F.col(_ID), "left")
    met = met.withColumnRenamed(_NUMBER, _NEAR).drop(_ID)
    # Rows that are done, and those without an id, match nothing further and are spread evenly.
    done = F.col(_NEAR).isNotNull() | raw.isNull()
    spread = F.pmod(F.xxhash64(*contents(frame)), F.lit(_SPREAD))
    met = met.withColumn(_KEY, F.when(~done, raw))
    met = met.withColumn(_SALT, F.when(done, spread).otherwise(F.lit(0)))
    tail = ids.where(F.col(_NUMBER) >= FIRST_KNOWN + HEAD)
    tail = tail.withColumn(_ZERO, F.lit(0).cast("bigint"))
    same = (F.col(_KEY) == F.col(_ID)) & (F.col(_SALT) == F.col(_ZERO))
    both = met.join(tail, same, "left")
    padding = "" if isinstance(ours, StringType) else -1
    number = (
        F.when(raw.isNull() | (raw == F.lit(padding)), F.lit(0))
        .otherwise(F.coalesce(_NEAR, _NUMBER, F.lit(UNKNOWN)))
        .cast("int")
    )
    others = [one for one in frame.columns if one != name]
    places: Sequence[str] = frame.columns if name in frame.columns else [*others, name]
    return both.select(*each(others), number.alias(name)).select(*each(places))


def save_vocabulary(counted: DataFrame, path: Folder, min_count: int = 1) -> None:
    """Writes the vocabulary of these counts as the one Parquet file that `Vocabulary.load` reads.

    One task writes it, row by row; the driver has the numbers of the header alone.

    Args:
        counted, min_count: as of `vocabulary`.
        path: `*.parquet`, where the workers and the reader both find it; `file://` may stand
            before it.

    Raises: ValueError for a path on another file system, or of another name.
    """
    place = shared_path("save_vocabulary", path)
    if place.suffix != ".parquet":
        raise ValueError(f"Spark writes a vocabulary as a .parquet file. Received: {path}.")
    rare = F.when(F.col(COUNT) < min_count, F.col(COUNT))
    row = counted.agg(F.count(F.when(F.col(COUNT) >= min_count, 1)), F.sum(rare)).first() or (0, 0)
    text = isinstance(counted.schema[ID].dataType, StringType)
    header = {
        "vocabulary": "string" if text else "integer",
        "known": int(row[0]),
        "unknown_count": int(row[1] or 0),
    }
    ids = pa.field(ID, pa.string() if text else pa.int64())
    schema = pa.schema([ids, pa.field(COUNT, pa.int64())], {HEADER: json.dumps(header)})

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        import pyarrow.parquet as pq

        if not place.parent.is_dir():
            raise FileNotFoundError(
                "save_vocabulary writes into a folder that is there, and is shared by all workers: "
                f"this one does not find it. Received: {place}."
            )
        written = 0
        with replacing(place) as sibling, pq.ParquetWriter(sibling, schema) as writer:
            for batch in batches:
                writer.write_batch(batch.cast(schema))
                written += batch.num_rows
        yield pa.RecordBatch.from_pydict({"rows": [written]})

    rows = vocabulary(counted, min_count).coalesce(1).sortWithinPartitions(NUMBER)
    rows.select(ID, COUNT).mapInArrow(write, "rows bigint").collect()
