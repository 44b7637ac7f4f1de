"""What training knows of items: of those in histories, and of candidates."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.data.kinds import of_kinds
from tfrec_recall.data.vocabulary import FIRST_KNOWN, PADDING, UNKNOWN
from tfrec_recall.features.encoder import Field
from tfrec_recall.features.specification import Features


@saved_by_config
class KnownItems(tf.keras.layers.Layer):
    """Encoded ids with padding where training has not seen the item."""

    def call(self, ids):
        return tf.where(ids >= FIRST_KNOWN, ids, 0)


@of_kinds
def met(features: Features, history: tf.Tensor) -> tf.Tensor:
    """The encoded ids of a history that say something: items that training never saw are padding,
    unless its histories had such, which have taught what they are.
    """
    return history if features.shows_unknown("item_id") else KnownItems()(history)


@saved_by_config
class OfKnown(tf.keras.layers.Layer):
    """Vectors of items, which are zeros where nothing is known of an item.

    A new item is known by its other features: a number, a value that training has seen. A tower
    would make something even of none. In training all items are known, and vectors pass as they
    are.

    Args:
        fields: of the items that their vectors are made of.

    Input: a tuple of vectors [..., dim], or [..., objectives, dim], and the encoded features of the
        items, [...] or [..., values].
    Output: as the vectors.

    >>> items = {"item_id": tf.constant([1, 1, 2]), "genre": tf.constant([1, 3, 0])}
    >>> fields = [Field("item_id", 4, absent=1), Field("genre", 4, absent=1)]
    >>> OfKnown(fields)((tf.ones([3, 2]), items)).numpy().sum(axis=1)
    array([0., 2., 2.], dtype=float32)
    """

    def __init__(self, fields: Sequence[Field], **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs}, autocast=False)
        self.fields = tuple(Field(*field) for field in fields)

    def call(self, inputs, training=False):
        vectors, item = inputs
        if training:
            return vectors
        known = anything_known(self.fields, item)
        for _ in range(vectors.shape.rank - known.shape.rank):
            known = tf.expand_dims(known, -1)
        return tf.where(known, vectors, tf.zeros([], vectors.dtype))

    def get_config(self):
        return {**super().get_config(), "fields": [list(field) for field in self.fields]}


def anything_known(fields: Sequence[Field], item: dict[str, tf.Tensor]) -> tf.Tensor:
    """Of which items any of these features says anything, bool [items].

    Args:
        item: encoded features.
    """
    return tf.reduce_any(tf.stack([_says(field, item[field.name]) for field in fields]), axis=0)


def _says(field: Field, values: tf.Tensor) -> tf.Tensor:
    """Of which items a feature says anything, bool [items]."""
    last = field.absent
    if field.name == "item_id":
        # Histories may have taught what unknown items are; none of them was ever wanted.
        last = PADDING if field.unknown_rate else UNKNOWN
    says = values > last if field.size else values != 0  # a vector that is missing is zeros
    if field.rank == 2:
        return tf.reduce_any(says, axis=-1)
    return says if field.size else tf.ones_like(says)
