"""Vectors of items by their encoded ids, from all of their features."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tfrec_recall._keras import part_config, part_from_config, saved_by_config
from tfrec_recall.features.encoder import ItemTable
from tfrec_recall.layers.tables import is_far

PARTS = ("table", "item_model")
FEW_ITEMS = 2**15  # all of their vectors cost less than finding which ones a batch has
FEW_VALUES = 8 * FEW_ITEMS  # of their features in all, where lists make an item dear


def ids_in(columns: Mapping[str, np.ndarray | tf.Variable]) -> int:
    """How many ids a table of item features holds, which embedding all of its rows looks up."""
    whole = [column for column in columns.values() if tf.as_dtype(column.dtype).is_integer]
    return sum(int(np.prod(column.shape)) for column in whole)


def embedded_whole(columns: Mapping[str, np.ndarray | tf.Variable]) -> bool:
    """Whether training embeds all rows of a table of item features in each step.

    >>> tags = np.zeros((30_000, 30), "int32")
    >>> embedded_whole({"item_id": tags[:, 0]}), embedded_whole({"tags": tags})
    (True, False)
    """
    rows = next(iter(columns.values())).shape[0]
    return rows <= FEW_ITEMS and ids_in(columns) <= FEW_VALUES


@saved_by_config
class ItemEmbedding(tf.keras.layers.Layer):
    """Looks the items' features up and embeds them, each item of a batch once.

    In training, a table of at most 32,768 rows, with 8 ids each at most on average, is embedded as
    a whole, which XLA can compile: its gradient is dense, and nothing has to be sorted or counted.
    Else, in serving, and where parameter servers have the table, these are the distinct items of
    the batch.

    Args:
        table: features by encoded id.
        item_model: encoded features, [items, ...], to vectors, [items, ..., dim].

    Input: [...] encoded item ids.  Output: [..., dim], or
        [..., any, dim] of such vectors; the mask is where ids are not padding.
    """

    def __init__(self, table: ItemTable, item_model: tf.keras.layers.Layer, **kwargs):
        super().__init__(**kwargs)
        self.table = table
        self.item_model = item_model

    def call(self, ids, training=False):
        if training and embedded_whole(self.table.columns) and not is_far():
            return tf.gather(self.item_model(self.table.whole(), training=training), ids)
        distinct, position = tf.unique(tf.reshape(ids, [-1]))
        vectors = self.item_model(self.table(distinct), training=training)  # [distinct, ..., dim]
        static, shape = vectors.shape[1:], tf.shape(vectors)[1:]
        vectors = tf.gather(vectors, position)
        vectors = tf.reshape(vectors, tf.concat([tf.shape(ids), shape], axis=0))
        return tf.ensure_shape(vectors, (*ids.shape, *static))

    def compute_mask(self, inputs, mask=None):
        return inputs != 0

    def get_config(self):
        parts = {n: part_config(getattr(self, n)) for n in PARTS}
        return {**super().get_config(), **parts}

    @classmethod
    def from_config(cls, config):
        parts = {n: part_from_config(config[n]) for n in PARTS}
        return cls(**{**config, **parts})
