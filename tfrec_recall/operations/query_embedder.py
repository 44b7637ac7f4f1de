"""What embeds the queries of an export over other items."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_recall.export import LoadedRetriever
from tfrec_recall.operations.remembered_items import RememberedItems
from tfrec_recall.operations.saved_function import SavedFunction
from tfrec_recall.retrieval import HistoryMean

AT_A_TIME = 4_096  # histories embedded in one call


def query_embedder(
    retriever: LoadedRetriever, ids: np.ndarray, vectors: np.ndarray, known: RememberedItems
) -> Any:
    """The export's saved function, or the mean over items, the new ones among them.

    Histories have items that were removed since, by this version or one before; they count as
    before.

    Args:
        ids, vectors: of the other items, [items] and [items, dim].
        known: the items that the export has or had.
    """
    told = retriever.report.get("query") or {}
    if told.get("kind") != "history mean":
        name = "interests" if hasattr(retriever.saved, "interests") else "embed_query"
        embedder = SavedFunction(retriever.saved, name, retriever.inputs)
        if hasattr(retriever.saved, "knows"):
            embedder.knows = SavedFunction(retriever.saved, "knows", retriever.inputs)
        object.__setattr__(embedder, "report", dict(told))  # what a blend asks of its channels
        return embedder
    gone = known.without(ids).ids
    if len(gone):
        ids = np.concatenate([ids, gone])
        vectors = np.concatenate([vectors, _in_histories(retriever, gone)])
    return HistoryMean(ids, vectors, told["last"], told["half_life"])


def _in_histories(retriever: LoadedRetriever, ids: np.ndarray) -> np.ndarray:
    """The vectors of items as the export's mean has them: those of histories of one item each."""
    parts = []
    for first in range(0, len(ids), AT_A_TIME):
        some = tf.constant(ids[first : first + AT_A_TIME, np.newaxis])  # [items, 1]
        others = {
            name: tf.zeros([len(some), *[1] * (spec.shape.rank - 1)], spec.dtype)
            for name, spec in retriever.inputs.items()
        }
        parts.append(retriever.query_vectors({**others, "history": some}).numpy())
    return np.concatenate(parts)
