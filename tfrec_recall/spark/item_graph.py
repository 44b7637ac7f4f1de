"""The graph of items that users take one after another, and that of users and items."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from tfrec_recall.data.notices import tell
from tfrec_recall.spark.groups import whole_groups
from tfrec_recall.spark.order import PLACE

SOURCE, TARGET, WEIGHT = "source", "target", "weight"
_EVENTS_AT_A_TIME = 100_000


def item_graph(events: DataFrame, session: str = "user_id", reach: int = 1) -> DataFrame:
    """Directed edges from each item to the next of its session, weighted by how often that came.

    Source: `tfrec_recall.graph.item_graph`.

    Args:
        events: item_id as numbers, the session, and the `place` that `chronological` gave them;
            unknown items are left aside, so that those around them follow each other.
        session: the column that tells sequences apart.
        reach: an item leads to so many that follow.

    Returns: source, target, weight (float): an edge a row.
    """
    if reach < 1:
        raise ValueError(f"reach is at least 1. Received: {reach}.")
    if PLACE not in events.columns:
        raise ValueError(
            "item_graph takes events in order: chronological(events), then encode. "
            f"Received columns: {events.columns}."
        )
    apart = ["user_id", session] if "user_id" in events.columns else [session]
    window = Window.partitionBy(*dict.fromkeys(apart)).orderBy(PLACE)
    known = events.where(F.col("item_id") > 1)
    following = F.array(*(F.lead("item_id", far).over(window) for far in range(1, reach + 1)))
    steps = known.select(F.col("item_id").alias(SOURCE), following.alias(TARGET))
    steps = steps.withColumn(TARGET, F.explode(TARGET))
    edges = steps.where(F.col(TARGET).isNotNull() & (F.col(TARGET) != F.col(SOURCE)))
    return edges.groupBy(SOURCE, TARGET).agg(F.count(F.lit(1)).cast("float").alias(WEIGHT))


def basket_graph(events: DataFrame, session: str = "session_id", seed: int = 0) -> DataFrame:
    """As `item_graph` expects it of sessions in random order: for baskets, which have no order.

    Source: `tfrec_recall.graph.basket_graph`, which makes the edges of some baskets at a time; the
    draw that it makes of baskets with more than 513 items is another one here.

    Args:
        events: item_id as numbers and the session, a user's alone.
        seed: of the orders of such baskets.
    """
    known = events.where(F.col("item_id") > 1).select(session, "item_id").distinct()
    row = (
        known.groupBy(session)
        .count()
        .where("count > 513")
        .agg(F.count("*"), F.max("count"))
        .first()
    )
    if row is not None and row[0]:
        tell(
            f"{row[0]:,} baskets of more than 513 items are sampled: the largest has {row[1]:,}, "
            "and each item of a basket is joined to 512 others of it. Leave such baskets out if "
            "they are no choices of one person, such as a wholesaler's."
        )

    def edges(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        from tfrec_recall.graph.item_graph import basket_graph as of_arrays

        for table, starts in whole_groups(batches, session, _EVENTS_AT_A_TIME):
            ids, local = np.unique(table["item_id"].to_numpy(), return_inverse=True)
            basket = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(table)))
            found = of_arrays(local, basket, len(ids), seed).tocoo()
            arrays = [ids[found.row], ids[found.col], found.data.astype("float64")]
            names = [SOURCE, TARGET, WEIGHT]
            yield pa.RecordBatch.from_arrays([pa.array(one) for one in arrays], names)

    kind = events.schema["item_id"].dataType.simpleString()
    parts = known.repartition(session).sortWithinPartitions(session)
    some = parts.mapInArrow(edges, f"{SOURCE} {kind}, {TARGET} {kind}, {WEIGHT} double")
    return some.groupBy(SOURCE, TARGET).agg(F.sum(WEIGHT).cast("float").alias(WEIGHT))


def bipartite_graph(
    events: DataFrame, items: int, user: str = "user_id", weight: str | None = None
) -> DataFrame:
    """Undirected edges between items, which are the nodes 0 to items - 1, and users, behind them.

    Source: `tfrec_recall.graph.bipartite_graph`.

    Args:
        events: item_id and the user as numbers; unknown ones are left aside.
        items: how many numbers items have.
        weight: a column of the events; an edge has the sum of its events. None counts them.
    """
    known = events.where((F.col("item_id") > 1) & (F.col(user) > 1))
    item, other = F.col("item_id").cast("int"), (F.col(user) + items).cast("int")
    value = F.lit(1.0) if weight is None else F.col(weight).cast("double")
    taken = known.groupBy(item.alias(SOURCE), other.alias(TARGET)).agg(F.sum(value).alias(WEIGHT))
    taken = taken.withColumn(WEIGHT, F.col(WEIGHT).cast("float"))
    back = taken.select(F.col(TARGET).alias(SOURCE), F.col(SOURCE).alias(TARGET), WEIGHT)
    return taken.union(back)
