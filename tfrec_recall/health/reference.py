"""What was usual before an export, kept beside it so that a day can be held to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from tfrec_recall.data import Interactions
from tfrec_recall.health import asked
from tfrec_recall.health.check import Check
from tfrec_recall.health.day import LEARNING, Day, Lists
from tfrec_recall.health.days_before import DaysBefore
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
from tfrec_recall.health.unknown_values import Coded, UnknownValues, texts_of
from tfrec_recall.health.values import Values
from tfrec_recall.health.vector_directions import VectorDirections
from tfrec_recall.health.vector_nearness import VectorNearness
from tfrec_recall.health.vector_norms import VectorNorms
from tfrec_recall.health.vectors import Vectors
from tfrec_recall.retrieval import Retriever

ITEMS = 1_024  # whose vectors are kept
# What makes checks of what is seen.
OF_DAYS: tuple[Any, ...] = (
    *(UnknownUsers, UnknownItems, ListLengths, HistoryLengths, EventTimes, Gaps),
)
OF_ANSWERS: tuple[Any, ...] = (IndexRecall, PopularityOfEvents, PopularityOfLists)
OF_VECTORS: tuple[Any, ...] = (VectorNorms, VectorDirections, VectorNearness)


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
    """The days before an export, as what its checks counted.

    Args:
        about: plain values: days, events, units, requests, whether times are times, and the type
            of user ids, "int64" or "string".
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
        cls,
        retriever: Retriever,
        data: Interactions,
        trained: pd.Series,
        seed: int = 0,
        coded: Coded | None = None,
    ) -> Self:
        """What is usual in the newest days of the data, and what the retriever makes of it.

        Args:
            data: all events, users and items.
            trained: the ids of the users that the retriever has learnt from.
            seed: of what is drawn.
            coded: `model.features.coded_columns()`: the values that the retriever knows. None
                leaves columns of numbers, and those of many texts, without a check of new values.
        """
        days = DaysBefore.of(data, trained, seed)
        return cls.of_days(retriever, days, data.users, data.items, seed, coded)

    @classmethod
    def of_days(
        cls,
        retriever: Retriever,
        days: DaysBefore,
        users: pd.DataFrame,
        items: pd.DataFrame,
        seed: int = 0,
        coded: Coded | None = None,
    ) -> Self:
        """The same by days that were drawn before.

        What there is to count (the values, the bins, the centres of vectors) is learnt from other
        units than are counted: those that it is learnt from are nearer to it than any day can be.
        Users and items that came on a day count as unknown on it, as they would have been to an
        export of the day before.

        Args:
            users, items: all that there are, with their columns.
            seed: of the items whose vectors are kept.
            coded: as of `of`.
        """
        popularity = days.popularity(retriever.item_ids)
        every = days.day(users, items)
        counting = every.units - min(LEARNING, every.units // 3)
        day, unmeasured = _asked(every.part(0, counting), retriever, popularity)
        other = every.part(counting, every.units) if counting < every.units else every
        learning, _ = _asked(other, retriever, popularity)
        kept, of_items = _of_catalogue(retriever, seed)
        about = {
            "days": len(days.window) if days.timed else None,
            "events": int(days.window["events"].sum()),
            "units": days.units.of_all,
            "drawn": day.units,
            "timed": days.timed,
            "user_ids": "int64" if days.units.users.dtype.kind in "iu" else "string",
        }
        return cls(
            about=about,
            checks=_counted(checks_of(learning, days, users, items, coded), day),
            of_items=of_items,
            known=days.known,
            popularity=popularity,
            lists=None if day.lists is None else day.lists.rows,
            items=kept,
            unmeasured=unmeasured,
        )

    def over(self, before: Any, now: Retriever, popularity: np.ndarray, seed: int = 0) -> Self:
        """The same for a version over other items, whose lists it is held to.

        Args:
            before: the ids of the catalogue of before.
            now: the retriever of the version, some of whose items' vectors are kept.
            popularity: of its items.
            seed: of the items whose vectors are kept.
        """
        new_row = pd.Index(now.item_ids).get_indexer(pd.Index(before))
        usual = self.with_lists_of(now.k)
        lists, items = usual.lists, usual.items
        if lists is not None:
            lists = np.where(lists >= 0, new_row[np.maximum(lists, 0)], -1)
        if items is not None:
            # Of those of before there are fewer with each version, and in the end none.
            rows, vectors, counting = _some_items(now, seed)
            items = rows[:counting], vectors[:counting]
        counts = popularity.astype(np.int64)
        return dataclasses.replace(usual, popularity=counts, lists=lists, items=items)

    def with_lists_of(self, length: int) -> Self:
        """The same with lists of at most this length, as those are that are held to them.

        What was usual of the recall of the index stays that of the lists of before.
        """
        if self.lists is None or self.lists.shape[1] <= length:
            return self
        lists = Lists.of(self.lists[:, :length], self.popularity)
        checks = [
            (check, check.of_lists(lists) if isinstance(check, PopularityOfLists) else counts)
            for check, counts in self.checks
        ]
        return dataclasses.replace(self, checks=checks, lists=lists.rows)


def checks_of(
    learning: Day,
    days: DaysBefore,
    users: pd.DataFrame,
    items: pd.DataFrame,
    coded: Coded | None = None,
) -> list[Check]:
    """What there is to count of days like this one.

    Args:
        learning: units that it is learnt from, with what they were answered.
        days, users, items: all that was known at the export.
        coded: the vocabularies of the export.
    """
    coded = coded or {}
    known: dict[str, Collection[str]] = {}
    for column in learning.columns():
        table, _, name = column.partition(".")
        if column in coded:
            continue
        if table == "events":
            known[column] = days.values.get(name, ())
        else:
            known[column] = texts_of((users if table == "users" else items)[name]) or ()
    checks: list[Check] = [check for kind in OF_DAYS for check in kind.learn(learning)]
    checks += [*Values.learn(learning, coded), *UnknownValues.learn(learning, known, coded)]
    checks += [check for kind in OF_ANSWERS for check in kind.learn(learning)]
    if learning.vectors is not None:
        checks += _of_vectors(learning.vectors, "requests")
    return checks


def _asked(day: Day, retriever: Retriever, popularity: np.ndarray) -> tuple[Day, tuple[str, ...]]:
    """The day with what the retriever makes of its requests, and what it does not say."""
    try:
        queries = asked.requests(retriever.inputs, day.users, day.events, day.unit, day.of_users)
    except ValueError as error:
        return day, (f"vectors, index and lists: no request can be made of the events: {error}",)
    return with_answers(day, retriever, queries, popularity)


def with_answers(
    day: Day,
    retriever: Retriever,
    queries: Mapping[str, Any],
    popularity: np.ndarray,
    length: int = asked.LENGTH,
) -> tuple[Day, tuple[str, ...]]:
    """The day with vectors and lists of its requests, these at most so long; and what could not be
    measured, and why."""
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
    lists = asked.lists_of(retriever, queries, popularity, as_asked, items, length)
    return dataclasses.replace(day, vectors=vectors, lists=lists), tuple(unmeasured)


def _of_vectors(vectors: Vectors, of: str) -> list[Check]:
    return [check for kind in OF_VECTORS for check in kind.learn(vectors, of)]


def _of_catalogue(
    retriever: Retriever, seed: int
) -> tuple[tuple[np.ndarray, np.ndarray] | None, list[tuple[Check, np.ndarray]]]:
    """Some items' rows and vectors, and the checks of them."""
    if "embed_item" not in retriever.signatures:
        return None, []
    rows, vectors, counting = _some_items(retriever, seed)
    other = vectors[counting:] if counting < len(retriever.item_ids) else vectors
    seen, others = (
        Vectors(some, np.arange(len(some)), len(some)) for some in (vectors[:counting], other)
    )
    kept = rows[:counting], vectors[:counting]
    return kept, _counted(_of_vectors(others, "items"), seen)


def _some_items(retriever: Retriever, seed: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Rows of the catalogue and their vectors, and how many of them are counted: it is learnt from
    the others what there is to count."""
    count = len(retriever.item_ids)
    rows = np.random.default_rng(seed).permutation(count)[: 3 * ITEMS // 2]
    vectors = asked.item_vectors(retriever, retriever.item_ids[rows])
    return rows, vectors, len(rows) - len(rows) // 3


def _counted(checks: Sequence[Check], seen: Any) -> list[tuple[Check, np.ndarray]]:
    """The checks that count something, with what they do."""
    found = [(check, check.counts(seen)) for check in checks]
    return [(check, counts) for check, counts in found if counts is not None]
