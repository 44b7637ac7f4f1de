"""What models with nothing but item vectors are made of: counts, cold items, users by history."""

from __future__ import annotations

import numpy as np
import pandas as pd
import tensorflow as tf

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


class WarmOrMean(tf.keras.layers.Layer):
    """Unit vectors of warm items; of a cold item, the mean of the warm ones of its category.

    Args:
        tables: the vectors.
        counts: training events of each encoded id.
        categories: the encoded category of each encoded id, or None: cold items are then zeros.
        sizes: how many categories there are.

    Input: encoded ids [items], or a tuple of these and their encoded categories [items].
    Output: [items, dim], zeros for padding and where the category has no warm item either.
    """

    def __init__(self, tables: VectorTables, counts, categories=None, sizes: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.tables = tables
        warm = np.asarray(counts) > 0
        warm[:FIRST_KNOWN] = False
        self.warm = tf.constant(warm)
        self.sizes = sizes
        self.categories = None
        if categories is not None:
            # Category 0 is none and 1 unknown: nothing is like them.
            known = np.where(warm & (categories >= FIRST_KNOWN), categories, -1)
            self.categories = tf.constant(known, tf.int32)

    def call(self, inputs):
        ids, category = inputs if isinstance(inputs, tuple | list) else (inputs, None)
        warm = tf.gather(self.warm, ids)[:, tf.newaxis]
        unit = tf.math.l2_normalize(self.tables(ids), axis=-1)
        if category is None or self.categories is None:
            return tf.where(warm, unit, 0.0)
        everything = tf.math.l2_normalize(self.tables.input_vectors, axis=-1)
        mean = tf.math.unsorted_segment_mean(everything, self.categories, self.sizes)
        cold = tf.math.l2_normalize(tf.gather(mean, category), axis=-1)
        return tf.where(warm, unit, cold)


def candidate_model(
    features: Features, tables: VectorTables, cold_by: str | None
) -> tf.keras.Model:
    """Encoded item features to unit vectors, cold items by the category feature `cold_by`."""
    item = features.inputs(features.item)
    counts = known_counts(features)
    if cold_by is None:
        return tf.keras.Model(item, WarmOrMean(tables, counts)(item["item_id"]))
    encoding = features.encodings.get(cold_by)
    if cold_by not in item or encoding is None or encoding.rank != 1 or not encoding.size:
        raise ValueError(
            "cold_by names a Categorical (or bucketised) feature of the item. "
            f"Received: {cold_by!r}; there are {', '.join(sorted(item))}."
        )
    mean = WarmOrMean(tables, counts, features.item_table[cold_by], encoding.size)
    return tf.keras.Model(item, mean((item["item_id"], item[cold_by])))


class RecentMean(tf.keras.layers.Layer):
    """Encoded histories [batch, history] to the weighted mean of unit vectors, [batch, dim]."""

    def __init__(self, tables: VectorTables, last: int | None, half_life: float | None, **kwargs):
        super().__init__(**kwargs)
        self.tables, self.last, self.half_life = tables, last, half_life

    def call(self, history):
        weights = recency_weights(history >= FIRST_KNOWN, self.last, self.half_life)
        units = tf.math.l2_normalize(self.tables(history), axis=-1)
        total = tf.einsum("bh,bhd->bd", weights, units)
        return tf.math.divide_no_nan(total, tf.reduce_sum(weights, axis=1, keepdims=True))


def query_model(
    features: Features, tables: VectorTables, last: int | None, half_life: float | None
) -> tf.keras.Model:
    """The user's encoded history to the weighted mean of its latest items, a unit vector."""
    user = features.inputs(features.user)
    if features.history is None:
        raise ValueError("The mean of a user's latest items needs a History among the features.")
    mean = RecentMean(tables, last, half_life)(user[features.history.name])
    return tf.keras.Model(user, L2Normalization()(mean))


def lift(features: Features, items: pd.DataFrame, power: float) -> np.ndarray:
    """What the scores of items are multiplied by: a power of their training events, [items].

    An item without any counts as one event, so it is there, and its score is its cosine.
    """
    counts = known_counts(features)[features.ids("item_id").encode(items["item_id"])]
    return (np.maximum(counts, 1).astype("float64") ** power).astype("float32")
