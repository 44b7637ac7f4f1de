"""What an export knows of items, also of those that `reindex` took out: they may come back."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tfrec_recall.export import LoadedRetriever
from tfrec_recall.export.version_files import EXTRA
from tfrec_recall.health.asked import item_vectors
from tfrec_recall.retrieval import Retriever

FILE = "removed_items.parquet"
ID, VECTOR, EVENTS = "item_id", "vector", "events"


@dataclasses.dataclass(frozen=True, eq=False)
class RememberedItems:
    """Items, with what a version without them does not hold and none can make anew.

    Args:
        ids: raw ids, each once: int64, or an object array of text.
        values: `lift` and `bias` as the retriever has them, and `events`, those that were usual,
            [items] each; NaN where it is not known.
        vectors: [items, dim] where nothing embeds items but their ids; else None.
    """

    ids: np.ndarray
    values: Mapping[str, np.ndarray]
    vectors: np.ndarray | None

    @classmethod
    def listed(cls, retriever: Retriever, popularity: np.ndarray | None = None) -> Self:
        """Those of a retriever's catalogue.

        Args:
            popularity: events of each of them, where these are to be known.
        """
        values = {name: one.numpy().reshape(-1) for name, one in retriever.of_items.items()}
        if popularity is not None:
            values[EVENTS] = popularity.astype("float64")
        by_id = retriever.report.get("embeds_new_items") is False
        vectors = item_vectors(retriever, retriever.item_ids) if by_id else None
        return cls(retriever.item_ids, values, vectors)

    @classmethod
    def of(cls, retriever: LoadedRetriever, popularity: np.ndarray | None = None) -> Self:
        """Those of an export's catalogue, and those that versions before it had.

        Args:
            popularity: as of `listed`.
        """
        own = cls.listed(retriever, popularity)
        path = retriever.path / EXTRA / FILE
        if not path.exists():
            return own
        removed = cls._read(path).without(own.ids)
        unknown = np.full(len(removed.ids), np.nan, "float32")
        values = {
            name: np.concatenate([one, removed.values.get(name, unknown)])
            for name, one in own.values.items()
        }
        vectors = own.vectors
        if vectors is not None:
            if removed.vectors is None:
                return own
            vectors = np.concatenate([vectors, removed.vectors])
        return cls(np.concatenate([own.ids, removed.ids]), values, vectors)

    @classmethod
    def _read(cls, path: pathlib.Path) -> Self:
        table = pq.read_table(path)
        columns = {name: table[name] for name in table.column_names}
        ids, vectors = columns.pop(ID).to_numpy(), columns.pop(VECTOR, None)
        if vectors is not None:
            vectors = vectors.combine_chunks().flatten().to_numpy().reshape(len(table), -1)
        return cls(ids, {name: one.to_numpy() for name, one in columns.items()}, vectors)

    def write(self, folder: pathlib.Path) -> None:
        """Writes a row an item beside the model card; nothing where there is none."""
        if not len(self.ids):
            return
        columns: dict[str, Any] = {ID: pa.array(self.ids), **self.values}
        if self.vectors is not None:
            flat = pa.array(self.vectors.reshape(-1))
            columns[VECTOR] = pa.FixedSizeListArray.from_arrays(flat, self.vectors.shape[1])
        pq.write_table(pa.table(columns), folder / FILE)

    def without(self, ids: Any) -> Self:
        """Those that are not among these."""
        left = ~pd.Index(self.ids).isin(ids)
        values = {name: one[left] for name, one in self.values.items()}
        vectors = None if self.vectors is None else self.vectors[left]
        return dataclasses.replace(self, ids=self.ids[left], values=values, vectors=vectors)

    def places(self, ids: Any) -> np.ndarray:
        """Where these are among the ids; -1 for those that are not."""
        return pd.Index(self.ids).get_indexer(pd.Index(ids))

    def value(self, name: str, ids: Any, otherwise: np.ndarray | float) -> np.ndarray:
        """A value of each of these, and of one that is not known another, [ids]."""
        place = self.places(ids)
        found = np.where(place < 0, np.nan, self.values[name][np.maximum(place, 0)])
        return np.where(np.isnan(found), otherwise, found)
