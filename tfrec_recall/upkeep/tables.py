"""New events, users and items with the columns and types of those of the training."""

from __future__ import annotations

import pandas as pd

from tfrec_recall.data.columns.among import among
from tfrec_recall.data.columns.arrow_frames import without_nullable
from tfrec_recall.data.columns.column_types import (
    in_type,
    nullable,
    with_nullable,
    without_categories,
)
from tfrec_recall.data.examples import HISTORY_ONLY
from tfrec_recall.data.notices import tell
from tfrec_recall.data.order import TIE_ORDER
from tfrec_recall.data.recent_events import merged


def in_form(events: pd.DataFrame, like: pd.DataFrame) -> pd.DataFrame:
    """Events with the columns and types of those that were learnt.

    Integers and flags are nullable where some are missing. Where no weight came, each event counts
    1, which is told, and so is which columns are left out.

    Raises: ValueError for a column that cannot have this type.
    """
    if "weight" in like and "weight" not in events:
        tell("The new events have no weight, which those of the training had: each counts 1.")
        events = events.assign(weight=1)
    lacking = [str(column) for column in like if column not in events]
    _tell_others(events, like, "events")
    if lacking:
        tell(f"The new events have no {', '.join(lacking)}, which those of the training had.")
    return _typed(events, like, "events")


def joined(known: pd.DataFrame, new: pd.DataFrame, table: str, key: str) -> pd.DataFrame:
    """A table of users or items with the rows that came, in its own columns and types.

    Of known users or items a row that says anything replaces theirs, in the columns that came.

    Raises: ValueError for ids or a column of another type.
    """
    if known[key].dtype != new[key].dtype:
        text, numbers = "text, in quotes where it is JSON", "whole numbers, without quotes"
        way = numbers if pd.api.types.is_integer_dtype(known[key].dtype) else text
        raise ValueError(
            f"The export knows {key} as {known[key].dtype}, and the new events have the same type: "
            f"write them as {way}. "
            f"Received: {new[key].dtype}, the first {new[key].head(3).tolist()}."
        )
    _tell_others(new, known, table)
    own = [column for column in known if column in new and column != key]
    lacking = [column for column in known if column not in new]
    if own and lacking:
        tell(
            f"The new {table} have no {', '.join(map(str, lacking))}: known {table} keep theirs, "
            "and new ones have none."
        )
    says = new[own].notna().any(axis=1)
    taken = new[says | ~among(new[key], known[key])]
    if not len(taken):
        return known
    known = known.apply(without_categories)
    before = with_nullable(known.set_index(key)[lacking])
    before = before.reindex(taken[key]).reset_index(drop=True)
    rows = pd.concat([taken[[key, *own]].reset_index(drop=True), before], axis=1)
    rows = _typed(rows, known, table)
    plain = {name: nullable(dtype) for name, dtype in known.dtypes.items() if name != key}
    return without_nullable(merged(known.astype(plain), rows.astype(plain), key))


def _tell_others(new: pd.DataFrame, known: pd.DataFrame, table: str) -> None:
    others = [str(one) for one in new if one not in known and one not in (TIE_ORDER, HISTORY_ONLY)]
    if others:
        names = ", ".join(others)
        tell(f"{table}: columns that the training did not have are left out: {names}.")


def _typed(rows: pd.DataFrame, like: pd.DataFrame, table: str) -> pd.DataFrame:
    found = rows.reindex(columns=like.columns)
    for column in like:
        try:
            found[column] = in_type(found[column], like[column])
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{table}: column {str(column)!r} is {like[column].dtype} in the training, and the "
                f"new one cannot be: {error}. Write it as the training's is written. "
                f"Received: {rows[column].dtype if column in rows else 'no such column'}."
            ) from error
    return found
