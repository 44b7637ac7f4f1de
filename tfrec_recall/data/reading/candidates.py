"""Pairs of users and items beside a data set, whose ids are the data's."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

import pandas as pd

from tfrec_recall.data.ids import id_column, of_one_type
from tfrec_recall.data.matching import check
from tfrec_recall.data.reading import read_untyped

if TYPE_CHECKING:
    from tfrec_recall.data.interactions import Interactions


def read_candidates(path: pathlib.Path, interactions: Interactions) -> pd.DataFrame:
    """user_id and item_id of a file in any form that data is read from.

    Raises: ValueError if an id has another type than the data's, or almost none is there.
    """
    pairs, untyped = read_untyped(path)
    result = {}
    for column in ("user_id", "item_id"):
        if column not in pairs:
            raise ValueError(f"{path}: column {column!r} is missing. Received: {list(pairs)}.")
        known = interactions.events[column]
        columns = {"the data": known, str(path): pairs[column]}
        without_types = [str(path)] if column in untyped else []
        ids = of_one_type(columns, without_types, column)[str(path)]
        ids = id_column(ids.to_frame(), str(path), column)
        if ids.dtype != known.dtype and len(known):
            raise ValueError(
                f"{path}: {column} is of the data's type, {known.dtype}. Received: {ids.dtype}, "
                f"the first {ids.iloc[0]!r}."
            )
        table = interactions.users if column == "user_id" else interactions.items
        check(ids.drop_duplicates(), table[column], "the data", column, "the candidates")
        result[column] = ids
    return pd.DataFrame(result)
