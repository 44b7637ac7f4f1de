"""Whether the ids of two tables can meet, as `tfrec_recall.data.checking.matching` has it."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType

from tfrec_recall.data.checking.matching import ALMOST_NONE, MOST, ROUNDED
from tfrec_recall.data.notices import tell
from tfrec_recall.data.reading.columns import IDS
from tfrec_recall.spark.checks import with_id_types
from tfrec_recall.spark.names import each, own

# Only ids like these can be changed by `bare`: Python need not see the others.
_MAYBE_DRESSED = r"[^\x00-\x7F]|^[\s\x0B]|[\s\x0B]$|^-?[0-9]+\.0+$"
_BARE, _SPELLED = own("bare"), own("spelled")
_WAYS = "mend_ids=True makes one id of them and says so; mend_ids=False takes every id as it is."


def bare(column: Column) -> Column:
    """Text ids without blanks around them and the `.0` of a whole number, é as one character."""

    def change(parts: Iterator[pd.Series]) -> Iterator[pd.Series]:
        from tfrec_recall.data.checking.matching import bare as of_series

        for part in parts:
            yield of_series(part)

    return F.pandas_udf(change, "string")(column)  # type: ignore[call-overload]


def check(events: DataFrame, frame: DataFrame | None, table: str, column: str) -> None:
    """Raises the ValueError of ids that were written in two ways, or of tables that hardly meet."""
    met = events.select(column, F.lit(1).alias("_met")).distinct()
    known = events.select(column, F.lit(1).alias("_known")).limit(0)
    if frame is not None:
        known = frame.select(column, F.lit(1).alias("_known"))
    every = met.join(known, column, "full")  # each id once
    is_text = isinstance(events.schema[column].dataType, StringType)
    id_, text = F.col(column), F.col(column).cast("string")
    shortened = text.rlike(rf"^{ROUNDED}$")
    row = every.agg(  # of all that is asked, in one pass over the events
        F.count("_met"),
        F.count("_known"),
        F.count_if(F.col("_met") == F.col("_known")),
        F.count_if(text.rlike(_MAYBE_DRESSED)),
        F.count_if(shortened),
        F.count(id_),
        F.max(F.when(shortened, id_)),
    ).first()
    here, there, both, dressed, short, size, some_short = row or (0, 0, 0, 0, 0, 0, None)
    places = "events" if frame is None else f"events and {table}"
    if is_text and dressed:
        _refuse_two_forms(every.select(column), places, column)
    if is_text and short:
        tell(
            f"{places}: {short:,} of {size:,} {column}s look like numbers that a spreadsheet or a "
            f"program shortened, such as {some_short!r}, and are taken as they are: save the "
            "source with these cells as text."
        )
    if frame is None:
        return
    met = met.select(column)
    if is_text and both < here and both >= ALMOST_NONE * min(here, there):
        near = _by_zeros(met, known, column)
        if (count := near.count()) > MOST * (here - both):
            shown = _first_of(near, column, _SPELLED)
            raise ValueError(
                f"{table}: {count:,} of {here - both:,} {column}s of events that are not there "
                "differ from those that are by leading zeros alone: a program read text as "
                f"numbers. {_WAYS} Received: {shown}."
            )
    if there and both >= ALMOST_NONE * min(here, there) and here - both > MOST * here:
        some = [one[0] for one in met.join(known, column, "left_anti").take(3)]
        tell(
            f"{table}: {here - both:,} of {here:,} {column}s of events are not there, such as "
            f"{some}, so that nothing else is known of them."
        )
    if both < here and both < ALMOST_NONE * min(here, there):
        some = [one[0] for one in met.join(known, column, "left_anti").take(3)]
        theirs = [one[0] for one in known.take(3)]
        raise ValueError(
            f"{table}: almost no {column} of events is there: {both:,} of {here:,}, and {table} "
            f"has {there:,}. Do both tables speak of the same ids? {_WAYS} Received: {some} in "
            f"events, {theirs} in {table}."
        )


def _first_of(pairs: DataFrame, one: str, other: str) -> str:
    """The first pair of ids, as an error shows it."""
    pair = pairs.first()
    return "" if pair is None else f"{pair[one]!r} beside {pair[other]!r}"


def _refuse_two_forms(every: DataFrame, places: str, column: str) -> None:
    forms = every.select(column, bare(F.col(column)).alias("_form"))
    dressed = F.col(column) != F.col("_form")
    alike = (
        forms.where("_form != ''")
        .groupBy("_form")
        .agg(
            F.count(F.lit(1)).alias("_written"),
            F.count_if(dressed).alias("_dressed"),
            F.min(column).alias("_one"),
            F.max(column).alias("_other"),
        )
        .where("_dressed > 0")
        .cache()
    )
    try:
        twice = alike.where("_written > 1")
        row = alike.agg(
            F.sum("_dressed"), F.sum(F.when(F.col("_written") > 1, F.col("_dressed")))
        ).first()
        all_dressed, of_twice = row or (None, None)
        if of_twice:
            shown = _first_of(twice, "_one", "_other")
            raise ValueError(
                f"{places}: column {column!r} has {of_twice:,} ids that differ from another by "
                "blanks around them, by '.0', or by an accent that is one character or two, alone. "
                f"{_WAYS} Received: {shown}."
            )
        if all_dressed:
            some = [row["_other"] for row in alike.take(3)]
            tell(
                f"{places}: {all_dressed:,} {column}s have blanks around them, '.0' at the end, or "
                f"an accent as a character of its own, such as {some}, and are taken as they are; "
                "mend_ids=True takes these away."
            )
    finally:
        alike.unpersist()


def mended_tables(tables: dict[str, DataFrame]) -> dict[str, DataFrame]:
    """All tables with their ids, those of sessions too, written in one way."""
    tables = {table: with_id_types(frame, table) for table, frame in tables.items()}
    for column, having in IDS.items():
        own = [table for table in having if table in tables and column in tables[table].columns]
        if own:
            tables |= mended({table: tables[table] for table in own}, column)
    return tables


def mended(tables: dict[str, DataFrame], column: str) -> dict[str, DataFrame]:
    """The tables with the ids of one column written in one way; tells what was changed.

    Args:
        tables: those that have the column, the events first.
    """
    text = {
        name: isinstance(one.schema[column].dataType, StringType) for name, one in tables.items()
    }
    if len(set(text.values())) > 1:
        tell(f"{column}: integers in one table and text in another, all read as text.")
        tables = {
            name: one.withColumn(column, F.col(column).cast("string"))
            for name, one in tables.items()
        }
    elif not any(text.values()):
        return tables
    result = {}
    for name, frame in tables.items():
        changed = frame.withColumn(_BARE, bare(F.col(column)))
        different = F.col(_BARE) != F.col(column)
        row = changed.agg(F.count_if(different), F.max(F.when(different, F.col(column)))).first()
        count, some = row or (0, None)
        if count:
            tell(f"{name}: {count:,} {column}s were mended, such as {some!r}.")
            frame = changed.withColumn(column, F.col(_BARE)).drop(_BARE)
        result[name] = frame
    if len(result) > 1:
        result["events"] = _with_zeros(result, column)
    return result


def _by_zeros(met: DataFrame, known: DataFrame, column: str) -> DataFrame:
    """Ids that are not known, and as `_SPELLED` the known ones from which zeros alone part them."""
    known = known.select(column).distinct()
    absent = met.join(known, column, "left_anti")
    plain = F.regexp_replace(F.col(column), "^0+([0-9]+)$", "$1")
    spelled = known.groupBy(plain.alias("_plain")).agg(
        F.min(column).alias(_SPELLED), F.count(F.lit(1)).alias("_times")
    )
    return (
        absent.withColumn("_plain", plain)
        .join(spelled.where("_times = 1"), "_plain")
        .select(column, _SPELLED)
    )


def _with_zeros(tables: dict[str, DataFrame], column: str) -> DataFrame:
    """The events' ids with the leading zeros that the other table has."""
    events, *others = tables.values()
    found = _by_zeros(events.select(column).distinct(), others[0].select(column), column)
    row = events.join(found, column).agg(F.count(F.lit(1)), F.max(_SPELLED)).first()
    count, some = row or (0, None)
    if not count:
        return events
    tell(f"events: {count:,} {column}s were written as in the other tables, such as {some!r}.")
    both = events.join(found, column, "left")
    now = F.coalesce(F.col(_SPELLED), F.col(column))
    return both.withColumn(column, now).select(*each(events.columns))
