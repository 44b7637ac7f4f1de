"""What models with nothing but item vectors are made of: counts, cold items, users by history."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall._keras import part_config, part_from_config, saved_by_config
from tfrec_recall.data.windows import keep_probability
from tfrec_recall.features import Features
from tfrec_recall.layers import L2Normalization
from tfrec_recall.models.item_embeddings.vector_tables import VectorTables
from tfrec_recall.retrieval.recency import recency_weights

FIRST_KNOWN = 2  # 0 is padding, 1 is unknown


def known_counts(features: Features) -> np.ndarray:
    """Training events of each encoded id; padding and unknown have none, so nothing draws them."""
    counts = np.array(features.item_counts)
    counts[:FIRST_KNOWN] = 0
    return counts


def keep(counts: np.ndarray, threshold: float | None) -> np.ndarray:
    """The share of an id's events that sub-sampling keeps; nothing of ids without counts."""
    return np.where(counts > 0, keep_probability(counts, threshold), 0.0)


@saved_by_config
class WarmOrMean(tf.keras.layers.Layer):
    """Unit vectors of warm items; of a cold item, the mean of the warm ones of its category.

    Warm is what training has moved (`VectorTables.learnt`): an item whose events stand alone was
    never anybody's neighbour, and has a random vector.

    Args:
        tables: the vectors.
        categories: how many there are; of 0, cold items are zeros. `of` says which is whose.

    Input: encoded ids [items], or a tuple of these and their encoded categories [items].
    Output: [items, dim], zeros for padding and where the category has no warm item either.
    """

    def __init__(self, tables: VectorTables, categories: int = 0, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.tables, self.categories = tables, categories
        if categories:
            shape, dtype = (tables.size,), tf.int32
            options = {"trainable": False, "initializer": "zeros"}
            self.category = self.add_weight("category", shape, dtype, **options)

    @classmethod
    def of(cls, tables: VectorTables, category: np.ndarray, categories: int) -> WarmOrMean:
        """With the encoded category of each encoded id."""
        layer = cls(tables, categories)
        # Category 0 is none and 1 unknown: nothing is like them.
        known = np.where(category >= FIRST_KNOWN, category, -1)
        known[:FIRST_KNOWN] = -1
        layer.category.assign(known)
        return layer

    def call(self, inputs):
        ids, category = inputs if isinstance(inputs, tuple | list) else (inputs, None)
        unit, warm = warm_units(self.tables, ids)
        if category is None or not self.categories:
            return unit
        everything, every_warm = warm_units(self.tables, tf.range(self.tables.size))
        of = tf.where(every_warm, self.category, -1)
        mean = tf.math.unsorted_segment_mean(everything, of, self.categories)
        cold = tf.math.l2_normalize(tf.gather(mean, category), axis=-1)
        return tf.where(warm[..., tf.newaxis], unit, cold)

    def get_config(self):
        tables = part_config(self.tables)
        return {**super().get_config(), "tables": tables, "categories": self.categories}

    @classmethod
    def from_config(cls, config):
        tables = part_from_config(config["tables"])
        return cls(**{**config, "tables": tables})


def warm_units(tables: VectorTables, ids: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Unit vectors [..., dim] of warm items, zeros of others, and which are warm, bool [...]."""
    warm = (tf.gather(tables.learnt, ids) > 0) & (ids >= FIRST_KNOWN)
    return tf.where(warm[..., tf.newaxis], tf.math.l2_normalize(tables(ids), axis=-1), 0.0), warm


def candidate_model(
    features: Features, tables: VectorTables, cold_by: str | None
) -> tf.keras.Model:
    """Encoded item features to unit vectors, cold items by the category feature `cold_by`."""
    item = features.inputs(features.item)
    if cold_by is None:
        return tf.keras.Model(item, WarmOrMean(tables)(item["item_id"]))
    encoding = features.encodings.get(cold_by)
    if cold_by not in item or encoding is None or encoding.rank != 1 or not encoding.size:
        raise ValueError(
            "cold_by names a Categorical (or bucketised) feature of the item. "
            f"Received: {cold_by!r}; there are {', '.join(sorted(item))}."
        )
    mean = WarmOrMean.of(tables, features.item_table[cold_by], encoding.size)
    return tf.keras.Model(item, mean((item["item_id"], item[cold_by])))


@saved_by_config
class RecentMean(tf.keras.layers.Layer):
    """Encoded histories [batch, history] to the weighted mean of item vectors, [batch, dim].

    Args:
        vectors: encoded ids [...] to vectors [..., dim], zeros for items that have none: these do
            not count.
    """

    def __init__(
        self,
        vectors: tf.keras.layers.Layer,
        last: int | None,
        half_life: float | None,
        **kwargs,
    ):
        super().__init__(**{"dtype": "float32", **kwargs})  # sums of what is searched
        self.vectors, self.last, self.half_life = vectors, last, half_life

    def call(self, history):
        units = tf.math.l2_normalize(self.vectors(history), axis=-1)
        there = (history >= FIRST_KNOWN) & tf.reduce_any(units != 0, axis=-1)
        weights = recency_weights(there, self.last, self.half_life)
        total = tf.einsum("bh,bhd->bd", weights, units)
        return tf.math.divide_no_nan(total, tf.reduce_sum(weights, axis=1, keepdims=True))

    def get_config(self):
        vectors = part_config(self.vectors)
        own = {"vectors": vectors, "last": self.last, "half_life": self.half_life}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config):
        vectors = part_from_config(config["vectors"])
        return cls(**{**config, "vectors": vectors})


def query_model(
    features: Features,
    vectors: Callable[[tf.Tensor], tf.Tensor],
    last: int | None,
    half_life: float | None,
) -> tf.keras.Model:
    """The user's encoded history to the weighted mean of its latest items, a unit vector."""
    user = features.inputs(features.user)
    if features.history is None:
        raise ValueError("The mean of a user's latest items needs a History among the features.")
    mean = RecentMean(vectors, last, half_life)(user[features.history.name])
    return tf.keras.Model(user, L2Normalization(dtype="float32")(mean))


def lift(features: Features, items: pd.DataFrame, power: float) -> np.ndarray:
    """What the scores of items are multiplied by: a power of their training events, [items].

    An item without any counts as one event, so it is there, and its score is its cosine.
    """
    counts = known_counts(features)[features.ids("item_id").encode(items["item_id"])]
    return (np.maximum(counts, 1).astype("float64") ** power).astype("float32")
