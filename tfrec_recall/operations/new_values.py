"""Columns of a new table of items whose values an export does not know."""

from __future__ import annotations

import pandas as pd
import tensorflow as tf

from tfrec_recall.data.columns.column_types import is_list, without_categories
from tfrec_recall.data.notices import tell
from tfrec_recall.export import LoadedRetriever
from tfrec_recall.health.bins import as_texts, flat

MOST = 0.5  # of the values of a column: where more are new, it is told
SHOWN = 3  # values
TRUTHS = {"True": "1", "False": "0"}  # whole numbers may stand for them


def tell_new_values(retriever: LoadedRetriever, items: pd.DataFrame) -> None:
    """Warns of columns that items are embedded or chosen by, most of whose values are none of those
    that the export's own table of items has: they may be written in another way.

    Args:
        items: the new table.
    """
    before = retriever.items
    if before is None:
        return
    for column, spec in _read(retriever).items():
        if column not in items or column not in before:
            continue
        old = texts_in(before[column], spec)
        new = texts_in(items[column], spec)
        strange = new[~new.isin(old)]
        if len(old) and len(strange) > MOST * len(new):
            tell(
                f"{len(strange):,} of {len(new):,} values of items.{column} are none of those in "
                f"the version before, {retriever.path}: what was learnt of those, and requests "
                "that choose by them, find none of these items. Write the column as before, unless "
                f"the values are new indeed. Received: {_some(strange)}; before: {_some(old)}."
            )


def _read(retriever: LoadedRetriever) -> dict[str, tf.TensorSpec]:
    """The columns of text and whole numbers that count, by name."""
    found = {}
    if retriever.report.get("embeds_new_items"):
        columns = retriever.item_columns
        found = {columns.get(name, name): spec for name, spec in retriever.item_inputs.items()}
    for name in retriever.report.get("filters") or ():
        if f"where_{name}" in retriever.filter_inputs:
            found[name] = retriever.filter_inputs[f"where_{name}"]
    whole = {name: spec for name, spec in found.items() if not spec.dtype.is_floating}
    return {name: spec for name, spec in whole.items() if name != "item_id"}


def texts_in(values: pd.Series, spec: tf.TensorSpec) -> pd.Series:
    """All values that are there, those of lists one by one."""
    values = without_categories(values)
    texts = as_texts(flat(values) if is_list(values) else values).dropna()
    return texts if spec.dtype == tf.string else texts.replace(TRUTHS)


def _some(texts: pd.Series) -> str:
    return ", ".join(map(repr, texts.unique()[:SHOWN]))
