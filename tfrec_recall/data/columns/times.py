"""What a time is: Unix seconds between 1980 and 2100, however they were written."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa

from tfrec_recall.data.columns.time_formats import guess, in_full
from tfrec_recall.data.ids import FEW, of_categories, refuse

FIRST = 315_532_800  # 1980-01-01 as Unix seconds
LAST = 4_102_444_800  # 2100-01-01
DAY = 86_400
ORDER = "order"
_ENDLESS = 2**62  # no time in any unit
_WRITTEN = r"\d{4}-\d\d-\d\d(?:[T ]\d\d.*)?"  # a day or a moment of ISO 8601, and no year alone
_YEAR_1 = pd.Timestamp("0001-01-01", tz="UTC")
MOST = 0.9  # of the numbers are of the form that a column is said to have
_SPREADSHEET = 25_569  # days from a spreadsheet's day 0, 1899-12-30, to 1970-01-01
_DAYS = (FIRST // DAY, LAST // DAY)

# How many of each make a second, and what they are called.
_PARTS = {
    "s": (1, "Unix seconds"),
    "ms": (10**3, "milliseconds"),
    "us": (10**6, "microseconds"),
    "ns": (10**9, "nanoseconds"),
}
UNITS = (*_PARTS, "days", "spreadsheet", ORDER)
UNITS_ABOUT = (
    "s, ms, us or ns since 1970; days since 1970; a spreadsheet's days; or order, for numbers that "
    "say which event came first and nothing else"
)


def check_unit(unit: str | None) -> None:
    """Raises the ValueError of a unit that there is not."""
    if unit is not None and unit not in UNITS:
        raise ValueError(f"time_unit is {UNITS_ABOUT}. Received: {unit!r}.")


def seconds(
    frame: pd.DataFrame,
    table: str = "events",
    column: str = "timestamp",
    unit: str | None = None,
    format: str | None = None,
) -> tuple[pd.Series, str]:
    """The times as Unix seconds, int64, or float64 where there are fractions; and their unit.

    Text of ISO 8601 is read as the days and moments that it says, UTC unless it says otherwise.

    Numbers outside 1980 to 2100 are never taken for seconds: they are days, milliseconds or a line
    cut short, and the ValueError says which. Numbers that look like no date at all, such as 1, 2, 3
    or one millionth of today, count events rather than seconds: without a unit they are taken for
    an order.

    Args:
        unit: one of `UNITS`; None takes numbers for seconds, or for an order.
        format: of text, and of numbers such as 20200913, in the language of `strftime`.

    Returns: the column, and "s" or "order".

    >>> times = pd.DataFrame({"timestamp": [1_600_000_000_500, 1_600_000_001_000]})
    >>> seconds(times, unit="ms")[0].tolist()
    [1600000000.5, 1600000001.0]
    """
    check_unit(unit)
    values = _of_one_type(frame[column])
    missing = values.isna()
    if missing.any():
        remedy = (
            f"Drop these rows, or the whole column if the order of events is not known: "
            f"rename={{{column!r}: 'unknown_time'}} (--rename {column}=unknown_time)."
        )
        refuse(frame, table, column, missing, "missing values", remedy, left_out=True)
    if format is not None:
        values = _formatted(frame, table, column, format)
    elif not holds_dates(values) and are_dates(values):
        values = of_text(values.astype("str"))
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        if unit not in (None, "s", ORDER):
            raise ValueError(
                f"{table}: column {column!r} holds dates, so time_unit is of no use: it is for "
                f"numbers. Received: {values.dtype}, time_unit={unit!r}."
            )
        result = _of_moments(values)
        if unit != ORDER:
            _check_range(frame, table, column, result.to_numpy(), "dates")
        return result, ORDER if unit == ORDER else "s"
    numbers = _numbers(frame, table, column, values)
    if unit == ORDER or (unit is None and _is_order(numbers)):
        return _plain(numbers), ORDER
    result = _scaled(numbers, unit or "s")
    _check_range(frame, table, column, result.to_numpy(), (unit or "s"), numbers)
    return result, "s"


def moment(value: float | str | datetime.datetime, what: str, order: bool = False) -> float:
    """One time in Unix seconds, by the same rule as a column of times.

    Args:
        value: Unix seconds, a datetime or a date as text, UTC unless it says otherwise.
        what: the argument, as errors call it.
        order: whether the data has numbers of order, and so the value is one.

    >>> moment("2011-11-01", "test_from")
    1320105600.0
    """
    try:
        if isinstance(value, str | datetime.date | np.datetime64):
            stamp = pd.Timestamp(value)
            found = (stamp.tz_localize("UTC") if stamp.tz is None else stamp).timestamp()
        elif order:
            return float(value)
        else:
            found = float(value)
    except (ValueError, TypeError):
        found = np.nan
    if order or not FIRST <= found < LAST:
        looks = None if order or np.isnan(found) else _looks(np.array([found]))[1]
        raise ValueError(
            f"{what} is "
            + ("a number, as the times of this data are." if order else "a time from 1980 to 2100:")
            + ("" if order else " Unix seconds, a datetime, or text such as '2011-11-01'.")
            + (f" It looks like {looks}." if looks else "")
            + f" Received: {value!r}."
        )
    return found


def of_text(text: pd.Series) -> pd.Series:
    """Text as numbers or as moments of ISO 8601; what is neither stays text.

    >>> of_text(pd.Series(["2020-09-13 12:00:00 UTC"])).tolist()
    [Timestamp('2020-09-13 12:00:00+0000', tz='UTC')]
    """
    moments = _iso(text)
    before = moments < _YEAR_1  # which no datetime of Python holds
    return text if ((moments.isna() | before) & text.notna()).any() else moments


def _iso(text: pd.Series) -> pd.Series:
    """Text of ISO 8601 as moments, what is none as missing; a comma may part fractions off."""
    written = text.str.replace(r" UTC$", "Z", regex=True)
    written = written.str.replace(r"(:\d\d),(\d+)", r"\1.\2", regex=True)
    return pd.to_datetime(written, format="ISO8601", errors="coerce", utc=True)


def holds_dates(values: pd.Series) -> bool:
    """Whether a column holds moments or days of a type of their own, which nothing is said of.

    >>> holds_dates(pd.Series([datetime.date(2024, 1, 31)])), holds_dates(pd.Series(["31/1/2024"]))
    (True, False)
    """
    return bool(pd.api.types.is_datetime64_any_dtype(_of_one_type(values).dtype))


def are_dates(values: pd.Series) -> bool:
    """Whether all that is there are moments or days, as `holds_dates` or as text of ISO 8601.

    >>> are_dates(pd.Series(["2024-01-31", None])), are_dates(pd.Series(["2024", "2025"]))
    (True, False)
    """
    if holds_dates(values):
        return True
    present = of_categories(values).dropna()
    if not len(present) or pd.api.types.infer_dtype(present) != "string":
        return False
    text = present.astype("str").drop_duplicates()
    written = text.str.fullmatch(_WRITTEN).all()
    return bool(written) and pd.api.types.is_datetime64_any_dtype(of_text(text).dtype)


def _of_one_type(values: pd.Series) -> pd.Series:
    """Objects, categories and pyarrow's dates and decimals as what they are."""
    values = of_categories(values)
    kind = pd.api.types.infer_dtype(values) if values.dtype == object else ""
    arrow = values.dtype.pyarrow_dtype if isinstance(values.dtype, pd.ArrowDtype) else None
    if kind in ("datetime", "date"):
        return pd.to_datetime(values, utc=True)
    if arrow is not None and pa.types.is_date(arrow):
        return values.astype("datetime64[ms]")
    if values.isna().any():
        return values
    if kind == "integer" and values.between(-_ENDLESS, _ENDLESS).all():
        return values.astype("int64")
    if kind in ("decimal", "floating", "mixed-integer-float") or (
        arrow is not None and pa.types.is_decimal(arrow)
    ):
        return values.astype("float64")
    return values


def _formatted(frame: pd.DataFrame, table: str, column: str, format: str) -> pd.Series:
    values = frame[column]
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        raise ValueError(
            f"{table}: column {column!r} holds times already, so time_format is of no use. "
            f"Received: {values.dtype}, time_format={format!r}."
        )
    if pd.api.types.is_float_dtype(values.dtype):
        values = values.astype("Int64") if (values % 1 == 0).all() else values
    try:
        text = in_full(values.astype("str"), format)
        moments = pd.to_datetime(text, format=format, errors="coerce", utc=True)
    except ValueError as error:  # of the format itself
        raise ValueError(f"time_format={format!r} is no format of strftime: {error}.") from error
    bad = moments.isna()
    if bad.any():
        what = f"values that time_format={format!r} does not read"
        remedy = "Say how all of them are written, as strftime does."
        refuse(frame, table, column, bad, what, remedy, left_out=True)
    return moments


def _of_moments(column: pd.Series) -> pd.Series:
    if getattr(column.dt, "tz", None) is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    ticks = column.to_numpy().astype("datetime64")
    whole = ticks.astype("datetime64[s]")
    if (ticks == whole).all():
        return pd.Series(whole.astype("int64"))
    return pd.Series(whole.astype("int64") + (ticks - whole) / np.timedelta64(1, "s"))


def _numbers(frame: pd.DataFrame, table: str, column: str, values: pd.Series) -> np.ndarray:
    everywhere = np.ones(len(values), dtype=bool)
    if isinstance(values.dtype, pd.StringDtype):
        _refuse_other_forms(frame, table, column, values)
    if isinstance(values.dtype, pd.StringDtype) and not no_number(values).any():
        remedy = (
            f"They are numbers in text: use pd.to_numeric({table}[{column!r}]), so that it is seen "
            "what they are."
        )
        refuse(frame, table, column, everywhere, f"type {values.dtype}", remedy)
    if not pd.api.types.is_numeric_dtype(values.dtype) or values.dtype == bool:
        periods = "; of periods, .dt.to_timestamp()" * isinstance(values.dtype, pd.PeriodDtype)
        remedy = (
            f"Times are Unix seconds or datetime64{periods}. Text in another form than ISO 8601 is "
            f"read by time_format{guess(values)}; of a frame, "
            f"pd.to_datetime({table}[{column!r}]) too."
        )
        refuse(frame, table, column, everywhere, f"type {values.dtype}", remedy)
    numbers = values.to_numpy()
    if numbers.dtype in (np.float16, np.float32):
        remedy = "float32 has steps of 128 seconds in this century: use int64 or datetime64."
        refuse(frame, table, column, everywhere, f"type {numbers.dtype}", remedy)
    if numbers.dtype.kind not in "iuf":
        numbers = values.to_numpy(dtype="int64" if numbers.dtype.kind == "O" else None)
    if numbers.dtype.kind in "iu":
        beyond = numbers > np.iinfo("int64").max
        if beyond.any():
            remedy = "Times and numbers of order are int64: use smaller ones."
            refuse(frame, table, column, beyond, "integers beyond int64", remedy)
        numbers = numbers.astype("int64")
    endless = ~np.isfinite(numbers)
    if endless.any():
        remedy = "A time is a finite number."
        refuse(frame, table, column, endless, "infinite values", remedy, left_out=True)
    return numbers


def _refuse_other_forms(frame: pd.DataFrame, table: str, column: str, values: pd.Series) -> None:
    """Refuses the rows that are written in another way than most, if most can be read."""
    numbers = ~no_number(values)
    dates = _iso(values).notna().to_numpy() & ~numbers
    most = numbers if numbers.sum() >= dates.sum() else dates
    if not most.any() or most.all():
        return
    form = "numbers" if numbers.sum() >= dates.sum() else "dates as in ISO 8601"
    remedy = (
        "Mend or drop these rows: all are written alike, and in another form than ISO 8601 they "
        f"are read by time_format{guess(values[~most])}."
    )
    what = f"text that is no time, as the others are {form},"
    refuse(frame, table, column, ~most, what, remedy, left_out=True)


def no_number(values: pd.Series) -> np.ndarray:
    """Whether a value is there and is no number, nor text of one."""
    there = values.notna()
    if values.dtype == object:  # lists and the like are no text of a number
        values = values.where(values.map(np.isscalar) | values.map(_is_decimal))
    return (pd.to_numeric(values, errors="coerce").isna() & there).to_numpy()


def _is_decimal(value: object) -> bool:
    return isinstance(value, decimal.Decimal)


def _scaled(numbers: np.ndarray, unit: str) -> pd.Series:
    if unit in _PARTS:
        part = _PARTS[unit][0]
        if numbers.dtype.kind in "iu":
            whole, rest = np.divmod(numbers, part)
            return pd.Series(whole.astype("int64") if not rest.any() else whole + rest / part)
        return _plain(numbers / part)
    days = numbers - _SPREADSHEET if unit == "spreadsheet" else numbers
    # A spreadsheet's day is a double with some 10 microseconds of rounding.
    return _plain(np.round(days.astype("float64") * DAY, 3))


def _plain(numbers: np.ndarray) -> pd.Series:
    """int64 where all are whole, else float64."""
    if numbers.dtype.kind in "iu":
        return pd.Series(numbers.astype("int64"))
    whole = numbers.astype("int64")
    return pd.Series(whole if (whole == numbers).all() else numbers.astype("float64"))


def _is_order(numbers: np.ndarray) -> bool:
    """Whether the numbers are too small to be seconds, and no days or years that we know."""
    return not (numbers >= FIRST).any() and _looks(numbers)[1] is None


def _check_range(
    frame: pd.DataFrame,
    table: str,
    column: str,
    found: np.ndarray,
    unit: str,
    numbers: np.ndarray | None = None,
) -> None:
    outside = (found < FIRST) | (found >= LAST)
    if not outside.any():
        return
    called = _PARTS[unit][1] if unit in _PARTS else unit
    what = f"times outside 1980 to 2100, read as {called},"
    few = bool(outside.mean() < FEW)
    if few:
        hint = (
            " The other rows hold such times: is a line cut short, another column in its place, or "
            "a date that stands for none? Mend or drop these rows."
        )
    elif unit == "dates":
        hint = (
            " Numbers that were read as nanoseconds look so: convert them with their unit. "
            f"{_option('time_unit', ORDER)} takes any date."
        )
    elif unit == "s" and numbers is not None:
        large = numbers[found >= LAST]
        hint = _looks(large if len(large) else numbers)[0]
        if not outside.all():
            hint += " The other rows hold Unix seconds: bring all to one unit."
    else:
        hint = f" The unit is another one: time_unit is {UNITS_ABOUT}."
    refuse(frame, table, column, outside, what, hint.strip(), left_out=few)


def _option(name: str, value: str) -> str:
    return f"{name}={value!r} (--{name.replace('_', '-')} {value})"


def _looks(numbers: np.ndarray) -> tuple[str, str | None]:
    """What the numbers look like, as the end of an error's sentence, and its short name."""
    for name, test, option in _FORMS:
        if test(numbers):
            return f" They look like {name}: {_option(*option)} reads them.", name
    return (
        f" They look like no date: where they only say which event came first, use "
        f"{_option('time_unit', ORDER)}.",
        None,
    )


def _between(low: float, high: float) -> Callable[[np.ndarray], bool]:
    return lambda numbers: ((numbers >= low) & (numbers < high)).sum() > MOST * len(numbers)


def _dates(low: float, high: float, unit: int, months: bool = True) -> Callable:
    """Whether the numbers are written as year, month and so on, `unit` of them a month or day."""

    def test(numbers: np.ndarray) -> bool:
        if not _between(low, high)(numbers):
            return False
        whole = numbers // unit
        month = whole % 100 if not months else whole // 100 % 100
        day = np.ones_like(whole) if not months else whole % 100
        return _are_days(month, day, len(numbers))

    return test


def _year_last(numbers: np.ndarray, month: int, day: int) -> bool:
    """Whether the numbers end in a year, their months and days being so many ones."""
    years = numbers % 10**4
    known = numbers[(years >= 1980) & (years <= 2100) & (numbers < 10**8)]
    return _are_days(known // month % 100, known // day % 100, len(numbers))


def _are_days(month: np.ndarray, day: np.ndarray, count: int) -> bool:
    valid = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    return bool(valid.sum() > MOST * count)


# The first that fits is named. None of the ranges overlap but those that hold a month.
_FORMS: tuple[tuple[str, Callable[[np.ndarray], bool], tuple[str, str]], ...] = (
    ("years", _between(1900, 2101), ("time_format", "%Y")),
    ("months as yyyymm", _dates(190001, 210013, 1, False), ("time_format", "%Y%m")),
    ("days as yyyymmdd", _dates(19000101, 21001232, 1), ("time_format", "%Y%m%d")),
    ("days as ddmmyyyy", partial(_year_last, month=10**4, day=10**6), ("time_format", "%d%m%Y")),
    ("days as mmddyyyy", partial(_year_last, month=10**6, day=10**4), ("time_format", "%m%d%Y")),
    ("yyyymmddHHMM", _dates(190001010000, 210012320000, 10**4), ("time_format", "%Y%m%d%H%M")),
    (
        "yyyymmddHHMMSS",
        _dates(19000101000000, 21001232000000, 10**6),
        ("time_format", "%Y%m%d%H%M%S"),
    ),
    ("milliseconds", _between(FIRST * 10**3, LAST * 10**3), ("time_unit", "ms")),
    ("microseconds", _between(FIRST * 10**6, LAST * 10**6), ("time_unit", "us")),
    ("nanoseconds", _between(FIRST * 10**9, LAST * 10**9), ("time_unit", "ns")),
    (
        "days of a spreadsheet",
        _between(_DAYS[0] + _SPREADSHEET, _DAYS[1] + _SPREADSHEET),
        ("time_unit", "spreadsheet"),
    ),
    ("days since 1970", _between(_DAYS[0], _DAYS[0] + _SPREADSHEET), ("time_unit", "days")),
)
