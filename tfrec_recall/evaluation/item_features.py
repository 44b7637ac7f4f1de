"""The raw features of items, as `embed_item` takes them, from a table of items."""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.evaluation.queries import Ragged, lists_tensor, raw_tensor


class ItemFeatures:
    """A table of items that answers with raw features by id; a missing value is padding.

    Args:
        table: item_id, each once, and a column for each feature; lists in cells where an item has
            several values. None is an export's that has no table.
        inputs: the raw features, as `retriever.item_inputs`.
        columns: of those that the table may have under another name, its column, as
            `retriever.item_columns`.

    Raises: ValueError that names the columns which are missing, or hold another type, or items that
        have several rows.

    >>> table = pd.DataFrame({"item_id": ["a", "b"], "tags": [["x", "y"], None]})
    >>> inputs = {"tags": tf.TensorSpec([None, None], tf.string)}
    >>> ItemFeatures(table, inputs).of(np.array(["b", "a"]))["tags"].numpy()
    array([[b'', b''],
           [b'x', b'y']], dtype=object)
    """

    def __init__(
        self,
        table: pd.DataFrame | None,
        inputs: Mapping[str, tf.TensorSpec],
        columns: Mapping[str, str] = types.MappingProxyType({}),
    ):
        if table is None:
            raise ValueError(
                "The export has no table of items, and embeds items by their features: export "
                f"with items=. It takes: {sorted(inputs)}."
            )
        read = {name: columns.get(name, name) for name in inputs}
        others = set(columns.values())  # a feature's own name may be another one's column
        for name, column in read.items():
            if column not in table and name in table and name not in others:
                read[name] = name
        missing = sorted(set(read.values()) - {str(name) for name in table})
        if missing:
            raise ValueError(
                f"Items are embedded by {sorted(read.values())}, and the table of items lacks "
                f"{missing}: add the columns, or name those that it has under another name. "
                f"Received columns: {', '.join(map(str, table))}."
            )
        self._row = pd.Index(table["item_id"])
        repeated = self._row[self._row.duplicated()].unique().tolist()
        if repeated:
            raise ValueError(
                "An item has one row in the table of items: drop the others. "
                f"Received: {len(repeated)} items with several, the first are {repeated[:3]}."
            )
        self._columns = {
            name: _column(table[read[name]], spec, name) for name, spec in inputs.items()
        }

    def of(self, ids: np.ndarray, names: Collection[str] | None = None) -> dict[str, tf.Tensor]:
        """The features of these items.

        Args:
            names: of the features; all by default.

        Raises: ValueError that names items which the table lacks.
        """
        rows = self._row.get_indexer(pd.Index(ids))
        if (rows < 0).any():
            lacking = [str(one) for one in ids[rows < 0]]
            raise ValueError(
                "Every item has a row in the table of items. "
                f"Received: {len(lacking)} without, the first are {lacking[:3]}."
            )
        return {
            name: column.padded(rows) if isinstance(column, Ragged) else tf.gather(column, rows)
            for name, column in self._columns.items()
            if names is None or name in names
        }


def _column(values: pd.Series, spec: tf.TensorSpec, name: str) -> tf.Tensor | Ragged:
    if spec.shape.rank != 2:
        return raw_tensor(values, spec.dtype, name)
    return lists_tensor(values, spec, name)
