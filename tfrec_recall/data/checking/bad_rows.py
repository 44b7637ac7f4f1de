"""Rows that lack what is needed, left out where that is asked for."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from tfrec_recall.data.ids import BadRows
from tfrec_recall.data.notices import tell

R = TypeVar("R")
Tables = Mapping[str, pd.DataFrame | None]


def leaving_out(make: Callable[[Tables], R], tables: Tables, drop: bool | None) -> R:
    """What is made of tables; without the rows that are refused, if they are to be left out.

    Rows are refused for one reason at a time. Each is told with the number of its rows; what else
    is told while the tables are looked at, once.

    Args:
        make: raises the `BadRows` of the tables that it is given, all of whose rows it is given.

    Raises: `BadRows` for rows that are not left out, with the option that does it.
    """
    if not drop:
        try:
            return make(tables)
        except BadRows as error:
            raise error.with_way() from None
    sizes = {name: len(frame) for name, frame in tables.items() if isinstance(frame, pd.DataFrame)}
    left: list[str] = []
    while True:
        told: list[warnings.WarningMessage] = []
        try:
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                made = make(tables)
        except BadRows as error:
            frame = tables.get(error.table)
            if frame is not None and len(error.places):
                rest = frame.take(np.delete(np.arange(len(frame)), error.places))
                tables = {**tables, error.table: rest.reset_index(drop=True)}
                left.append(
                    f"{error.table}: {len(error.places):,} of {sizes[error.table]:,} rows are left "
                    f"out: column {error.column!r} has {error.what.rstrip(',')} there."
                )
                continue
            _say(told, left)
            raise
        except ValueError:
            _say(told, left)
            raise
        _say(told, left)
        return made


def _say(told: Sequence[warnings.WarningMessage], left: Sequence[str]) -> None:
    for text in left:
        tell(text)
    for one in told:
        warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
