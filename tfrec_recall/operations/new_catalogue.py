"""A table of items as the whole catalogue of the next version of an export."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tfrec_recall.data.checking.copies import without_copies
from tfrec_recall.data.ids import id_column, refuse
from tfrec_recall.export import LoadedRetriever
from tfrec_recall.operations.remaining_items import KINDS, known_ids
from tfrec_recall.operations.remembered_items import RememberedItems


def each_once(items: pd.DataFrame) -> pd.DataFrame:
    """The table without rows that repeat another in every column, which are told.

    Raises: ValueError for a table without item_id or rows, and for an item in rows that differ.
    """
    if "item_id" not in items:
        raise ValueError(
            f"Items have a column item_id. Received columns: {', '.join(map(str, items))}."
        )
    if items.empty:
        raise ValueError(
            "The new table is the whole catalogue: give every item that lists may hold. "
            "Received: a table of items without rows."
        )
    items = items.assign(item_id=id_column(items, "items", "item_id"))
    kept = without_copies(items, "items")
    assert kept is not None  # it was given
    repeated = kept["item_id"].duplicated(keep=False)
    if repeated.any():
        remedy = "An item has one row: drop those that do not hold, or aggregate them."
        refuse(kept, "items", "item_id", repeated, "repeated ids", remedy)
    return kept.reset_index(drop=True)


def of_its_ids(retriever: LoadedRetriever, items: pd.DataFrame) -> pd.DataFrame:
    """`each_once`, by ids of the type that the export has; ValueError for another one."""
    items = each_once(items)
    number = pd.api.types.is_integer_dtype(items["item_id"])
    if number != retriever.id_dtype.is_integer:
        raise ValueError(
            f"Item ids are {retriever.id_dtype.name} in the export, and of the same type in the "
            f"new table. Received: {items['item_id'].dtype}."
        )
    return items


def listable(retriever: LoadedRetriever, known: RememberedItems | None = None) -> np.ndarray | None:
    """The raw ids that the next version of an export may list; None: any, as it embeds them.

    Args:
        known: the items that it has or had, where they were read before.
    """
    if retriever.report.get("kind") in KINDS:
        return known_ids(retriever)
    if retriever.report.get("embeds_new_items"):
        return None
    known = known or RememberedItems.of(retriever)
    return retriever.item_ids if known.vectors is None else known.ids


def without_new(
    retriever: LoadedRetriever, items: pd.DataFrame, known: RememberedItems | None = None
) -> pd.DataFrame:
    """The table as it is.

    Args:
        known: as of `listable`.

    Raises: ValueError where it has items that the export has no way to list.
    """
    there = listable(retriever, known)
    if there is None:
        return items
    new = items.loc[~items["item_id"].isin(there), "item_id"].tolist()
    if new:
        kind = retriever.report.get("kind")
        why = (
            f"This export ({kind}) knows items by what training saw of them"
            if kind in KINDS
            else "This export has vectors for the items of its training alone, learnt by id: "
            "nothing embeds others"
        )
        raise ValueError(
            f"{why}, so that items can be removed and come back, but not be added. Train again, "
            "let it learn their events (`update`), or train a model with item features. "
            f"Received: {len(new)} new items, the first are {new[:3]}."
        )
    return items
