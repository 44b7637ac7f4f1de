"""What is different between two catalogues."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd

from tfrec_recall.data.column_types import LISTS

LARGEST = 2.0**63  # of whole numbers


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
    old, new = (table.drop_duplicates("item_id").set_index("item_id") for table in (old, new))
    both = old.index.intersection(new.index)
    columns = old.columns.union(new.columns)
    texts = [_texts(table.reindex(index=both, columns=columns)) for table in (old, new)]
    return both[(texts[0] != texts[1]).any(axis=1)].tolist()


def _texts(table: pd.DataFrame) -> pd.DataFrame:
    """Cells as texts; lists and whole numbers are the same whatever holds them, as is a gap."""
    columns = {}
    for name in table:
        column = table[name]
        if column.dtype == object:
            column = column.map(lambda cell: list(cell) if isinstance(cell, LISTS) else cell)
        text = column.astype("str").where(column.notna(), "")
        if pd.api.types.is_float_dtype(column.dtype):
            whole = ((column % 1 == 0) & (column.abs() < LARGEST)).fillna(False).astype(bool)
            text = text.mask(whole, column.where(whole, 0).astype("int64").astype("str"))
        columns[name] = text
    return pd.DataFrame(columns, index=table.index)
