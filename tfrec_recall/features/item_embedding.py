"""Vectors of items by their encoded ids, from all of their features."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall.features.encoder import ItemTable


class ItemEmbedding(tf.keras.layers.Layer):
    """Looks the items' features up and embeds them, each distinct item of a batch once.

    Args:
        table: features by encoded id.
        item_model: encoded features, [items, ...], to vectors, [items, dim].

    Input: [...] encoded item ids.  Output: [..., dim]; the mask is where ids are not padding.
    """

    def __init__(self, table: ItemTable, item_model: tf.keras.layers.Layer, **kwargs):
        super().__init__(**kwargs)
        self.table = table
        self.item_model = item_model

    def call(self, ids, training=False):
        distinct, position = tf.unique(tf.reshape(ids, [-1]))
        vectors = self.item_model(self.table(distinct), training=training)  # [distinct, dim]
        shape = tf.concat([tf.shape(ids), tf.shape(vectors)[-1:]], axis=0)
        vectors = tf.reshape(tf.gather(vectors, position), shape)
        return tf.ensure_shape(vectors, (*ids.shape, vectors.shape[-1]))

    def compute_mask(self, inputs, mask=None):
        return inputs != 0
