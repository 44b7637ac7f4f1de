"""The data set on Spark: events, users and items, checked once for all later steps."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Collection, Mapping

from pyspark.sql import DataFrame, SparkSession

from tfrec_recall.data.reading import TABLES, stem_of
from tfrec_recall.spark import matching
from tfrec_recall.spark.checks import (
    KEYS,
    id_rules,
    number_rules,
    refuse_any,
    refuse_other_type,
    refuse_repeated,
    split_rules,
    with_id_types,
    without_nan,
)
from tfrec_recall.spark.folders import Folder, whole_folder
from tfrec_recall.spark.reading import find, read_tables, wanted, with_types, without_copies
from tfrec_recall.spark.times import refuse_dates_ahead, seconds
from tfrec_recall.spark.values import with_times, without_empty


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class SparkInteractions:
    """Three tables as Spark's frames, to the rules of `tfrec_recall.data.Interactions`.

    Ids, times, ratings, weights and splits are checked when this is made, in some ten passes over
    the columns concerned: `persist()` frames that are dear to make. Rows are looked at where they
    are, and only counts and the first bad ones come back.

    Args:
        events: user_id, item_id and, where known, timestamp, rating, weight, session_id, split, …
        users: user_id and features, one row a user; users who are in the events only get a row.
        items: item_id and features, one row an item, likewise.
        name: what reports call the data.
        time_unit: of timestamps that are numbers, as for `Interactions`; then, what they are.
        mend_ids: True writes ids in one way, False takes them as they are; by default ids that
            differ by blanks, `.0` or accents alone are refused.

    Raises: ValueError that names the table, the column, the count and the first bad rows.
    """

    events: DataFrame
    users: DataFrame = None  # type: ignore[assignment]  # a frame once constructed
    items: DataFrame = None  # type: ignore[assignment]
    name: str = "interactions"
    time_unit: str | None = None
    mend_ids: dataclasses.InitVar[bool | None] = None

    def __post_init__(self, mend_ids: bool | None) -> None:
        given = {table: getattr(self, table) for table in TABLES}
        tables = {table: frame for table, frame in given.items() if frame is not None}
        if mend_ids:
            tables, mend_ids = matching.mended_tables(tables), None
        tables = {table: with_id_types(frame, table) for table, frame in tables.items()}
        events, unit = tables["events"], self.time_unit
        rules = [*id_rules(events, "events"), *number_rules(events), *split_rules(events)]
        refuse_any(events, "events", rules)
        events = without_nan(events)
        if "timestamp" in events.columns:
            if unit is None:
                refuse_dates_ahead(events)
            events, unit = seconds(events, unit)
        elif unit is not None:
            raise ValueError(
                f"time_unit={unit!r} is of the events' column 'timestamp', and there is none. "
                f"Received columns: {events.columns}."
            )
        object.__setattr__(self, "events", events)
        object.__setattr__(self, "time_unit", unit)
        for table, key in KEYS.items():
            frame = _entities(tables.get(table), table, key, events, mend_ids)
            object.__setattr__(self, table, frame)

    def __repr__(self) -> str:
        return f"SparkInteractions({self.name!r}: events of {', '.join(self.events.columns)})"

    @classmethod
    def from_parquet(
        cls,
        spark: SparkSession,
        events: Folder,
        users: Folder | None = None,
        items: Folder | None = None,
        *,
        rename: Mapping[str, str] | None = None,
        columns: Collection[str] | None = None,
        drop_duplicates: bool = False,
        time_unit: str | None = None,
        mend_ids: bool | None = None,
        name: str | None = None,
    ) -> SparkInteractions:
        """Interactions of Parquet files, wherever Spark reads.

        As elsewhere, users and items that repeat another row are left out and told, and so are the
        row labels that pandas wrote and known columns without a value in any row; what names of
        folders `column=value` hold, and times in text, are numbers where all are. Times in
        nanoseconds are read to the microsecond.

        Args:
            events: a file, a folder of parts, or a folder with `events.parquet` or `events/` and,
                if known, users and items alike.
            users, items: the files of these tables, if they are elsewhere.
            rename: `{"their column": "ours"}`, or `{"users.id": "user_id"}` for one table.
            columns: the columns to keep beside the known ones, as in `Layout`.
            drop_duplicates: drop events that repeat another in every column that is kept.
            name: by default that of the folder or file.

        Raises: ValueError for a table of Delta Lake or Hudi: `from_frames` takes what
            `spark.read.format("delta").load(…)` reads.
        """
        paths = find(spark, str(events), {"users": users, "items": items})
        frames, texts = read_tables(spark, paths, dict(rename or {}), columns)
        if mend_ids:
            frames, mend_ids = matching.mended_tables(frames), None
        frames = with_types(frames, texts)
        frames["events"] = with_times(frames["events"])
        frames = without_empty(frames)
        for table in KEYS:
            if table in frames:
                frames[table] = without_copies(frames[table], table)
        if drop_duplicates:
            frames["events"] = frames["events"].dropDuplicates()
        name = name or stem_of(pathlib.Path(str(events).rstrip("/")))
        return cls(**frames, name=name, time_unit=time_unit, mend_ids=mend_ids)

    @classmethod
    def from_frames(
        cls,
        events: DataFrame,
        users: DataFrame | None = None,
        items: DataFrame | None = None,
        *,
        rename: Mapping[str, str] | None = None,
        columns: Collection[str] | None = None,
        time_unit: str | None = None,
        mend_ids: bool | None = None,
        name: str = "interactions",
    ) -> SparkInteractions:
        """Interactions of frames whose columns have other names, `rename={"their": "ours"}`."""
        given = {"events": events, "users": users, "items": items}
        frames = {table: frame for table, frame in given.items() if frame is not None}
        frames = wanted(frames, dict(rename or {}), columns)
        return cls(**frames, name=name, time_unit=time_unit, mend_ids=mend_ids)

    @property
    def has_time(self) -> bool:
        """Whether events have timestamps."""
        return "timestamp" in self.events.columns

    @property
    def spark(self) -> SparkSession:
        return self.events.sparkSession

    def require_time(self, what: str, instead: str = "a function that needs no order") -> None:
        """Raises the ValueError of a function that needs the order of events."""
        if not self.has_time:
            raise ValueError(
                f"{what} needs to know which event came first: give events a column 'timestamp' "
                f"(Unix seconds or a timestamp), or use {instead}. The order of rows is never "
                f"taken for time. Received columns: {self.events.columns}."
            )

    def with_events(self, events: DataFrame) -> SparkInteractions:
        """Some of these events, or these with other columns; users and items stay as they are.

        They are not checked again.
        """
        result = object.__new__(type(self))
        for field, value in {**vars(self), "events": events}.items():
            object.__setattr__(result, field, value)
        return result

    def save(self, folder: Folder) -> None:
        """Writes `events`, `users` and `items` into a folder that `Interactions.from_folder` reads.

        Raises: ValueError if the folder exists.
        """
        with whole_folder(self.spark, folder) as sibling:
            for table in TABLES:
                getattr(self, table).write.parquet(f"{sibling}/{table}")


def _entities(
    frame: DataFrame | None, table: str, key: str, events: DataFrame, mend_ids: bool | None
) -> DataFrame:
    """The users or items, one row an id, with a row for those that only the events know."""
    if frame is not None:
        refuse_any(frame, table, list(id_rules(frame, table)))
        refuse_repeated(frame, table, key)
        refuse_other_type(events, frame, table, key)
    if mend_ids is None:
        matching.check(events, frame, table, key)
    met = events.select(key).distinct()
    if frame is None:
        return met
    absent = met.join(frame.select(key), key, "left_anti")
    return frame.unionByName(absent, allowMissingColumns=True)
