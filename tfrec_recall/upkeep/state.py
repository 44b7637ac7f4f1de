"""The state of a training, beside the export that it made: all that learning on needs."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import pathlib
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import tensorflow as tf

from tfrec_recall.data import Split
from tfrec_recall.data.columns.arrow_frames import to_frame
from tfrec_recall.data.columns.column_types import says
from tfrec_recall.data.columns.times import ORDER
from tfrec_recall.data.order import TIE_ORDER
from tfrec_recall.export.version_files import STATE, STATE_ID, card_of, training_in
from tfrec_recall.export.versions import version_folders, write_version
from tfrec_recall.health import DaysBefore
from tfrec_recall.health.days_file import read_days, write_days
from tfrec_recall.models import RecallModel
from tfrec_recall.upkeep.kept_events import kept_events, kept_rows
from tfrec_recall.upkeep.served_catalogue import nameless

FOLDER = "training_state"  # in the directory of the versions
KEY = STATE  # of the number, in the data that an export's card tells of
ID = "id"  # drawn for each state, as a number is that of another one in another directory
TIME_UNIT = "time_unit"  # of the events, in what is told
WRITTEN = "written"  # when, in Unix seconds
MODEL, EVENTS, WAITING = "model.keras", "events", "not_learnt.parquet"
USERS, ITEMS, TOLD = "users.parquet", "items.parquet", "state.json"
ROWS = 2**16  # of events in a group of a file
MANY = 32  # parts of events, from which on the new ones are put together
KEPT = 2  # versions whose states stay


@dataclasses.dataclass(frozen=True)
class TrainingState:
    """A model, the events that it has learnt from, and the tables of its users and items.

    On disk it is a folder: the model with its optimiser; what it counts; the events in parts, of
    which a later state has those of the state before as links and its own new one; those that
    training has not learnt; the tables; users on the newest days, by which the next version says
    what is usual. What is read of the events are those of a few users, as memory is to follow new
    events and not all that there were.

    Args:
        folder: where it lies.
    """

    folder: pathlib.Path

    @classmethod
    def of(cls, version: pathlib.Path) -> TrainingState:
        """That of a version of an export.

        Raises: ValueError for an export without one, or beside which that of another one lies.
        """
        card = training_in(card_of(version))
        number = card.get(KEY)
        folder = version.parent / FOLDER / str(number)
        if number is not None and not (folder / TOLD).is_file():
            raise ValueError(
                "The training state of this version is gone, as those of the newest "
                f"{KEPT} versions stay: go on from one of these, or train it again with "
                f"--keep-state. Received: {version}."
            )
        if number is None:
            raise ValueError(
                "This export has no training state, from which learning goes on: train it again "
                f"with --keep-state. Received: {version}."
            )
        found = cls(folder)
        if found.told.get(ID) != card.get(STATE_ID):
            raise ValueError(
                "The training state of this number belongs to another export, from whose directory "
                f"this version came: update it there. Received: {version}, whose state has the id "
                f"{card.get(STATE_ID)}, beside one of {found.told.get(ID)}."
            )
        return found

    @property
    def card(self) -> dict[str, Any]:
        """What the card of a version says, so that its state is found."""
        return {KEY: self.number, STATE_ID: self.told.get(ID)}

    @property
    def number(self) -> int:
        return int(self.folder.name)

    @property
    def told(self) -> dict[str, Any]:
        """What `write` was told."""
        return json.loads((self.folder / TOLD).read_text(encoding="utf-8"))

    @property
    def time_unit(self) -> str | None:
        """What the times of its events are, "s" or "order"; None without times."""
        told = self.told
        if TIME_UNIT in told:
            return told[TIME_UNIT]
        if "timestamp" not in pq.read_schema(self.folder / WAITING).names:
            return None
        return "s" if self.days().timed else ORDER  # a state of an earlier version

    @property
    def written(self) -> float:
        """When it was written, in Unix seconds."""
        return self.told.get(WRITTEN) or (self.folder / TOLD).stat().st_mtime

    def model(self) -> RecallModel:
        """The model as it was, with the state of its optimiser."""
        model = tf.keras.models.load_model(self.folder / MODEL)
        model.read_state(self.folder)
        return model

    def users(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / USERS)

    def items(self) -> pd.DataFrame:
        return pd.read_parquet(self.folder / ITEMS)

    def ids(self) -> dict[str, pd.Series]:
        """The users and the items that are known, by the names of their columns."""
        tables = {"user_id": USERS, "item_id": ITEMS}
        return {
            column: pd.read_parquet(self.folder / table, columns=[column])[column]
            for column, table in tables.items()
        }

    def days(self) -> DaysBefore:
        """Users on the newest days before, those of `waiting` among them."""
        return read_days(self.folder)

    def waiting(self) -> pd.DataFrame:
        """Events that training has not learnt: it was measured with them, or left them aside."""
        return without_split(pd.read_parquet(self.folder / WAITING))

    def sample(self) -> pd.DataFrame:
        """Some events that were learnt: what others have the columns and types of."""
        return to_frame(self._learnt().head(ROWS, batch_size=ROWS))

    def size(self) -> int:
        """How many events were learnt."""
        return sum(pq.read_metadata(part).num_rows for part in self._parts())

    def next_tie(self) -> int | None:
        """The number above those that order its events at one time; None where none do."""
        if not {TIE_ORDER, "timestamp"} <= {*self.schema.names}:
            return None
        return max((math.floor(one) + 1 for one in self._largest(TIE_ORDER)), default=0)

    def events(self) -> pd.DataFrame:
        """All events that were learnt, and those that wait, in memory: no update asks for that."""
        learnt = to_frame(self._learnt().to_table())
        return pd.concat([learnt, self.waiting()], ignore_index=True)

    def newest(self) -> float | None:
        """The time of the newest of its events; None where they have none."""
        if "timestamp" not in self.schema.names:
            return None
        return max(self._largest("timestamp"), default=None)

    def events_of(
        self,
        users: pd.Series,
        columns: Sequence[str] | None = None,
        between: tuple[float, float] | None = None,
    ) -> pd.DataFrame:
        """The events that were learnt of these users; the others pass through part by part.

        Args:
            columns: of the events; None: all.
            between: the first and the last time; None: all.
        """
        data = self._learnt()
        kind = data.schema.field("user_id").type
        asked = pc.field("user_id").isin(pa.array(users.tolist(), kind))
        if between is not None:
            time, (first, last) = pc.field("timestamp"), between
            asked &= (time >= first) & (time <= last)
        return to_frame(data.to_table(columns, filter=asked, batch_size=ROWS))

    @property
    def schema(self) -> pa.Schema:
        """Of the events, see `schema_of`."""
        return schema_of(self._parts())

    def _learnt(self) -> ds.Dataset:
        return ds.dataset([str(part) for part in self._parts()], schema=self.schema)

    def _parts(self) -> list[pathlib.Path]:
        return sorted((self.folder / EVENTS).iterdir())

    def _largest(self, column: str) -> list[float]:
        """The largest numbers of a column in its files, of what was learnt and what waits."""
        parts = (*self._parts(), self.folder / WAITING)
        return [one for part in parts for one in _largest(part, column)]


def of_training(
    export: pathlib.Path,
    model: RecallModel,
    split: Split,
    days: DaysBefore,
    told: Mapping[str, Any],
) -> TrainingState:
    """Writes the state of a model that has learnt the training part of a split.

    Args:
        export: the directory of versions, which may not be there yet.
        days: of all parts of the split.
        told: `batch_size`, and whether lists have items of the history again, `repeats`.
    """
    model.keep_state(split.train)
    data, events = split.train, without_split(split.train.events)
    told = {**told, TIME_UNIT: data.time_unit}
    others = (split.validation.targets, split.test.targets, split.left)
    there = [one for one in others if one is not None]
    waiting = pd.concat(there, ignore_index=True).reindex(columns=events.columns)
    return write(export, model, events, waiting, data.users, data.items, days, told)


def write(
    export: pathlib.Path,
    model: RecallModel,
    new: pd.DataFrame,
    waiting: pd.DataFrame,
    users: pd.DataFrame,
    items: pd.DataFrame,
    days: DaysBefore,
    told: Mapping[str, Any],
    before: TrainingState | None = None,
    keep_days: float | None = None,
) -> TrainingState:
    """Writes a state beside an export, whole or not at all; no version belongs to it yet.

    Args:
        export: the directory of versions.
        new: events that were learnt since the state before.
        waiting: events that are not learnt yet.
        days: before the version, with those of all of these events.
        before: the state whose events these come to.
        keep_days: let events go that are older, see `kept_events`, with the rows of users and items
            that then have none, see `kept_rows`; None keeps all.
    """

    told_with_id = {**told, ID: secrets.token_hex(8), WRITTEN: time.time()}

    def fill(folder: pathlib.Path) -> None:
        model.save(folder / MODEL)
        model.write_state(folder)
        (folder / EVENTS).mkdir()
        parts = [] if before is None else before._parts()
        stay, tables = None, (users, items)
        if parts and keep_days is not None:
            stay = kept_events(parts, new, keep_days, model.history_needed, model.reads)
        if stay is not None:
            part = folder / EVENTS / f"{0:06}.parquet"
            _put_together(parts, part, schema_of(parts), stay)
            others = pd.concat([new, waiting])
            tables, parts = kept_rows(users, items, part, others, nameless(model)), []
        elif len(parts) >= MANY:  # the first is all of the training
            _put_together(parts[1:], folder / EVENTS / f"{1:06}.parquet", schema_of(parts))
            parts = parts[:1]
        for part in parts:
            _link(part, folder / EVENTS / part.name)
        number = len(list((folder / EVENTS).iterdir()))
        schema = None if before is None else before.schema
        if len(new) or not number:
            part = folder / EVENTS / f"{number:06}.parquet"
            _write(new, part, schema)
            schema = schema or schema_of([part])
        _write(waiting, folder / WAITING, schema)
        for table, name in zip(tables, (USERS, ITEMS), strict=True):
            _write(table, folder / name)
        write_days(folder, days)
        (folder / TOLD).write_text(json.dumps(told_with_id, indent=2), encoding="utf-8")

    return TrainingState(write_version(export / FOLDER, fill))


def without_split(events: pd.DataFrame) -> pd.DataFrame:
    """Events without their parts in a given split: all of them are learnt in the end, and those of
    a day have none.
    """
    return events.drop(columns="split", errors="ignore")


def remove_old(export: pathlib.Path) -> None:
    """Removes states that none of the newest versions has, as of updates that were cut off.

    Those after the newest that a version has stay: a training may be about to name them.
    """
    newest = sorted(version_folders(export).items())[-KEPT:]
    named = {training_in(card_of(version)).get(KEY) for _, version in newest}
    last = max((number for number in named if number is not None), default=-1)
    for number, folder in version_folders(export / FOLDER).items():
        if number not in named and number < last:
            (folder / TOLD).unlink(missing_ok=True)  # what is cut off from here on is gone
            shutil.rmtree(folder, ignore_errors=True)


def schema_of(parts: Sequence[pathlib.Path]) -> pa.Schema:
    """What the events in these parts are: each column of the type of the first that has values.

    Without the column of a given split, which states of an earlier version had.
    """
    schemas = [pq.read_schema(part) for part in parts]
    fields = []
    for field in schemas[0]:
        if field.name == "split":
            continue
        known = (one.field(field.name) for one in schemas if field.name in one.names)
        found = next((one for one in known if says(one.type)), field)
        if field.name == TIE_ORDER:  # it is numbered on and on, whatever the training's file had
            whole = pa.types.is_integer(found.type)
            found = found.with_type(pa.int64() if whole else pa.float64())
        fields.append(found)
    return pa.schema(fields)


def _largest(part: pathlib.Path, column: str) -> Iterator[float]:
    """The largest numbers of a column by groups of rows, as the file tells without its rows."""
    told = pq.read_metadata(part)
    for number in range(told.num_row_groups):
        group = told.row_group(number)
        for place in range(group.num_columns):
            found = group.column(place)
            if found.path_in_schema == column and found.is_stats_set:
                yield found.statistics.max


def _link(part: pathlib.Path, place: pathlib.Path) -> None:
    """The same file in another folder; where a file system has no links, a copy."""
    try:
        os.link(part, place)
    except OSError:
        shutil.copyfile(part, place)


def _write(table: pd.DataFrame, path: pathlib.Path, schema: pa.Schema | None = None) -> None:
    """Writes a table, with the types that a schema says, where it says any."""
    written = pa.Table.from_pandas(table, preserve_index=False)
    if schema is not None:
        said = {field.name: field for field in schema if says(field.type)}
        fields = [said.get(field.name, field) for field in written.schema]
        written = pa.Table.from_pandas(table, pa.schema(fields), preserve_index=False)
    pq.write_table(written, path, row_group_size=ROWS)


def _put_together(
    parts: list[pathlib.Path],
    path: pathlib.Path,
    schema: pa.Schema,
    stay: pc.Expression | None = None,
) -> None:
    data = ds.dataset([str(part) for part in parts], schema=schema)
    with pq.ParquetWriter(path, schema) as writer:
        for batch in data.to_batches(filter=stay, batch_size=ROWS):
            writer.write_batch(batch)
