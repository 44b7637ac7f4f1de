"""Every item of an export's catalogue as a request."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from tfrec_recall.evaluation.item_features import ItemFeatures
from tfrec_recall.export import LoadedRetriever
from tfrec_recall.operations.requests import Part


class EveryItem:
    """Every item of the catalogue, in the order of the ids.

    Args:
        retriever: an export; items are told to it by their features in its table of items.
        features: whether these are asked with, as vectors of items are; similar items need ids
            alone.
    """

    subject = "item_id"

    def __init__(self, retriever: LoadedRetriever, features: bool = False):
        self._ids = np.sort(retriever.item_ids)
        self.id_type = pa.int64() if self._ids.dtype.kind in "iu" else pa.string()
        self._features = None
        if features and set(retriever.item_inputs) != {"item_id"}:
            inputs, columns = retriever.item_inputs, retriever.item_columns
            self._features = ItemFeatures(retriever.items, inputs, columns)
        self.source = {"items": "all"}

    def __len__(self) -> int:
        return len(self._ids)

    def parts(self, size: int) -> Iterator[Part]:
        for first in range(0, len(self._ids), size):
            yield PartOfItems(self._ids[first : first + size], self._features)


class PartOfItems:
    """See `Part`."""

    def __init__(self, ids: np.ndarray, features: ItemFeatures | None):
        self.ids = pa.array(ids, pa.int64() if ids.dtype.kind in "iu" else pa.string())
        self.lengths = np.zeros(len(ids), np.int64)
        self._ids, self._features = ids, features

    def batch(self, rows):
        ids = self._ids[rows]
        return ({"item_id": ids} if self._features is None else self._features.of(ids)), None
