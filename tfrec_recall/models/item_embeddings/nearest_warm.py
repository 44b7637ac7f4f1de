"""Vectors of items without events: the mean of the warm items most like them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfrec_recall.features import Features
from tfrec_recall.models.item_embeddings.item_space import warm_units
from tfrec_recall.models.item_embeddings.vector_tables import VectorTables


class NearestWarm(tf.keras.layers.Layer):
    """Unit vectors of warm items; of a cold item, the mean of the `nearest` warm ones.

    Warm is what training has moved, as in `WarmOrMean`.

    The distance is a sum over the features: for a category 0 if it is the same and 1 if not, for a
    number the difference in standard deviations, for a bucket the difference in buckets, over
    their number.

    Source: "Real-time Personalization using Embeddings for Search Ranking at Airbnb", KDD 2018,
    section 3.1: the 3 nearest listings of the same type and price range.

    Args:
        tables: the vectors.
        features: adapted.
        alike_by: item features of one value an item; empty gives cold items zeros. None takes all
            but the id and given vectors.
        nearest: how many.

    Input: a dictionary of encoded item features [items].  Output: [items, dim].
    """

    def __init__(
        self,
        tables: VectorTables,
        features: Features,
        alike_by: Sequence[str] | None,
        nearest: int,
        **kwargs,
    ):
        super().__init__(**kwargs)
        names = [f.name for f in features.item if features.encodings[f.name].rank == 1]
        names.remove("item_id")
        alike_by = names if alike_by is None else alike_by
        missing = [name for name in alike_by if name not in names]
        if missing:
            raise ValueError(
                "alike_by names features of the items with one value an item. "
                f"Received: {', '.join(missing)}; there are {', '.join(sorted(names)) or 'none'}."
            )
        self.tables = tables
        self.alike_by = tuple(alike_by)
        self.steps = {name: _steps(features, name) for name in self.alike_by}
        self.nearest = min(nearest, len(features.item_vocabulary))
        self.values = {
            name: tf.constant(features.item_table[name], tf.float32) for name in self.alike_by
        }

    def call(self, item):
        ids = item["item_id"]
        unit, warm = warm_units(self.tables, ids)
        if not self.alike_by:
            return unit
        cold = tf.where(~warm & (ids != 0))  # [cold, 1]
        values = {name: tf.gather_nd(item[name], cold) for name in self.alike_by}
        return tf.tensor_scatter_nd_update(unit, cold, self._mean_of_nearest(values))

    def _mean_of_nearest(self, values: dict[str, tf.Tensor]) -> tf.Tensor:
        distance = tf.add_n([self._distance(name, value) for name, value in values.items()])
        distance = tf.where(self.tables.learnt > 0, distance, np.inf)
        _, place = tf.math.top_k(-distance, self.nearest)  # [cold, nearest]
        near, _ = warm_units(self.tables, place)  # zeros where there are fewer warm ones
        return tf.math.l2_normalize(tf.reduce_mean(near, axis=1), axis=-1)

    def _distance(self, name: str, value: tf.Tensor) -> tf.Tensor:
        """[cold, ids]"""
        value = tf.cast(value, tf.float32)[:, tf.newaxis]
        steps = self.steps[name]
        if steps is None:
            return tf.cast(value != self.values[name], tf.float32)
        return tf.abs(value - self.values[name]) / steps


def _steps(features: Features, name: str) -> float | None:
    """What a number's difference is divided by; None for a category."""
    encoding = features.encodings[name]
    if not encoding.size:
        return 1.0
    return float(encoding.size) if hasattr(encoding, "boundaries") else None
