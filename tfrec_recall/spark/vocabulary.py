"""Vocabularies and counts for samplers, as `tfrec_recall.data.Vocabulary` has them."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterator, Sequence

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, IntegralType, StringType

from tfrec_recall.data.files import replacing
from tfrec_recall.data.vocabulary import FIRST_KNOWN, HEADER, UNKNOWN
from tfrec_recall.spark.folders import Folder
from tfrec_recall.spark.order import running_total

ID, COUNT, NUMBER = "id", "count", "number"
HEAD = 10_000  # ids that every worker holds: the most frequent ones, which no join has to gather
_SPREAD = 1_024  # places for the rows that the head has matched already


def counts(frame: DataFrame, column: str) -> DataFrame:
    """How often each value of a column is there: id, count. Gaps and the padding do not count.

    Args:
        column: of ids, or of lists of ids, whose values count each.
    """
    kind = frame.schema[column].dataType
    values = F.explode(column) if isinstance(kind, ArrayType) else F.col(column)
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

    Raises: ValueError if the ids are of another type than the vocabulary's.
    """
    ours, theirs = frame.schema[column].dataType, known.schema[ID].dataType
    if isinstance(ours, StringType) != isinstance(theirs, StringType):
        raise ValueError(
            f"This vocabulary holds {theirs.simpleString()}, so nothing in {column!r} can match: "
            f"cast it if these are the same ids. Received: {ours.simpleString()}."
        )
    ids = known.select(F.col(ID).alias("_id"), F.col(NUMBER).alias("_number"))
    head = ids.where(F.col("_number") < FIRST_KNOWN + HEAD)
    met = frame.join(F.broadcast(head), F.col(column) == F.col("_id"), "left")
    met = met.withColumnRenamed("_number", "_near").drop("_id")
    # Rows that are done, and those without an id, match nothing further and are spread evenly.
    done = F.col("_near").isNotNull() | F.col(column).isNull()
    spread = F.pmod(F.xxhash64(*frame.columns), F.lit(_SPREAD))
    met = met.withColumn("_key", F.when(~done, F.col(column)))
    met = met.withColumn("_salt", F.when(done, spread).otherwise(F.lit(0)))
    tail = ids.where(F.col("_number") >= FIRST_KNOWN + HEAD).withColumn(
        "_zero", F.lit(0).cast("bigint")
    )
    same = (F.col("_key") == F.col("_id")) & (F.col("_salt") == F.col("_zero"))
    both = met.join(tail, same, "left")
    padding = "" if isinstance(ours, StringType) else -1
    number = (
        F.when(F.col(column).isNull() | (F.col(column) == F.lit(padding)), F.lit(0))
        .otherwise(F.coalesce("_near", "_number", F.lit(UNKNOWN)))
        .cast("int")
    )
    name = name or column
    others = [one for one in frame.columns if one != name]
    places: Sequence[str] = frame.columns if name in frame.columns else [*others, name]
    return both.select(*others, number.alias(name)).select(*places)


def save_vocabulary(counted: DataFrame, path: Folder, min_count: int = 1) -> None:
    """Writes the vocabulary of these counts as the one Parquet file that `Vocabulary.load` reads.

    One task writes it, row by row; the driver has the numbers of the header alone.

    Args:
        counted, min_count: as of `vocabulary`.
        path: `*.parquet`, where the workers and the reader both find it.
    """
    path = pathlib.Path(path).absolute()
    if path.suffix != ".parquet":
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

        written = 0
        with replacing(path) as sibling, pq.ParquetWriter(sibling, schema) as writer:
            for batch in batches:
                writer.write_batch(batch.cast(schema))
                written += batch.num_rows
        yield pa.RecordBatch.from_pydict({"rows": [written]})

    rows = vocabulary(counted, min_count).coalesce(1).sortWithinPartitions(NUMBER)
    rows.select(ID, COUNT).mapInArrow(write, "rows bigint").collect()
