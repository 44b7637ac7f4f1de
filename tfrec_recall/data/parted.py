"""Events that are too many to be held: in files by user, of which one is read at a time."""

from __future__ import annotations

import functools
import json
import os
import pathlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tfrec_recall.data.checking.checks import checked_entities
from tfrec_recall.data.checking.copies import without_copies
from tfrec_recall.data.columns.arrow_frames import to_frame
from tfrec_recall.data.columns.column_types import without_categories
from tfrec_recall.data.files import whole_folder
from tfrec_recall.data.interactions import Interactions
from tfrec_recall.data.reading import PARQUET, FilePath, find_tables
from tfrec_recall.data.reading.parquet import parquet_rows, parquet_tables, read_parquet

ROWS_A_PART = 1_000_000  # events, on average
ROWS_READ = 262_144  # at a time
ROWS_HELD = 2_000_000  # before they are written to their parts
ABOUT = "parts.json"


class PartedInteractions:
    """Interactions whose events stay in files, in parts of some users each; see `part_events`.

    A part is `Interactions` of its users and of all items, so that what works for these works for
    a part: a split, examples, evaluation. Users are in parts by a hash: each part is a sample.
    `Features.adapt` learns from all parts, and models that say `learns_from_parts` take them as
    training data; `split_parts` cuts them. What needs all events at once refuses.

    Args:
        folder: that `part_events` has written.
        change: what is made of each part when it is read; see `map`.

    Raises: ValueError if the folder holds no parts.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        change: Callable[[Interactions], Interactions] | None = None,
    ):
        self.folder, self.change = pathlib.Path(folder), change
        if not (self.folder / ABOUT).is_file():
            raise ValueError(
                f"{self.folder} holds no parts: part_events(source, folder) writes them. "
                f"Received: a folder without {ABOUT}."
            )
        about = json.loads((self.folder / ABOUT).read_text(encoding="utf-8"))
        self.name, self.time_unit = about["name"], about["time_unit"]
        self.paths = [self.folder / "events" / name for name in about["parts"]]
        self.rows = about["events"]
        self._mend_ids = about.get("mend_ids")  # False: ids are taken as they are
        self._checked: pd.DataFrame | None = None  # the items, once a part was read

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Interactions]:
        return (self.part(number) for number in range(len(self)))

    def __repr__(self) -> str:
        return f"PartedInteractions({self.name!r}: {self.rows:,} events in {len(self)} parts)"

    def part(self, number: int) -> Interactions:
        """One part, read from its files."""
        path = self.paths[number]
        users = self.folder / "users" / path.name
        tables = (read_parquet(path), read_parquet(users) if users.is_file() else None)
        about = (self.name, self.time_unit, self._mend_ids)
        if self._checked is None:
            part = Interactions(*tables, self.items, *about)  # type: ignore[arg-type]  # no users
            self._checked = part.items if len(part.items) == len(self.items) else None
        else:
            part = Interactions._beside(self._checked, *tables, *about)
        return part if self.change is None else self.change(part)

    def map(self, change: Callable[[Interactions], Interactions]) -> PartedInteractions:
        """Parts that are changed as they are read; the users and items stay those that they are.

        >>> train = parted.map(lambda part: last_events_out(part, test=1).train)
        """
        own = self.change
        both = change if own is None else lambda part: change(own(part))
        return PartedInteractions(self.folder, both)

    @functools.cached_property
    def items(self) -> pd.DataFrame:
        """All items, those of all events among them."""
        return read_parquet(self.folder / "items.parquet")

    @property
    def has_time(self) -> bool:
        """Whether events have timestamps."""
        return "timestamp" in pq.read_schema(self.paths[0]).names

    @property
    def events(self) -> pd.DataFrame:
        """Raises the ValueError of what needs all events."""
        raise ValueError(
            "This needs all events at once, and they stay in parts: take "
            "Interactions.from_parquet, if memory holds them; a part, parted.part(0), which is a "
            "sample of the users; or a model that learns from a stream, as TwoTower does. "
            f"Received: {self!r}."
        )

    def counts(self, columns: Sequence[str]) -> dict[str, pd.Series]:
        """How often each value of these columns of events is there, by value; gaps do not count.

        Memory is that of one part and of the distinct values.
        """
        found: dict[str, pd.Series] = {}
        for part in self:
            for column in columns:
                found[column] = added(found.get(column), part.events[column])
        return found


def added(counts: pd.Series | None, values: pd.Series) -> pd.Series:
    """Counts by value, and those of some more values.

    >>> added(pd.Series({"a": 2}), pd.Series(["b", "a"])).to_dict()
    {'a': 3, 'b': 1}
    """
    own = without_categories(values).value_counts(sort=False)  # parts have other categories
    return merged(counts, own, np.add)


def merged(kept: pd.Series | None, more: pd.Series, join: np.ufunc) -> pd.Series:
    """Numbers by id, and some more by id; `join` makes one of two. Nothing is sorted.

    >>> merged(pd.Series({"a": 2}), pd.Series({"b": 1, "a": 3.5}), np.maximum).to_dict()
    {'a': 3.5, 'b': 1.0}
    """
    if kept is None:
        return more
    place = kept.index.get_indexer(more.index)
    known = place >= 0
    numbers, others = kept.to_numpy(), more.to_numpy()
    numbers = numbers.astype(np.result_type(numbers, others))
    numbers[place[known]] = join(numbers[place[known]], others[known])
    return pd.concat([pd.Series(numbers, kept.index), more[~known]])


def part_events(
    source: FilePath,
    folder: str | os.PathLike[str],
    parts: int | None = None,
    users: FilePath | None = None,
    items: FilePath | None = None,
    time_unit: str | None = None,
) -> PartedInteractions:
    """Writes Parquet events in parts by user, in memory that does not grow with them.

    What is held are some millions of events on their way to the parts, the items, and the ids of
    all items. Users and items that repeat another row are left out and told, as elsewhere.

    Args:
        source: as for `Interactions.from_parquet`.
        folder: that does not exist yet; it is there whole or not at all.
        parts: each of which is held when it is read; None makes them of a million events.
        users, items: as for `Interactions.from_parquet`.
        time_unit: of timestamps that are numbers, as for `Interactions`.

    Raises: ValueError as `Interactions.from_parquet`; what is wrong within the rows of a part is
        raised when that part is read.
    """
    paths = find_tables(source, {"users": users, "items": items}, PARQUET)
    rows = parquet_rows(paths["events"])
    if parts is not None and parts < 1:
        raise ValueError(f"There is one part at least. Received: parts={parts}.")
    parts = parts or max(1, -(-rows // ROWS_A_PART))
    with whole_folder(folder) as sibling:
        met: pa.Array | None = None

        def seen(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
            nonlocal met
            for table in tables:
                table = _with_plain_ids(table, paths["events"], ("user_id", "item_id"))
                own = pc.unique(table["item_id"])
                met = own if met is None else pc.unique(pa.chunked_array([met, own]))
                yield table

        tables = parquet_tables(paths["events"], ROWS_READ)
        written = _scatter(seen(tables), sibling / "events", parts)
        if met is None:
            raise ValueError(f"{paths['events']} has no event. Received: {rows} rows.")
        if "users" in paths:
            for name in _scatter(_plain_users(paths["users"]), sibling / "users", parts, written):
                _leave_out_copies(sibling / "users" / name)
        known = None
        if "items" in paths:
            known = without_copies(read_parquet(paths["items"]), "items")
        ids = to_frame(pa.table({"item_id": met.drop_null()}))
        every = checked_entities(known, "items", "item_id", ids, mend_ids=None)
        every.to_parquet(sibling / "items.parquet")
        about = {
            "name": pathlib.Path(source).stem,
            "events": rows,
            "parts": written,
            "time_unit": time_unit,
        }
        (sibling / ABOUT).write_text(json.dumps(about), encoding="utf-8")
    return PartedInteractions(folder)


def _plain_users(users: pathlib.Path) -> Iterator[pa.Table]:
    for table in parquet_tables(users, ROWS_READ):
        yield _with_plain_ids(table, users, ("user_id",))


def _leave_out_copies(users: pathlib.Path) -> None:
    """Writes a part of the users again, if rows of it repeat another in every column."""
    found = read_parquet(users)
    kept = without_copies(found, "users")
    if kept is not None and len(kept) < len(found):
        kept.to_parquet(users, index=False)


def _with_plain_ids(table: pa.Table, path: pathlib.Path, columns: Sequence[str]) -> pa.Table:
    """The table with ids as text or integers, also where categories stand for them.

    Raises: ValueError for ids of another type, or none.
    """
    for column in columns:
        if column not in table.column_names:
            raise ValueError(
                f"{path} has no column {column!r}. Received columns: {table.column_names}."
            )
        kind = table[column].type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
            plain = table[column].cast(kind)
            table = table.set_column(table.column_names.index(column), column, plain)
        text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if not (text or pa.types.is_integer(kind)):
            raise ValueError(
                f"{path}: ids are text or integers, and {column!r} is neither: write it as one of "
                f"them. Received: {kind}."
            )
    return table


def _scatter(
    tables: Iterator[pa.Table],
    folder: pathlib.Path,
    parts: int,
    among: Sequence[str] | None = None,
) -> list[str]:
    """Writes rows to the files of their users' parts; returns the names of those that have any.

    Args:
        among: files that are wanted; rows of others are users without events, who go to the first.
    """
    folder.mkdir()
    names = [f"part-{number:05}.parquet" for number in range(parts)]
    writers: dict[int, pq.ParquetWriter] = {}
    held: dict[int, list[pa.Table]] = {}
    count = 0

    def flush() -> None:
        for part, some in held.items():
            table = pa.concat_tables(some)
            if part not in writers:
                writers[part] = pq.ParquetWriter(folder / names[part], table.schema)
            writers[part].write_table(table)
        held.clear()

    try:
        for table in tables:
            part = part_of(to_frame(table.select(["user_id"]))["user_id"], parts)
            if among is not None:
                there = np.isin(np.array(names)[part], among)
                part = np.where(there, part, names.index(among[0]))
            order = np.argsort(part, kind="stable")
            table, part = table.take(pa.array(order)), part[order]
            bounds = np.flatnonzero(np.diff(part, prepend=-1))
            for first, last in zip(bounds, [*bounds[1:], len(part)], strict=True):
                held.setdefault(int(part[first]), []).append(table.slice(first, last - first))
            count += len(table)
            if count >= ROWS_HELD:
                flush()
                count = 0
        flush()
    finally:
        for writer in writers.values():
            writer.close()
    return [names[part] for part in sorted(writers)]


def part_of(users: pd.Series, parts: int) -> np.ndarray:
    """The part of each of these users, by a hash of the id; what is missing is in part 0."""
    codes, distinct = pd.factorize(users)
    whole = pd.api.types.is_integer_dtype(users.dtype)
    ids = np.asarray(distinct, dtype="int64" if whole else object)
    places = (pd.util.hash_array(ids, categorize=False) % np.uint64(parts)).astype("int64")
    return np.append(places, 0)[codes]
