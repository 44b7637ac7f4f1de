"""Vectors of items without events: the mean of the warm items most like them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfrec_recall.features import Features
from tfrec_recall.models.item_embeddings.vector_tables import VectorTables


class NearestWarm(tf.keras.layers.Layer):
    """Unit vectors of warm items; of a cold item, the mean of the `nearest` warm ones.

    The distance is a sum over the features: for a category 0 if it is the same and 1 if not, for a
    number the difference in standard deviations, for a bucket the difference in buckets, over
    their number.

    Source: "Real-time Personalization using Embeddings for Search Ranking at Airbnb", KDD 2018,
    section 3.1: the 3 nearest listings of the same type and price range.

    Args:
        tables: the vectors.
        features: adapted.
        counts: training events of each encoded id, 0 for cold ones.
        alike_by: item features of one value an item; empty gives cold items zeros.
        nearest: how many.

    Input: a dictionary of encoded item features [items].  Output: [items, dim].
    """

    def __init__(
        self,
        tables: VectorTables,
        features: Features,
        counts: np.ndarray,
        alike_by: Sequence[str],
        nearest: int,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if nearest < 1:
            raise ValueError(f"nearest is at least 1. Received: {nearest}.")
        names = {f.name for f in features.item if features.encodings[f.name].rank == 1}
        names.discard("item_id")
        missing = [name for name in alike_by if name not in names]
        if missing:
            raise ValueError(
                "alike_by names features of the items with one value an item. "
                f"Received: {', '.join(missing)}; there are {', '.join(sorted(names)) or 'none'}."
            )
        self.tables = tables
        self.alike_by = tuple(alike_by)
        self.steps = {name: _steps(features, name) for name in self.alike_by}
        self.is_warm = tf.constant(counts > 0)
        self.warm_ids = tf.constant(np.flatnonzero(counts > 0), tf.int32)
        self.nearest = min(nearest, int(np.count_nonzero(counts > 0)))
        self.warm_values = {
            name: tf.constant(features.item_table[name][counts > 0], tf.float32)
            for name in self.alike_by
        }

    def call(self, item):
        ids = item["item_id"]
        warm = tf.gather(self.is_warm, ids)
        unit = tf.where(warm[:, tf.newaxis], tf.math.l2_normalize(self.tables(ids), axis=-1), 0.0)
        if not self.alike_by:
            return unit
        cold = tf.where(~warm & (ids != 0))  # [cold, 1]
        values = {name: tf.gather_nd(item[name], cold) for name in self.alike_by}
        return tf.tensor_scatter_nd_update(unit, cold, self._mean_of_nearest(values))

    def _mean_of_nearest(self, values: dict[str, tf.Tensor]) -> tf.Tensor:
        distance = tf.add_n([self._distance(name, value) for name, value in values.items()])
        _, place = tf.math.top_k(-distance, self.nearest)  # [cold, nearest]
        near = tf.math.l2_normalize(self.tables(tf.gather(self.warm_ids, place)), axis=-1)
        return tf.math.l2_normalize(tf.reduce_mean(near, axis=1), axis=-1)

    def _distance(self, name: str, value: tf.Tensor) -> tf.Tensor:
        """[cold, warm]"""
        value = tf.cast(value, tf.float32)[:, tf.newaxis]
        steps = self.steps[name]
        if steps is None:
            return tf.cast(value != self.warm_values[name], tf.float32)
        return tf.abs(value - self.warm_values[name]) / steps


def _steps(features: Features, name: str) -> float | None:
    """What a number's difference is divided by; None for a category."""
    encoding = features.encodings[name]
    if not encoding.size:
        return 1.0
    return float(encoding.size) if hasattr(encoding, "boundaries") else None
