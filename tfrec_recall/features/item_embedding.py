"""Vectors of items by their encoded ids, from all of their features."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._keras import part_config, part_from_config, saved_by_config
from tfrec_recall.features.encoder import ItemTable

PARTS = ("table", "item_model")
FEW_ITEMS = 2**15  # all of their vectors cost less than finding which ones a batch has


@saved_by_config
class ItemEmbedding(tf.keras.layers.Layer):
    """Looks the items' features up and embeds them, each item of a batch once.

    In training, a table of at most 32,768 rows is embedded as a whole, which XLA can compile: its
    gradient is dense, and nothing has to be sorted or counted. Else, and in serving, these are the
    distinct items of the batch.

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
        if training and self.table.rows <= FEW_ITEMS:
            return tf.gather(self.item_model(self.table.columns, training=training), ids)
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
