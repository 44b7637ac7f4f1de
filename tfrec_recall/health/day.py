"""What is looked at: users on one day, their events, and what the export answers them."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Self

import numpy as np
import pandas as pd

from tfrec_recall.data.columns.arrow_frames import without_nullable
from tfrec_recall.data.columns.column_types import holds_vectors, with_nullable
from tfrec_recall.data.columns.times import are_dates
from tfrec_recall.data.examples import HISTORY_ONLY
from tfrec_recall.data.order import TIE_ORDER
from tfrec_recall.health.vectors import Vectors

SECONDS = 86_400
DAY = "_day"
UNITS = 4_096  # users on a day whose events are counted
LEARNING = 2_048  # others, from which it is learnt what there is to count; at most a third of all
AT_LEAST = 1_000  # wanted of the days before the export
DAYS = 28  # before the export, at least where they are there


@dataclasses.dataclass(frozen=True, eq=False)
class Lists:
    """What some of the requests are answered.

    Args:
        rows: of the catalogue, int64 [requests, k]; -1 where a list is short.
        popularity: events of each item before, float64 [requests, k].
        found, wanted: of the exact k best items, how many the index finds, [requests]; None where
            it cannot be measured.
    """

    rows: np.ndarray
    popularity: np.ndarray
    found: np.ndarray | None = None
    wanted: np.ndarray | None = None

    @classmethod
    def of(cls, rows: np.ndarray, popularity: np.ndarray) -> Self:
        """Lists whose items have so many events, [items]; recall is not measured."""
        return cls(rows, np.where(rows >= 0, popularity[np.maximum(rows, 0)], np.nan))


@dataclasses.dataclass(frozen=True, eq=False)
class Day:
    """Units, each a user on one day, in an order that says nothing.

    What is None is not known of this day.

    Args:
        users: the raw id of each unit's user.
        events: theirs, by unit and then by time: item_id and other columns.
        unit: of each event.
        timed: timestamps are seconds, and units are of one day; else a unit is all of a user.
        strange_user: 1 where the user is not known, NaN where that is not asked, [units].
        strange_item: the item is not known, bool [events].
        popularity: events of the item on other days, [events].
        of_users: columns of the users, a row a unit.
        of_items: columns of the items, a row an event.
        vectors: of the requests of the first units.
        lists: the answers to the first of these.
    """

    users: np.ndarray
    events: pd.DataFrame
    unit: np.ndarray
    timed: bool
    strange_user: np.ndarray
    strange_item: np.ndarray
    popularity: np.ndarray
    of_users: pd.DataFrame | None = None
    of_items: pd.DataFrame | None = None
    vectors: Vectors | None = None
    lists: Lists | None = None

    @property
    def units(self) -> int:
        return len(self.users)

    def part(self, first: int, last: int) -> Day:
        """The units from one to before another, without what was answered."""
        mine = (self.unit >= first) & (self.unit < last)
        of_items = self.of_items
        return Day(
            users=self.users[first:last],
            events=self.events[mine].reset_index(drop=True),
            unit=self.unit[mine] - first,
            timed=self.timed,
            strange_user=self.strange_user[first:last],
            strange_item=self.strange_item[mine],
            popularity=self.popularity[mine],
            of_users=None if self.of_users is None else _rows(self.of_users, slice(first, last)),
            of_items=None if of_items is None else _rows(of_items, np.flatnonzero(mine)),
        )

    def columns(self) -> dict[str, tuple[pd.Series, np.ndarray]]:
        """Every column of values by name, `users.age`, with the unit of each of its rows.

        Dates are left out: of them all that is new is later. So are given vectors: of their
        numbers one by one nothing is to be said, and there are too many of them to look at.
        """
        return self._columns

    @functools.cached_property
    def _columns(self) -> dict[str, tuple[pd.Series, np.ndarray]]:
        every = self._every_column()
        return {name: one for name, one in every.items() if not left_out(one[0])}

    def leaves_out(self, column: str) -> bool:
        """Whether this column is there, and left out."""
        found = self._every_column().get(column)
        return found is not None and left_out(found[0])

    def _every_column(self) -> dict[str, tuple[pd.Series, np.ndarray]]:
        other = [name for name in self.events if name not in NO_VALUES]
        found = {f"events.{name}": (self.events[name], self.unit) for name in other}
        for table, rows, unit in (
            ("users", self.of_users, np.arange(self.units)),
            ("items", self.of_items, self.unit),
        ):
            if rows is not None:
                found |= {f"{table}.{name}": (rows[name], unit) for name in rows}
        return found


def left_out(values: pd.Series) -> bool:
    """Whether values are dates, or given vectors, which are not counted."""
    return are_dates(values) or holds_vectors(values)


def _rows(table: pd.DataFrame, rows: Any) -> pd.DataFrame:
    return table.iloc[rows].reset_index(drop=True)


NO_VALUES = {
    *("user_id", "item_id", "timestamp", "session_id", "split"),
    *(TIE_ORDER, HISTORY_ONLY, DAY),  # the package's own
}


@dataclasses.dataclass(frozen=True, eq=False)
class Units:
    """Users on a day, drawn at random, and their events; see `Day`."""

    users: np.ndarray
    days: np.ndarray
    events: pd.DataFrame
    unit: np.ndarray
    of_all: int  # units there are


def with_days(events: pd.DataFrame, timed: bool) -> pd.DataFrame:
    """The events with the number of their day, UTC; 0 where times are no times."""
    days = events["timestamp"].to_numpy() // SECONDS if timed else np.zeros(len(events))
    return events.assign(**{DAY: days.astype(np.int64)})


def drawn(events: pd.DataFrame, most: int = UNITS, seed: int = 0) -> Units:
    """Units of events that know their day."""
    user, found = pd.factorize(events["user_id"], sort=True)  # np.unique would sort objects
    users = found.to_numpy()
    days, day = np.unique(events[DAY].to_numpy(), return_inverse=True)
    pairs, unit = np.unique(user.astype(np.int64) * len(days) + day, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(pairs))
    place = np.empty(len(pairs), np.int64)
    place[order] = np.arange(len(pairs))
    unit, kept = place[unit], pairs[order[:most]]
    there = np.flatnonzero(unit < most)
    keys = [events["timestamp"].to_numpy()[there]] if "timestamp" in events else []
    there = there[np.lexsort((*keys, unit[there]))]
    return Units(
        users[kept // len(days)],
        days[kept % len(days)],
        events.iloc[there].reset_index(drop=True),
        unit[there],
        len(pairs),
    )


def newest_days(events: pd.DataFrame) -> pd.DataFrame:
    """The events of the days that tell what is usual: the newest ones, in the newer half.

    28 days, or as many as have 1,000 units; what is older tells what was known before.
    """
    days = events[DAY].to_numpy()
    numbers, counts = np.unique(days, return_counts=True)
    half = np.cumsum(counts) > len(events) // 2
    numbers = numbers[half] if half.sum() > 1 else numbers
    units = events.loc[np.isin(days, numbers), ["user_id", DAY]].drop_duplicates()
    of_day = units[DAY].value_counts().reindex(numbers, fill_value=0)
    return events[np.isin(days, newest(of_day))]


def newest(units: pd.Series) -> np.ndarray:
    """Of days with so many units, rising: the newest 28, or as many as have 1,000 units."""
    enough = np.cumsum(units.to_numpy()[::-1]) >= AT_LEAST
    wanted = max(DAYS, int(np.argmax(enough)) + 1 if enough.any() else len(units))
    return units.index.to_numpy()[-wanted:]


def rows_of(table: pd.DataFrame, column: str, ids: Any) -> pd.DataFrame:
    """The other columns of a table for these ids, a row each; an id that it lacks has nothing."""
    known = with_nullable(table.drop_duplicates(column).set_index(column))
    return without_nullable(known.reindex(pd.Index(ids)).reset_index(drop=True))
