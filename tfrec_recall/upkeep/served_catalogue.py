"""Which items an update lists, where `reindex` has chosen the catalogue."""

from __future__ import annotations

import pandas as pd

from tfrec_recall.data.notices import tell
from tfrec_recall.export import LoadedRetriever

CHOSEN = "catalogue_chosen"  # in what a card tells of an update, also of those after a reindex


def is_chosen(serving: LoadedRetriever) -> bool:
    """Whether the catalogue of an export is that of a reindex, and not all that was learnt."""
    told = serving.card.get("data")
    updated = (told.get("updated") if isinstance(told, dict) else None) or {}
    return bool(serving.card.get("reindexed") or updated.get(CHOSEN))


def listed(items: pd.DataFrame, known: pd.DataFrame, serving: LoadedRetriever) -> pd.DataFrame:
    """The items that are served or new; of a catalogue that was not chosen all.

    What is otherwise is told.

    Args:
        items: all that the model knows after the update.
        known: those that it knew before.
    """
    if not is_chosen(serving):
        return items
    left = items["item_id"].isin(known["item_id"]) & ~items["item_id"].isin(serving.item_ids)
    lost = int((~pd.Series(serving.item_ids).isin(items["item_id"])).sum())
    if left.any():
        tell(
            f"{int(left.sum()):,} items that reindex took out of the catalogue are learnt and not "
            "listed; reindex lists them again."
        )
    if lost:
        tell(
            f"{lost:,} items that reindex put into the catalogue are not known to the training "
            "state, and are not listed any more: give their rows as new items (--items)."
        )
    return items[~left].reset_index(drop=True)
