"""What values say of their columns: times that are written in text, and columns without any."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, DoubleType, FloatType, StringType

from tfrec_recall.data.columns.times import of_text
from tfrec_recall.data.notices import tell
from tfrec_recall.data.reading.columns import KNOWN_OF_SOME, UNNAMED
from tfrec_recall.data.reading.types import typed
from tfrec_recall.spark.names import named

TIME = "timestamp"


def with_times(events: DataFrame) -> DataFrame:
    """Times in text as numbers or, written by ISO 8601, as moments; other text stays.

    The workers read it as `tfrec_recall.data.reading` does.
    """
    if TIME not in events.columns or not isinstance(events.schema[TIME].dataType, StringType):
        return events
    times = events.select(TIME).where(F.col(TIME).isNotNull())
    seen = times.mapInPandas(_forms, "numbers boolean, whole boolean, moments boolean")
    numbers, whole, moments = seen.agg(
        *(F.every(F.col(name)) for name in ("numbers", "whole", "moments"))
    ).first() or (None, None, None)
    if numbers:
        kind, read = ("bigint", _whole_numbers) if whole else ("double", _numbers)
        return events.withColumn(TIME, _by(read, kind))
    if moments:
        return events.withColumn(TIME, F.timestamp_micros(_by(_micros, "bigint")))
    return events


def _by(read: Callable[[Iterator[pd.Series]], Iterator[pd.Series]], kind: str) -> Column:
    return F.pandas_udf(read, kind)(F.col(TIME))  # type: ignore[call-overload]


def _forms(frames: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Whether all of some text are numbers, whole ones, or moments."""
    for frame in frames:
        if not len(frame):
            continue
        text = frame[TIME].astype("str")
        kind = _read(text).dtype
        dates = pd.api.types.is_datetime64_any_dtype(of_text(text).dtype)
        yield pd.DataFrame(
            {
                "numbers": [pd.api.types.is_numeric_dtype(kind)],
                "whole": [pd.api.types.is_integer_dtype(kind)],
                "moments": [dates],
            }
        )


def _read(text: pd.Series) -> pd.Series:
    found = typed({"events": text.to_frame(TIME)}, {})["events"]
    assert found is not None  # it was given
    return found[TIME]


def _whole_numbers(texts: Iterator[pd.Series]) -> Iterator[pd.Series]:
    return (_as(text, "Int64") for text in texts)


def _numbers(texts: Iterator[pd.Series]) -> Iterator[pd.Series]:
    return (_as(text, "Float64") for text in texts)


def _as(text: pd.Series, kind: Literal["Int64", "Float64"]) -> pd.Series:
    """Numbers in text, as nullable ones of this type."""
    found = pd.Series(pd.NA, text.index, kind)
    there = text.dropna().astype("str")
    if len(there):
        found[there.index] = _read(there).astype(kind)
    return found


def _micros(texts: Iterator[pd.Series]) -> Iterator[pd.Series]:
    """Moments that are written, as microseconds since 1970."""
    for text in texts:
        moments = of_text(text.astype("str"))
        micros = moments.dt.tz_localize(None).to_numpy().astype("datetime64[us]").view("int64")
        yield pd.Series(micros, dtype="Int64").mask(moments.isna().to_numpy())


def without_empty(frames: Mapping[str, DataFrame]) -> dict[str, DataFrame]:
    """The tables without columns that are looked for and have no value in any row; tells of each.

    These, and columns without a name, are those of `tfrec_recall.data.reading`.
    """
    return {table: _with_values(frame, table) for table, frame in frames.items()}


def _with_values(frame: DataFrame, table: str) -> DataFrame:
    looked_for = [
        name
        for name in frame.columns
        if (table == "events" and name in KNOWN_OF_SOME) or UNNAMED.fullmatch(name)
    ]
    there = {name: _is_there(named(name), frame.schema[name].dataType) for name in looked_for}
    first = frame.select(*there.values()).first() if there else None
    if first is None:
        return frame
    # Mostly the first row says it of all columns: the others are read for what is left.
    doubtful = [name for name, value in zip(there, first, strict=True) if not value]
    if not doubtful:
        return frame
    found = frame.agg(*(F.count_if(there[name]) for name in doubtful)).first() or ()
    for name, count in zip(doubtful, found, strict=True):
        if not count:
            tell(f"{table}: column {name!r} has no value in any row and is left out.")
            frame = frame.drop(named(name))
    return frame


def _is_there(column: Column, kind: DataType) -> Column:
    """Whether there is a value, which blanks are not."""
    if isinstance(kind, StringType):
        return F.coalesce(column.rlike(r"\S"), F.lit(False))
    if isinstance(kind, DoubleType | FloatType):
        return column.isNotNull() & ~F.isnan(column)
    return column.isNotNull()
