"""Columns of text as lists, one in every row."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd

from tfrec_recall.data.columns.column_types import LISTS
from tfrec_recall.data.columns.text_lists import parts_of
from tfrec_recall.data.notices import tell


def given_lists(values: pd.Series, table: str, between: str) -> pd.Series:
    """The lists that stand in text; those that a file has as lists stay as they are.

    Raises: ValueError for objects, which are neither.
    """
    there = values.dropna() if values.dtype == object else values.iloc[:0]
    others = there[there.map(lambda one: not isinstance(one, str)).astype(bool)]
    if not len(others):
        return lists_of(values, between)
    first = others.iloc[0]
    if not isinstance(first, LISTS):
        raise ValueError(
            f"{table}: lists={{{values.name!r}: {between!r}}} (--list {values.name}={between}) "
            f"parts text, and the column has none: leave it out of lists. Received: {first!r:.80}."
        )
    tell(
        f"{table}: column {values.name!r} holds lists already, such as {first!s:.80}, and is "
        f"not parted at {between!r}."
    )
    return values


def lists_of(text: pd.Series, between: str) -> pd.Series:
    """A list of text in every row, empty where nothing is there."""
    return each_as_list(text.astype("str"), partial(parts_of, separator=between))


def each_as_list(text: pd.Series, read: Callable[[str], list]) -> pd.Series:
    """What is read of each text, and the empty list of what is missing."""
    codes, values = pd.factorize(text)
    made = [read(value) for value in values.tolist()]
    made.append([])  # of what is missing, whose code is -1
    column = pd.Series([list(made[code]) for code in codes], dtype=object)
    return column.set_axis(text.index).rename(str(text.name))
