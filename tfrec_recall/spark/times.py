"""Times as Unix seconds, as `tfrec_recall.data.columns.times` has them."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from typing import NamedTuple

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    DataType,
    DateType,
    FloatType,
    IntegralType,
    NumericType,
    TimestampNTZType,
    TimestampType,
)

from tfrec_recall.data.columns.clock import FEW, OLD, WHAT, latest_known, tell_ahead
from tfrec_recall.data.columns.times import FIRST, LAST, MOST, ORDER, UNITS_ABOUT, check_unit
from tfrec_recall.data.columns.written_dates import AHEAD, FORMS
from tfrec_recall.spark.checks import Rule, refuse_any

_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY = 86_400
_SPREADSHEET = 25_569  # days from a spreadsheet's day 0, 1899-12-30, to 1970-01-01


class Form(NamedTuple):
    """Numbers that are no Unix seconds: what they are called, which they are, and the unit."""

    name: str
    fits: Callable[[Column], Column]
    unit: str | None


def _between(low: float, high: float) -> Callable[[Column], Column]:
    return lambda time: (time >= low) & (time < high)


def _dates(low: int, high: int, unit: int, months: bool = True) -> Callable[[Column], Column]:
    """Written as year, month and so on, `unit` of them a month or a day."""

    def fits(time: Column) -> Column:
        whole = F.floor(time / unit)
        month = F.floor(whole / 100) % 100 if months else whole % 100
        day = whole % 100 if months else F.lit(1)
        return _between(low, high)(time) & _are_days(month, day)

    return fits


def _year_last(month: int, day: int) -> Callable[[Column], Column]:
    """Written with the year at the end, their months and days being so many ones."""

    def fits(time: Column) -> Column:
        year = F.floor(time) % 10**4
        known = (year >= 1980) & (year <= 2100) & (time < 10**8)
        return known & _are_days(F.floor(time / month) % 100, F.floor(time / day) % 100)

    return fits


def _are_days(month: Column, day: Column) -> Column:
    return (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)


# The first that fits is named, as in `tfrec_recall.data.columns.times`.
_FORMS = (
    Form("years", _between(1900, 2101), None),
    Form("months as yyyymm", _dates(190001, 210013, 1, months=False), None),
    Form("days as yyyymmdd", _dates(19000101, 21001232, 1), None),
    Form("days as ddmmyyyy", _year_last(month=10**4, day=10**6), None),
    Form("days as mmddyyyy", _year_last(month=10**6, day=10**4), None),
    Form("yyyymmddHHMM", _dates(190001010000, 210012320000, 10**4), None),
    Form("yyyymmddHHMMSS", _dates(19000101000000, 21001232000000, 10**6), None),
    Form("milliseconds", _between(FIRST * 10**3, LAST * 10**3), "ms"),
    Form("microseconds", _between(FIRST * 10**6, LAST * 10**6), "us"),
    Form("nanoseconds", _between(FIRST * 10**9, LAST * 10**9), "ns"),
    Form(
        "days of a spreadsheet",
        _between(FIRST // _DAY + _SPREADSHEET, LAST // _DAY + _SPREADSHEET),
        "spreadsheet",
    ),
    Form("days since 1970", _between(FIRST // _DAY, FIRST // _DAY + _SPREADSHEET), "days"),
)


def seconds(events: DataFrame, unit: str | None = None) -> tuple[DataFrame, str]:
    """The events with timestamps as Unix seconds, bigint or double, and their unit, "s" or "order".

    Numbers outside 1980 to 2100 are refused, but for those that look like no date, which are taken
    for an order where no unit is given.

    Args:
        unit: as in `tfrec_recall.data.columns.times.seconds`.
    """
    check_unit(unit)
    kind = events.schema["timestamp"].dataType
    found, dates = _as_numbers(events, kind, unit)
    checked = events.withColumn("timestamp", found)
    summary = _summary(checked)
    whole = summary["whole"]
    time = F.col("timestamp").cast("double")
    if summary["missing"]:
        remedy = "Drop these rows, or the whole column if the order of events is not known."
        rule = Rule("timestamp", _is_missing(time), "missing values", remedy)
        refuse_any(checked, "events", [rule])
    if summary["endless"]:
        remedy = "A time is a finite number."
        rule = Rule("timestamp", _is_endless(time), "infinite values", remedy)
        refuse_any(checked, "events", [rule])
    if unit == ORDER or (unit is None and not dates and _is_order(summary)):
        return _typed(checked, whole), ORDER
    outside = (F.col("timestamp") < FIRST) | (F.col("timestamp") >= LAST)
    rule = Rule("timestamp", outside, "times outside 1980 to 2100", _hint(summary, unit, dates))
    if summary["least"] < FIRST or summary["most"] >= LAST:
        refuse_any(checked, "events", [rule])
    if unit != "s":
        _check_ahead(checked, summary)
    return _typed(checked, whole), "s"


def _check_ahead(events: DataFrame, summary: dict[str, float]) -> None:
    """As `tfrec_recall.data.columns.clock.check_ahead`."""
    limit = latest_known()
    if summary["most"] <= limit:
        return
    ahead = F.col("timestamp") > limit
    count = events.where(ahead).count()
    if count > FEW * summary["rows"]:
        tell_ahead(count, int(summary["rows"]), summary["most"])
        return
    remedy = f"{OLD}: mend or drop these rows; time_unit='s' takes Unix seconds and dates as such."
    refuse_any(events, "events", [Rule("timestamp", ahead, f"{WHAT},", remedy)])


def refuse_dates_ahead(events: DataFrame) -> None:
    """As `tfrec_recall.data.columns.written_dates.refuse_dates_ahead`."""
    if not isinstance(events.schema["timestamp"].dataType, NumericType):
        return
    time = F.col("timestamp").cast("double")
    inside = F.when((time >= FIRST) & (time < LAST), time)  # others have no integer below them
    fits = {}
    for form in FORMS:
        fits[form] = F.lit(True)
        for place, least, most in form.digits:
            fits[form] &= (F.floor(inside / place) % 100).between(least, most)
    counts = [F.count_if(fit).alias(form.name) for form, fit in fits.items()]
    ends = F.min(time).alias("least"), F.max(time).alias("most")
    row = events.agg(*ends, F.count(time).alias("rows"), *counts).first()
    if row is None or not row["rows"] or row["least"] <= clock.time() or row["most"] >= LAST:
        return
    for form, fit in fits.items():
        if row[form.name] > MOST * row["rows"]:
            remedy = f"{AHEAD} Make timestamps of them; time_unit='s' takes them for seconds."
            refuse_any(events, "events", [Rule("timestamp", fit, form.what, remedy)])


def _as_numbers(events: DataFrame, kind: DataType, unit: str | None) -> tuple[Column, bool]:
    """The column in seconds, and whether it holds dates."""
    time = F.col("timestamp")
    if isinstance(kind, TimestampType | TimestampNTZType | DateType):
        if unit not in (None, "s", ORDER):
            raise ValueError(
                "events: column 'timestamp' holds dates, so time_unit is of no use: it is for "
                f"numbers. Received: {kind.simpleString()}, time_unit={unit!r}."
            )
        if isinstance(kind, DateType):
            return F.unix_date(time).cast("bigint") * _DAY, True
        naive = isinstance(kind, TimestampNTZType)
        return _in_parts(_naive_micros(time) if naive else F.unix_micros(time), 10**6), True
    if isinstance(kind, FloatType):
        raise ValueError(
            "events: column 'timestamp' is float32, which has steps of 128 seconds in this "
            "century: write it as bigint, double or timestamp. Received: float."
        )
    if not isinstance(kind, NumericType):
        raise ValueError(
            "events: column 'timestamp' holds Unix seconds or timestamps: make it one, as "
            "F.to_timestamp does of text. "
            f"Received: {kind.simpleString()}."
        )
    whole = isinstance(kind, IntegralType)
    number = time if whole else time.cast("double")
    if unit in (None, "s", ORDER):
        return number, False
    if unit in _A_SECOND:
        part = _A_SECOND[unit]
        return _in_parts(time, part) if whole else number / part, False
    days = number - _SPREADSHEET if unit == "spreadsheet" else number
    return F.round(days.cast("double") * _DAY, 3), False


def _naive_micros(time: Column) -> Column:
    """Microseconds since 1970 of a time without a zone, as UTC.

    By its fields: a difference of such times is one in the session's zone, where an hour in spring
    does not exist.
    """
    whole = F.unix_date(time.cast("date")).cast("bigint") * _DAY
    whole += F.hour(time) * 3600 + F.minute(time) * 60
    return whole * 10**6 + (F.date_part(F.lit("SECOND"), time) * 10**6).cast("bigint")


def _in_parts(count: Column, part: int) -> Column:
    """Whole numbers over a whole number, of which many digits are left when the whole ones are."""
    rest = F.pmod(count, F.lit(part))
    return (count - rest) / part + rest / part


def _summary(events: DataFrame) -> dict[str, float]:
    time = F.col("timestamp").cast("double")
    bounded = F.when(F.abs(time) < 2.0**63, time)  # beyond, there is no integer below a number
    forms = [F.count_if(form.fits(bounded)).alias(form.name) for form in _FORMS]
    row = events.agg(
        F.count(F.lit(1)).alias("rows"),
        F.count_if(_is_missing(time)).alias("missing"),
        F.count_if(_is_endless(time)).alias("endless"),
        F.min(time).alias("least"),
        F.max(time).alias("most"),
        (F.count_if(bounded.isNull() | (bounded % 1 != 0)) == 0).alias("whole"),
        *forms,
    ).first()
    found = row.asDict() if row is not None else {}
    return {name: 0 if value is None else value for name, value in found.items()}


def _is_missing(time: Column) -> Column:
    return time.isNull() | F.isnan(time)


def _is_endless(time: Column) -> Column:
    return time.isin(float("inf"), float("-inf"))


def _is_order(summary: dict[str, float]) -> bool:
    return summary["most"] < FIRST and _looks(summary) is None


def _looks(summary: dict[str, float]) -> Form | None:
    fits = (form for form in _FORMS if summary[form.name] > MOST * summary["rows"])
    return next(fits, None)


def _hint(summary: dict[str, float], unit: str | None, dates: bool) -> str:
    form = None if dates or unit not in (None, "s") else _looks(summary)
    if form is None:
        return f"Mend or drop these rows, or say what they count: time_unit is {UNITS_ABOUT}."
    by = "make timestamps of them" if form.unit is None else f"time_unit={form.unit!r} reads them"
    return f"They look like {form.name}: {by}."


def _typed(events: DataFrame, whole: float) -> DataFrame:
    kind = "bigint" if whole else "double"
    return events.withColumn("timestamp", F.col("timestamp").cast(kind))
