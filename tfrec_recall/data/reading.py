"""Tables from CSV and Parquet files, without a change to any id on the way."""

from __future__ import annotations

import os
import pathlib
import warnings
from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

TABLES = ("events", "users", "items")
FORMATS = (".parquet", ".csv")
_IDS = ("user_id", "item_id", "session_id")
_MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"]  # where it is no id
_WHOLE = r"(?:0|-?[1-9][0-9]{0,18})"  # text that an integer gives back unchanged
_LEADING_ZERO = r"[+-]?0[0-9]"
_NULLABLE = {
    **{pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype()},
    **{pa.int64(): pd.Int64Dtype(), pa.uint8(): pd.UInt8Dtype(), pa.uint16(): pd.UInt16Dtype()},
    **{pa.uint32(): pd.UInt32Dtype(), pa.uint64(): pd.UInt64Dtype(), pa.bool_(): pd.BooleanDtype()},
}

FilePath = str | os.PathLike[str]
Tables = dict[str, pd.DataFrame | None]


def find_tables(
    place: FilePath, elsewhere: Mapping[str, FilePath | None], formats: Sequence[str] = FORMATS
) -> dict[str, pathlib.Path]:
    """Where each table is: `events`, and `users` and `items` if there are any.

    Args:
        place: the file of events, a folder of its Parquet parts, or a folder that has
            `events.parquet`, `events.csv` or a folder of parts `events`, and users and items alike.
        elsewhere: the files of tables that are not there.
        formats: the suffixes looked for.

    Raises: ValueError if something is not there, or there twice.
    """
    place = pathlib.Path(place)
    found = {table: pathlib.Path(path) for table, path in elsewhere.items() if path is not None}
    if place.is_dir():
        for table in TABLES:
            choices = [place / f"{table}{suffix}" for suffix in formats]
            if ".parquet" in formats:
                choices.append(place / table)
            present = [choice for choice in choices if choice.exists()]
            if len(present) > 1:
                names = [path.name for path in present]
                raise ValueError(f"{place}: {table} is there twice, remove one. Received: {names}.")
            for path in present:
                found.setdefault(table, path)
        alone = not any(path.parent == place for path in found.values())
        if alone and ".parquet" in formats and any(place.rglob("*.parquet")):
            found["events"] = place  # a folder of parts
        if "events" not in found:
            listed = sorted(path.name for path in place.iterdir())[:10]
            raise ValueError(
                f"{place}: no table of events, that is events{' or events'.join(formats)}"
                f"{' or a folder events' if '.parquet' in formats else ''}. Received: {listed}."
            )
    else:
        found["events"] = place
    for table, path in found.items():
        if not path.exists():
            raise ValueError(f"{table}: there is no file or folder {path}.")
    return {table: found[table] for table in TABLES if table in found}


def renamed(tables: Mapping[str, pd.DataFrame | None], rename: Mapping[str, str] | None) -> Tables:
    """The tables with columns renamed, `{"their": "ours"}`.

    Raises: ValueError for a name that no table has, or one that a table has already.

    >>> tables = renamed({"events": pd.DataFrame({"sku": [1]}), "users": None}, {"sku": "item_id"})
    >>> list(tables["events"])
    ['item_id']
    """
    rename = dict(rename or {})
    columns = {table: list(frame.columns) for table, frame in tables.items() if frame is not None}
    absent = [theirs for theirs in rename if not any(theirs in have for have in columns.values())]
    if absent:
        raise ValueError(
            f"rename maps the data's column names to ours, but no table has {absent}. "
            f"Received: rename={rename}, columns {columns}."
        )
    for table, have in columns.items():
        after = [rename.get(column, column) for column in have]
        taken = sorted({str(column) for column in after if after.count(column) > 1})
        if taken:
            raise ValueError(
                f"{table}: rename would give several columns the name {taken}: rename or drop the "
                f"other one too. Received: rename={rename}, columns {have}."
            )
    return {
        table: None if frame is None else frame.rename(columns=rename)
        for table, frame in tables.items()
    }


def read_tables(
    paths: Mapping[str, pathlib.Path],
    rename: Mapping[str, str] | None = None,
    dtype: Mapping[str, str] | None = None,
    text: Collection[str] = (),
    separator: str = ",",
) -> Tables:
    """The tables in these files, with our column names; those named in `text` are CSV."""
    tables: Tables = dict.fromkeys(TABLES)
    for table, path in paths.items():
        if table in text:
            tables[table] = read_text(path, rename or {}, separator)
        else:
            tables[table] = read_parquet(path)
    tables = renamed(tables, rename)
    return {**tables, **typed({table: tables[table] for table in text}, dtype)}


def read_parquet(path: FilePath) -> pd.DataFrame:
    """One Parquet file, or every `*.parquet` of a folder and its subfolders as one table.

    A subfolder `column=value` adds a column; what a part lacks is missing in its rows. Integers and
    booleans beside missing values become nullable, not floats.

    Raises: ValueError naming the file that is damaged, or whose types are not those of the others.
    """
    path = pathlib.Path(path)
    parts = _parts(path)
    schema, metadata = pa.schema([]), {}
    for part in parts:
        try:
            own = pq.read_schema(part)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{part} is no whole Parquet file: {error}") from error
        try:
            schema = pa.unify_schemas([schema, own.remove_metadata()], promote_options="permissive")
        except pa.ArrowException as error:
            raise ValueError(f"{part} has other types than the parts before it: {error}") from error
        metadata[str(part)] = own.metadata
    folder = {"partitioning": ds.HivePartitioning.discover(), "partition_base_dir": str(path)}
    found = ds.dataset(list(metadata), **(folder if path.is_dir() else {}))
    for field in found.schema:
        if field.name not in schema.names:
            schema = schema.append(field)
    frames = []
    for fragment in found.get_fragments():
        try:
            own = schema.with_metadata(metadata[fragment.path])  # pandas keeps its index there
            frame = fragment.to_table(schema=own).to_pandas(types_mapper=_NULLABLE.get)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{fragment.path} is damaged: {error}") from error
        named = [name for name in frame.index.names if name is not None]
        frames.append(frame.reset_index(named))
    frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    return frame.astype(
        {
            column: frame[column].dtype.numpy_dtype
            for column in frame
            if frame[column].dtype in _NULLABLE.values() and not frame[column].isna().any()
        }
    )


def _parts(path: pathlib.Path) -> list[pathlib.Path]:
    if not path.is_dir():
        return [path]
    parts = sorted(
        part
        for part in path.rglob("*.parquet")
        if not any(name.startswith(("_", ".")) for name in part.relative_to(path).parts)
    )
    if not parts:
        raise ValueError(f"{path} is a folder without any .parquet file.")
    return parts


def read_text(path: FilePath, rename: Mapping[str, str], separator: str = ",") -> pd.DataFrame:
    """A CSV file with every column as text, and missing values where it is no id.

    Raises: ValueError naming the file that cannot be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # cells beyond the header
            options: dict[str, Any] = {"sep": separator, "index_col": False}
            header = pd.read_csv(path, nrows=0, **options).columns
            ids = {column for column in header if rename.get(column, column) in _IDS}
            missing = {column: [""] if column in ids else _MISSING for column in header}
            return pd.read_csv(
                path, dtype="str", keep_default_na=False, na_values=missing, **options
            )
    except (ValueError, OSError, pd.errors.ParserWarning) as error:
        raise ValueError(f"{path} cannot be read as CSV: {error}") from error


def typed(tables: Tables, dtype: Mapping[str, str] | None = None) -> Tables:
    """Text columns as what they say they are, where no character is lost.

    Ids, in all tables together, become int64 if all are plain integers, and stay text if one is not
    ("007", "+7"). Timestamps are numbers or ISO 8601. Other columns become numbers if all values
    are, none of them with leading zeros.

    Args:
        dtype: the type of a column by its name, instead of these rules; "str" keeps the text.

    >>> typed({"events": pd.DataFrame({"user_id": ["7"], "item_id": ["007"]}, dtype="str")})[
    ...     "events"
    ... ].dtypes.tolist()
    [dtype('int64'), <StringDtype(na_value=nan)>]
    """
    dtype = dict(dtype or {})
    frames = {table: frame for table, frame in tables.items() if frame is not None}
    columns = {table: list(frame) for table, frame in frames.items()}
    absent = [name for name in dtype if not any(name in have for have in columns.values())]
    if absent:
        raise ValueError(
            f"dtype names columns after renaming, but no table has {absent}. Received: {columns}."
        )
    as_text = {
        name
        for name in _IDS
        if not all(_is_whole(frame[name]) for frame in frames.values() if name in frame)
    }
    result: Tables = dict(tables)
    for table, frame in frames.items():
        converted: dict[Hashable, pd.Series] = {}
        for name in frame:
            if name in dtype:
                converted[name] = _given_type(frame[name], table, dtype[name])
            elif name in _IDS:
                converted[name] = frame[name] if name in as_text else _integers(frame[name])
            elif name == "timestamp":
                converted[name] = _time(frame[name])
            else:
                converted[name] = _number_or_text(frame[name])
        result[table] = pd.DataFrame(converted, index=frame.index)
    return result


def _given_type(text: pd.Series, table: str, dtype: str) -> pd.Series:
    try:
        return text.astype(pd.api.types.pandas_dtype(dtype))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{table}: column {text.name!r} cannot become dtype={dtype!r}: {error}"
        ) from error


def _is_whole(text: pd.Series) -> bool:
    present = text.dropna()
    if not present.str.fullmatch(_WHOLE).all():
        return False
    try:
        pa.array(present, pa.string()).cast(pa.int64())
    except pa.ArrowInvalid:  # beyond int64
        return False
    return len(present) > 0


def _integers(text: pd.Series) -> pd.Series:
    """Whole numbers as int64, or as nullable Int64 beside missing values."""
    numbers = pa.array(text, pa.string()).cast(pa.int64())
    dtype = "Int64" if numbers.null_count else "int64"
    return numbers.to_pandas(types_mapper=_NULLABLE.get).astype(dtype).set_axis(text.index)


def _number_or_text(text: pd.Series) -> pd.Series:
    if _is_whole(text):
        return _integers(text)
    numbers = pd.to_numeric(text, errors="coerce")
    is_text = (numbers.isna() & text.notna()).any() or text.str.match(_LEADING_ZERO).any()
    return text if is_text or text.isna().all() else numbers.astype("float64")


def _time(text: pd.Series) -> pd.Series:
    """Numbers, or moments of ISO 8601; anything else stays text, which Interactions refuses."""
    numbers = _number_or_text(text)
    if pd.api.types.is_numeric_dtype(numbers.dtype):
        return numbers
    moments = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
    return text if (moments.isna() & text.notna()).any() else moments
