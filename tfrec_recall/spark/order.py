"""The one order of events, and numbers that run through all rows in an order."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark import StorageLevel
from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F
from pyspark.sql.types import NumericType

from tfrec_recall.data.order import TIE_ORDER
from tfrec_recall.spark.names import contents, own, refuse_taken

PLACE = "place"  # that `chronological` writes
OWN_PLACE = own("place")  # beside a column `place` of the log
_DIGITS = 16  # of SHA-256, 64 bits: enough for what one user does at one time
_ORDERED = ("user_id", "timestamp", "session_id", TIE_ORDER)


def chronological(events: DataFrame) -> DataFrame:
    """The events with their `place` in their user's order, from 0.

    The order is that of `tfrec_recall.data.chronological`: by time, session, and then by the
    SHA-256 of `user_id:item_id`, or by `tie_order`. Rows of a cluster have no order, so copies that
    agree in all of these follow their other columns.

    Args:
        events: user_id, item_id, timestamp and, if sessions are known, session_id.

    Returns: partitioned by user.
    Raises: ValueError without timestamps in seconds, or where there is a column `place`.
    """
    refuse_taken("chronological", events, [PLACE])
    return in_order(events, PLACE)


def in_order(events: DataFrame, name: str = OWN_PLACE) -> DataFrame:
    """As `chronological`, for a step that drops the place again.

    Args:
        name: of the column of places.
    """
    if "timestamp" not in events.columns:
        raise ValueError(
            "chronological order needs the column 'timestamp' (Unix seconds): the order of rows is "
            f"never taken for time. Received columns: {events.columns}."
        )
    if not isinstance(events.schema["timestamp"].dataType, NumericType):
        raise ValueError(
            "chronological order needs timestamps in Unix seconds; SparkInteractions has them. "
            f"Received: a column of {events.schema['timestamp'].dataType.simpleString()}."
        )
    window = whole_user().orderBy(*_keys(events))
    return events.withColumn(name, F.row_number().over(window) - 1)


def _keys(events: DataFrame) -> list[Column]:
    """What sorts a user's events."""
    keys = [F.col(name) for name in ("timestamp", "session_id") if name in events.columns]
    if TIE_ORDER in events.columns:
        keys.append(F.col(TIE_ORDER))
    else:
        text = F.concat(
            F.col("user_id").cast("string"), F.lit(":"), F.col("item_id").cast("string")
        )
        digits = F.substring(F.sha2(text, 256), 1, _DIGITS)
        keys.append(F.unhex(digits))  # bytes, which compare as the digits do
    return [*keys, F.xxhash64(*contents(events, but=_ORDERED))]


def whole_user(*columns: str | Column) -> WindowSpec:
    """All events of a user, or those that agree in the columns too."""
    return Window.partitionBy("user_id", *columns)


def of_user(*columns: str | Column) -> WindowSpec:
    """A user's events by their own place, cut where one of the columns changes."""
    return whole_user(*columns).orderBy(OWN_PLACE)


def computed(frame: DataFrame, level: StorageLevel | None = None) -> DataFrame:
    """A frame of the same rows, which are computed here, once.

    They are kept in the checkpoint folder, where the session has one (`setCheckpointDir`), and else
    by the executors: one that is lost takes its rows along.

    Args:
        level: how executors keep them.
    """
    if frame.sparkSession.sparkContext.getCheckpointDir() is not None:
        return frame.checkpoint()
    return frame.localCheckpoint(storageLevel=level)


def running_total(frame: DataFrame, order: Sequence[Column], of: Column, name: str) -> DataFrame:
    """The frame with the sum of `of` over all rows before each, in this order of all rows.

    Rows are sorted into ranges, each range is summed by itself, and a range begins at the sum of
    those before it: no task sees all rows.

    Args:
        frame: is computed here and kept until its result is dropped.
        order: a key of the rows; keys compare from the first on.
    """
    part, before = "_range", "_up_to_range"
    # Ranges are found by a sample, which is another one each time: computed once, and no more.
    ranged = (
        frame.withColumn(name, of.cast("long"))
        .repartitionByRange(*order)
        .withColumn(part, F.spark_partition_id())
    )
    ranged = computed(ranged)
    totals = ranged.groupBy(part).agg(F.sum(name).alias(before))
    up_to = Window.orderBy(part).rowsBetween(Window.unboundedPreceding, -1)
    totals = totals.select(part, F.coalesce(F.sum(before).over(up_to), F.lit(0)).alias(before))
    within = Window.partitionBy(part).orderBy(*order).rowsBetween(Window.unboundedPreceding, -1)
    total = F.col(before) + F.coalesce(F.sum(name).over(within), F.lit(0))
    return ranged.join(F.broadcast(totals), part).withColumn(name, total).drop(part, before)
