"""What a raw id is: a string or an integer, present in every row, and never the padding value."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
import pandas as pd

PADDING_STRING = ""
PADDING_INTEGER = -1


def padding_of(ids: np.ndarray | pd.Series | pd.Index) -> str | int:
    """The raw value that stands for "no id" beside these ids: `""` or `-1`.

    >>> padding_of(np.array([3, 7])), padding_of(pd.Series(["a"]))
    (-1, '')
    """
    return PADDING_INTEGER if pd.api.types.is_integer_dtype(ids.dtype) else PADDING_STRING


def refuse(
    frame: pd.DataFrame,
    table: str,
    column: str,
    bad: np.ndarray | pd.Series,
    what: str,
    remedy: str,
) -> NoReturn:
    """Raises the ValueError of a bad column: table, column, count, remedy, first bad rows."""
    positions = np.flatnonzero(np.asarray(bad, dtype=bool))
    shown = [
        f"row {position}: {str(frame.iloc[position].to_dict())[:200]}" for position in positions[:3]
    ]
    raise ValueError(
        f"{table}: column {column!r} has {what} in {len(positions):,} of {len(frame):,} rows. "
        f"{remedy} Received (rows counted from 0): " + "; ".join(shown)
    )


def id_column(frame: pd.DataFrame, table: str, column: str) -> pd.Series:
    """`frame[column]` as pandas `str` or `int64`, or a ValueError that says why it is neither.

    Strings may come as `str`, `object`, pyarrow-backed or categorical, integers in any width,
    nullable or not. The values stay what they are: `"007"` is not 7, and 7 is not `"7"`.

    >>> id_column(pd.DataFrame({"user_id": pd.Categorical(["b", "a"])}), "events", "user_id").dtype
    <StringDtype(na_value=nan)>
    """
    values = frame[column]
    missing = values.isna()
    if missing.any():
        refuse(
            frame,
            table,
            column,
            missing,
            "missing values",
            f"Every row needs an id: drop these rows, .dropna(subset=[{column!r}]), or name them.",
        )
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if len(values) == 0 and not pd.api.types.is_integer_dtype(values.dtype):
        return values.astype("str")
    kind = _kind(values)
    if kind == "integer":
        result = _as_int64(frame, values, table, column)
    elif kind == "string":
        result = _as_text(frame, values, table, column)
    else:
        _refuse_kind(frame, values, table, column, kind)
    padding = padding_of(result)
    reserved = (result == padding).to_numpy()
    if reserved.any():
        refuse(
            frame,
            table,
            column,
            reserved,
            f"the padding value {padding!r}",
            f"{padding!r} stands for 'no id' in batches: drop these rows or give them a name.",
        )
    return result


def _kind(values: pd.Series) -> str:
    """pandas' inferred kind, without a look at every value where the dtype says it."""
    if isinstance(values.dtype, pd.StringDtype):
        return "string"
    if pd.api.types.is_integer_dtype(values.dtype):
        return "integer"
    return pd.api.types.infer_dtype(values, skipna=False)


def _as_int64(frame: pd.DataFrame, values: pd.Series, table: str, column: str) -> pd.Series:
    limit = np.iinfo(np.int64).max
    beyond = (values > limit) if values.dtype != np.int64 else None
    if beyond is not None and beyond.any():
        remedy = f"Integer ids are int64: use .astype('str') on {column!r}."
        refuse(frame, table, column, beyond, "integers beyond int64", remedy)
    return values.astype("int64")


def _as_text(frame: pd.DataFrame, values: pd.Series, table: str, column: str) -> pd.Series:
    try:
        text = values.astype("str")
    except UnicodeEncodeError:
        broken = values.map(lambda text: text.encode("utf-8", "replace").decode() != text)
        remedy = "Ids are Unicode text: decode the source with its true encoding."
        refuse(frame, table, column, broken, "text that UTF-8 cannot hold", remedy)
    ends = text.str.endswith("\0")
    if ends.any():
        remedy = "NumPy and Keras drop it, which makes two ids one: use .str.rstrip('\\0')."
        refuse(frame, table, column, ends, "a trailing NUL character", remedy)
    return text


def _refuse_kind(
    frame: pd.DataFrame, values: pd.Series, table: str, column: str, kind: str
) -> NoReturn:
    """Refuses what is neither text nor an integer, each kind with its own remedy."""
    expected = "Ids are strings or integers"
    if kind in ("floating", "mixed-integer-float"):
        refuse(
            frame,
            table,
            column,
            np.ones(len(values), dtype=bool),
            "floating-point numbers",
            f"{expected}: floats often come from integers beside missing values. "
            f"Drop the missing ones, then .astype('int64').",
        )
    if kind == "bytes":
        everywhere = np.ones(len(values), dtype=bool)
        remedy = f"{expected}: use .str.decode('utf-8')."
        refuse(frame, table, column, everywhere, "bytes", remedy)
    types = values.map(lambda value: type(value).__name__)
    counts = types.value_counts()
    listed = ", ".join(f"{name} ({count:,})" for name, count in counts.items())
    if len(counts) == 1:
        remedy = f"{expected}: use .astype('str')."
        refuse(frame, table, column, np.ones(len(values), dtype=bool), counts.index[0], remedy)
    rare = types == counts.index[-1]
    remedy = f"{expected}, one type in a column: {listed}. Use .astype('str') if all are names."
    refuse(frame, table, column, rare, f"mixed types, {counts.index[-1]}", remedy)
