"""Formats of written times: the one that values may have, and what a format says of their width."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pandas as pd

_SAMPLE = 1000  # values that a guess has to read
_DAYS = (
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%b %d, %Y",
    "%b %d %Y",
    "%B %d, %Y",
    "%B %d %Y",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d/%m/%y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%m.%d.%Y",
)
_CLOCKS = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%H:%M:%S.%f", "%H:%M:%S,%f")
_OTHERS = (
    "%d/%b/%Y:%H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S %z",
    "%a %b %d %H:%M:%S %z %Y",
    "%a %b %d %H:%M:%S %Y",
    "%Y-%m-%d %H:%M:%S %Z",
    "%G-W%V-%u",
    "%d%m%Y",
    "%m%d%Y",
)
_FORMATS = (
    *_DAYS,
    *(f"{day}{between}{clock}" for between in (" ", ", ") for clock in _CLOCKS for day in _DAYS),
    *_OTHERS,
)
_WIDTHS = {"Y": 4, "m": 2, "d": 2, "H": 2, "I": 2, "M": 2, "S": 2, "y": 2, "j": 3}
_DIGITS = rf"(?:%[{''.join(_WIDTHS)}])"


def guess(values: pd.Series) -> str:
    """A format to try, as the end of a sentence: the first that reads all values, or one of them.

    >>> guess(pd.Series(["07/12/2010", "07/13/2010"]))[:11]
    "='%m/%d/%Y'"
    """
    first = str(values.iloc[0]) if len(values) else ""
    format = of_all(values) or next(_reading(first), None)
    if format is not None:
        return f"={format!r} (--time-format {format!r}), if that is what {first!r} means"
    return " (--time-format), such as '%d/%m/%Y %H:%M'"


def of_all(values: pd.Series) -> str | None:
    """The first format that reads all values; None where there are no values, or none does.

    >>> of_all(pd.Series(["07/12/2010", "07/13/2010"]))
    '%m/%d/%Y'
    """
    several = values.head(_SAMPLE).astype("str")
    reading = _reading(several.iloc[0]) if len(several) else iter(())
    return next((format for format in reading if _reads(several, format)), None)


def _reading(value: str) -> Iterator[str]:
    return (format for format in _FORMATS if _reads(pd.Series([value]), format))


def _reads(values: pd.Series, format: str) -> bool:
    return bool(
        pd.to_datetime(in_full(values, format), format=format, errors="coerce").notna().all()
    )


def in_full(text: pd.Series, format: str) -> pd.Series:
    """The text where numbers without anything between them have all their digits, else missing.

    By `%Y%m%d`, 2020111 may be two days, and a parser takes one of them. A zero that a number has
    lost at its beginning is given back.

    >>> in_full(pd.Series(["20201101", "2020111"]), "%Y%m%d").tolist()
    ['20201101', nan]
    >>> in_full(pd.Series(["1112020"]), "%d%m%Y").tolist()
    ['01112020']
    """
    pattern, width = "", 0
    for found in re.finditer(rf"({_DIGITS}{{2,}})|%.|\s+|.", format):
        if found[1]:
            width = sum(_WIDTHS[one] for one in found[1][1::2])
            pattern += rf"[0-9]{{{width}}}"
        elif found[0].startswith("%"):
            pattern += ".+?"
        else:
            pattern += r"\s+" if found[0].isspace() else re.escape(found[0])
    if not width:
        return text
    if re.fullmatch(rf"(?!%Y){_DIGITS}+", format):
        is_number = text.str.fullmatch("[0-9]+").fillna(False).astype(bool)
        text = text.where(~is_number, text.str.zfill(width))
    return text.where(text.str.fullmatch(pattern).fillna(False).astype(bool))
