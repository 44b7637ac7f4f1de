"""The data set: events, users and items, checked once so that later code can rely on them."""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import InitVar, dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from tfrec_recall.data.checking.bad_rows import leaving_out
from tfrec_recall.data.checking.checks import (
    PARTS,
    check_same_type,
    checked_entities,
    checked_events,
    plain_table,
)
from tfrec_recall.data.checking.copies import repeats, without_copies
from tfrec_recall.data.checking.matching import mended, tell_of_strangers
from tfrec_recall.data.columns.among import among
from tfrec_recall.data.columns.times import seconds
from tfrec_recall.data.columns.written_dates import refuse_dates_ahead
from tfrec_recall.data.ids import refuse
from tfrec_recall.data.reading import (
    FORMATS,
    JSON_LINES,
    PARQUET,
    TEXT,
    FilePath,
    Layout,
    Tables,
    find_tables,
    read_tables,
    renamed,
    stem_of,
)
from tfrec_recall.data.reading.alike import tell_of_names
from tfrec_recall.data.reading.columns import check_known, is_wanted, names_of

__all__ = ["PARTS", "Interactions"]


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
        events: user_id, item_id and, where known: timestamp (Unix seconds, datetime64, or text of
            ISO 8601, taken for UTC without a time zone, from 1980 to 2100; or numbers such as 1, 2,
            3 that say which event came first), rating, weight, session_id, event_type, split
            (train, validation or test, for a published split), and any other column.
        users: user_id and any feature columns, one row a user. A user who is in the events only
            gets a row with missing features.
        items: item_id and any feature columns, one row an item. This is the catalogue; an item
            which is in the events only gets a row with missing features.
        name: what reports and model cards call the data.
        time_unit: of timestamps that are numbers, one of `data.columns.times.UNITS`; then, what
            they are: "s", "order" for numbers of order, None without timestamps.
        mend_ids: True makes one id of ids that differ by blanks around them, by `.0` or by an
            accent as one character or two, and False takes ids as they are; by default such ids are
            refused, and so are users or items of which the events meet almost none.
        drop_bad_rows: leave out rows that would be refused where others are not, as `Layout` says;
            each reason is told with the number of its rows.

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
    time_unit: str | None = None
    mend_ids: InitVar[bool | None] = None
    drop_bad_rows: InitVar[bool] = False

    def __post_init__(self, mend_ids: bool | None, drop_bad_rows: bool) -> None:
        given = {"events": self.events, "users": self.users, "items": self.items}
        look = partial(_checked, time_unit=self.time_unit, mend_ids=mend_ids)
        for field, value in leaving_out(look, given, drop_bad_rows).items():
            object.__setattr__(self, field, value)

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
        columns: Collection[str] | None = None,
        time_unit: str | None = None,
        time_format: str | None = None,
        mend_ids: bool | None = None,
        drop_bad_rows: bool = False,
        name: str = "interactions",
    ) -> Interactions:
        """Interactions of frames whose columns have other names, `rename={"their": "ours"}`.

        The other arguments are those of `Layout`.

        >>> logs = pd.DataFrame({"member": [1], "sku": ["x"]})
        >>> Interactions.from_frames(logs, rename={"member": "user_id", "sku": "item_id"})
        Interactions('interactions': 1 events, 1 users, 1 items)
        """
        layout = Layout(columns=columns, time_unit=time_unit, time_format=time_format)
        tables = renamed({"events": events, "users": users, "items": items}, rename)
        for table, frame in tables.items():
            tell_of_names(table, [] if frame is None else names_of(frame), frame)
        if columns is not None:
            frames = {table: frame for table, frame in tables.items() if frame is not None}
            have = {table: names_of(frame) for table, frame in frames.items()}
            check_known("columns", columns, have)
            for table, frame in frames.items():
                wanted = [one for one in frame if is_wanted(table, str(one), columns)]
                tables[table] = frame[wanted]
        tables = leaving_out(partial(_with_times, layout=layout), tables, drop_bad_rows)
        if mend_ids is False:
            _tell_of_strangers(tables)
        return cls(
            **tables,  # type: ignore[arg-type]
            name=name,
            time_unit=time_unit,
            mend_ids=mend_ids,
            drop_bad_rows=drop_bad_rows,
        )

    @classmethod
    def from_files(
        cls,
        events: FilePath,
        users: FilePath | None = None,
        items: FilePath | None = None,
        *,
        drop_duplicates: bool = False,
        name: str | None = None,
        formats: Sequence[str] = FORMATS,
        **layout: Any,
    ) -> Interactions:
        """Interactions of files: CSV, TSV, JSON lines or Parquet, packed by gzip or not.

        Text has no types, so a column becomes numbers only where no character is lost: ids such as
        "007" stay text, and so do all ids of that column in all tables. Timestamps are Unix seconds
        or ISO 8601 ("2011-12-09 12:50:00") unless `time_unit` or `time_format` says otherwise.

        What was recognised, mended or left out is told by a `ReadingNotice`: copies of rows of
        users and items, columns without a name or a value, lists in text and the like.

        Args:
            events: the file; a folder of its parts, `part-0.csv`, also in folders `column=value`;
                or a folder with such a file or folder `events` and, if known, `users` and `items`.
            users, items: the files of these tables, if they are elsewhere.
            drop_duplicates: drop events that repeat another in every column.
            name: by default that of the folder or file.
            formats: the suffixes looked for in a folder.
            layout: the arguments of `Layout`: rename, columns, dtype, lists, names, separator,
                encoding, quotes, escape, decimal, time_unit, time_format, mend_ids, drop_bad_rows.

        Raises: ValueError that names the file, for one that is missing, damaged or has bad rows;
            and the line, if there are any.
        """
        written = Layout(**layout)
        paths = find_tables(events, {"users": users, "items": items}, formats)
        tables = leaving_out(
            partial(_with_times, layout=written),
            read_tables(paths, written),
            written.drop_bad_rows,
        )
        found = tables["events"]
        for table in ("users", "items"):
            tables = {**tables, table: without_copies(tables[table], table)}
        if drop_duplicates and found is not None:
            tables = {**tables, "events": found[~repeats(found)]}
        if written.mend_ids is False:
            _tell_of_strangers(tables)
        return cls(
            **tables,  # type: ignore[arg-type]
            name=name or stem_of(pathlib.Path(events)),
            time_unit=(written.time_unit or "s") if _has_times(found) else None,
            mend_ids=None if written.mend_ids else written.mend_ids,  # they are mended
            drop_bad_rows=written.drop_bad_rows,
        )

    @classmethod
    def from_csv(
        cls,
        events: FilePath,
        users: FilePath | None = None,
        items: FilePath | None = None,
        **options: Any,
    ) -> Interactions:
        """Interactions of CSV files, as `from_files` of text files alone."""
        return cls.from_files(events, users, items, formats=TEXT, **options)

    @classmethod
    def from_json(
        cls,
        events: FilePath,
        users: FilePath | None = None,
        items: FilePath | None = None,
        **options: Any,
    ) -> Interactions:
        """Interactions of JSON lines, as `from_files` of these alone."""
        return cls.from_files(events, users, items, formats=JSON_LINES, **options)

    @classmethod
    def from_parquet(
        cls,
        events: FilePath,
        users: FilePath | None = None,
        items: FilePath | None = None,
        **options: Any,
    ) -> Interactions:
        """Interactions of Parquet files, as `from_files` of these alone.

        Args:
            events: a file, a folder of parts, or a folder with `events.parquet` or `events/` and,
                if known, users and items alike.
        """
        return cls.from_files(events, users, items, formats=PARQUET, **options)

    @classmethod
    def from_folder(cls, folder: FilePath, **options: Any) -> Interactions:
        """Interactions of a folder with `events`, and if known `users` and `items`, in any form.

        The arguments and errors are those of `from_files`.
        """
        return cls.from_files(folder, **options)

    @property
    def has_time(self) -> bool:
        """Whether events have timestamps."""
        return "timestamp" in self.events

    def require_time(self, what: str, instead: str = "a model that needs no order") -> None:
        """Raises the ValueError of a model or function that needs the order of events.

        Args:
            what: who needs it, as the subject of the error's first sentence.
            instead: what does without.
        """
        if not self.has_time:
            raise ValueError(
                f"{what} needs to know which event came first: give events a column 'timestamp' "
                f"(Unix seconds or datetime64), or use {instead}. The order of "
                f"rows is never taken for time. Received columns: {list(self.events.columns)}."
            )

    def with_events(self, events: pd.DataFrame) -> Interactions:
        """Other events of the same users and items; the tables are not derived anew.

        Raises: ValueError if an event's user or item is not in the tables.
        """
        events, unit = checked_events(events, self.time_unit if _has_times(events) else None)
        for column, table, entities in (
            ("user_id", "users", self.users),
            ("item_id", "items", self.items),
        ):
            check_same_type(events, entities, table, column)
            unknown = ~among(events[column], entities[column])
            if unknown.any():
                remedy = (
                    f"Every event's {column} is in {table}: build Interactions from all events."
                )
                refuse(events, "events", column, unknown, f"ids that {table} lacks", remedy)
        return self._with_checked(events=events, time_unit=unit)

    def take(self, positions: np.ndarray, users: np.ndarray | None = None) -> Interactions:
        """The events at these positions (integers or a mask), with the same users and items.

        Args:
            users: positions of the users who stay, among them those of the events; None keeps all.

        Raises: ValueError for a mask of another length, or what is no position of an event.
        """
        positions = _positions(positions, len(self.events))
        tables = {"events": self.events.take(positions)}
        if users is not None:
            tables["users"] = self.users.take(users)
        return self._with_checked(**{n: one.reset_index(drop=True) for n, one in tables.items()})

    @classmethod
    def _beside(
        cls,
        items: pd.DataFrame,
        events: pd.DataFrame,
        users: pd.DataFrame | None,
        name: str,
        time_unit: str | None,
        mend_ids: bool | None,
    ) -> Interactions:
        """Of a part of a log's events, and of all items, checked beside another part of it."""
        look = partial(_checked, time_unit=time_unit, mend_ids=mend_ids, known=items)
        given = {"events": events, "users": users, "items": items}
        result = object.__new__(cls)
        for field, value in {**leaving_out(look, given, False), "name": name}.items():
            object.__setattr__(result, field, value)
        return result

    def _with_checked(self, **fields: Any) -> Interactions:
        result = object.__new__(type(self))
        for field, value in {**vars(self), **fields}.items():
            object.__setattr__(result, field, value)
        return result


def _positions(given: np.ndarray, rows: int) -> np.ndarray:
    """The positions that are given, or marked in a mask."""
    positions = np.asarray(given)
    if positions.dtype == bool and positions.shape == (rows,):
        return np.flatnonzero(positions)
    if not positions.size and positions.ndim == 1:
        return positions.astype(np.int64)
    fits = positions.ndim == 1 and positions.dtype.kind in "iu"
    if not fits or positions.min() < 0 or positions.max() >= rows:
        span = f", {positions.min()} to {positions.max()}" * (positions.dtype.kind in "iu")
        raise ValueError(
            f"take has a mask of all {rows:,} events, or whole numbers from 0 to {rows - 1:,}. "
            f"Received: {positions.dtype} {list(positions.shape)}{span}."
        )
    return positions


def _has_times(events: pd.DataFrame | None) -> bool:
    return events is not None and "timestamp" in events


def _checked(
    tables: Mapping[str, pd.DataFrame | None],
    time_unit: str | None,
    mend_ids: bool | None,
    known: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """The tables in one form, and the unit that times turned out to have, by their fields.

    Args:
        known: items that were checked, which are taken as they are if they are all of the events.
    """
    if mend_ids:
        tables, mend_ids = _mended(tables), None
    events, unit = checked_events(tables["events"], time_unit)  # type: ignore[arg-type]  # is asked
    found: dict[str, Any] = {"events": events, "time_unit": unit}
    for table, column in (("users", "user_id"), ("items", "item_id")):
        if table == "items" and known is not None and _are_all(known["item_id"], events["item_id"]):
            found[table] = known
        else:
            found[table] = checked_entities(tables[table], table, column, events, mend_ids)
    return found


def _are_all(ids: pd.Series, met: pd.Series) -> bool:
    """Whether ids, each of which is there once, have all that were met."""
    found = pd.Series(met.unique())  # few beside all ids, and the faster to look them up among
    return ids.dtype == met.dtype and int(among(ids, found).sum()) == len(found)


def _with_times(tables: Mapping[str, pd.DataFrame | None], layout: Layout) -> Tables:
    """The tables with timestamps of `time_format` as Unix seconds."""
    tables = dict(tables)
    events = tables["events"]
    if layout.time_unit is None and layout.time_format is None:
        if events is not None and _has_times(events):
            refuse_dates_ahead(events)
        return tables
    if events is None or not _has_times(events):
        given = {"time_unit": layout.time_unit, "time_format": layout.time_format}
        said = ", ".join(f"{name}={value!r}" for name, value in given.items() if value is not None)
        columns = [] if events is None else list(events)
        raise ValueError(
            f"{said} is of the events' column 'timestamp', and there is none: "
            "rename={'theirs': 'timestamp'} (--rename theirs=timestamp). "
            f"Received columns: {columns}."
        )
    if layout.time_format is None:
        return tables
    events = events.reset_index(drop=True)
    found, _ = seconds(events, format=layout.time_format)
    return {**tables, "events": events.assign(timestamp=found)}


def _tell_of_strangers(tables: Tables) -> None:
    """Tells of users and items that are in the events alone, where almost all of them are."""
    events = tables["events"]
    for table, column in (("users", "user_id"), ("items", "item_id")):
        known = tables[table]
        if events is None or known is None or column not in events or column not in known:
            continue  # which is refused
        if events[column].dtype != known[column].dtype or events[column].dtype == object:
            continue  # so are these
        tell_of_strangers(pd.Series(events[column].unique()), known[column], table, column)


def _mended(tables: Mapping[str, pd.DataFrame | None]) -> dict[str, pd.DataFrame]:
    """The tables with ids that are written alike."""
    result = {
        table: plain_table(frame, table) for table, frame in tables.items() if frame is not None
    }
    for column in ("user_id", "item_id", "session_id"):
        having = [table for table in result if column in result[table]]
        if column == "session_id":  # elsewhere it is a column like others
            having = [table for table in having if table == "events"]
        pairs = [(table, result[table][column]) for table in having]
        for table, ids in zip(having, mended(pairs, column), strict=True):
            result[table] = result[table].assign(**{column: ids})
    return {**dict.fromkeys(tables), **result}  # type: ignore[dict-item]
