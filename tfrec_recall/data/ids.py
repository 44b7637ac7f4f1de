"""What a raw id is: text or an integer, in every row, and never the padding value.

The one rule, for every way in:

- Text keeps every character: `"007"`, `"NA"`, `"1e5"`, `"True"` and `" 7"` are five ids.
- An integer of a typed source (a frame, Parquet, JSON) is an integer.
- Where the source has no types (CSV, names of folders, the command line), the ids of a column are
  integers if all of them, in all tables together, are written as int64 writes itself; else text.

`tfrec_recall.data.checking.matching` then sees that the ids of two tables can meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

PADDING_STRING = ""
PADDING_INTEGER = -1
FEW = 0.5  # of the rows at most are bad ones among others
_FIRST = 1000
WHOLE = r"(?:0|-?[1-9][0-9]{0,18})"  # text that an integer gives back unchanged


def padding_of(ids: np.ndarray | pd.Series | pd.Index) -> str | int:
    """The raw value that stands for "no id" beside these ids: `""` or `-1`.

    >>> padding_of(np.array([3, 7])), padding_of(pd.Series(["a"]))
    (-1, '')
    """
    return PADDING_INTEGER if pd.api.types.is_integer_dtype(ids.dtype) else PADDING_STRING


def is_whole(text: pd.Series) -> bool:
    """Whether all text that is there is written as int64 writes itself; False if there is none.

    >>> is_whole(pd.Series(["7", "-12", None])), is_whole(pd.Series(["7", "007"]))
    (True, False)
    """
    return integers(text) is not None


def of_categories(values: pd.Series) -> pd.Series:
    """Categories, or what pyarrow packed as a dictionary, as the values that they stand for.

    >>> of_categories(pd.Series(pd.Categorical([7, 3, 7]))).dtype
    dtype('int64')
    """
    if isinstance(values.dtype, pd.ArrowDtype) and pa.types.is_dictionary(
        values.dtype.pyarrow_dtype
    ):
        values = values.astype(pd.ArrowDtype(values.dtype.pyarrow_dtype.value_type))
    elif isinstance(values.dtype, pd.CategoricalDtype) and not values.isna().any():
        values = values.astype(values.cat.categories.dtype)
    return values


def integers(text: pd.Series) -> pd.Series | None:
    """Text that `is_whole` as int64, or as nullable Int64 beside missing values; else None."""
    strings = pa.array(text, pa.large_string())
    if strings.null_count == len(strings):
        return None
    # What can be cast may still be written otherwise: 007, 0x1F, -0.
    zero = pc.and_(pc.starts_with(strings, "0"), pc.greater(pc.binary_length(strings), 1))
    if pc.any(pc.or_(zero, pc.starts_with(strings, "-0"))).as_py():
        return None
    try:
        strings.slice(0, _FIRST).cast(pa.int64())  # most text is seen to be text at once
        numbers = strings.cast(pa.int64())
    except pa.ArrowInvalid:  # not digits alone, or beyond int64
        return None
    if numbers.null_count:
        found = numbers.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
        return found.set_axis(text.index).rename(text.name)
    return pd.Series(numbers.to_numpy(), index=text.index, name=text.name)


def of_one_type(
    columns: Mapping[str, pd.Series], untyped: Iterable[str], column: str
) -> dict[str, pd.Series]:
    """The ids of a column in all tables: text from sources without types as what all can be.

    Args:
        columns: the ids of each table.
        untyped: the tables whose text comes from a source without types.
        column: what errors call it.

    Raises: ValueError if a typed table holds integers and an untyped one holds other text.

    >>> of_one_type({"events": pd.Series(["7"]), "items": pd.Series(["007"])}, ["events"], "id")[
    ...     "events"
    ... ].tolist()
    ['7']
    """
    result = dict(columns)
    untyped = [table for table in columns if table in set(untyped)]
    typed = [table for table in columns if table not in untyped and len(columns[table])]
    if any(not pd.api.types.is_integer_dtype(columns[table].dtype) for table in typed):
        return result  # text, or what `id_column` refuses
    found = {table: integers(columns[table]) for table in untyped}
    plain = {table: numbers for table, numbers in found.items() if numbers is not None}
    other = [table for table in untyped if table not in plain and len(columns[table].dropna())]
    if not other:
        result.update(plain)
    elif typed:
        text = columns[other[0]].dropna()
        strange = text[~text.str.fullmatch(WHOLE)].head(3).tolist() or text.head(3).tolist()
        raise ValueError(
            f"{column!r} is an integer in {typed[0]} and text in {other[0]}, so no id would match. "
            f"Write both alike, or use mend_ids=True (--mend-ids). Received: "
            f"{columns[typed[0]].head(3).tolist()} in {typed[0]}, {strange} in {other[0]}."
        )
    return result


def asked(texts: Iterable[str], known: pd.Series | np.ndarray) -> list[str | int]:
    """Ids that someone typed, in the type of the known ones; text where no integer is meant.

    >>> asked(["7", "007", "1_0"], np.array([7, 10]))
    [7, '007', '1_0']
    """
    texts = list(texts)
    if not pd.api.types.is_integer_dtype(known.dtype):
        return list(texts)
    whole = [integers(pd.Series([text], dtype="str")) for text in texts]
    return [
        text if number is None else int(number.iloc[0])
        for text, number in zip(texts, whole, strict=True)
    ]


def places(index: pd.Index, column: pd.Series) -> np.ndarray:
    """Where in an index each value of a column stands, int64 [rows]; -1 for one it does not hold.

    Each value is looked up once: `get_indexer` would make a Python object of every row of text.

    Args:
        index: of distinct ids.

    >>> places(pd.Index(["a", "b"]), pd.Series(["b", "x", "b"]))
    array([ 1, -1,  1])
    """
    codes, found = pd.factorize(column)
    return np.append(index.get_indexer(pd.Index(found)), -1)[codes]  # code -1, the last: missing


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can hold a text, which it cannot hold half a character of.

    >>> is_unicode("é"), is_unicode("\ud83d")
    (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class BadRows(ValueError):
    """Rows of a table are refused; without them the others may be taken.

    Attributes:
        table, column, what: where they are, and what is wrong with them.
        places: of those that would be left out, counted from 0; none where the others are no
            better.
    """

    def __init__(
        self, table: str, column: str, what: str, places: np.ndarray, said: str, received: str
    ):
        super().__init__(f"{said} Received (rows counted from 0): {received}")
        self.table, self.column, self.what, self.places = table, column, what, places
        self._said, self._received = said, received

    def with_way(self) -> BadRows:
        """The same with the option that leaves the rows out, which is given where tables are."""
        way = "drop_bad_rows=True (--drop-bad-rows) leaves out such rows and tells how many."
        said = f"{self._said} {way}" if len(self.places) else self._said
        return BadRows(self.table, self.column, self.what, self.places, said, self._received)


def refuse(
    frame: pd.DataFrame,
    table: str,
    column: str,
    bad: np.ndarray | pd.Series,
    what: str,
    remedy: str,
    left_out: bool | pd.Series = False,
) -> NoReturn:
    """Raises the `BadRows` of a bad column: table, column, count, remedy, first bad rows.

    Args:
        left_out: whether the others can be taken without the bad rows: if these are half of all at
            most, as of more the column is wrong and no row; or which of them would be left out.
    """
    positions = np.flatnonzero(np.asarray(bad, dtype=bool))
    if isinstance(left_out, bool):
        few = left_out and len(positions) <= FEW * len(frame)
        places = positions if few else positions[:0]
    else:
        places = np.flatnonzero(left_out)
    # One row as a series would have one type: integers would be shown as floats.
    rows = frame.iloc[positions[:3]].astype(object).to_dict("records")
    shown = [
        f"row {position}: {str(row)[:200]}"
        for position, row in zip(positions[:3], rows, strict=True)
    ]
    said = f"{table}: column {column!r} has {what} in {len(positions):,} of {len(frame):,} rows."
    raise BadRows(table, column, what, places, f"{said} {remedy}", "; ".join(shown))


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
            f"Every row needs an id: drop these rows, .dropna(subset=[{column!r}]), or name them."
            + (
                f" Or leave the column out: rename={{{column!r}: 'their_session'}} (--rename "
                f"{column}=their_session)."
                if column == "session_id"
                else ""
            ),
            left_out=True,
        )
    values = of_categories(values)
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
            left_out=True,
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
    limits = np.iinfo(np.int64)
    beyond = None
    if values.dtype != np.int64:
        beyond = values > limits.max
        if values.dtype == object:  # NumPy takes no unsigned number as below this limit
            beyond |= values < limits.min
    if beyond is not None and beyond.any():
        remedy = f"Integer ids are int64: use .astype('str') on {column!r} (--type {column}=str)."
        refuse(frame, table, column, beyond, "integers beyond int64", remedy)
    return values.astype("int64")


def _as_text(frame: pd.DataFrame, values: pd.Series, table: str, column: str) -> pd.Series:
    try:
        text = values.astype("str")
    except UnicodeEncodeError:
        broken = ~values.map(is_unicode)
        remedy = "Ids are Unicode text: decode the source with its true encoding."
        refuse(frame, table, column, broken, "text that UTF-8 cannot hold", remedy, left_out=True)
    ends = text.str.endswith("\0")
    if ends.any():
        remedy = "NumPy and Keras drop it, which makes two ids one: use .str.rstrip('\\0')."
        refuse(frame, table, column, ends, "a trailing NUL character", remedy, left_out=True)
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
            f"Drop the missing ones, then .astype('int64'); or use mend_ids=True (--mend-ids).",
        )
    if kind == "bytes":
        everywhere = np.ones(len(values), dtype=bool)
        remedy = (
            f"{expected}: use .str.decode('utf-8'), or .map(bytes.hex) where they are no text, "
            "before the file is written."
        )
        refuse(frame, table, column, everywhere, "bytes", remedy)
    types = values.map(lambda value: type(value).__name__)
    counts = types.value_counts()
    listed = ", ".join(f"{name} ({count:,})" for name, count in counts.items())
    if len(counts) == 1:
        remedy = f"{expected}: use .astype('str') (--type {column}=str)."
        if counts.index[0] in ("dict", "list", "ndarray"):
            remedy = f"{expected}: take the one value out of each first."
            if counts.index[0] == "dict":
                remedy += (
                    f" Of files, rename={{'theirs.id': {column!r}}} (--rename theirs.id={column}) "
                    f"takes a field of such objects, here of {sorted(map(str, values.iloc[0]))}."
                )
        refuse(frame, table, column, np.ones(len(values), dtype=bool), counts.index[0], remedy)
    rare = types == counts.index[-1]
    remedy = f"{expected}, one type in a column: {listed}. Use .astype('str') if all are names."
    refuse(frame, table, column, rare, f"mixed types, {counts.index[-1]}", remedy)
