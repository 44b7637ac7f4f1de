"""Item-item similarities: the best neighbours of each row of a matrix that no machine holds.

Workers multiply blocks of whole columns (users, of whom each has few items) and send what a block
adds to each pair. Pairs are spread over the workers by both of their rows, so that a row which is
in a tenth of all columns is nobody's burden, and no column has more than `most_entries`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from tfrec_recall.data.arguments import whole
from tfrec_recall.data.notices import tell
from tfrec_recall.graph.similarity import Moment, Similarity, Totals
from tfrec_recall.spark import columns
from tfrec_recall.spark.products import (
    COLUMN,
    ID,
    NEIGHBOUR,
    ROW,
    VALUE,
    columns_to_pairs,
    names_of,
)

RANK, WEIGHT = "rank", "weight"
MOST_ENTRIES = 5_000


def interaction_matrix(
    events: DataFrame, row: str = "item_id", column: str = "user_id", value: str | None = None
) -> DataFrame:
    """Events as a matrix with one entry a pair: row, column, value.

    Args:
        row: a column of numbers, as `encode` gives them; rows of unknown ids are left aside.
        column: of ids of any type.
        value: of the events, whose mean is the entry of a repeated pair; None makes every entry 1.
            Events without a value are left aside.
    """
    known = events.where(F.col(row) > 1)
    if value is not None:
        number = F.col(value).cast("double")
        known = known.where(number.isNotNull() & ~F.isnan(number))
    entry = F.lit(1.0) if value is None else F.avg(F.col(value).cast("double"))
    found = known.groupBy(F.col(row).alias(ROW), F.col(column).alias(COLUMN))
    return found.agg((F.first(entry) if value is None else entry).alias(VALUE))


def neighbours(
    matrix: DataFrame,
    similarity: Similarity,
    count: int,
    rows: int,
    seed: int = 0,
    most_entries: int | None = MOST_ENTRIES,
) -> DataFrame:
    """The `count` most similar other rows of each row, as `tfrec_recall.graph.neighbours`.

    Args:
        matrix: as from `interaction_matrix`.
        similarity: `CoCount`, `Cosine`, `Jaccard`, `Pearson` of `tfrec_recall.graph`.
        rows: how many ids rows have, padding and unknown among them.
        seed: of the permutation that decides between equal similarities.
        most_entries: a column with more (a user who took everything) counts by so many of them,
            drawn by a hash, and by its true size where that is a weight; a notice tells of it. None
            lets every pair of a column count.

    Returns: id, rank (from 1), neighbour, weight (float).
    """
    check_arguments("neighbours", count, rows, most_entries=most_entries)
    if similarity.shift_invariant:
        row = matrix.agg(F.min(VALUE)).first()
        least = 0.0 if row is None or row[0] is None else float(row[0])
        matrix = matrix.withColumn(VALUE, F.col(VALUE) - (least - 1.0))
    sizes = matrix.groupBy(COLUMN).count()
    weight = column_weights(similarity, sizes, most_entries, "entries")
    moments = similarity.moments

    products = functools.partial(
        columns_to_pairs, moments=moments, weight=weight, most=most_entries
    )
    entries = matrix.repartition(COLUMN).sortWithinPartitions(COLUMN)
    pairs = entries.mapInArrow(products, _schema(matrix, moments))
    totals = matrix.groupBy(ROW).agg(
        F.count(F.lit(1)).cast("double").alias("_size"),
        F.sum(F.col(VALUE) * F.col(VALUE)).alias("_squares"),
    )
    return best_pairs(pairs, totals, similarity, count, rows, seed)


def best_pairs(
    pairs: DataFrame,
    totals: DataFrame,
    similarity: Similarity,
    count: int,
    rows: int,
    seed: int,
) -> DataFrame:
    """The best of each row, of pairs whose moments are partial sums.

    Args:
        pairs: id, neighbour and the moments, each pair in one direction.
        totals: row, _size, _squares.
    """
    moments = similarity.moments
    sums = [F.sum(name).alias(name) for name in names_of(moments)]
    whole = pairs.groupBy(ID, NEIGHBOUR).agg(*sums)
    # Equals are in the order of a permutation, of which the driver has the numbers.
    place = np.argsort(np.random.default_rng(seed).permutation(rows)).astype("int32")
    order = pa.table({ROW: np.arange(rows, dtype="int32"), "_lot": place})
    totals = totals.join(pairs.sparkSession.createDataFrame(order), ROW, "left")
    beyond = F.raise_error(
        F.concat(
            F.lit(
                "rows counts all numbers of the ids, padding and unknown among them, as the length "
                f"of their vocabulary does. Received: rows={rows}, and a row "
            ),
            F.col(ROW).cast("string"),
        )
    ).cast("int")
    totals = totals.withColumn("_lot", F.coalesce(F.col("_lot"), beyond))
    for end, prefix in ((ID, "left"), (NEIGHBOUR, "right")):
        own = [F.col(name).alias(prefix + name) for name in ("_size", "_squares", "_lot")]
        whole = whole.join(totals.select(F.col(ROW).alias(end), *own), end)
    common: dict[Moment, Column] = {
        moment: F.col(name) for moment, name in zip(moments, names_of(moments), strict=True)
    }
    left, right = (
        Totals(F.col(f"{one}_size"), F.col(f"{one}_squares")) for one in ("left", "right")
    )
    mirrored = {(p, q): common[q, p] for p, q in moments}
    both = [
        _directed(ID, NEIGHBOUR, "right_lot", similarity, common, left, right),
        _directed(NEIGHBOUR, ID, "left_lot", similarity, mirrored, right, left),
    ]
    directed = whole.select(F.inline(F.array(*both))).where(F.col(WEIGHT) > 0)
    window = Window.partitionBy(ID).orderBy(F.col(WEIGHT).desc(), "_lot")
    ranked = directed.withColumn(RANK, F.row_number().over(window)).where(F.col(RANK) <= count)
    return ranked.select(ID, RANK, NEIGHBOUR, WEIGHT)


def _directed(
    row: str,
    neighbour: str,
    lot: str,
    similarity: Similarity,
    common: Mapping[Moment, Column],
    left: Totals,
    right: Totals,
) -> Column:
    weight = similarity.between(common, left, right, columns)  # type: ignore[arg-type]
    return F.struct(
        F.col(row).alias(ID),
        F.col(neighbour).alias(NEIGHBOUR),
        F.col(lot).alias("_lot"),
        weight.cast("float").alias(WEIGHT),
    )


def column_weights(
    similarity: Similarity, sizes: DataFrame, most: int | None, what: str
) -> np.ndarray | None:
    """What a column of each size counts; tells of those with more than `most`."""
    over = F.lit(0) if most is None else F.count_if(F.col("count") > most)
    row = sizes.agg(F.max("count"), over).first()
    largest, above = (row[0] or 0, row[1]) if row is not None else (0, 0)
    if above:
        tell(
            f"{above:,} users with more than {most:,} {what} count by {most:,} of them: the most "
            f"active one has {largest:,}. most_{what}=None lets all count."
        )
    return similarity.column_weight(np.arange(largest + 1, dtype="float64"))


def _schema(matrix: DataFrame, moments: tuple[Moment, ...]) -> str:
    kind = matrix.schema[ROW].dataType.simpleString()
    sums = [f"{name} double" for name in names_of(moments)]
    return ", ".join([f"{ID} {kind}", f"{NEIGHBOUR} {kind}", *sums])


def check_arguments(owner: str, count: int, rows: int, **most: int | None) -> None:
    """Raises the ValueError of numbers that are not whole ones from 1 up; None takes all."""
    whole(owner, count, "count")
    whole(owner, rows, "rows")
    for name, value in most.items():
        whole(owner, value, name, optional=True)
