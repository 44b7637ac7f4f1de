"""Whole numbers in text, digit by digit: a double holds each of them only below 2^53."""

from __future__ import annotations

import re
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tfrec_recall.data.columns.arrow_frames import NULLABLE

_PLAIN = r"\A(?:\+|(-?))0*([0-9]+)(?:\.0*)?\z"  # the sign, and digits without leading zeros
_OTHER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")


def whole_numbers(text: pd.Series, unsigned: bool = False) -> pd.Series:
    """Text as int64, or as uint64; nullable beside missing values. 007, 13.0 and 1e3 are whole too.

    Raises: ValueError for text that is no whole number, or one that 64 bits do not hold.

    >>> whole_numbers(pd.Series(["13.0", "9007199254740993", "007"])).tolist()
    [13, 9007199254740993, 7]
    """
    kind = pa.uint64() if unsigned else pa.int64()
    digits = pa.array(text.str.strip(), pa.large_string())
    digits = pc.replace_substring_regex(digits, _PLAIN, r"\1\2")
    digits = pc.replace_substring_regex(digits, r"\A-0\z", "0")  # which no unsigned type reads
    others = digits.filter(pc.invert(pc.match_substring_regex(digits, r"\A-?[0-9]+\z"))).unique()
    if len(others):  # of which there may be one among millions
        known = pa.array([_written_out(one) for one in others.to_pylist()], pa.large_string())
        digits = pc.coalesce(pc.take(known, pc.index_in(digits, value_set=others)), digits)
    try:
        numbers = digits.cast(kind)
    except pa.ArrowInvalid as error:
        low, high = (0, 2**64 - 1) if unsigned else (-(2**63), 2**63 - 1)
        beyond = (one for one in digits.drop_null().to_pylist() if not low <= Decimal(one) <= high)
        raise ValueError(
            f"{kind} holds whole numbers from {low} to {high}. Received: {next(beyond)}"
        ) from error
    found: pd.Series = numbers.to_pandas(types_mapper=NULLABLE.get)
    if not numbers.null_count:
        found = found.astype("uint64" if unsigned else "int64")
    return pd.Series(found.array, index=text.index, name=text.name)


def _written_out(text: str) -> str:
    """A number such as 1e3 by its digits.

    Raises: ValueError for what is no whole number.
    """
    number = Decimal(text) if _OTHER.fullmatch(text) else Decimal("NaN")
    if not number.is_finite() or number != number.to_integral_value():
        raise ValueError(f"whole numbers such as 13, 007 or 13.0 are expected. Received: {text!r}")
    return str(int(number))
