"""Users on the days before an export, and what was known of each then: what is usual is counted
of them, and the days that come after join them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import pandas as pd

from tfrec_recall.data import Interactions
from tfrec_recall.health.day import (
    DAY,
    LEARNING,
    NO_VALUES,
    UNITS,
    Day,
    Units,
    drawn,
    newest,
    newest_days,
    rows_of,
    with_days,
)
from tfrec_recall.health.known import Known
from tfrec_recall.health.unknown_values import MOST, texts_of

DRAWN = UNITS + LEARNING


@dataclasses.dataclass(frozen=True, eq=False)
class DaysBefore:
    """Units of the newest days, drawn; bounded, whatever the days have.

    Args:
        units: the events know their day.
        strange_user: 1 where the unit's day is the first that the user is seen on, [units].
        strange_item: whether it is that of the item, bool [events].
        on_day: events of the item of each event on its day, float64 [events].
        items: by item_id, how many `events` an item has, and those of one day of middling size,
            `left_out`: a day is held to counts without its own, as those before are.
        window: by day, the `events` and `units` of the days that units are drawn from.
        known: the users that were learnt from.
        values: of each column of text of the events, the values it had; 1,001 of more than 1,000.
        timed: timestamps are seconds; else a unit is all of a user, and every day is 0.
        one_day: all events are of one day, so that there is no other.
    """

    units: Units
    strange_user: np.ndarray
    strange_item: np.ndarray
    on_day: np.ndarray
    items: pd.DataFrame
    window: pd.DataFrame
    known: Known
    values: Mapping[str, tuple[str, ...]]
    timed: bool
    one_day: bool

    @classmethod
    def of(
        cls,
        data: Interactions,
        learnt: pd.Series,
        seed: int = 0,
        most: int = DRAWN,
        days: Callable[[pd.DataFrame], pd.DataFrame] = newest_days,
    ) -> Self:
        """Of all events.

        Args:
            learnt: the ids of the users that were learnt from.
            seed: of what is drawn.
            most: units.
            days: the events of the days that units are drawn from.
        """
        timed = data.time_unit == "s"
        events = with_days(data.events, timed)
        window = days(events)
        units = drawn(window, most, seed)
        mine = units.events
        counts = events["item_id"].value_counts(sort=False)
        return cls(
            units=units,
            strange_user=came_on(units.users, units.days, events, "user_id"),
            strange_item=came_on(mine["item_id"], mine[DAY], events, "item_id").astype(bool),
            on_day=_on_their_day(mine, window),
            items=_with_left_out(counts, window),
            window=_counted(window),
            known=Known.of(learnt.drop_duplicates()),
            values=_values(events),
            timed=timed,
            one_day=events[DAY].nunique() < 2,
        )

    def later(self, new: pd.DataFrame, learnt: pd.Series, seed: int = 0) -> Self:
        """With the days of new events, and without those that are too old by them.

        Units of each day stay in proportion to how many it had. What comes in two parts, such as
        the halves of a day, is of two units, as `watch` sees it that is given a part.

        Args:
            new: events, with the columns of those before, that are learnt.
            learnt: the ids of users of earlier events that are learnt from now.
            seed: of what is drawn.
        """
        events = with_days(new, self.timed)
        counted = _counted(events)
        window = self.window.add(counted, fill_value=0).astype(np.int64).sort_index()
        window = window[np.isin(window.index, newest(window["units"]))]
        share = min(1.0, DRAWN / window["units"].sum())
        known = self.known.joined(learnt)
        units = drawn(events, len(events), seed)
        mine = units.events
        came = came_on(units.users, units.days, events, "user_id", all_of_them=False)
        item = came_on(mine["item_id"], mine[DAY], events, "item_id", all_of_them=False)
        one_day = self.one_day and len(self.window.index.union(counted.index)) < 2
        values = {**dict.fromkeys(self.values, ()), **_values(events)}
        added = dataclasses.replace(
            self,
            units=units,
            strange_user=came * known.strange(pd.Series(units.users)),
            strange_item=item.astype(bool) & ~mine["item_id"].isin(self.items.index).to_numpy(),
            on_day=_on_their_day(mine, events),
            items=self._items_with(events, one_day),
            window=window,
            known=known.joined(events["user_id"]),
            values={name: _most({*self.values.get(name, ()), *values[name]}) for name in values},
            one_day=one_day,
        )
        kept = [
            part._some(_prefix(part.units.days, of_day["units"], window.index, share))
            for part, of_day in ((self, self.window), (added, counted))
        ]
        return added._joined(kept, int(window["units"].sum()), seed)

    def _items_with(self, events: pd.DataFrame, one_day: bool) -> pd.DataFrame:
        """How many events items have with new ones; a day is left out once there are two."""
        counts = events["item_id"].value_counts(sort=False)
        more = pd.DataFrame({"events": counts, "left_out": 0})
        if self.one_day and not one_day:
            on_day = events[DAY] == events[DAY].max()
            left_out = events.loc[on_day, "item_id"].value_counts(sort=False)
            more["left_out"] = left_out.reindex(counts.index, fill_value=0)
        return self.items.add(more, fill_value=0).astype(np.int64)

    def popularity(self, item_ids: np.ndarray) -> np.ndarray:
        """Events of each item of a catalogue, int64 [items], without those of one day."""
        events = self.items["events"] - self.items["left_out"]
        return events.reindex(item_ids, fill_value=0).to_numpy(np.int64)

    def day(self, users: pd.DataFrame, items: pd.DataFrame) -> Day:
        """The units as one day, with the columns of their users and items."""
        mine = self.units.events["item_id"]
        popularity = self.items["events"].reindex(mine).to_numpy(np.float64)
        return Day(
            users=self.units.users,
            events=self.units.events,
            unit=self.units.unit,
            timed=self.timed,
            strange_user=self.strange_user,
            strange_item=self.strange_item,
            popularity=popularity if self.one_day else popularity - self.on_day,
            of_users=_columns(users, "user_id", self.units.users),
            of_items=_columns(items, "item_id", mine),
        )

    def _some(self, kept: np.ndarray) -> Self:
        """Some of the units, by their numbers, and their events."""
        place = np.full(len(self.units.users), -1)
        place[kept] = np.arange(len(kept))
        unit = place[self.units.unit]
        there = np.flatnonzero(unit >= 0)
        there = there[np.argsort(unit[there], kind="stable")]
        units = Units(
            self.units.users[kept],
            self.units.days[kept],
            self.units.events.iloc[there].reset_index(drop=True),
            unit[there],
            self.units.of_all,
        )
        return dataclasses.replace(
            self,
            units=units,
            strange_user=self.strange_user[kept],
            strange_item=self.strange_item[there],
            on_day=self.on_day[there],
        )

    def _joined(self, parts: list[Self], of_all: int, seed: int) -> Self:
        """These with the units of all parts, in an order that says nothing."""
        first = np.cumsum([0, *(len(part.units.users) for part in parts)])
        units = Units(
            np.concatenate([part.units.users for part in parts]),
            np.concatenate([part.units.days for part in parts]),
            pd.concat([part.units.events for part in parts], ignore_index=True),
            np.concatenate([part.units.unit + at for part, at in zip(parts, first, strict=False)]),
            of_all,
        )
        every = dataclasses.replace(
            self,
            units=units,
            strange_user=np.concatenate([part.strange_user for part in parts]),
            strange_item=np.concatenate([part.strange_item for part in parts]),
            on_day=np.concatenate([part.on_day for part in parts]),
        )
        return every._some(np.random.default_rng(seed).permutation(first[-1])[:DRAWN])


def came_on(
    ids: Any, days: Any, events: pd.DataFrame, column: str, all_of_them: bool = True
) -> np.ndarray:
    """1 where the first event of the id is of this day, 0 where it is older.

    Args:
        all_of_them: there was no event before; on their first day nobody could be known: 0.
    """
    first = events.groupby(column, sort=False)[DAY].min()
    days = np.asarray(days)
    came = first.reindex(ids).to_numpy() == days
    if all_of_them:
        came &= days > events[DAY].min()
    return came.astype(np.float64)


def _on_their_day(mine: pd.DataFrame, events: pd.DataFrame) -> np.ndarray:
    """How many events the item of each event has on its day."""
    keys = ["item_id", DAY]
    counts = events.groupby(keys, sort=False).size()
    return counts.reindex(pd.MultiIndex.from_frame(mine[keys])).to_numpy(np.float64)


def _with_left_out(counts: pd.Series, window: pd.DataFrame) -> pd.DataFrame:
    """Events of each item, and those of a day of middling size where there are several."""
    left_out = 0
    days = window[DAY].value_counts(sort=False).sort_index().sort_values(kind="stable")
    if len(days) > 1:
        middling = window.loc[window[DAY] == days.index[len(days) // 2], "item_id"]
        left_out = middling.value_counts(sort=False).reindex(counts.index, fill_value=0)
    return pd.DataFrame({"events": counts, "left_out": left_out})


def _counted(events: pd.DataFrame) -> pd.DataFrame:
    """The events and units of each day."""
    days = events[DAY].value_counts(sort=False)
    units = events[["user_id", DAY]].drop_duplicates()[DAY].value_counts(sort=False)
    return pd.DataFrame({"events": days, "units": units}).sort_index()


def _prefix(days: np.ndarray, counts: pd.Series, kept: pd.Index, share: float) -> np.ndarray:
    """The numbers of the first units of each day that is kept, a share of all that it had."""
    wanted = np.ceil(share * counts.reindex(kept, fill_value=0)).reindex(days, fill_value=0)
    place = pd.Series(days).groupby(days).cumcount().to_numpy()
    return np.flatnonzero(place < wanted.to_numpy())


def _values(events: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    found = {name: texts_of(events[name]) for name in events if name not in NO_VALUES}
    return {str(name): _most(texts) for name, texts in found.items() if texts is not None}


def _most(texts: set[str]) -> tuple[str, ...]:
    return tuple(sorted(texts)[: MOST + 1])


def _columns(table: pd.DataFrame, column: str, ids: Any) -> pd.DataFrame | None:
    """The columns of these ids, a row each; None where the table has none."""
    if len(table.columns) < 2:
        return None
    return rows_of(table, column, ids)
