"""What an event says of a user and an item: clicked, liked, bought, rated well."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
import pandas as pd

from tfrec_recall._keras import saved_by_fields
from tfrec_recall.data import Interactions, PartedInteractions
from tfrec_recall.data.arguments import number, refuse
from tfrec_recall.data.event_columns import event_column, event_numbers
from tfrec_recall.data.examples import HISTORY_ONLY
from tfrec_recall.data.kinds import of_kinds

MEASURES = ("rating", "quantity")
MOST_NAMED = 10  # values of a column, in an error


@saved_by_fields
@dataclasses.dataclass(frozen=True)
class Objective:
    """A kind of event to be foretold.

    Args:
        name: as a request asks for it.
        column: the event column that says whether an event is of the kind; None: every event is.
        equals: the value that it has then ...
        at_least: ... or the least number that it has.

    >>> Objective("liked", "rating", at_least=4).labels(pd.DataFrame({"rating": [5, 3]}))
    array([ True, False])
    """

    name: str
    column: str | None = None
    equals: str | int | None = None
    at_least: float | None = None

    def __post_init__(self):
        if not self.name or not isinstance(self.name, str):
            raise ValueError(
                "An Objective has a name, a text; '' stands for the blend of all. "
                f"Received: name={self.name!r}."
            )
        number("Objective", self.at_least, "at_least", optional=True)
        alone = pd.api.types.is_scalar(self.equals)
        if not alone or (self.equals is not None and pd.isna(self.equals)):
            refuse("Objective", self.equals, "equals", "one value of the column", optional=True)
        rules = (self.equals is not None) + (self.at_least is not None)
        if rules != (self.column is not None):
            raise ValueError(
                "An Objective has a `column` and one of `equals` and `at_least`, or none of them. "
                f"Received: {self}."
            )

    def labels(self, events: pd.DataFrame) -> np.ndarray:
        """Which events are of the kind, bool [events].

        Raises: ValueError when the events lack the column, or it has no numbers to be `at_least`.
        """
        if self.column is None:
            return np.ones(len(events), bool)
        reader = f"The objective {self.name!r}"
        if self.at_least is not None:
            return event_numbers(events, self.column, reader) >= self.at_least
        values = event_column(events, self.column, reader)
        return (values == self.equals).fillna(False).to_numpy(dtype=bool)


@of_kinds
def objectives_of(interactions: Interactions | PartedInteractions) -> tuple[Objective, ...]:
    """What these events offer: one objective for each of their types, the most frequent first.

    Without types it is any event; beside it, where there is a rating or a quantity, the events
    where this is no less than the median.
    """
    if isinstance(interactions, PartedInteractions):
        there = interactions.part(0).events
    else:
        there = interactions.events
    told = [name for name in ("event_type", *MEASURES) if name in there]
    if isinstance(interactions, PartedInteractions):
        counts = interactions.counts(told)
    else:
        counts = {name: there[name].value_counts(sort=False) for name in told}
    types = counts.pop("event_type", pd.Series()).sort_values(ascending=False, kind="stable").index
    if len(types) > 1:
        return tuple(Objective(str(kind), "event_type", equals=kind) for kind in types)
    objectives = [Objective("interaction")]
    for column, each in counts.items():
        if pd.api.types.is_numeric_dtype(there[column].dtype) and len(each):
            middle = _median(each)
            if each.index.min() < middle:
                objectives.append(Objective(f"high {column}", column, at_least=middle))
    return tuple(objectives)


def lacking(
    interactions: Interactions | PartedInteractions, objectives: Iterable[Objective]
) -> str:
    """What is to be said of an objective that no event is of, of which nothing can be learnt; ""
    where there is none such.
    """
    parts = interactions if isinstance(interactions, PartedInteractions) else [interactions]
    left, events = list(objectives), pd.DataFrame()
    for part in parts:
        events = part.events
        left = [objective for objective in left if not objective.labels(events).any()]
        if not left:
            return ""
    for objective in left:
        if objective.column is not None:  # else there are no events
            return (
                f"No event is of the objective {objective.name!r}: its column {objective.column!r} "
                f"has {_named(events[objective.column])}. Name what is there, or leave the "
                f"objective out. Received: {objective}."
            )
    return ""


def _named(values: pd.Series) -> str:
    """What there is among values: of few each one, of many numbers the range.

    >>> _named(pd.Series(["like", "click", "like"])), _named(pd.Series(range(30)))
    ("'click', 'like'", '0 to 29')
    """
    distinct = values.dropna().unique().tolist()
    if not distinct:
        return "no value"
    if len(distinct) > MOST_NAMED and pd.api.types.is_numeric_dtype(values.dtype):
        return f"{min(distinct)} to {max(distinct)}"
    named = ", ".join(sorted(map(repr, distinct))[:MOST_NAMED])
    return named + ", …" * (len(distinct) > MOST_NAMED)


def _median(counts: pd.Series) -> float:
    """The median of values that are counted.

    >>> _median(pd.Series({3.0: 1, 1.0: 2, 2.0: 1}))
    1.5
    """
    counts = counts.sort_index()
    upto = counts.cumsum().to_numpy()
    middle = np.searchsorted(upto, [(upto[-1] - 1) // 2, upto[-1] // 2], side="right")
    return float(counts.index.to_numpy(np.float64)[middle].mean())


@of_kinds
def meetings(interactions: Interactions, objectives: tuple[Objective, ...]) -> Interactions:
    """The events with a bool column `label <name>` for each objective.

    Where events have types, those of one user and one item (of one session, where there are
    sessions) are one meeting: its first event stays, with the labels of all of them. What follows
    from a click would else have the click itself for its history. A meeting of which any event may
    be a target is one.
    """
    events = interactions.events
    labels = {label_of(objective): objective.labels(events) for objective in objectives}
    events = events.assign(**labels)
    if "event_type" in events:
        if interactions.has_time:
            events = events.sort_values("timestamp", kind="stable")
        keys = [name for name in ("user_id", "item_id", "session_id") if name in events]
        meeting = events.groupby(keys, observed=True, sort=False).ngroup()
        for name in labels:
            events[name] = events[name].groupby(meeting).transform("max")
        if HISTORY_ONLY in events:
            events[HISTORY_ONLY] = events[HISTORY_ONLY].groupby(meeting).transform("min")
        events = events[~meeting.duplicated()].sort_index()
    return interactions.with_events(events.reset_index(drop=True))


def label_of(objective: Objective) -> str:
    """The column of `meetings` that holds this objective's labels."""
    return f"label {objective.name}"
