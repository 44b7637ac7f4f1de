"""Which items an update lists, where `reindex` has chosen the catalogue."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tfrec_recall.data.notices import tell
from tfrec_recall.export import LoadedRetriever
from tfrec_recall.export.version_files import training_in
from tfrec_recall.models import RecallModel
from tfrec_recall.operations.catalogue_changes import CatalogueChanges

CHOSEN = "catalogue_chosen"  # in what a card tells of an update, also of those after a reindex


def is_chosen(serving: LoadedRetriever) -> bool:
    """Whether the catalogue of an export is that of a reindex, and not all that was learnt."""
    updated = training_in(serving.card).get("updated") or {}
    return bool(serving.card.get("reindexed") or updated.get(CHOSEN))


def chosen_rows(serving: LoadedRetriever, known: pd.DataFrame) -> pd.DataFrame:
    """The rows of served items that `reindex` has added or changed.

    Args:
        known: the items of the training state, whose columns count.
    """
    if serving.items is None or not is_chosen(serving):
        return known.iloc[:0]
    served = serving.items[[column for column in known if column in serving.items]]
    before, after = (pd.Index(table["item_id"]) for table in (known, served))
    changes = CatalogueChanges.between(before, after, known[list(served)], served)
    return served[served["item_id"].isin([*changes.added, *(changes.changed or ())])]


def listed(
    items: pd.DataFrame, known: pd.DataFrame, serving: LoadedRetriever, given_up: np.ndarray
) -> pd.DataFrame:
    """The items that are served or new; of a catalogue that was not chosen all.

    What is otherwise is told.

    Args:
        items: all that the model knows after the update.
        known: those that it knew before.
        given_up: ids that updates, and not reindex, took off the lists; see `nameless`.
    """
    if not is_chosen(serving):
        return items
    left = items["item_id"].isin(known["item_id"]) & ~items["item_id"].isin(serving.item_ids)
    left &= ~items["item_id"].isin(given_up)
    lost = int((~pd.Series(serving.item_ids).isin(items["item_id"])).sum())
    if left.any():
        tell(
            f"{int(left.sum()):,} items that reindex took out of the catalogue are learnt and not "
            "listed; reindex lists them again."
        )
    if lost:
        tell(
            f"{lost:,} items that reindex put into the catalogue are not known to the training "
            "state, nor has the export a table of them: they are not listed any more. Give their "
            "rows as new items (--items)."
        )
    return items[~left].reset_index(drop=True)


def nameless(model: RecallModel) -> np.ndarray:
    """The items that have given their numbers up, if ids are all that the model knows of items.

    What is left of them is the row of unknown values, which they share.
    """
    given_up = model.features.given_up
    ids_alone = all(feature.name == "item_id" for feature in model.features.item)
    return given_up if ids_alone else given_up[:0]


def still_known(
    items: pd.DataFrame, before: np.ndarray, after: np.ndarray, serving: LoadedRetriever
) -> pd.DataFrame:
    """Without the items that are `nameless`, but those that `reindex` has listed since.

    Args:
        before, after: which were so until this update, and are with it.
    """
    chosen = before[pd.Index(before).isin(serving.item_ids)]
    gone = items["item_id"].isin(after) & ~items["item_id"].isin(chosen)
    return items[~gone].reset_index(drop=True)
