"""Combines an item's own embedding with those of its side information."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import whole
from tfrec_recall._axes import check_axes, check_ids, flat
from tfrec_recall.layers.precision import full
from tfrec_recall.layers.tables import rows_of

SIDE_INFO = ("none", "mean", "weighted")


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class SideInfoPooling(tf.keras.layers.Layer):
    """H_v = Σ_j e^{a_v^j} W_v^j / Σ_j e^{a_v^j} over an item's id, j = 0, and its side fields.

    Each item has weights a_v of its own, so that a popular item may rely on its id and a rare one
    on its brand. They begin equal.

    Source: "Billion-scale Commodity Embedding for E-commerce Recommendation in Alibaba", KDD 2018:
    Eq. 6; with the mean Eq. 5 (GES); section 3.3.3 for cold items.
    Departs: fields that an item lacks take no weight.

    Args:
        items: how many ids there are.
        side_info: "weighted" is EGES; "mean" is GES, and has no weights; "none" is BGE, which takes
            the first field and leaves the others alone.

    Input: [..., fields, dim], the id's embedding first; by keyword `item_id`, encoded [...]. Masked
        fields are absent. An item without its id is a cold one, its fields weigh alike.
    Output: [..., dim], zeros where all fields are absent; no mask, as the fields are gone.
    Raises: ValueError for another `side_info`, an input without an axis of fields, or an `item_id`
        or a mask that does not fit. A column of ids, [..., 1], is taken for [...].

    >>> fields = tf.constant([[[4.0, 0.0], [0.0, 2.0]]])  # one item: its id, its brand
    >>> SideInfoPooling(items=9, side_info="weighted")(fields, item_id=tf.constant([5])).numpy()
    array([[2., 1.]], dtype=float32)
    """

    def __init__(self, items: int, side_info: str, **kwargs):
        super().__init__(**kwargs)
        if side_info not in SIDE_INFO:
            raise ValueError(
                f"side_info is one of {', '.join(SIDE_INFO)}. Received: {side_info!r}."
            )
        whole("SideInfoPooling", items, "items")
        self.items = items
        self.side_info = side_info
        self.supports_masking = True

    def build(self, input_shape):
        if len(input_shape) < 2:
            raise ValueError(
                "SideInfoPooling takes [..., fields, dim]: stack the embeddings on axis -2. "
                f"Received: input of shape {tuple(input_shape)}."
            )
        if self.side_info == "weighted":
            self.importance = self.add_weight(
                name="importance",
                shape=(self.items, input_shape[-2]),
                initializer="zeros",
                autocast=False,  # no half: a softmax follows, and a cast would be of all rows
            )
        super().build(input_shape)

    def call(self, fields, item_id, mask=None, fields_mask=None):
        mask = fields_mask if mask is None else mask  # Keras 3 names it so beside other tensors
        fields = tf.cast(fields, self.compute_dtype)  # Keras leaves whole numbers as they are
        share = tf.cast(self.shares(item_id, fields, mask), fields.dtype)
        if mask is not None:
            mask = tf.cast(mask, tf.bool)
            fields = tf.where(mask[..., tf.newaxis], fields, tf.zeros((), fields.dtype))
        pooled = tf.einsum("...f,...fd->...d", share, fields)
        return tf.cast(pooled, self.compute_dtype)

    def shares(self, item_id, fields, mask=None):
        """What each field weighs in its item, [..., fields]; they sum to 1."""
        check_axes("SideInfoPooling", fields=(fields, "... fields dim"), mask=(mask, "... fields"))
        present = tf.ones_like(fields[..., 0], tf.bool) if mask is None else mask
        present = tf.cast(present, tf.bool)
        check_ids("SideInfoPooling", text=False, item_id=item_id)
        item_id = flat("SideInfoPooling", "item_id", item_id, fields, len(fields.shape) - 2)
        if self.side_info == "none":
            first = tf.range(tf.shape(fields)[-2]) == 0
            return tf.cast(present & first, full(self))
        logits = tf.zeros_like(fields[..., 0], full(self))
        if self.side_info == "weighted":
            logits = tf.cast(rows_of(self.importance, item_id), full(self))
            logits = tf.where(present[..., :1], logits, 0.0)
        logits = tf.where(present, logits, logits.dtype.min)
        return tf.where(present, tf.nn.softmax(logits), 0.0)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-2], input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "items": self.items, "side_info": self.side_info}
