"""A user as the mean of the items he had last."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tfrec_recall.retrieval.catalogue import Catalogue
from tfrec_recall.retrieval.exact import gather_or_zeros
from tfrec_recall.retrieval.index import checked_vectors
from tfrec_recall.retrieval.recency import check_recency, recency_weights


class HistoryMean(tf.Module):
    """Raw histories to the weighted mean of their items' vectors: a query for `EmbeddingRetriever`.

    Items that the catalogue lacks, or whose vectors are zeros, do not count; a history without
    others gives zeros.

    Args:
        item_ids: raw ids, those of the catalogue or more.
        vectors: float [items, dim].
        last, half_life: as in `recency_weights`.

    Raises: ValueError unless there is one finite vector for each id.

    >>> mean = HistoryMean(["a", "b"], [[1.0, 0.0], [0.0, 1.0]], half_life=1)
    >>> mean({"history": tf.constant([["a", "new", "b", "b"]])}).numpy().round(3)
    array([[0.143, 0.857]], dtype=float32)
    """

    def __init__(
        self,
        item_ids: np.ndarray,
        vectors: np.ndarray,
        last: int | None = None,
        half_life: float | None = None,
    ):
        super().__init__(name="history_mean")
        check_recency(type(self).__name__, last, half_life)
        self.last, self.half_life = last, half_life
        self.report = {"kind": "history mean", "last": last, "half_life": half_life}
        self.catalogue = Catalogue(item_ids)
        vectors = checked_vectors(vectors, len(self.catalogue))[self.catalogue.order]
        self.vectors = tf.Variable(vectors, trainable=False, name="vectors")
        self.inputs = {"history": tf.TensorSpec([None, None], self.catalogue.dtype, "history")}

    def __call__(self, raw: Mapping[str, tf.Tensor]) -> tf.Tensor:
        rows = self.catalogue.rows(raw["history"])  # [batch, history]
        vectors = gather_or_zeros(self.vectors, rows)  # [batch, history, dim], zeros for none
        counts = tf.reduce_any(vectors != 0, axis=-1)
        weights = recency_weights(counts, self.last, self.half_life)
        total = tf.einsum("bh,bhd->bd", weights, vectors)
        return tf.math.divide_no_nan(total, tf.reduce_sum(weights, axis=1, keepdims=True))
