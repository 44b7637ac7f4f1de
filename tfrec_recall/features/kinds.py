"""What kind of feature a column can be, by looking at its values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from tfrec_recall.data.columns.column_types import of_floats, without_categories
from tfrec_recall.data.columns.text_lists import NOTHING, split_at
from tfrec_recall.data.ids import PADDING_INTEGER, is_unicode
from tfrec_recall.features.columns import (
    Categorical,
    Feature,
    MultiValued,
    Numeric,
    Vector,
    Words,
)
from tfrec_recall.features.list_encodings import words_of

FEW_VALUES = 20  # a numeric column with fewer distinct values is a category
BUCKETS = 10
ROWS_A_VALUE = 5  # text with fewer rows a value is a name or a title, not a category

# What may separate the values of a list in a text: the share of texts that have it at least, and
# how often a value stands there on average. A comma stands in names and sentences as well.
SEPARATORS = {"|": (0.02, 2.0), ";": (0.02, 2.0), ",": (0.2, 5.0)}
_WRITTEN_LIST = r"(?s)[ \t\r\n]*\[.*\][ \t\r\n]*"
_DECIMAL_COMMA = r"[+-]?(?:\d+|\d{1,3}(?:[. " + "\u00a0\u202f" + r"]\d{3})+)(?:,\d+)?"
_THOUSANDS = r"[+-]?\d{1,3}(?:,\d{3})*"
_ROW_NUMBERS = re.compile(r"|Unnamed: \d+(?:\.\d+)?|__index_level_\d+__")

KINDS: dict[str, Callable[[str, str, pd.Series], Feature]] = {
    "Categorical": lambda column, name, values: Categorical(column, name),
    "MultiValued": lambda column, name, values: MultiValued(
        column, name, separator=_separator_or_comma(values)
    ),
    "Numeric": lambda column, name, values: Numeric(
        column, name, buckets=BUCKETS, decimal=_decimal_sign(values)
    ),
    "Vector": lambda column, name, values: Vector(column, name),
    "Words": lambda column, name, values: Words(column, name),
}


def kind_of(column: str, name: str, values: pd.Series, words: int | None) -> Feature | str:
    """The feature that these values suggest, or why they suggest none.

    Args:
        name: the feature's.
        values: the column, in the order of its rows.
        words: texts that are no category are `Words` with this `min_count`, if a word comes so many
            times; None leaves them out.
    """
    present = without_categories(values.dropna())
    if not len(present):
        return "it has no values"
    if present.dtype == object:
        return _of_objects(column, name, present, words)
    if pd.api.types.is_bool_dtype(present.dtype):
        return _one_value(present) or Categorical(column, name)
    real = not pd.api.types.is_complex_dtype(present.dtype)
    if real and pd.api.types.is_numeric_dtype(present.dtype):
        return _of_numbers(column, name, present)
    if pd.api.types.is_string_dtype(present.dtype):
        return _of_texts(column, name, present.astype("str"), words)
    times = pd.api.types.is_datetime64_any_dtype(present.dtype)
    return f"it holds {'times' if times else present.dtype}, not numbers, texts or lists"


def separator_of(texts: pd.Series) -> str | None:
    """What separates the values, if these texts are lists: "Action|Drama", "['new', 'red']".

    They are if there are no more values than texts, and the values come back.

    >>> separator_of(pd.Series(["Action|Drama", "Drama", "Drama|War", "War|Action"]))
    '|'
    """
    if texts.str.fullmatch(_WRITTEN_LIST).all():
        return ","
    distinct = texts.nunique()
    for separator, (share, times) in SEPARATORS.items():
        listing = texts.str.contains(separator, regex=False)
        if listing.sum() < 2 or listing.mean() < share:
            continue
        values = split_at(separator, texts).explode().dropna()
        known = values.nunique()
        if known <= distinct and len(values) >= times * known:
            return separator
    return None


def _is_list(cell: object) -> bool:
    return isinstance(cell, list | tuple) or (isinstance(cell, np.ndarray) and cell.ndim > 0)


def _of_objects(column: str, name: str, present: pd.Series, words: int | None) -> Feature | str:
    """Of Python's own objects: lists, structs, numbers with a decimal point, or a mixture."""
    if present.map(_is_list).all():
        return _of_lists(column, name, present)
    kind = pd.api.types.infer_dtype(present, skipna=True)
    if kind == "string" and not present.map(is_unicode).all():
        return f"UTF-8 cannot hold its texts, as {present[~present.map(is_unicode)].iloc[0]!a}"
    if kind == "string":
        return _of_texts(column, name, present.astype("str"), words)
    if kind == "boolean":
        return _one_value(present) or Categorical(column, name)
    if kind in ("integer", "floating", "mixed-integer-float", "decimal"):
        return _of_numbers(column, name, present.astype("float64"))
    if present.map(lambda cell: isinstance(cell, dict)).all():
        return "it holds structs: give each of their fields a column of its own"
    types = sorted({type(cell).__name__ for cell in present})
    several = "values of several types" if len(types) > 1 else "values that are no number or text"
    return f"it holds {several}: {', '.join(types[:4])}"


def _of_numbers(column: str, name: str, present: pd.Series) -> Feature | str:
    distinct = present.nunique()
    if distinct < 2:
        return _one_value(present)
    whole = bool((present % 1 == 0).all() and (present.abs() < 2.0**63).all())  # none is infinite
    if whole and (_ROW_NUMBERS.fullmatch(column) or _counts_up(present)):
        return "it numbers the rows"
    # The integer that stands for nothing among categories is a number like others.
    if whole and distinct < FEW_VALUES and not (present == PADDING_INTEGER).any():
        return Categorical(column, name)
    return Numeric(column, name, buckets=BUCKETS)


def _beyond(values: pd.Series, kind: str) -> str:
    """Why a vocabulary would not take these values; nothing where it does."""
    if kind == "integer":
        try:
            values.astype("int64")
        except OverflowError:
            large = next(one for one in values if not -(2**63) <= one < 2**63)
            return f"it holds integers beyond int64, as {large}"
        return ""
    texts = values.astype("str")
    ends = texts[texts.str.endswith("\0")]
    return f"its texts end in NUL characters, as {ends.iloc[0]!a}" if len(ends) else ""


def _of_texts(column: str, name: str, present: pd.Series, words: int | None) -> Feature | str:
    beyond = _beyond(present, "string")
    if beyond:
        return beyond
    distinct = present.nunique()
    if distinct < 2:
        return _one_value(present)
    if _decimal_sign(present) == ",":
        return Numeric(column, name, buckets=BUCKETS, decimal=",")
    if present.str.contains(",").any() and present.str.fullmatch(_THOUSANDS).all():
        return f"its commas may stand for thousands or for decimals, as {present.iloc[0]!r}"
    separator = separator_of(present)
    if separator is not None:
        values = split_at(separator, present).explode().dropna()
        if not len(values):
            return "all of its lists are empty"
        if present.str.startswith("[").all() and _are_numbers(values):
            return f"it holds numbers in texts, as {present.iloc[0]!r}: give them as lists"
        return MultiValued(column, name, separator=separator)
    if distinct * ROWS_A_VALUE <= len(present):
        return Categorical(column, name)
    if words is not None and words_of(present).explode().value_counts().max() >= words:
        return Words(column, name, min_count=words)
    return f"its texts hardly ever come twice, as {present.iloc[0][:40]!r}"


def _are_numbers(parts: pd.Series) -> bool:
    """Whether most parts of lists are numbers, several in one where blanks stand between them."""
    each = parts.str.split().explode().dropna()
    each = each[~each.isin([*NOTHING, "..."])]
    return bool(len(each)) and pd.to_numeric(each, errors="coerce").notna().mean() > 0.5


def _of_lists(column: str, name: str, present: pd.Series) -> Feature | str:
    sizes = present.map(len)
    if not sizes.any():
        return "all of its lists are empty"
    if all(map(of_floats, present)):  # taken apart, each number would be an object
        finite = (bool(np.isfinite(np.asarray(cell, "float64")).all()) for cell in present)
        return _of_fractions(column, name, sizes, finite)
    flat = present.explode().dropna()
    if flat.map(lambda value: isinstance(value, dict | list | tuple | np.ndarray)).any():
        return "it holds lists of lists or of structs"
    kind = pd.api.types.infer_dtype(flat, skipna=True)
    if kind in ("floating", "mixed-integer-float", "decimal"):
        whole = len(flat) == sizes.sum() and bool(np.isfinite(flat.astype("float64")).all())
        return _of_fractions(column, name, sizes, [whole])
    if kind in ("string", "integer"):
        return _beyond(flat, kind) or MultiValued(column, name)
    types = sorted({type(value).__name__ for value in flat})
    return f"it holds lists of {', '.join(types[:4])}"


def _of_fractions(
    column: str, name: str, sizes: pd.Series, finite: Iterable[bool]
) -> Feature | str:
    """Of lists of fractions, so many in each; `finite` is looked at only where all are as long."""
    if sizes.min() != sizes.max():
        return f"it holds lists of fractions, from {sizes.min():,} to {sizes.max():,} of them"
    if not all(finite):
        return "it holds vectors in which numbers are missing"
    return Vector(column, name)


def _one_value(present: pd.Series) -> str:
    """Why a column of one value is left out; nothing where it has more."""
    first = present.iloc[0]
    return "" if (present != first).any() else f"it has one value only, {first}"


def _counts_up(present: pd.Series) -> bool:
    """Whether these are 0, 1, 2, … or 1, 2, 3, …, as an index that was written to a file."""
    first = present.iloc[0]
    steps = np.diff(present.to_numpy(dtype="float64"))
    return first in (0, 1) and len(present) > 2 and bool((steps == 1).all())


def _decimal_sign(values: pd.Series) -> str | None:
    """ "," for texts that are numbers with decimal commas, "." for other texts, None for no texts.

    A comma before three digits everywhere says nothing: 1,234 may be a thousand.
    """
    texts = without_categories(values.dropna())
    if not pd.api.types.is_string_dtype(texts.dtype):
        return None
    commas = texts.str.strip().str.fullmatch(_DECIMAL_COMMA).all()
    thousands = texts.str.strip().str.fullmatch(_THOUSANDS).all()
    has_comma = texts.str.contains(",", regex=False).any()
    return "," if commas and has_comma and not thousands else "."


def _separator_or_comma(values: pd.Series) -> str | None:
    """The separator of texts, None for lists."""
    texts = without_categories(values.dropna())
    if not pd.api.types.is_string_dtype(texts.dtype):
        return None
    found = separator_of(texts.astype("str"))
    if found is None:
        counts = {sign: texts.str.contains(sign, regex=False).sum() for sign in SEPARATORS}
        found = max(counts, key=lambda sign: counts[sign])
    return found
