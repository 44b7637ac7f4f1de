"""Text columns as what they say they are, where no character is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tfrec_recall.data.checking.matching import SHORTENED, mended
from tfrec_recall.data.columns.column_types import MISSING, flags_in, held_in, nullable
from tfrec_recall.data.columns.text_lists import written
from tfrec_recall.data.columns.times import of_text
from tfrec_recall.data.columns.whole_numbers import whole_numbers
from tfrec_recall.data.ids import integers, of_categories, of_one_type
from tfrec_recall.data.notices import tell
from tfrec_recall.data.reading.columns import IDS, Tables, check_known, names_of
from tfrec_recall.data.reading.layout import Layout, pick
from tfrec_recall.data.reading.list_columns import each_as_list, given_lists, lists_of

_DIGITS = r"(?:0|[1-9][0-9]*)"  # without leading zeros, which make a code of a number
# An exponent has a sign or follows decimals, as programs write it: 0E3 and 1E5 are codes.
_EXPONENT = r"(?:\.[0-9]+[eE][+-]?[0-9]+|[eE][+-][0-9]+)"
_NUMBER = rf"^[ \t]*-?(?:{_DIGITS}(?:\.[0-9]*|{_EXPONENT})?|\.[0-9]+|inf|Infinity)[ \t]*$"
_DECIMAL_COMMA = rf"^[ \t]*-?{_DIGITS}(?:,[0-9]+)?[ \t]*$"
_GROUPS = r"-?[1-9][0-9]{0,2}(?:,[0-9]{3})*"
_THOUSANDS = rf"^[ \t]*{_GROUPS}[ \t]*$"
_TEXT = pd.StringDtype(na_value=float("nan"))


class _Grouped(NamedTuple):
    """How the thousands of numbers are parted, and by what they can be nothing else."""

    mark: str
    called: str
    decimal: str
    pattern: str
    surely: str


_BY_COMMAS = _Grouped(
    mark=",",
    called="commas",
    decimal=".",
    pattern=rf"^[ \t]*(?:{_GROUPS}|-?0)(?:\.[0-9]+)?[ \t]*$",
    surely=r",[0-9]{3}[.,]",  # a comma before decimals has neither behind it
)
_BY_POINTS = _Grouped(
    mark=".",
    called="points",
    decimal=",",
    pattern=r"^[ \t]*-?(?:[1-9][0-9]{0,2}(?:\.[0-9]{3})*|0)(?:,[0-9]+)?[ \t]*$",
    surely=r"\.[0-9]{3},",
)

_LIST = "|"
_SOME = 0.1  # of the values have the separator of a list
_FEW = 2 / 3  # of the parts of all values are new at most


def typed(
    tables: Tables, untyped: Mapping[str, Sequence[str]], layout: Layout | None = None
) -> Tables:
    """The tables with columns of text as what they say they are.

    Ids, in all tables together, become int64 if all are plain integers, and stay text if one is not
    ("007", "+7"). Timestamps are numbers or ISO 8601. Other columns become numbers if all values
    are, none of them with leading zeros; then, and only then, "NA" is a missing value.

    Args:
        untyped: the columns of each table whose text has no types.
        layout: what is known of columns instead.

    >>> events = pd.DataFrame({"user_id": ["7"], "item_id": ["007"]}, dtype="str")
    >>> typed({"events": events}, {"events": list(events)})["events"].dtypes.tolist()
    [dtype('int64'), <StringDtype(na_value=nan)>]
    """
    layout = layout or Layout()
    frames = {table: frame for table, frame in tables.items() if frame is not None}
    columns = {table: names_of(frame) for table, frame in frames.items()}
    check_known("dtype", layout.dtype, columns)
    check_known("lists", layout.lists, columns)
    ids = _ids(frames, untyped, layout)
    result: Tables = dict(tables)
    for table, frame in frames.items():
        converted: dict[str, pd.Series] = {}
        for name in columns[table]:
            dtype, between = pick(layout.dtype, table, name), pick(layout.lists, table, name)
            if dtype is None and between is not None:
                converted[name] = given_lists(frame[name], table, between)
            elif (table, name) in ids:  # of a given type too, which is mended with the others
                converted[name] = ids[table, name]
            elif dtype is not None:
                converted[name] = _given_type(frame[name], table, layout, dtype)
            elif name == "timestamp" and table == "events":
                converted[name] = _time(frame[name], layout)
            elif name in untyped.get(table, ()):
                converted[name] = _plain(frame[name], table, layout)
            else:
                converted[name] = frame[name]
        result[table] = pd.DataFrame(converted, index=frame.index)
    return result


def _ids(
    frames: Mapping[str, pd.DataFrame], untyped: Mapping[str, Sequence[str]], layout: Layout
) -> dict[tuple[str, str], pd.Series]:
    """The ids of all tables, each column of one type everywhere."""
    found: dict[tuple[str, str], pd.Series] = {}
    for name, having in IDS.items():
        columns = {
            table: frames[table][name]
            for table in having
            if table in frames and name in frames[table]
        }
        without_types = []
        for table, values in columns.items():
            dtype = pick(layout.dtype, table, name)
            if dtype is not None:
                columns[table] = _given_type(values, table, layout, dtype)
            elif name in untyped.get(table, ()):
                without_types.append(table)
        if layout.mend_ids:
            columns = dict(zip(columns, mended(list(columns.items()), name), strict=True))
        for table, values in of_one_type(columns, without_types, name).items():
            found[table, name] = values
            if table in without_types and not pd.api.types.is_integer_dtype(values.dtype):
                _tell_words(values, table)
    return found


def _tell_words(values: pd.Series, table: str) -> None:
    """Tells of ids that are the words which programs write for none."""
    words = values.isin(MISSING)
    if not words.any():
        return
    name = values.name
    way = "; leave these rows out if nobody is meant."
    if integers(values[~words]) is not None:
        way = (
            f" and makes all ids text; where it stands for none, dtype={{{name!r}: 'Int64'}} "
            f"(--type {name}=Int64) beside drop_bad_rows=True (--drop-bad-rows) leaves these rows "
            "out."
        )
    tell(
        f"{table}: column {name!r} has {values[words].iloc[0]!r} in {words.sum():,} rows, which is "
        f"taken for an id{way}"
    )


def _given_type(values: pd.Series, table: str, layout: Layout, dtype: str) -> pd.Series:
    try:
        wanted = pd.api.types.pandas_dtype(dtype)
        if isinstance(values.dtype, pd.StringDtype):
            return _read_as(values, layout, wanted)
        if pd.api.types.is_numeric_dtype(values.dtype):
            return held_in(values, wanted)
        return values.astype(wanted)
    except (ValueError, TypeError, OverflowError) as error:
        hint = ""
        if values.isna().any() and ("NaN" in str(error) or "NA" in str(error)):
            hint = ". Beside missing values, 'Int64', 'boolean' and 'float64' hold such ones"
        raise ValueError(
            f"{table}: column {values.name!r} cannot become dtype={dtype!r}: {error}{hint}"
        ) from error


def _read_as(text: pd.Series, layout: Layout, wanted: Any) -> pd.Series:
    """Text as the flags or numbers that are written in it."""
    flags = pd.api.types.is_bool_dtype(wanted)
    if not flags and not pd.api.types.is_numeric_dtype(wanted):
        return text.astype(wanted)
    there = text.mask(text.isin(MISSING) | (text == ""))
    missing = there.isna()
    if missing.any() and isinstance(wanted, np.dtype) and wanted.kind != "f":
        raise ValueError(
            f"{int(missing.sum()):,} values are missing. Beside missing values, "
            f"{str(nullable(wanted))!r} holds such ones"
        )
    if flags:
        return flags_in(there).astype(wanted)
    if layout.decimal == ",":
        ungrouped = _ungrouped(there, layout, _BY_POINTS)
        there = (there if ungrouped is None else ungrouped).str.replace(",", ".", regex=False)
    if pd.api.types.is_integer_dtype(wanted):
        unsigned = pd.api.types.is_unsigned_integer_dtype(wanted)
        return held_in(whole_numbers(there, unsigned), wanted)
    found = integers(there.str.strip())
    found = pd.to_numeric(there, errors="coerce") if found is None else found
    strange = text[found.isna() & ~missing]
    if len(strange):
        raise ValueError(f"{wanted} is of numbers. Received: {strange.iloc[0]!r}")
    return held_in(found, wanted)


def _time(values: pd.Series, layout: Layout) -> pd.Series:
    """Numbers, or moments of ISO 8601; anything else stays text, which Interactions refuses."""
    values = of_categories(values)
    if layout.time_format is not None or not isinstance(values.dtype, pd.StringDtype):
        return values
    found = _thousands(values, "events", layout, _BY_POINTS) if layout.decimal == "," else None
    if found is None:
        found = numbers(values, layout.decimal)
    if found is not None and pd.api.types.is_float_dtype(found.dtype):
        _refuse_shortened(values)
    if found is None:
        found = _thousands(values, "events", layout, _BY_COMMAS)
    if found is None:
        found = _decimal_commas(values, "events", layout)
    return of_text(values) if found is None else found


def _refuse_shortened(values: pd.Series) -> None:
    """Refuses numbers such as 1.6E+09: different times have become one."""
    shortened = values[values.str.fullmatch(SHORTENED).fillna(False).astype(bool)]
    if len(shortened):
        raise ValueError(
            f"events: column 'timestamp' has {len(shortened):,} numbers that a spreadsheet "
            "shortened, so that different times became one: save the source with these cells as "
            f"numbers without decimals. Received: {shortened.head(3).tolist()}."
        )


def _plain(text: pd.Series, table: str, layout: Layout) -> pd.Series:
    """A column that is neither an id nor a time."""
    # Only there may 1.500 be a number of its own as well.
    found = _thousands(text, table, layout, _BY_POINTS) if layout.decimal == "," else None
    if found is None:
        found = numbers(text, layout.decimal)
    if found is not None:
        return found
    by_commas, by_points = (partial(_thousands, way=way) for way in (_BY_COMMAS, _BY_POINTS))
    for recognise in (by_commas, by_points, _decimal_commas, _list_of_text, _written_lists):
        found = recognise(text, table, layout)
        if found is not None:
            return found
    return text


def numbers(text: pd.Series, decimal: str | None) -> pd.Series | None:
    """The text as int64, nullable Int64 or float64; None if it is something else."""
    whole = integers(text)
    if whole is not None:
        return whole
    strings = pa.array(text, pa.large_string())
    if decimal == ",":
        strings = pc.replace_substring(strings, ",", ".", max_replacements=1)
    strings = pc.if_else(pc.is_in(strings, pa.array(MISSING, pa.large_string())), None, strings)
    if strings.null_count == len(strings):
        return None
    if not pc.all(pc.match_substring_regex(strings, _NUMBER)).as_py():
        return None
    there = pd.Series(strings.to_pandas(types_mapper=lambda _: _TEXT), index=text.index)
    whole = integers(there.str.strip())
    if whole is not None:
        return whole.rename(str(text.name))
    if pc.any(pc.match_substring_regex(strings, r"^[ \t]*-?[0-9]{16,}[ \t]*$")).as_py():
        return None  # a double would change the last digits of a code
    return pd.to_numeric(there).astype("float64").rename(str(text.name))


def _all(text: pd.Series, pattern: str) -> bool:
    return bool(
        pc.all(pc.match_substring_regex(pa.array(text, pa.large_string()), pattern)).as_py()
    )


def _ungrouped(text: pd.Series, layout: Layout, way: _Grouped) -> pd.Series | None:
    """Numbers such as 1,500.25 or 1.500,25 without what parts their thousands, if that is seen."""
    there = text.mask(text.isin(MISSING))
    has = there.str.contains(way.mark, regex=False, na=False)
    if layout.decimal == way.mark or not has.any() or not _all(there, way.pattern):
        return None
    if layout.decimal != way.decimal and not there.str.contains(way.surely, na=False).any():
        return None
    return there.str.replace(way.mark, "", regex=False)


def _thousands(text: pd.Series, table: str, layout: Layout, way: _Grouped) -> pd.Series | None:
    """Numbers whose thousands are parted: seen, or said by `decimal`."""
    plain = _ungrouped(text, layout, way)
    found = None if plain is None else numbers(plain, way.decimal)
    if found is not None:
        has = text.str.contains(way.mark, regex=False, na=False)
        surely = text.str.contains(way.surely, na=False)
        tell(
            f"{table}: column {text.name!r} has {way.called} between thousands, such as "
            f"{text[surely if surely.any() else has].iloc[0]!r}, and is read as numbers; "
            f"{_said_to_be_text(str(text.name))} keeps the text."
        )
    return found


def _decimal_commas(text: pd.Series, table: str, layout: Layout) -> pd.Series | None:
    there = text.mask(text.isin(MISSING))
    has = there.str.contains(",", regex=False, na=False)
    if layout.decimal is not None or not has.any() or not _all(there, _DECIMAL_COMMA):
        return None
    first = text[has].iloc[0]
    if _all(there, _THOUSANDS):
        tell(
            f"{table}: column {text.name!r} is kept as text: {first!r} has decimals, or thousands. "
            "decimal=',' (--decimal ,) reads decimals, decimal='.' thousands."
        )
        return None
    found = numbers(text, ",")
    if found is not None:
        tell(
            f"{table}: column {text.name!r} has decimal commas, such as {first!r}, and is read as "
            f"numbers; {_said_to_be_text(str(text.name))} keeps the text."
        )
    return found


def _list_of_text(text: pd.Series, table: str, layout: Layout) -> pd.Series | None:
    """Lists such as `Action|Drama`: many values have the separator, and their parts come again."""
    has = text.str.contains(_LIST, regex=False, na=False)
    if not has.any() or has.sum() < _SOME * text.notna().sum():
        return None
    values = text.dropna().drop_duplicates()
    parts = values.str.split(_LIST).explode()
    if (parts.str.strip() != parts).any() or parts.nunique() > _FEW * len(parts):
        return None
    tell(
        f"{table}: column {text.name!r} holds lists, such as {text[has].iloc[0]!r}, and is split "
        f"at {_LIST!r}; {_said_to_be_text(str(text.name))} keeps the text."
    )
    return lists_of(text, _LIST)


def _written_lists(text: pd.Series, table: str, layout: Layout) -> pd.Series | None:
    """Lists as a program prints them, `['Action', 'Drama']`."""
    if text.isna().all() or not _all(text, r"(?s)^\s*\[.*\]\s*$"):
        return None
    found = {}
    for value in text.dropna().unique():
        try:
            found[value] = written(value)
        except ValueError:
            return None
        if not all(one is None or type(one) in (str, int, float) for one in found[value]):
            return None
    tell(
        f"{table}: column {text.name!r} holds written lists, such as {next(iter(found))!r}, and is "
        f"read as lists; {_said_to_be_text(str(text.name))} keeps the text."
    )
    return each_as_list(text, found.__getitem__)


def _said_to_be_text(name: str) -> str:
    return f"dtype={{{name!r}: 'str'}} (--type {name}=str)"
