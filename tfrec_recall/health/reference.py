"""What was usual before an export, kept beside it so that a day can be held to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from tfrec_recall.data import Interactions
from tfrec_recall.health import asked
from tfrec_recall.health.check import Check
from tfrec_recall.health.day import DAY, LEARNING, UNITS, Day, drawn, newest_days, with_days
from tfrec_recall.health.event_times import EventTimes
from tfrec_recall.health.gaps import Gaps
from tfrec_recall.health.history_lengths import HistoryLengths
from tfrec_recall.health.index_recall import IndexRecall
from tfrec_recall.health.known import Known
from tfrec_recall.health.list_lengths import ListLengths
from tfrec_recall.health.popularity_of_events import PopularityOfEvents
from tfrec_recall.health.popularity_of_lists import PopularityOfLists
from tfrec_recall.health.unknown_items import UnknownItems
from tfrec_recall.health.unknown_users import UnknownUsers
from tfrec_recall.health.unknown_values import UnknownValues
from tfrec_recall.health.values import Values
from tfrec_recall.health.vector_directions import VectorDirections
from tfrec_recall.health.vector_nearness import VectorNearness
from tfrec_recall.health.vector_norms import VectorNorms
from tfrec_recall.health.vectors import Vectors
from tfrec_recall.retrieval import Retriever

ITEMS = 1_024  # whose vectors are kept
# What makes checks of what is seen.
OF_DAYS: tuple[Any, ...] = (
    *(UnknownUsers, UnknownItems, Values, ListLengths, HistoryLengths, EventTimes, Gaps),
)
OF_ANSWERS: tuple[Any, ...] = (IndexRecall, PopularityOfEvents, PopularityOfLists)
OF_VECTORS: tuple[Any, ...] = (VectorNorms, VectorDirections, VectorNearness)


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
    """The days before an export, as what its checks counted.

    Args:
        about: plain values: days, events, units, requests and whether times are times.
        checks: with the counts of each, float32 [units, bins]; units of all checks of a day are in
            the same order, and checks of fewer are of the first.
        of_items: checks of the items' vectors, alike.
        known: the users that training saw.
        popularity: events of each item of the catalogue, int64 [items], without those of one day:
            so those of the days before were counted, each without its own.
        lists: rows of the catalogue that the first requests were answered, [requests, k]; None
            where nothing was asked.
        items: rows of the catalogue of some items, and their vectors [some, dim]; None without.
        unmeasured: what could not be measured, and why.
    """

    about: Mapping[str, Any]
    checks: list[tuple[Check, np.ndarray]]
    of_items: list[tuple[Check, np.ndarray]]
    known: Known
    popularity: np.ndarray
    lists: np.ndarray | None
    items: tuple[np.ndarray, np.ndarray] | None
    unmeasured: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, retriever: Retriever, data: Interactions, trained: pd.Series, seed: int = 0
    ) -> Self:
        """What is usual in the newest days of the data, and what the retriever makes of it.

        What there is to count (the values, the bins, the centres of vectors) is learnt from other
        units than are counted: those that it is learnt from are nearer to it than any day can be.
        Users and items that came on a day count as unknown on it, as they would have been to an
        export of the day before.

        Args:
            data: all events, users and items.
            trained: the ids of the users that the retriever has learnt from.
            seed: of what is drawn.
        """
        timed = data.time_unit == "s"
        events = with_days(data.events, timed)
        window = newest_days(events)
        units = drawn(window, UNITS + LEARNING, seed)
        popularity = _events_of(retriever.item_ids, _without_a_day(events, window))
        mine = units.events["item_id"]
        every = Day(
            users=units.users,
            events=units.events,
            unit=units.unit,
            timed=timed,
            strange_user=came_on(units.users, units.days, events, "user_id"),
            strange_item=came_on(mine, units.events[DAY], events, "item_id").astype(bool),
            popularity=on_other_days(units.events, events, window),
            of_users=_rows(data.users, "user_id", units.users),
            of_items=_rows(data.items, "item_id", mine),
        )
        counting = every.units - min(LEARNING, every.units // 3)
        day, unmeasured = _asked(every.part(0, counting), retriever, popularity)
        other = every.part(counting, every.units) if counting < every.units else every
        learning, _ = _asked(other, retriever, popularity)
        tables = {"events": data.events, "users": data.users, "items": data.items}
        checks: list[Check] = [check for kind in OF_DAYS for check in kind.learn(learning)]
        checks += UnknownValues.learn(learning, tables)
        checks += [check for kind in OF_ANSWERS for check in kind.learn(learning)]
        if learning.vectors is not None:
            checks += _of_vectors(learning.vectors, "requests")
        items, of_items = _of_catalogue(retriever, seed)
        about = {
            "days": int(window[DAY].nunique()) if timed else None,
            "events": len(window),
            "units": units.of_all,
            "drawn": day.units,
            "timed": timed,
        }
        return cls(
            about=about,
            checks=_counted(checks, day),
            of_items=of_items,
            known=Known.of(trained.drop_duplicates()),
            popularity=popularity,
            lists=None if day.lists is None else day.lists.rows,
            items=items,
            unmeasured=unmeasured,
        )

    def over(self, before: Any, now: Any) -> Self:
        """The same for a version over other items, whose lists and vectors it is held to.

        Args:
            before, now: the ids of the catalogues.
        """
        place = pd.Index(before).get_indexer(pd.Index(now))
        popularity = np.where(place >= 0, self.popularity[np.maximum(place, 0)], 0)
        new_row = pd.Index(now).get_indexer(pd.Index(before))
        lists, items = self.lists, self.items
        if lists is not None:
            lists = np.where(lists >= 0, new_row[np.maximum(lists, 0)], -1)
        if items is not None:
            rows, vectors = items
            kept = new_row[rows] >= 0
            items = new_row[rows][kept], vectors[kept]
        return dataclasses.replace(self, popularity=popularity, lists=lists, items=items)


def _asked(day: Day, retriever: Retriever, popularity: np.ndarray) -> tuple[Day, tuple[str, ...]]:
    """The day with what the retriever makes of its requests, and what it does not say."""
    try:
        queries = asked.requests(retriever.inputs, day.users, day.events, day.unit, day.of_users)
    except ValueError as error:
        return day, (f"vectors, index and lists: no request can be made of the events: {error}",)
    return with_answers(day, retriever, queries, popularity)


def with_answers(
    day: Day, retriever: Retriever, queries: Mapping[str, Any], popularity: np.ndarray
) -> tuple[Day, tuple[str, ...]]:
    """The day with vectors and lists of its requests, and what could not be measured, and why."""
    vectors = as_asked = items = None
    unmeasured = []
    if "embed_query" in retriever.signatures:
        vectors, as_asked = asked.vectors_of(retriever, queries)
    else:
        unmeasured.append("vectors: the export has none")
    try:
        items = asked.searched_vectors(retriever)
    except ValueError as error:
        unmeasured.append(f"recall of the index: {error}")
    lists = asked.lists_of(retriever, queries, popularity, as_asked, items)
    return dataclasses.replace(day, vectors=vectors, lists=lists), tuple(unmeasured)


def _of_vectors(vectors: Vectors, of: str) -> list[Check]:
    return [check for kind in OF_VECTORS for check in kind.learn(vectors, of)]


def _of_catalogue(
    retriever: Retriever, seed: int
) -> tuple[tuple[np.ndarray, np.ndarray] | None, list[tuple[Check, np.ndarray]]]:
    """Some items' rows and vectors, and the checks of them."""
    if "embed_item" not in retriever.signatures:
        return None, []
    count = len(retriever.item_ids)
    rows = np.random.default_rng(seed).permutation(count)[: 3 * ITEMS // 2]
    vectors = asked.item_vectors(retriever, retriever.item_ids[rows])
    counting = len(rows) - len(rows) // 3
    seen, others = (
        Vectors(some, np.arange(len(some)), len(some))
        for some in (vectors[:counting], vectors[counting:] if counting < count else vectors)
    )
    kept = rows[:counting], vectors[:counting]
    return kept, _counted(_of_vectors(others, "items"), seen)


def _counted(checks: Sequence[Check], seen: Any) -> list[tuple[Check, np.ndarray]]:
    """The checks that count something, with what they do."""
    found = [(check, check.counts(seen)) for check in checks]
    return [(check, counts) for check, counts in found if counts is not None]


def _events_of(ids: np.ndarray, events: pd.DataFrame) -> np.ndarray:
    """The events of each item of the catalogue, int64."""
    return events["item_id"].value_counts().reindex(ids, fill_value=0).to_numpy(np.int64)


def _without_a_day(events: pd.DataFrame, window: pd.DataFrame) -> pd.DataFrame:
    """The events without those of a day of middling size; all of them where there is one day."""
    counts = window[DAY].value_counts(sort=False).sort_index().sort_values(kind="stable")
    if events[DAY].nunique() < 2:
        return events
    return events[events[DAY] != counts.index[len(counts) // 2]]


def came_on(ids: Any, days: Any, events: pd.DataFrame, column: str) -> np.ndarray:
    """1 where the first event of the id is of this day, 0 where it is older.

    On the first day of all, before which nobody could be known, it is 0.
    """
    first = events.groupby(column, sort=False)[DAY].min()
    days = np.asarray(days)
    return ((first.reindex(ids).to_numpy() == days) & (days > events[DAY].min())).astype(np.float64)


def on_other_days(mine: pd.DataFrame, events: pd.DataFrame, window: pd.DataFrame) -> np.ndarray:
    """How many events of other days the item of each event has."""
    if events[DAY].nunique() < 2:
        return events["item_id"].value_counts().reindex(mine["item_id"]).to_numpy(np.float64)
    keys = ["item_id", DAY]
    on_day = window.groupby(keys, sort=False).size()
    same = on_day.reindex(pd.MultiIndex.from_frame(mine[keys])).to_numpy()
    total = events["item_id"].value_counts().reindex(mine["item_id"]).to_numpy()
    return (total - same).astype(np.float64)


def _rows(table: pd.DataFrame, column: str, ids: Any) -> pd.DataFrame | None:
    """The columns of these ids, a row each; None where the table has none."""
    if len(table.columns) < 2:
        return None
    return rows_of(table, column, ids)


def rows_of(table: pd.DataFrame, column: str, ids: Any) -> pd.DataFrame:
    """The other columns of a table for these ids, a row each; an id that it lacks has nothing."""
    found = table.drop_duplicates(column).set_index(column).reindex(pd.Index(ids))
    return found.reset_index(drop=True)
