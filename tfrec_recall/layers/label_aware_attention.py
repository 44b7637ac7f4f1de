"""A user's interests, weighed by how well each fits the item at hand."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfrec_recall._arguments import flag, number
from tfrec_recall._axes import check_axes
from tfrec_recall.layers.masks import mask_among
from tfrec_recall.layers.precision import full


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class LabelAwareAttention(tf.keras.layers.Layer):
    """The mean of the interests, weighted by the softmax of `power` times their scores.

    `power` 0 weighs all interests alike, 1 is plain attention, and infinity takes the best interest
    alone (equals share). A better score never weighs less, and every power gives finite weights.

    Source: "Multi-Interest Network with Dynamic Routing for Recommendation at Tmall", CIKM 2019:
    section 3.4, Eq. 10.
    Departs: the score is multiplied by the power where Eq. 10 raises it. Both agree at 0, at 1 and,
    for a best score above 1, at infinity; but an even power lets the most negative score win,
    a fraction of a negative score is no number, and a hundred overflows. `raised` is Eq. 10 as it
    is written, for whole powers; what overflows counts as the largest number there is.

    Args:
        power: p, from 0 to infinity (`float("inf")`).
        raised: raise the score to the power, instead of multiplying it.

    Input: a tuple of interests [batch, interests, dim] and a candidate [batch, dim]; a mask of the
    interests [batch, interests], as `CapsuleRouting` gives it: others weigh nothing.
    Output: [batch, dim], zeros where there is no interest; no mask, as the interests are gone.
    Raises: ValueError for shapes that do not fit, or a power below 0.

    >>> interests = tf.constant([[[1.0, 0.0], [0.0, 1.0]]])
    >>> LabelAwareAttention(power=float("inf"))((interests, tf.constant([[0.2, 0.3]]))).numpy()
    array([[0., 1.]], dtype=float32)
    """

    def __init__(self, power: float = 1.0, raised: bool = False, **kwargs):
        super().__init__(**kwargs)
        if power != float("inf"):
            number("LabelAwareAttention", power, "power", least=0)
        flag("LabelAwareAttention", raised, "raised")
        if raised and power != float("inf") and power % 1:
            raise ValueError(
                "LabelAwareAttention raises scores, which may be negative, to whole powers. "
                f"Received: power={power!r}, raised=True."
            )
        self.power, self.raised = power, raised
        self.supports_masking = True

    def build(self, input_shape):
        ranks = [len(shape) for shape in input_shape]
        if ranks != [3, 2]:
            raise ValueError(
                "LabelAwareAttention takes interests [batch, interests, dim] and a candidate "
                f"[batch, dim]. Received: shapes {[tuple(shape) for shape in input_shape]}."
            )
        super().build(input_shape)

    def call(self, inputs, mask=None):
        interests, candidate = (tf.cast(vectors, full(self)) for vectors in inputs)
        there = mask_among("LabelAwareAttention", mask, 0, 2)
        check_axes(
            "LabelAwareAttention",
            interests=(interests, "batch interests dim"),
            candidate=(candidate, "batch dim"),
            mask=(there, "batch interests"),
        )
        if there is not None:
            there = tf.cast(there, tf.bool)
            interests = tf.where(there[:, :, tf.newaxis], interests, 0.0)
        scores = tf.einsum("bkd,bd->bk", interests, candidate)
        weights = self._weights(scores, there)
        return tf.cast(tf.einsum("bk,bkd->bd", weights, interests), self.compute_dtype)

    def _weights(self, scores, there):
        lowest, power = scores.dtype.min, self.power
        if self.raised and power <= float(scores.dtype.max):
            scores, power = self._raised(scores), 1.0
        if there is not None:
            scores = tf.where(there, scores, lowest)
        # What the best lacks is 0 or less, and stays so, or becomes minus infinity, at any power.
        lacking = scores - tf.reduce_max(scores, axis=-1, keepdims=True)
        if power > float(scores.dtype.max):  # infinite, or as good as
            weights = tf.cast(lacking == 0, scores.dtype)
        else:
            weights = tf.exp(tf.maximum(power * lacking, lowest))
        if there is not None:
            weights = tf.where(there, weights, 0.0)
        return tf.math.divide_no_nan(weights, tf.reduce_sum(weights, axis=-1, keepdims=True))

    def _raised(self, scores):
        """Scores to the power. What overflows is left out before, as its slope has no number."""
        if not self.power:
            return tf.zeros_like(scores)  # all are alike, as ones are
        most = 0.5 * float(scores.dtype.max)  # so that differences are finite too
        # Up to here neither the result nor its slope is more; rounded towards 1.
        kind = scores.dtype.as_numpy_dtype
        bound = np.nextafter(kind((most / self.power) ** (1 / self.power)), kind(1))
        over = tf.abs(scores) > bound
        within = tf.pow(tf.where(over, 1.0, scores), self.power)
        return tf.where(over, most * tf.pow(tf.sign(scores), self.power), within)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[1])

    def get_config(self):
        return {**super().get_config(), "power": self.power, "raised": self.raised}
