"""A column in the type that the same column has elsewhere, where no value changes by it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tfrec_recall.data.columns.arrow_frames import NULLABLE
from tfrec_recall.data.columns.whole_numbers import whole_numbers

# In text: missing among numbers, and nowhere else.
MISSING = ("NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "null", "NULL", "None", "\\N")
LISTS = (list, tuple, np.ndarray)  # what cells with several values may be
_FLAGS = {"true": True, "false": False, "1": True, "0": False}
_NULLABLE: dict[Any, Any] = {dtype.numpy_dtype: dtype for dtype in NULLABLE.values()}


def nullable(dtype: Any) -> Any:
    """The type that holds the same integers or flags beside missing values; others as they are."""
    return _NULLABLE.get(dtype, dtype)


def with_nullable(table: pd.DataFrame) -> pd.DataFrame:
    """The same, integers and flags in types that hold them beside missing values.

    >>> with_nullable(pd.DataFrame({"code": [2**53 + 1]})).reindex([0, 1])["code"].tolist()
    [9007199254740993, <NA>]
    """
    return table.astype({name: nullable(dtype) for name, dtype in table.dtypes.items()})


def without_categories(values: pd.Series) -> pd.Series:
    """Categories as the values that they stand for, which may be missing."""
    if not isinstance(values.dtype, pd.CategoricalDtype):
        return values
    categories = values.cat.categories
    each = pd.Series(categories, dtype=nullable(categories.dtype))
    # `astype` would go through floats where some are missing.
    found = pd.api.extensions.take(each.array, values.cat.codes.to_numpy(), allow_fill=True)
    return pd.Series(found, values.index, each.dtype, values.name)


def is_list(values: pd.Series) -> bool:
    """Whether the cells are lists, by the first that is there."""
    if values.dtype != object:
        return False
    present = values.dropna()
    return len(present) > 0 and isinstance(present.iloc[0], LISTS)


def of_floats(cell: Any) -> bool:
    """Whether a cell is a list of floats, among which may be integers.

    >>> [of_floats(cell) for cell in ([0.5, 1], np.ones(2), [0.5, None], [1, 2], [], 0.5)]
    [True, True, False, False, False, False]
    """
    if not isinstance(cell, LISTS) or getattr(cell, "ndim", 1) != 1:
        return False
    return pd.api.types.infer_dtype(cell, skipna=False) in ("floating", "mixed-integer-float")


def holds_vectors(values: pd.Series) -> bool:
    """Whether the cells are lists of floats, by the first one that lacks no value.

    No other cell is looked at, so that it may be asked of any column before lists are taken apart.
    Integers beside missing ones, which Arrow brings as floats, are no vector.

    >>> holds_vectors(pd.Series([None, [], [0.5, 1.0]])), holds_vectors(pd.Series([["a"], [0.5]]))
    (True, False)
    """
    if values.dtype != object:
        return False
    for cell in values:
        if isinstance(cell, LISTS):
            if len(cell) and not pd.isna(np.asarray(cell, object)).any():
                return of_floats(cell)
        elif not pd.api.types.is_scalar(cell) or not pd.isna(cell):
            return False
    return False


def in_type(values: pd.Series, like: pd.Series) -> pd.Series:
    """The values as another column holds its own; nullable if some integers or flags are missing.

    Whole numbers become text by their digits, and True and False are flags: files without types
    bring them so.

    Raises: TypeError or ValueError for values that this type does not hold.

    >>> codes = pd.Series(["10", "20"])
    >>> in_type(pd.Series([30, 40]), codes).tolist()
    ['30', '40']
    >>> in_type(pd.Series([2.0, None]), pd.Series([1])).tolist()
    [2, <NA>]
    """
    values, wanted = without_categories(values), like.dtype
    if isinstance(wanted, pd.CategoricalDtype):
        return in_type(values, without_categories(like)).astype("category")
    if pd.api.types.is_object_dtype(wanted):
        return _nested(values, like)
    if values.dtype == wanted:
        return values
    if isinstance(wanted, pd.StringDtype):
        return _text(values).astype(wanted)
    if pd.api.types.is_bool_dtype(wanted) and isinstance(values.dtype, pd.StringDtype):
        values = flags_in(values)
    if pd.api.types.is_integer_dtype(wanted) and isinstance(values.dtype, pd.StringDtype):
        values = whole_numbers(values, pd.api.types.is_unsigned_integer_dtype(wanted))
    found = values.astype(nullable(wanted))
    if pd.api.types.is_integer_dtype(wanted) and pd.api.types.is_numeric_dtype(values.dtype):
        other = (found != values).fillna(False).to_numpy(bool)
        if other.any():
            raise ValueError(f"{wanted} does not hold {values[other].iloc[0]}")
    return found.astype(wanted) if not found.isna().any() else found


def held_in(values: pd.Series, wanted: Any) -> pd.Series:
    """Numbers in another type, which holds each of them.

    Raises: ValueError if it would cut one, wrap it around or make it infinite.

    >>> held_in(pd.Series([1.0, 2.0]), "int8").tolist()
    [1, 2]
    """
    with np.errstate(over="ignore"):  # what becomes infinite is refused below
        found = values.astype(wanted)
    if pd.api.types.is_integer_dtype(found) or pd.api.types.is_bool_dtype(found):
        changed = ((found != values) & values.notna()).fillna(False).to_numpy(bool)
    elif pd.api.types.is_float_dtype(found):
        now, before = (one.to_numpy("float64", na_value=np.nan) for one in (found, values))
        changed = np.isinf(now) & ~np.isinf(before)
    else:
        return found
    if changed.any():
        first = values[changed].head(1).tolist()[0]
        raise ValueError(f"{int(changed.sum()):,} values would be others, such as {first!r}")
    return found


def _text(values: pd.Series) -> pd.Series:
    known = values.dropna()
    kind = pd.api.types.infer_dtype(known)
    if kind == "integer":
        return values.astype("Int64").astype("str")
    if kind not in ("string", "empty"):
        raise ValueError(f"{kind} values are no text, the first is {known.iloc[0]!r}")
    return values.astype("str")


def flags_in(text: pd.Series) -> pd.Series:
    """True and false as they are written; pandas takes any text for True.

    Raises: ValueError for other text.
    """
    found = text.str.strip().str.lower().map(_FLAGS)
    strange = text[found.isna() & text.notna()]
    if len(strange):
        raise ValueError(f"flags are True and False, 1 and 0. Received: {strange.iloc[0]!r}")
    return found.astype("boolean")


def _nested(values: pd.Series, like: pd.Series) -> pd.Series:
    """Lists and the like: what a file holds beside the others."""
    kind = pa.array(like, from_pandas=True).type
    found = values.astype(object).where(values.notna(), np.nan)
    texts = found[[isinstance(cell, str) for cell in found]]
    if pa.types.is_nested(kind) and len(texts):
        raise ValueError(f"it holds lists, and no text such as {texts.iloc[0]!r}")
    if says(kind):
        pa.array(found, kind, from_pandas=True)
    return found


def says(kind: pa.DataType) -> bool:
    """Whether a type is one of values: that of missing ones, and that of empty lists, is none."""
    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
    return says(kind.value_type) if is_list else not pa.types.is_null(kind)
