"""The kinds of events that a model tells apart: clicks, bookings, rejections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

EVENT_TYPE = "event_type"
BOOKING = "booking"  # a type that nobody has to name

Types = str | Sequence[str]


def several(
    argument: str, types: Types | None, what: str = "event types"
) -> tuple[str, ...] | None:
    """One type or several, always as a tuple; None stays None.

    Args:
        what: is named, for the error.

    >>> several("booked", "booking"), several("booked", ["booking", "enquiry"])
    (('booking',), ('booking', 'enquiry'))
    """
    if types is None:
        return None
    alone = isinstance(types, str) or not isinstance(types, Iterable)
    found: tuple[str, ...] = tuple([types] if alone else types)  # type: ignore[list-item]
    if not all(isinstance(name, str) and name for name in found):
        raise ValueError(
            f"{argument} names {what}, one or several. Received: {argument}={types!r}."
        )
    return found


def refuse_both(owner: str, **named: Sequence[str] | None) -> None:
    """Raises ValueError for a type that two arguments name, of which each means something else."""
    (one, first), (other, second) = named.items()
    both = sorted({*(first or ())} & {*(second or ())})
    if both:
        raise ValueError(
            f"{owner} has a type of events in {one} or in {other}: leave "
            f"{', '.join(map(repr, both))} out of one. Received: {one}={first}, {other}={second}."
        )


def require_type_column(owner: str, events: pd.DataFrame, **named: Sequence[str] | None) -> None:
    """Raises ValueError for types that are named of events without any, which would mean nothing.

    Args:
        named: arguments with the types that they name.
    """
    asked = {name: types for name, types in named.items() if types and types != (BOOKING,)}
    if asked and EVENT_TYPE not in events:
        said = ", ".join(f"{name}={types!r}" for name, types in asked.items())
        raise ValueError(
            f"{owner} tells events apart by their column {EVENT_TYPE!r}, which these do not have: "
            f"add it, or leave {', '.join(asked)} out. Received: {said}; columns "
            f"{', '.join(events.columns)}."
        )


def of_types(
    events: pd.DataFrame, argument: str, types: Sequence[str], later: bool = False
) -> np.ndarray:
    """Which events are of these types, bool [events].

    Args:
        later: other events were learnt before, which had these types; these may lack some.

    Raises: ValueError for a type that no event has, which says those that there are.
    """
    there = events[EVENT_TYPE].unique()
    missing = [one for one in types if one not in set(there)]
    if missing and not later:
        raise ValueError(
            f"No event is of the type {', '.join(map(repr, missing))} that {argument}= names: the "
            f"column {EVENT_TYPE!r} has {', '.join(sorted(map(repr, there)))}. Name one of these, "
            f"or set {argument}=() for none. Received: {argument}={tuple(types)!r}."
        )
    return events[EVENT_TYPE].isin(types).to_numpy()
