"""A specification chosen by looking at the tables: a starting point, not the last word."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tfrec_recall.data import Interactions
from tfrec_recall.features.columns import (
    Categorical,
    Feature,
    History,
    MultiValued,
    Numeric,
    Words,
)
from tfrec_recall.features.specification import Features

FEW_VALUES = 20  # a numeric column with fewer distinct values is a category
BUCKETS = 10
ROWS_A_VALUE = 5  # text with fewer rows a value is a name or a title, not a category


def infer(
    interactions: Interactions,
    history: int = 50,
    unknown_users: float = 0.1,
    words: int | None = None,
) -> Features:
    """Features of the user side and the item side, by the columns' types; not yet adapted.

    Lists become `MultiValued`, numbers `Numeric` in buckets (a few distinct whole numbers:
    `Categorical`), text with several rows a value `Categorical`; titles and the like are left out.
    A history of items is always there: a set where the events have no times.

    Args:
        history: its length.
        unknown_users: the share of user ids that training replaces by unknown.
        words: texts that are no category are `Words` with this `min_count`; None leaves them out.
    """
    user: list[Feature] = [Categorical("user_id", unknown_rate=unknown_users)]
    item: list[Feature] = [Categorical("item_id")]
    for features, table in ((user, interactions.users), (item, interactions.items)):
        taken = {"user_id", "item_id"} | {feature.name for feature in user}
        for column in table.columns:
            feature = _feature_of(column, table[column], words)
            if column not in taken and feature is not None:
                features.append(feature)
    user.append(History(length=history))
    return Features(user=user, item=item)


def _feature_of(column: str, values: pd.Series, words: int | None) -> Feature | None:
    present = values.dropna()
    if not len(present):
        return None
    if isinstance(present.iloc[0], list | tuple | np.ndarray):
        return MultiValued(column)
    distinct = present.nunique()
    if distinct < 2:
        return None
    if pd.api.types.is_bool_dtype(present.dtype):
        return Categorical(column)
    if pd.api.types.is_numeric_dtype(present.dtype):
        whole = bool((present % 1 == 0).all())
        return (
            Categorical(column)
            if whole and distinct < FEW_VALUES
            else Numeric(column, buckets=BUCKETS)
        )
    if pd.api.types.is_datetime64_any_dtype(present.dtype):
        return None
    if distinct * ROWS_A_VALUE <= len(present):
        return Categorical(column)
    texts = words is not None and isinstance(present.iloc[0], str)
    return Words(column, min_count=words or 1) if texts else None
