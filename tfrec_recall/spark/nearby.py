"""Which items users take close to each other: co-counts that fade with the distance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tfrec_recall.graph.similarity import OVERLAP, Similarity
from tfrec_recall.spark.groups import whole_groups
from tfrec_recall.spark.order import PLACE
from tfrec_recall.spark.products import COLUMN, ID, NEIGHBOUR, names_of
from tfrec_recall.spark.similarity import (
    best_pairs,
    check_arguments,
    column_weights,
    interaction_matrix,
)

MOST_EVENTS = 20_000
_EVENTS_AT_A_TIME = 200_000


def nearby_neighbours(
    events: DataFrame,
    similarity: Similarity,
    count: int,
    half_life: float,
    rows: int,
    seed: int = 0,
    most_events: int | None = MOST_EVENTS,
) -> DataFrame:
    """As `neighbours`, by counts that fade with the distance of two events of a user.

    Source: `tfrec_recall.graph.nearby_neighbours`.

    Args:
        events: user_id, item_id as numbers, and the `place` that `chronological` gave them before
            they were encoded; those of unknown items are left aside.
        similarity: one that needs nothing but what is common, such as `CoCount`.
        half_life: in events; pairs further apart than 6 half-lives do not count.
        most_events: of a user with more the latest count; a notice tells of it.
        count, rows, seed: as of `neighbours`.
    """
    check_arguments("nearby_neighbours", count, rows, most_events=most_events)
    if similarity.moments != (OVERLAP,):
        raise ValueError(f"Counts are all that there is. Received: {similarity}, which needs more.")
    if not half_life > 0:
        raise ValueError(f"half_life is a number of events above 0. Received: {half_life}.")
    if PLACE not in events.columns:
        raise ValueError(
            "nearby_neighbours takes events in order: chronological(events), then encode. "
            f"Received columns: {events.columns}."
        )
    known = events.where(F.col("item_id") > 1).select("user_id", "item_id", PLACE)
    matrix = interaction_matrix(known)
    column_weights(similarity, known.groupBy("user_id").count(), most_events, "events")
    sizes = matrix.groupBy(COLUMN).count()
    weight = column_weights(similarity, sizes, None, "entries")

    def counted(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for table, starts in whole_groups(batches, "user_id", _EVENTS_AT_A_TIME):
            item = table["item_id"].to_numpy()
            size = np.diff(starts, append=len(table))
            yield from nearby_products(item, size, half_life, weight, most_events)

    ordered = known.repartition("user_id").sortWithinPartitions("user_id", PLACE)
    kind = events.schema["item_id"].dataType.simpleString()
    (name,) = names_of(similarity.moments)
    schema = f"{ID} {kind}, {NEIGHBOUR} {kind}, {name} double"
    pairs = ordered.mapInArrow(counted, schema)
    totals = matrix.groupBy("row").agg(
        F.count(F.lit(1)).cast("double").alias("_size"), F.sum("value").alias("_squares")
    )
    return best_pairs(pairs, totals, similarity, count, rows, seed)


def nearby_products(
    item: np.ndarray,
    size: np.ndarray,
    half_life: float,
    weight: np.ndarray | None,
    most: int | None,
) -> Iterator[pa.RecordBatch]:
    """What some whole users add to each pair of items, the smaller number first.

    Args:
        item: of the events, user after user, oldest first.
        size: events of each user, [users].
        weight: of a user by the number of different items, or None.
        most: the latest events of a user that count.
    """
    from tfrec_recall.graph.nearby import NearbyPairs  # needs TensorFlow, which workers load once

    known, local = np.unique(item, return_inverse=True)
    user = np.repeat(np.arange(len(size)), size)
    own = None
    if weight is not None:
        pairs = np.unique(user * len(known) + local) // len(known)
        own = weight[np.bincount(pairs, minlength=len(size))]
    if most is not None and (size > most).any():
        from_end = np.repeat(np.cumsum(size), size) - 1 - np.arange(len(item))
        user, local = user[from_end < most], local[from_end < most]
    nearby = NearbyPairs(user, local, len(known), half_life, None if own is None else own[user])
    for rows in nearby.blocks():
        counts = nearby.counts(rows).tocoo()
        above = counts.col > counts.row + rows.start
        if above.any():
            one, other = known[counts.row[above] + rows.start], known[counts.col[above]]
            yield pa.RecordBatch.from_arrays(
                [pa.array(one), pa.array(other), pa.array(counts.data[above])],
                [ID, NEIGHBOUR, *names_of((OVERLAP,))],
            )
