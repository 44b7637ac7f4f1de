"""Sessions: the runs of events that belong together."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, FloatType

from tfrec_recall.spark.names import each, folded, named, own, refuse_taken
from tfrec_recall.spark.order import OWN_PLACE, in_order, of_user, running_total
from tfrec_recall.spark.times import seconds

SESSION = "session"
_FIRST, _RUN, _ENDS, _PIECE = map(own, ("first", "run", "ends", "piece"))
_USER, _IN_USER, _SESSIONS, _BEFORE = map(own, ("user", "in_user", "sessions", "before"))


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

    Raises: ValueError if no rule is given, or one without the column it needs; where there is a
        column `session`; and of times that `gap` would part although they are no seconds.
    """
    _check(events, by, gap, max_length)
    apart = [] if by is None else [named(by)]
    if "timestamp" not in events.columns:
        ordered = events.withColumn(_FIRST, named(str(by)))
    else:
        ordered = in_order(events).withColumn(_RUN, F.lit(0))
        if gap is not None:
            previous = F.lag("timestamp").over(of_user(*apart))
            ends = F.coalesce(F.col("timestamp") - previous > gap, F.lit(False))
            ordered = ordered.withColumn(_ENDS, ends.cast("long"))
            ordered = ordered.withColumn(_RUN, F.sum(_ENDS).over(of_user(*apart)))
        runs = [F.col("user_id"), *apart, F.col(_RUN)]
        if max_length is not None:
            in_run = F.row_number().over(of_user(*apart, _RUN)) - 1
            ordered = ordered.withColumn(_PIECE, F.floor(in_run / max_length))
            runs.append(F.col(_PIECE))
        ordered = ordered.withColumn(_FIRST, F.min(OWN_PLACE).over(Window.partitionBy(*runs)))
    in_user = F.dense_rank().over(Window.partitionBy("user_id").orderBy(_FIRST)) - 1
    ordered = ordered.withColumn(_IN_USER, in_user)
    users = ordered.groupBy("user_id").agg((F.max(_IN_USER) + 1).alias(_SESSIONS))
    before = running_total(users, [F.col("user_id")], F.col(_SESSIONS), _BEFORE)
    before = before.select(F.col("user_id").alias(_USER), _BEFORE)
    # Events without a user are one user's, as in pandas.
    numbered = ordered.join(before, F.col("user_id").eqNullSafe(F.col(_USER)))
    number = F.col(_BEFORE) + F.col(_IN_USER)
    return numbered.select(*each(events.columns), number.alias(SESSION))


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
    refuse_taken("sessions", events, [SESSION], but=[] if by is None else [by])
    if by is not None and by not in events.columns:
        raise ValueError(
            f"by names a column of the events; without one, split by gap= or max_length=. "
            f"Received: by={by!r}, columns {events.columns}."
        )
    if by is not None:
        if folded(events)(by) == SESSION:
            raise ValueError(
                "sessions writes a column 'session': give that of `by` another name. "
                f"Received: by={by!r}."
            )
        absent = named(by).isNull()
        if isinstance(events.schema[by].dataType, DoubleType | FloatType):
            absent |= F.isnan(named(by))
        missing = events.where(absent).count()
        if missing:
            raise ValueError(
                f"by needs a value in every row. Received: {missing:,} rows without {by!r}."
            )
    if "timestamp" not in events.columns and (gap is not None or max_length is not None):
        raise ValueError(
            "gap and max_length follow the order of events, which needs a column 'timestamp'. "
            f"Received columns: {events.columns}."
        )
    if gap is not None:
        seconds(events)  # refuses milliseconds and the like, which a gap in seconds would part
