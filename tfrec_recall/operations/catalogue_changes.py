"""What is different between two catalogues."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_any_dtype, is_timedelta64_dtype

from tfrec_recall.data.columns.arrow_frames import without_arrow
from tfrec_recall.data.columns.column_types import LISTS, of_floats, without_categories

AT_A_TIME = 65_536  # items whose cells are compared
LARGEST = 2.0**63  # of whole numbers
TIMES = (np.datetime64, datetime.datetime)


@dataclasses.dataclass(frozen=True)
class CatalogueChanges:
    """Items that came, went, or are told otherwise.

    Args:
        items: how many there were, and are.
        added, removed: raw ids, in their order.
        changed: raw ids in both tables of items whose other columns differ; None where one has no
            table.
    """

    items: tuple[int, int]
    added: list[Any]
    removed: list[Any]
    changed: list[Any] | None

    @classmethod
    def between(
        cls,
        before: pd.Index,
        after: pd.Index,
        old: pd.DataFrame | None,
        new: pd.DataFrame | None,
    ) -> CatalogueChanges:
        """The changes from one catalogue to another.

        Args:
            before, after: the raw ids.
            old, new: the tables of items.

        >>> before, after = pd.Index(["a", "b"]), pd.Index(["b", "c"])
        >>> changes = CatalogueChanges.between(before, after, None, None)
        >>> changes.added, changes.removed, changes.changed
        (['c'], ['a'], None)
        """
        return cls(
            items=(len(before), len(after)),
            added=after.difference(before).tolist(),
            removed=before.difference(after).tolist(),
            changed=_changed(old, new),
        )


def _changed(old: pd.DataFrame | None, new: pd.DataFrame | None) -> list[Any] | None:
    if old is None or new is None:
        return None
    tables = [table.drop_duplicates("item_id").set_index("item_id") for table in (old, new)]
    both = tables[0].index.intersection(tables[1].index)
    rows = [table.index.get_indexer(both) for table in tables]
    changed = np.zeros(len(both), bool)
    for name in tables[0].columns.union(tables[1].columns):
        columns = [table.reindex(columns=[name])[name] for table in tables]
        for first in range(0, len(both), AT_A_TIME):
            some = slice(first, first + AT_A_TIME)
            parts = (one.take(row[some]) for one, row in zip(columns, rows, strict=True))
            changed[some] |= _differ(*parts)
    return both[changed].tolist()


def _differ(old: pd.Series, new: pd.Series) -> np.ndarray:
    """Which cells say something else, bool.

    Numbers, times and lists are the same whatever holds them, as is a gap; floats, as the narrower
    of two types holds them.
    """
    old, new = _plain(old), _plain(new)
    if object in (old.dtype, new.dtype):
        return np.array([not _same(*cells) for cells in zip(old, new, strict=True)], bool)
    if all(pd.api.types.is_float_dtype(one.dtype) for one in (old, new)):
        narrow: Any = min(old.dtype, new.dtype, key=lambda dtype: getattr(dtype, "itemsize", 8))
        old, new = old.astype(narrow), new.astype(narrow)
    for is_time in (is_datetime64_any_dtype, is_timedelta64_dtype):
        if is_time(old.dtype) and is_time(new.dtype):
            gap = old.isna().to_numpy() & new.isna().to_numpy()
            return np.asarray(old.array != new.array, bool) & ~gap
    return _texts(old) != _texts(new)


def _plain(column: pd.Series) -> pd.Series:
    """Without categories, and without types of Arrow, to which a gap is neither equal nor other."""
    found: pd.Series = without_arrow(without_categories(column).to_frame()).iloc[:, 0]
    return found


def _texts(column: pd.Series) -> np.ndarray:
    if is_datetime64_any_dtype(column.dtype) or is_timedelta64_dtype(column.dtype):
        return np.array([_said(cell) for cell in column], object)  # pandas' texts go by all cells
    text = column.astype("str").where(column.notna(), "")
    if pd.api.types.is_float_dtype(column.dtype):
        whole = ((column % 1 == 0) & (column.abs() < LARGEST)).fillna(False).astype(bool)
        text = text.mask(whole, column.where(whole, 0).astype("int64").astype("str"))
    return text.to_numpy(object)


def _same(old: Any, new: Any) -> bool:
    if of_floats(old) and of_floats(new):
        one, other = np.asarray(old), np.asarray(new)
        kinds = (np.dtype("float64"), one.dtype, other.dtype)
        narrow = min(kinds, key=lambda dtype: dtype.itemsize)
        return np.array_equal(one.astype(narrow), other.astype(narrow), equal_nan=True)
    return bool(_said(old) == _said(new))


def _said(cell: Any) -> Any:
    """What a cell says, in texts: whole numbers by their digits, midnight as the day, nothing where
    it is a gap.
    """
    if isinstance(cell, LISTS):
        return [_said(one) for one in cell]
    if pd.api.types.is_scalar(cell) and pd.isna(cell):
        return ""
    if isinstance(cell, float | np.floating) and cell % 1 == 0 and abs(float(cell)) < LARGEST:
        return str(int(cell))
    if isinstance(cell, TIMES):
        return str(pd.Timestamp(cell)).removesuffix(" 00:00:00")
    return str(cell)
