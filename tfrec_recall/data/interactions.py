"""The data set: events, users and items, checked once so that later code can rely on them."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tfrec_recall.data.ids import id_column, refuse
from tfrec_recall.data.reading import (
    FilePath,
    Tables,
    find_tables,
    read_tables,
    renamed,
)

PARTS = ("train", "validation", "test")
_MILLISECONDS = 1e11  # as seconds, the year 5138; as milliseconds, 1973


@dataclass(frozen=True, eq=False, repr=False)
class Interactions:
    """Three tables: who met which item when, and what is known of the users and of the items.

    The tables are checked and brought to one form, as copies: the frames given stay as they are,
    and later changes to them do not reach this object. Treat its frames as read-only.

    Ids are strings or integers, one type a column, in every row; `""` and `-1` are reserved for
    padding. Exactly repeated events are kept, in the data and in every count, because buying the
    same thing twice in a second is legal; to drop copies made by a faulty log, call
    `events.drop_duplicates()` first or give the readers `drop_duplicates=True`.

    Args:
        events: user_id, item_id and, where known: timestamp (Unix seconds, or datetime64, taken
            for UTC without a time zone), rating, weight, session_id, event_type, split (train,
            validation or test, for a published split), and any other column.
        users: user_id and any feature columns, one row a user. A user who is in the events only
            gets a row with missing features.
        items: item_id and any feature columns, one row an item. This is the catalogue; an item
            which is in the events only gets a row with missing features.
        name: what reports and model cards call the data.

    After construction: `events` begins with user_id, item_id, timestamp, in the rows' given order;
    timestamps are int64 seconds, or float64 where there are fractions of a second; ids are `str`
    or `int64`; every table has the index 0, 1, 2, …

    Raises: ValueError that names the table, the column, the count and the first bad rows.

    >>> events = pd.DataFrame({"user_id": ["ann", "ann"], "item_id": [7, 3], "timestamp": [20, 10]})
    >>> data = Interactions(events, name="two visits")
    >>> data, data.items["item_id"].tolist()
    (Interactions('two visits': 2 events, 1 users, 2 items), [3, 7])
    """

    events: pd.DataFrame
    users: pd.DataFrame = None  # type: ignore[assignment]  # a frame once constructed
    items: pd.DataFrame = None  # type: ignore[assignment]
    name: str = "interactions"

    def __post_init__(self) -> None:
        events = _events(self.events)
        object.__setattr__(self, "events", events)
        object.__setattr__(self, "users", _entities(self.users, "users", "user_id", events))
        object.__setattr__(self, "items", _entities(self.items, "items", "item_id", events))

    def __repr__(self) -> str:
        sizes = f"{len(self.events):,} events, {len(self.users):,} users, {len(self.items):,} items"
        return f"Interactions({self.name!r}: {sizes})"

    @classmethod
    def from_frames(
        cls,
        events: pd.DataFrame,
        users: pd.DataFrame | None = None,
        items: pd.DataFrame | None = None,
        *,
        rename: Mapping[str, str] | None = None,
        name: str = "interactions",
    ) -> Interactions:
        """Interactions of frames whose columns have other names, `rename={"their": "ours"}`.

        >>> logs = pd.DataFrame({"member": [1], "sku": ["x"]})
        >>> Interactions.from_frames(logs, rename={"member": "user_id", "sku": "item_id"})
        Interactions('interactions': 1 events, 1 users, 1 items)
        """
        tables = renamed({"events": events, "users": users, "items": items}, rename)
        return cls(**tables, name=name)  # type: ignore[arg-type]

    @classmethod
    def from_csv(
        cls,
        events: FilePath,
        users: FilePath | None = None,
        items: FilePath | None = None,
        *,
        rename: Mapping[str, str] | None = None,
        dtype: Mapping[str, str] | None = None,
        separator: str = ",",
        drop_duplicates: bool = False,
        name: str | None = None,
    ) -> Interactions:
        """Interactions of CSV files with a header line, in UTF-8.

        Text has no types, so a column becomes numbers only where no character is lost: ids such as
        "007" stay text, and so do all ids of that column and table. Timestamps are Unix seconds or
        ISO 8601 ("2011-12-09 12:50:00").

        Args:
            events: the file, or a folder with `events.csv` and, if known, `users.csv`, `items.csv`.
            users, items: the files of these tables, if they are elsewhere.
            rename: `{"their column": "ours"}`, for all tables.
            dtype: types of columns by our names, for instance `{"zip_code": "str"}`.
            separator: what stands between the cells.
            drop_duplicates: drop events that repeat another in every column.
            name: by default that of the folder or file.

        Raises: ValueError that names the file, for one that is missing, damaged or has bad rows.
        """
        paths = find_tables(events, {"users": users, "items": items}, formats=(".csv",))
        tables = read_tables(paths, rename, dtype, text=tuple(paths), separator=separator)
        return cls._from_tables(tables, drop_duplicates, name or pathlib.Path(events).stem)

    @classmethod
    def from_parquet(
        cls,
        events: FilePath,
        users: FilePath | None = None,
        items: FilePath | None = None,
        *,
        rename: Mapping[str, str] | None = None,
        drop_duplicates: bool = False,
        name: str | None = None,
    ) -> Interactions:
        """Interactions of Parquet files; arguments and errors as in `from_csv`.

        Args:
            events: a file, a folder of parts, or a folder with `events.parquet` or `events/` and,
                if known, users and items alike.
        """
        paths = find_tables(events, {"users": users, "items": items}, formats=(".parquet",))
        tables = read_tables(paths, rename)
        return cls._from_tables(tables, drop_duplicates, name or pathlib.Path(events).stem)

    @classmethod
    def from_folder(
        cls,
        folder: FilePath,
        *,
        rename: Mapping[str, str] | None = None,
        dtype: Mapping[str, str] | None = None,
        drop_duplicates: bool = False,
        name: str | None = None,
    ) -> Interactions:
        """Interactions of a folder with `events`, and if known `users` and `items`, in either form.

        Each table is `<table>.parquet`, `<table>.csv` or a folder `<table>` of Parquet parts; the
        arguments and errors are those of `from_csv`.
        """
        paths = find_tables(folder, {})
        text = tuple(table for table, path in paths.items() if path.suffix == ".csv")
        tables = read_tables(paths, rename, dtype, text)
        return cls._from_tables(tables, drop_duplicates, name or pathlib.Path(folder).stem)

    @classmethod
    def _from_tables(cls, tables: Tables, drop_duplicates: bool, name: str) -> Interactions:
        events = tables["events"]
        if drop_duplicates and events is not None:
            tables = {**tables, "events": events.drop_duplicates()}
        return cls(**tables, name=name)  # type: ignore[arg-type]

    @property
    def has_time(self) -> bool:
        """Whether events have timestamps."""
        return "timestamp" in self.events

    def require_time(self, what: str) -> None:
        """Raises the ValueError of a model or function that needs the order of events.

        Args:
            what: who needs it, as the subject of the error's first sentence.
        """
        if not self.has_time:
            raise ValueError(
                f"{what} needs to know which event came first: give events a column 'timestamp' "
                "(Unix seconds or datetime64), or use a model that needs no order. The order of "
                f"rows is never taken for time. Received columns: {list(self.events.columns)}."
            )

    def with_events(self, events: pd.DataFrame) -> Interactions:
        """Other events of the same users and items; the tables are not derived anew.

        Raises: ValueError if an event's user or item is not in the tables.
        """
        events = _events(events)
        for column, table, entities in (
            ("user_id", "users", self.users),
            ("item_id", "items", self.items),
        ):
            _check_same_type(events, entities, table, column)
            unknown = ~events[column].isin(entities[column])
            if unknown.any():
                remedy = (
                    f"Every event's {column} is in {table}: build Interactions from all events."
                )
                refuse(events, "events", column, unknown, f"ids that {table} lacks", remedy)
        return self._with_checked(events)

    def take(self, positions: np.ndarray) -> Interactions:
        """The events at these positions (integers or a mask), with the same users and items."""
        positions = np.asarray(positions)
        if positions.dtype == bool:
            positions = np.flatnonzero(positions)
        return self._with_checked(self.events.take(positions).reset_index(drop=True))

    def _with_checked(self, events: pd.DataFrame) -> Interactions:
        result = object.__new__(type(self))
        for field, value in {**vars(self), "events": events}.items():
            object.__setattr__(result, field, value)
        return result


def _table(frame: pd.DataFrame, table: str, needed: tuple[str, ...]) -> pd.DataFrame:
    """A copy that shares no changes with the frame given, the needed columns first."""
    if not isinstance(frame, pd.DataFrame):
        raise ValueError(f"{table} is a pandas DataFrame. Received: {type(frame).__name__}.")
    columns = list(frame.columns)
    repeated = sorted({str(column) for column in columns if columns.count(column) > 1})
    if repeated:
        raise ValueError(f"{table}: column names are unique. Received twice: {repeated}.")
    missing = [column for column in needed if column not in frame]
    if missing:
        in_index = [column for column in missing if column in frame.index.names]
        remedy = (
            f"It is the index: use .reset_index({in_index[0]!r})."
            if in_index
            else f"If it has another name, use rename={{'their name': {missing[0]!r}}}."
        )
        raise ValueError(
            f"{table}: column {missing[0]!r} is missing. {remedy} Received columns: {columns}."
        )
    others = [column for column in columns if column not in needed]
    return frame[[*needed, *others]].reset_index(drop=True)


def _events(frame: pd.DataFrame) -> pd.DataFrame:
    has_time = isinstance(frame, pd.DataFrame) and "timestamp" in frame
    events = _table(frame, "events", ("user_id", "item_id", *(["timestamp"] if has_time else [])))
    checked = {column: id_column(events, "events", column) for column in ("user_id", "item_id")}
    if "session_id" in events:
        checked["session_id"] = id_column(events, "events", "session_id")
    if "timestamp" in events:
        checked["timestamp"] = _seconds(events)
    for column in ("rating", "weight"):
        if column in events:
            _check_numbers(events, column)
    if "split" in events:
        strange = ~events["split"].isin(PARTS).to_numpy()
        if strange.any():
            remedy = f"A given split names each event's part: {', '.join(PARTS)}."
            refuse(events, "events", "split", strange, "other values", remedy)
    return events.assign(**checked)


def _seconds(events: pd.DataFrame) -> pd.Series:
    """The timestamps as Unix seconds, int64, or float64 where there are fractions."""
    column = events["timestamp"]
    if column.dtype == object and pd.api.types.infer_dtype(column) in ("datetime", "date"):
        column = pd.to_datetime(column, utc=True)
    missing = column.isna()
    if missing.any():
        remedy = "Drop these rows, or the whole column if the order of events is not known."
        refuse(events, "events", "timestamp", missing, "missing values", remedy)
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        if getattr(column.dt, "tz", None) is not None:
            column = column.dt.tz_convert("UTC").dt.tz_localize(None)
        ticks = column.to_numpy().astype("datetime64")
        whole = ticks.astype("datetime64[s]")
        if (ticks == whole).all():
            return pd.Series(whole.astype("int64"))
        fraction = (ticks - whole) / np.timedelta64(1, "s")
        return pd.Series(whole.astype("int64") + fraction)
    everywhere = np.ones(len(column), dtype=bool)
    if not pd.api.types.is_numeric_dtype(column.dtype) or column.dtype == bool:
        remedy = (
            "Timestamps are Unix seconds or datetime64: convert them, for instance with "
            "pd.to_datetime(events['timestamp'])."
        )
        refuse(events, "events", "timestamp", everywhere, f"type {column.dtype}", remedy)
    values = column.to_numpy()
    if values.dtype in (np.float16, np.float32):
        remedy = "float32 has steps of 128 seconds in this century: use int64 or datetime64."
        refuse(events, "events", "timestamp", everywhere, f"type {values.dtype}", remedy)
    far = ~(np.abs(values.astype("float64")) < _MILLISECONDS)
    if far.any():
        remedy = "Timestamps are Unix seconds; milliseconds have to be divided by 1000."
        refuse(events, "events", "timestamp", far, "times beyond the year 5138", remedy)
    seconds = values.astype("int64")
    return pd.Series(seconds if (seconds == values).all() else values.astype("float64"))


def _check_numbers(events: pd.DataFrame, column: str) -> None:
    """Ratings are numbers, known or not; weights are numbers from 0 up, in every row."""
    values = events[column]
    if not pd.api.types.is_numeric_dtype(values.dtype):
        everywhere = np.ones(len(values), dtype=bool)
        remedy = f"A {column} is a number: use pd.to_numeric(events[{column!r}])."
        refuse(events, "events", column, everywhere, f"type {values.dtype}", remedy)
    numbers = values.to_numpy(dtype="float64", na_value=np.nan)
    if column == "weight":
        bad = ~(np.isfinite(numbers) & (numbers >= 0))
        what, remedy = "missing, negative or infinite values", "A weight is a number from 0 up."
    else:
        bad = np.isinf(numbers)
        what, remedy = "infinite values", "A rating is a finite number, or missing."
    if bad.any():
        refuse(events, "events", column, bad, what, remedy)


def _entities(
    frame: pd.DataFrame | None, table: str, column: str, events: pd.DataFrame
) -> pd.DataFrame:
    """The users or items, one row an id, with a row for those that only the events know."""
    met = events[column].drop_duplicates()
    if frame is None:
        return met.sort_values(ignore_index=True).to_frame()
    entities = _table(frame, table, (column,))
    ids = id_column(entities, table, column)
    repeated = ids.duplicated(keep=False)
    if repeated.any():
        remedy = f"{table} has one row an id: use .drop_duplicates({column!r}) or aggregate."
        refuse(entities, table, column, repeated, "repeated ids", remedy)
    if len(entities) == 0:
        ids = ids.astype(met.dtype)
    entities = entities.assign(**{column: ids})
    _check_same_type(events, entities, table, column)
    absent = met[~met.isin(ids)].sort_values(ignore_index=True)
    if len(absent) == 0:
        return entities
    # Nullable types, so that integers and booleans stay what they are beside missing values.
    others = entities.columns.drop(column)
    plain = {
        name: {"i": "Int64", "u": "UInt64", "b": "boolean"}[entities[name].dtype.kind]
        for name in others
        if isinstance(entities[name].dtype, np.dtype) and entities[name].dtype.kind in "iub"
    }
    return pd.concat([entities.astype(plain), absent.to_frame()], ignore_index=True)


def _check_same_type(events: pd.DataFrame, entities: pd.DataFrame, table: str, column: str) -> None:
    theirs, ours = events[column].dtype, entities[column].dtype
    if theirs != ours and len(events) and len(entities):
        first, others = (frame[column].iloc[:1].tolist()[0] for frame in (entities, events))
        raise ValueError(
            f"{table}: column {column!r} has another type than in events, so no id would match. "
            f"Bring both to one type, for instance with .astype('str'). Received: {ours} in "
            f"{table} (first: {first!r}), {theirs} in events (first: {others!r})."
        )
