"""Rows that repeat another one in every column."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tfrec_recall.data.columns.exact_text import exact_text
from tfrec_recall.data.notices import tell


def without_copies(frame: pd.DataFrame | None, table: str) -> pd.DataFrame | None:
    """Users or items without rows that repeat another one in every column."""
    key = {"users": "user_id", "items": "item_id"}[table]
    if frame is None or key not in frame:
        return frame
    twice = np.flatnonzero(frame[key].duplicated(keep=False))
    copies = twice[repeats(frame.take(twice)).to_numpy()]  # by place: labels may come again
    if not len(copies):
        return frame
    tell(f"{table}: {len(copies):,} rows repeat another in every column and are left out.")
    return frame.take(np.delete(np.arange(len(frame)), copies))


def repeats(rows: pd.DataFrame) -> pd.Series:
    """Whether a row repeats an earlier one in every column, lists and arrays included."""
    comparable = rows.copy()
    for name, dtype in rows.dtypes.items():
        if str(dtype) == "object":  # lists and arrays have no hash
            comparable[name] = exact_text(rows[name])
    return comparable.duplicated()
