"""Columns of events that an argument names."""

from __future__ import annotations

import numpy as np
import pandas as pd


def event_column(events: pd.DataFrame, column: str, reader: str) -> pd.Series:
    """The column; ValueError where there is none.

    Args:
        reader: who reads it, for the error.
    """
    if column not in events:
        raise ValueError(
            f"{reader} reads the event column {column!r}. "
            f"Received: events with {', '.join(map(str, events.columns))}."
        )
    return events[column]


def event_numbers(events: pd.DataFrame, column: str, reader: str) -> np.ndarray:
    """The column as float64 [events], NaN where it is missing; flags are 0 and 1.

    Raises: ValueError as `event_column`, and for a column of something else than numbers.

    >>> events = pd.DataFrame({"share": [0.5, None], "liked": [True, False]})
    >>> event_numbers(events, "share", "A model"), event_numbers(events, "liked", "A model")
    (array([0.5, nan]), array([1., 0.]))
    """
    values = event_column(events, column, reader)
    kind = values.dtype
    if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_complex_dtype(kind):
        present = values.dropna()
        first = f", such as {present.iloc[0]!r}" if len(present) else ""
        raise ValueError(
            f"{reader} compares the event column {column!r} with a number: bring it to numbers, "
            f"with pd.to_numeric(events[{column!r}]) or, of files, --type {column}=float64. "
            f"Received: the type {kind}{first}."
        )
    return values.to_numpy("float64", na_value=np.nan)
