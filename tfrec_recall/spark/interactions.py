"""The data set on Spark: events, users and items, checked once for all later steps."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
from collections.abc import Collection, Iterator, Mapping

from pyspark.sql import DataFrame, SparkSession

from tfrec_recall.data.reading import PARQUET, find_tables, stem_of
from tfrec_recall.data.reading.columns import check_known, check_rename, is_wanted, our_names
from tfrec_recall.data.reading.layout import TABLES
from tfrec_recall.data.reading.parts import logged_table
from tfrec_recall.spark import matching
from tfrec_recall.spark.checks import (
    id_rules,
    number_rules,
    refuse_any,
    refuse_other_type,
    refuse_repeated,
    split_rules,
    with_id_types,
    without_nan,
)
from tfrec_recall.spark.folders import Folder, exists, whole_folder
from tfrec_recall.spark.names import each
from tfrec_recall.spark.times import seconds

_KEYS = {"users": "user_id", "items": "item_id"}


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class SparkInteractions:
    """Three tables as Spark's frames, to the rules of `tfrec_recall.data.Interactions`.

    Ids, times, ratings, weights and splits are checked when this is made, in a pass over each
    table; rows are looked at where they are, and only counts and the first bad ones come back.

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
        tables = {
            table: with_id_types(frame, table)
            for table, frame in given.items()
            if frame is not None
        }
        if mend_ids:
            for table, key in _KEYS.items():
                having = {name: tables[name] for name in ("events", table) if name in tables}
                tables.update(matching.mended(having, key))
        events, unit = tables["events"], self.time_unit
        rules = [*id_rules(events, "events"), *number_rules(events), *split_rules(events)]
        refuse_any(events, "events", rules)
        events = without_nan(events)
        if "timestamp" in events.columns:
            events, unit = seconds(events, unit)
        elif unit is not None:
            raise ValueError(
                f"time_unit={unit!r} is of the events' column 'timestamp', and there is none. "
                f"Received columns: {events.columns}."
            )
        object.__setattr__(self, "events", events)
        object.__setattr__(self, "time_unit", unit)
        for table, key in _KEYS.items():
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

        Args:
            events: a file, a folder of parts, or a folder with `events.parquet` or `events/` and,
                if known, users and items alike.
            users, items: the files of these tables, if they are elsewhere.
            rename: `{"their column": "ours"}`, or `{"users.id": "user_id"}` for one table.
            columns: the columns to keep beside the known ones, as in `Layout`.
            drop_duplicates: drop events that repeat another in every column.
            name: by default that of the folder or file.

        Raises: ValueError for a table of Delta Lake or Hudi: `from_frames` takes what
            `spark.read.format("delta").load(…)` reads.
        """
        paths = _find(spark, str(events), {"users": users, "items": items})
        frames = {table: _read(spark, path) for table, path in paths.items()}
        return cls.from_frames(
            frames["events"].dropDuplicates() if drop_duplicates else frames["events"],
            frames.get("users"),
            frames.get("items"),
            rename=rename,
            columns=columns,
            time_unit=time_unit,
            mend_ids=mend_ids,
            name=name or stem_of(pathlib.Path(str(events).rstrip("/"))),
        )

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
        rename = dict(rename or {})
        check_rename({table: frame.columns for table, frame in frames.items()}, rename)
        frames = {
            table: frame.toDF(*our_names(table, frame.columns, rename))
            for table, frame in frames.items()
        }
        if columns is not None:
            check_known("columns", columns, {name: one.columns for name, one in frames.items()})
            frames = {
                table: frame.select(
                    *each(one for one in frame.columns if is_wanted(table, one, columns))
                )
                for table, frame in frames.items()
            }
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


def _find(
    spark: SparkSession, place: str, elsewhere: Mapping[str, Folder | None]
) -> dict[str, str]:
    """Where each table is."""
    if "://" not in place:
        local = {table: path and str(path) for table, path in elsewhere.items()}
        return {table: str(path) for table, path in find_tables(place, local, PARQUET).items()}
    found = {table: str(path) for table, path in elsewhere.items() if path is not None}
    for table in TABLES:
        for name in (f"{table}.parquet", table):
            if table not in found and exists(spark, f"{place.rstrip('/')}/{name}"):
                found[table] = f"{place.rstrip('/')}/{name}"
    found.setdefault("events", place)
    for path in found.values():
        for log in ("_delta_log", ".hoodie"):  # beside another log Spark itself finds no Parquet
            if exists(spark, f"{path.rstrip('/')}/{log}"):
                raise logged_table(path, log)
    return {table: found[table] for table in TABLES if table in found}


def _read(spark: SparkSession, path: str) -> DataFrame:
    with _text_of_folders(spark):
        return spark.read.option("mergeSchema", True).parquet(path)


@contextlib.contextmanager
def _text_of_folders(spark: SparkSession) -> Iterator[None]:
    """Names of folders `column=value` have no types: as text they keep their zeros."""
    option = "spark.sql.sources.partitionColumnTypeInference.enabled"
    before = str(spark.conf.get(option))
    spark.conf.set(option, "false")
    try:
        yield
    finally:
        spark.conf.set(option, before)
