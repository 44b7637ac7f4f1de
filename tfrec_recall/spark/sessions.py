"""Sessions: the runs of events that belong together."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from tfrec_recall.spark.order import PLACE, chronological, of_user, running_total


def sessions(
    events: DataFrame,
    *,
    by: str | None = None,
    gap: float | None = None,
    max_length: int | None = None,
) -> DataFrame:
    """The events with the number of each one's session in a column `session`.

    The rules, and the numbers, are those of `tfrec_recall.data.sessions`.

    Args:
        events: user_id, item_id and, for all rules but `by` alone, timestamp in seconds.
        by: a column whose values tell the sessions of a user apart, such as "session_id".
        gap: the longest pause within a session in seconds.
        max_length: the largest number of events in a session.

    Raises: ValueError if no rule is given, or one without the column it needs.
    """
    _check(events, by, gap, max_length)
    apart = [] if by is None else [by]
    session, first = "session", "_first"
    if "timestamp" not in events.columns:
        ordered = events.withColumn(first, F.col(str(by)))
    else:
        ordered = chronological(events).withColumn("_run", F.lit(0))
        if gap is not None:
            previous = F.lag("timestamp").over(of_user(*apart))
            ends = F.coalesce(F.col("timestamp") - previous > gap, F.lit(False))
            ordered = ordered.withColumn("_ends", ends.cast("long"))
            ordered = ordered.withColumn("_run", F.sum("_ends").over(of_user(*apart))).drop("_ends")
        runs = ["user_id", *apart, "_run"]
        if max_length is not None:
            in_run = F.row_number().over(of_user(*apart, "_run")) - 1
            ordered = ordered.withColumn("_piece", F.floor(in_run / max_length))
            runs.append("_piece")
        ordered = ordered.withColumn(first, F.min(PLACE).over(Window.partitionBy(*runs)))
        ordered = ordered.drop("_run", "_piece", PLACE)
    in_user = F.dense_rank().over(Window.partitionBy("user_id").orderBy(first)) - 1
    ordered = ordered.withColumn("_in_user", in_user).drop(first)
    users = ordered.groupBy("user_id").agg((F.max("_in_user") + 1).alias("_sessions"))
    before = running_total(users, [F.col("user_id")], F.col("_sessions"), "_before")
    numbered = ordered.join(before.select("user_id", "_before"), "user_id")
    number = F.col("_before") + F.col("_in_user")
    return numbered.withColumn(session, number).select(*events.columns, session)


def _check(events: DataFrame, by: str | None, gap: float | None, max_length: int | None) -> None:
    if by is None and gap is None and max_length is None:
        raise ValueError(
            "sessions needs a rule: by='session_id', gap=seconds, max_length=events, or several. "
            "Received: none."
        )
    if gap is not None and not gap >= 0:
        raise ValueError(f"gap is a number of seconds from 0 up. Received: {gap}.")
    if max_length is not None and not max_length >= 1:
        raise ValueError(f"max_length is at least one event. Received: {max_length}.")
    if "session" in events.columns and by != "session":
        raise ValueError(
            "sessions writes a column 'session': rename the one that is there. "
            f"Received columns: {events.columns}."
        )
    if by is not None and by not in events.columns:
        raise ValueError(
            f"by names a column of the events; without one, split by gap= or max_length=. "
            f"Received: by={by!r}, columns {events.columns}."
        )
    if by == "session":
        raise ValueError(
            "sessions writes a column 'session': give that of `by` another name. "
            "Received: by='session'."
        )
    if by is not None:
        missing = events.where(F.col(by).isNull()).count()
        if missing:
            raise ValueError(
                f"by needs a value in every row. Received: {missing:,} rows without {by!r}."
            )
    if "timestamp" not in events.columns and (gap is not None or max_length is not None):
        raise ValueError(
            "gap and max_length follow the order of events, which needs a column 'timestamp'. "
            f"Received columns: {events.columns}."
        )
