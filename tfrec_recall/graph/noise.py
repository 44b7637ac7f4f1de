"""Events that say little of what users want, and leave before a graph is built."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from tfrec_recall._keras import saved_by_fields
from tfrec_recall.data.arguments import kind, number, whole
from tfrec_recall.data.event_columns import event_numbers
from tfrec_recall.data.order import chronological


@saved_by_fields
@dataclasses.dataclass(frozen=True)
class NoiseRemoval:
    """Three rules, each off unless set; what one removes, the next no longer counts.

    Source: "Billion-scale Commodity Embedding for E-commerce Recommendation in Alibaba", KDD 2018,
    section 3.2: clicks shorter than a second; users with more than 3,500 clicks; items whose
    details were changed too often.

    Args:
        shortest_dwell: seconds; events after which the user stayed for less go. The time comes from
            the column `dwell`, or else is that until the user's next event; a user's last event,
            and one without a dwell, stays.
        most_events: users with more go, with all that they did.
        most_changes: items whose content changed more often go; needs `content`.
        content: an event column that says which version of the item the user saw; events without
            one are no change.

    >>> events = pd.DataFrame({"user_id": [1, 1, 2], "item_id": [5, 6, 5], "timestamp": [0, 1, 9]})
    >>> kept, removed = NoiseRemoval(shortest_dwell=2)(events)
    >>> kept["item_id"].tolist(), removed.short
    ([6, 5], 1)
    """

    shortest_dwell: float | None = None
    most_events: int | None = None
    most_changes: int | None = None
    content: str | None = None

    def __post_init__(self):
        number("NoiseRemoval", self.shortest_dwell, "shortest_dwell", above=0, optional=True)
        whole("NoiseRemoval", self.most_events, "most_events", optional=True)
        whole("NoiseRemoval", self.most_changes, "most_changes", least=0, optional=True)
        kind("NoiseRemoval", self.content, "content", str, "the name of an event column")
        if (self.most_changes is None) != (self.content is None):
            raise ValueError(
                "most_changes counts the changes of the column `content`: set both or none. "
                f"Received: most_changes={self.most_changes!r}, content={self.content!r}."
            )

    def __call__(self, events: pd.DataFrame) -> tuple[pd.DataFrame, Removed]:
        """What is left, in the order it came in, and how much each rule took.

        Args:
            events: user_id, item_id, and what the rules read: timestamp, dwell, content.
        """
        self._check(events)
        before = len(events)
        if self.shortest_dwell is not None:
            events = events[~(_dwell(events) < self.shortest_dwell)]  # without one it stays
        short = before - len(events)
        users = of_users = items = of_items = 0
        if self.most_events is not None:
            count = events["user_id"].value_counts()
            too_many = count.index[count > self.most_events]
            keep = ~events["user_id"].isin(too_many)
            users, of_users = len(too_many), int((~keep).sum())
            events = events[keep]
        if self.most_changes is not None:
            unstable = self._unstable(events, self.most_changes)
            keep = ~events["item_id"].isin(unstable)
            items, of_items = len(unstable), int((~keep).sum())
            events = events[keep]
        return events, Removed(before, short, users, of_users, items, of_items)

    def _unstable(self, events: pd.DataFrame, most: int) -> pd.Index:
        """Items whose content, in the order of time, differs from the one before more often."""
        ordered = events.iloc[chronological(events)]
        ordered = ordered[ordered[self.content].notna()]
        item = pd.factorize(ordered["item_id"])
        order = np.argsort(item[0], kind="stable")
        code, version = item[0][order], pd.factorize(ordered[self.content])[0][order]
        change = (np.diff(code) == 0) & (np.diff(version) != 0)
        changes = np.bincount(code[1:][change], minlength=len(item[1]))
        return pd.Index(item[1][changes > most])

    def _check(self, events: pd.DataFrame) -> None:
        wanted = {"user_id", "item_id"}
        if self.most_changes is not None:
            wanted |= {"timestamp", str(self.content)}
        if self.shortest_dwell is not None and "dwell" not in events:
            wanted.add("timestamp")
        missing = sorted(wanted - set(events.columns))
        if missing:
            raise ValueError(
                f"These rules read the columns {', '.join(sorted(wanted))}. "
                f"Received: events without {', '.join(missing)}."
            )


@dataclasses.dataclass(frozen=True)
class Removed:
    """How many events there were, and what each rule took of them.

    Args:
        events: before.
        short: events with too short a dwell.
        users, of_users: over-active users, and their events.
        items, of_items: items that changed too often, and their events.
    """

    events: int
    short: int
    users: int
    of_users: int
    items: int
    of_items: int

    def __str__(self) -> str:
        return (
            f"of {self.events:,} events: {self.short:,} shorter than the dwell, "
            f"{self.of_users:,} of {self.users:,} over-active users, "
            f"{self.of_items:,} of {self.items:,} items that changed too often"
        )


def _dwell(events: pd.DataFrame) -> np.ndarray:
    """Seconds that a user stayed with each event, NaN where nothing tells."""
    if "dwell" in events:
        return event_numbers(events, "dwell", "NoiseRemoval")
    order = chronological(events)
    user = pd.factorize(events["user_id"])[0][order]
    together = np.argsort(user, kind="stable")
    order, user = order[together], user[together]
    time = events["timestamp"].to_numpy()[order]
    stay = np.append(np.diff(time).astype("float64"), np.nan)[: len(time)]
    stay[:-1][np.diff(user) != 0] = np.nan
    dwell = np.empty(len(events))
    dwell[order] = stay
    return dwell
