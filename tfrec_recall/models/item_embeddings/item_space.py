"""What models with nothing but item vectors are made of: counts, cold items, users by history."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfrec_recall._keras import part_config, part_from_config, saved_by_config
from tfrec_recall.data.feeding.windows import keep_probability
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.features import Features, Rows, Start
from tfrec_recall.layers import L2Normalization
from tfrec_recall.models.item_embeddings.vector_tables import VectorTables
from tfrec_recall.retrieval.recency import recency_weights

ROWS = 2**16  # vectors that are averaged at a time


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

    def feature_rows(self) -> list[Rows]:
        """Whose category is which, by the features."""
        return [Rows(self.category, start=Start.given)] if self.categories else []

    def call(self, inputs):
        ids, category = inputs if isinstance(inputs, tuple | list) else (inputs, None)
        if category is None or not self.categories:
            return warm_units(self.tables, ids)[0]
        _, warm = warm_units(self.tables, ids)
        return self.with_means(ids, category, self.means(tf.boolean_mask(category, ~warm)))

    def with_means(self, ids: tf.Tensor, category: tf.Tensor, means: tf.Tensor) -> tf.Tensor:
        """What a call gives, from means that were made before."""
        unit, warm = warm_units(self.tables, ids)
        cold = tf.math.l2_normalize(tf.gather(means, category), axis=-1)
        return tf.where(warm[..., tf.newaxis], unit, cold)

    def of_all(self, ids: np.ndarray, category: np.ndarray) -> np.ndarray:
        """As a call, for a whole catalogue: its means are made once, and not for each block."""
        means = self.means(tf.range(self.categories))
        vectors = np.empty((len(ids), self.tables.dim), "float32")
        for first in range(0, len(ids), ROWS):
            some = slice(first, first + ROWS)
            of_some = self.with_means(tf.constant(ids[some]), tf.constant(category[some]), means)
            vectors[some] = of_some.numpy()
        return vectors

    def means(self, categories: tf.Tensor) -> tf.Tensor:
        """Of these categories, the mean of the warm items, [every category, dim]; zeros of others.

        Only their items are read, `ROWS` at a time.
        """
        asked = tf.scatter_nd(
            tf.reshape(categories, [-1, 1]), tf.ones_like(categories), [self.categories]
        )
        of = tf.where(self.tables.learnt > 0, self.category, -1)
        wanted = (of >= 0) & (tf.gather(asked, tf.maximum(of, 0)) > 0)
        rows = tf.cast(tf.where(wanted)[:, 0], tf.int32)

        def next_block(first, total, count):
            some = rows[first : first + ROWS]
            units, _ = warm_units(self.tables, some)
            own = tf.gather(of, some)
            total += tf.math.unsorted_segment_sum(units, own, self.categories)
            ones = tf.ones_like(own, tf.float32)
            return (
                first + ROWS,
                total,
                count + tf.math.unsorted_segment_sum(ones, own, self.categories),
            )

        _, total, count = tf.while_loop(
            lambda first, *_: first < tf.size(rows),
            next_block,
            (
                tf.constant(0),
                tf.zeros([self.categories, self.tables.dim]),
                tf.zeros([self.categories]),
            ),
            parallel_iterations=1,  # more would hold several blocks of vectors
        )
        return tf.math.divide_no_nan(total, count[:, tf.newaxis])

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


def warm_or_mean(features: Features, tables: VectorTables, cold_by: str | None) -> WarmOrMean:
    """Item vectors, those of cold items by the category feature `cold_by`."""
    if cold_by is None:
        return WarmOrMean(tables)
    item, encoding = {f.name for f in features.item}, features.encodings.get(cold_by)
    if cold_by not in item or encoding is None or encoding.rank != 1 or not encoding.size:
        raise ValueError(
            "cold_by names a Categorical (or bucketised) feature of the item. "
            f"Received: {cold_by!r}; there are {', '.join(sorted(item))}."
        )
    return WarmOrMean.of(tables, features.item_table[cold_by], encoding.size)


def candidate_model(
    features: Features, vectors: tf.keras.layers.Layer, cold_by: str | None
) -> tf.keras.Model:
    """Encoded item features to unit vectors."""
    item = features.inputs(features.item)
    ids = item["item_id"]
    return tf.keras.Model(item, vectors(ids if cold_by is None else (ids, item[cold_by])))


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


def rows_of_items(tables: VectorTables) -> list[Rows]:
    """The rows of tables whose ids are items: a new item is cold, with vectors that are drawn."""
    weights = [tables.input_vectors, tables.output_vectors, tables.learnt]
    return [Rows(weight, "item_id", Start.fresh) for weight in weights]


def lift(counts: np.ndarray, power: float) -> np.ndarray:
    """What the scores of items are multiplied by: a power of their training events, [items].

    An item without any counts as one event, so it is there, and its score is its cosine.
    """
    return (np.maximum(counts, 1).astype("float64") ** power).astype("float32")
