"""A history, weighed by how well each event fits the user."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import flag
from tfrec_recall._axes import check_axes
from tfrec_recall.layers.masks import mask_among
from tfrec_recall.layers.precision import full


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class UserAttention(tf.keras.layers.Layer):
    """The mean of a history's vectors, weighted by the softmax of their products with the user's.

    Source: "SDM: Sequential Deep Matching Model for Online Large-scale Recommender System",
    CIKM 2019: section 3.3.3 (short term), section 3.4 (each feature of the long term).
    Departs: `scaled`, which divides the products by the square root of dim.

    Args:
        scaled: divide the products by the square root of dim before the softmax.

    Input: a tuple of a history [batch, history, dim] and the user's profile [batch, dim], or
    several of them [batch, profiles, dim]; a mask of the history [batch, history], or one for each
    profile [batch, profiles, history]: what it leaves out has no weight.
    Output: as the profile, zeros where no event is present; no mask, as the history is gone.
    Raises: ValueError for shapes that do not fit.

    >>> history, user = tf.constant([[[2.0, 0.0], [0.0, 2.0]]]), tf.constant([[1.0, 1.0]])
    >>> UserAttention()((history, user)).numpy()  # both fit alike
    array([[1., 1.]], dtype=float32)
    """

    def __init__(self, scaled: bool = False, **kwargs):
        super().__init__(**kwargs)
        flag("UserAttention", scaled, "scaled")
        self.scaled = scaled
        self.supports_masking = True

    def build(self, input_shape):
        history, user = (tuple(shape) for shape in input_shape)
        if len(history) != 3 or len(user) not in (2, 3) or history[-1] != user[-1]:
            raise ValueError(
                "UserAttention takes a history [batch, history, dim] and a user [batch, dim] or "
                f"[batch, profiles, dim]. Received: shapes {[history, user]}."
            )
        super().build(input_shape)

    def call(self, inputs, mask=None):
        history, user = (tf.cast(vectors, full(self)) for vectors in inputs)
        several = user if len(user.shape) == 3 else user[:, tf.newaxis]  # [batch, profiles, dim]
        present = mask_among("UserAttention", mask, 0, 2)
        if present is not None:
            present = tf.cast(present, tf.bool)
        of_each = present is not None and len(present.shape) == 3  # profile
        check_axes(
            "UserAttention",
            history=(history, "batch history dim"),
            user=(user, "batch dim" if len(user.shape) == 2 else "batch profiles dim"),
            several=(several if of_each else None, "batch profiles dim"),
            mask=(present, "batch profiles history" if of_each else "batch history"),
        )
        if present is not None:
            if len(present.shape) == 2:
                present = present[:, tf.newaxis]
            anywhere = tf.reduce_any(present, axis=1)[:, :, tf.newaxis]
            history = tf.where(anywhere, history, 0.0)
        logits = tf.matmul(several, history, transpose_b=True)  # [batch, profiles, history]
        if self.scaled:
            logits /= user.shape[-1] ** 0.5
        if present is not None:
            logits = tf.where(present, logits, logits.dtype.min)
        weights = tf.nn.softmax(logits, axis=-1)
        if present is not None:  # a softmax of nothing is even
            weights = tf.where(present, weights, 0.0)
        means = tf.matmul(weights, history)
        return tf.cast(means if len(user.shape) == 3 else means[:, 0], self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[1])

    def get_config(self):
        return {**super().get_config(), "scaled": self.scaled}
