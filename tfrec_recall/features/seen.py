"""What features learn from: tables that are held, or events in parts, whose values are counted."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from typing import Protocol

import numpy as np
import pandas as pd
from numpy import dtype as numpy_dtype

from tfrec_recall.data import Interactions, PartedInteractions, Vocabulary, has_baskets
from tfrec_recall.data.columns.among import among
from tfrec_recall.data.columns.column_types import without_categories
from tfrec_recall.data.parted import added, merged
from tfrec_recall.data.splits.standard import signs_of_baskets
from tfrec_recall.features.columns import Categorical, Feature
from tfrec_recall.features.encodings import Encoding

IDS = ("user_id", "item_id")
LOOKED_AT = 100_000  # events of parts
Dtype = numpy_dtype | pd.api.extensions.ExtensionDtype


class Seen(Protocol):
    """What training has of the users and items, and of the columns of events.

    Attributes:
        users, items: rows that events have.
        events: all of them; of parts some of the first, which is a sample of the users.
        rows: how many events there are in all.
        dtypes: of the columns of events, by name.
    """

    users: pd.DataFrame
    items: pd.DataFrame
    events: pd.DataFrame
    rows: int
    dtypes: Mapping[str, Dtype]

    @property
    def has_baskets(self) -> bool:
        """Whether sessions are baskets."""
        ...

    def last_seen(self, column: str) -> pd.Series | None:
        """By id, the newest time of its events; None without times.

        Args:
            column: user_id or item_id.
        """
        ...

    def learn(self, feature: Feature) -> Encoding:
        """The encoding of a column of events."""
        ...

    def vocabulary(self, feature: Feature) -> Vocabulary:
        """The values of a column of events."""
        ...


def seen_in(interactions: Interactions | PartedInteractions, columns: Collection[str]) -> Seen:
    """What these interactions show.

    Args:
        columns: of events and others, that features read.
    """
    if isinstance(interactions, PartedInteractions):
        return SeenInParts(interactions, columns)
    return SeenAtOnce(interactions)


class SeenAtOnce:
    """Tables that are held."""

    def __init__(self, interactions: Interactions):
        self.interactions, self.events = interactions, interactions.events
        self.rows = len(self.events)
        self.users = rows_seen(interactions.users, self.events, "user_id")
        self.items = rows_seen(interactions.items, self.events, "item_id")
        self.dtypes: Mapping[str, Dtype] = dict(self.events.dtypes)

    @functools.cached_property
    def has_baskets(self) -> bool:
        return has_baskets(self.interactions)

    def last_seen(self, column: str) -> pd.Series | None:
        return newest_times(self.events, column) if "timestamp" in self.events else None

    def learn(self, feature: Feature) -> Encoding:
        return feature.adapt(column_of(self.events, feature, "events"))

    def vocabulary(self, feature: Feature) -> Vocabulary:
        return Vocabulary.build(column_of(self.events, feature, "events").dropna())


class SeenInParts:
    """Events in parts, gone through once; values are kept by their counts.

    Args:
        columns: that are counted, of those of the events; the ids always are.
    """

    def __init__(self, parted: PartedInteractions, columns: Collection[str]):
        self.counts: dict[str, pd.Series] = {}
        self.rows = 0
        self.dtypes: Mapping[str, Dtype] = {}
        self.newest: dict[str, pd.Series] = {}
        # A user is in one part alone: what is known of users is put together once, at the end.
        users: list[pd.DataFrame] = []
        counts: list[pd.Series] = []
        times: list[pd.Series] = []
        signs: list[tuple[bool, bool]] = []
        first: list[pd.DataFrame] = []
        for part in parted:
            events = part.events
            first = first or [events.head(LOOKED_AT).copy()]
            self.rows += len(events)
            self.dtypes = self.dtypes or dict(events.dtypes)
            unread = {"timestamp", "session_id"} | set(part.users) - {"user_id"}
            counted = set(IDS) | (set(columns) & set(events) - unread)
            counts.append(added(None, events["user_id"]))
            for column in counted - {"user_id"}:
                self.counts[column] = added(self.counts.get(column), events[column])
            if "timestamp" in events:
                times.append(newest_times(events, "user_id"))
                of_items = newest_times(events, "item_id")
                self.newest["item_id"] = merged(self.newest.get("item_id"), of_items, np.maximum)
            users.append(rows_seen(part.users, events, "user_id"))
            signs.append(signs_of_baskets(part))
        (self.events,) = first
        # In a part of few users each session may hold one item alone, though they are baskets.
        self.has_baskets = all(same for same, _ in signs) and any(several for _, several in signs)
        self.users = pd.concat(users, ignore_index=True)
        self.counts["user_id"] = pd.concat(counts)
        if times:
            self.newest["user_id"] = pd.concat(times)
        items = parted.items
        self.items = items[items["item_id"].isin(self.counts["item_id"].index)]

    def last_seen(self, column: str) -> pd.Series | None:
        return self.newest.get(column)

    def learn(self, feature: Feature) -> Encoding:
        if not isinstance(feature, Categorical):
            raise ValueError(
                f"Of events in parts, values are counted: {feature.name!r} has to be Categorical, "
                "or a column of users or items (--columns events.device=Categorical). "
                f"Received: {type(feature).__name__}({feature.column!r})."
            )
        return feature.adapt_counts(self._of(feature))

    def vocabulary(self, feature: Feature) -> Vocabulary:
        return Vocabulary.of_counts(self._of(feature))

    def _of(self, feature: Feature) -> pd.Series:
        if feature.column not in self.counts:
            column_of(pd.DataFrame(columns=list(self.dtypes)), feature, "events")
        return self.counts[feature.column]


def newest_times(events: pd.DataFrame, column: str) -> pd.Series:
    """By id, the newest time of its events.

    >>> log = pd.DataFrame({"item_id": ["a", "b", "a"], "timestamp": [5, 4, 3]})
    >>> newest_times(log, "item_id").to_dict()
    {'a': 5, 'b': 4}
    """
    return events.groupby(without_categories(events[column]))["timestamp"].max()


def rows_seen(table: pd.DataFrame, events: pd.DataFrame, key: str) -> pd.DataFrame:
    """The rows of users or items that these events have, which are what training learns from."""
    return table[among(table[key], events[key].unique())]


def column_of(table: pd.DataFrame, feature: Feature, kind: str) -> pd.Series:
    if feature.column not in table.columns:
        raise ValueError(
            f"The {kind} table has no column {feature.column!r}, which the feature "
            f"{feature.name!r} reads. Columns there: {', '.join(map(str, table.columns))}."
        )
    return table[feature.column]
