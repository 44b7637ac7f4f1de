"""The mean of a history, in which newer events may weigh more."""

from __future__ import annotations

import math

import tensorflow as tf

from tfrec_recall._arguments import flag, number, whole, without_effect
from tfrec_recall._axes import check_axes
from tfrec_recall.layers.precision import full


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class MaskedMean(tf.keras.layers.Layer):
    """The mean of a history's vectors, weighted by how many events came after each.

    Without options all events weigh the same. The weight of an event is a function of its recency,
    the number of present events after it in the history (0 for the newest), so padding may stand
    anywhere. Weights are positive and sum to one over the present events.

    Source: "Deep Neural Networks for YouTube Recommendations", RecSys 2016, section 3.2 (the mean).
    Departs: the weights, which are ours.

    Args:
        half_life: an event's weight is half that of the event this many places newer.
        learned: learn a factor for each recency, all 1 at first.
        positions: how many recencies have a factor of their own; still older events share the last.

    Input: [batch, history, dim], oldest first; a mask [batch, history], as `Embedding` gives it.
    Output: [batch, dim], zeros where no event is present; no mask, as the history is gone.
    Raises: ValueError unless the input has three axes, a mask fits, and `half_life` and `positions`
        are positive.

    >>> history = tf.constant([[[1.0], [4.0], [0.0]]])
    >>> MaskedMean(half_life=1)(history, mask=[[True, True, False]]).numpy()  # (1 + 2 * 4) / 3
    array([[3.]], dtype=float32)
    """

    def __init__(
        self,
        half_life: float | None = None,
        learned: bool = False,
        positions: int = 64,
        **kwargs,
    ):
        super().__init__(**kwargs)
        number("MaskedMean", half_life, "half_life", above=0, optional=True)
        flag("MaskedMean", learned, "learned")
        whole("MaskedMean", positions, "positions")
        if not learned:
            without_effect("MaskedMean", positions, 64, "positions", "with learned=True")
        self.half_life = half_life
        self.learned = learned
        self.positions = positions
        self.supports_masking = True

    def build(self, input_shape):
        if len(input_shape) != 3:
            raise ValueError(
                "MaskedMean takes [batch, history, dim]: one vector an event. "
                f"Received: input of shape {tuple(input_shape)}."
            )
        if self.learned:
            self.log_factors = self.add_weight(  # no half: its exponential weighs events
                name="log_factors", shape=(self.positions,), initializer="zeros", autocast=False
            )
        super().build(input_shape)

    def call(self, history, mask=None):
        history = tf.cast(history, full(self))
        check_axes(
            "MaskedMean", history=(history, "batch history dim"), mask=(mask, "batch history")
        )
        present = tf.ones(tf.shape(history)[:2], tf.bool) if mask is None else mask
        present = tf.cast(present, tf.bool)
        mean = _weighted_sum(history, self._weights(present), present)
        return tf.cast(mean, self.compute_dtype)

    def _weights(self, present):
        count = tf.cast(present, tf.int32)
        recency = tf.cumsum(count, axis=1, reverse=True, exclusive=True)
        logits = tf.zeros_like(recency, full(self))
        if self.half_life is not None:
            logits -= tf.cast(recency, full(self)) * (math.log(2) / self.half_life)
        if self.learned:
            factors = tf.cast(self.log_factors, full(self))
            logits += tf.gather(factors, tf.minimum(recency, self.positions - 1))
        # Where nothing is present these are the weights of an even mean, of zeros.
        return tf.nn.softmax(tf.where(present, logits, logits.dtype.min), axis=1)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[2])

    def get_config(self):
        return {
            **super().get_config(),
            "half_life": self.half_life,
            "learned": self.learned,
            "positions": self.positions,
        }


@tf.custom_gradient
def _weighted_sum(history, weights, present):
    """Σ_t w_t h_t over the present events, [batch, dim]; what stands in others says nothing.

    TensorFlow's own gradient goes over tensors of the history's size three times more.
    """
    weights = tf.where(present, weights, 0.0)
    history = tf.where(present[:, :, tf.newaxis], history, 0.0)

    def gradient(upstream):
        upstream = upstream[:, tf.newaxis]
        of_weights = tf.reduce_sum(upstream * history, axis=-1)
        return upstream * weights[:, :, tf.newaxis], of_weights, None

    # Not a product of matrices, which XLA does not fuse with what is around it.
    return tf.reduce_sum(weights[:, :, tf.newaxis] * history, axis=1), gradient
