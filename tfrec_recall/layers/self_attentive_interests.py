"""Several interests of one history, each by an attention of its own."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import whole
from tfrec_recall._axes import check_axes
from tfrec_recall.layers.precision import full


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class SelfAttentiveInterests(tf.keras.layers.Layer):
    """Interests as weighted means of a history, `H softmax(W2ᵀ tanh(W1 H))`.

    The softmax of an interest is over the present events. Each event has a learnt vector for its
    recency (the number of present events after it), so padding may stand anywhere.

    Source: "Controllable Multi-Interest Framework for Recommendation", KDD 2020: section 3.2
    (ComiRec-SA), Eq. 7 and 8, with its positional embeddings.
    Departs: positions count from the newest event, and their vectors are added where the attention
    is computed, not to the events that are averaged.

    Args:
        interests: K, for every user.
        hidden: the width of W1's output; None has four times the input's.
        positions: how many recencies have a vector of their own; still older events share the
            last, and 0 has none: then the order of the events means nothing.

    Input: [batch, history, dim], oldest first; a mask [batch, history], as `Embedding` gives it.
    Output: [batch, interests, dim]; zeros where no event is present, and the mask then says that
    there is but the first interest.
    Raises: ValueError unless the input has three axes, a mask fits, and the numbers are positive.

    >>> history = tf.constant([[[2.0, 0.0], [2.0, 0.0], [0.0, 9.0]]])
    >>> interests = SelfAttentiveInterests(interests=2)
    >>> interests(history, mask=[[True, True, False]]).numpy().round(3)
    array([[[2., 0.],
            [2., 0.]]], dtype=float32)
    """

    def __init__(
        self, interests: int = 4, hidden: int | None = None, positions: int = 64, **kwargs
    ):
        super().__init__(**kwargs)
        whole("SelfAttentiveInterests", interests, "interests")
        whole("SelfAttentiveInterests", hidden, "hidden", optional=True)
        whole("SelfAttentiveInterests", positions, "positions", least=0)
        self.interests = interests
        self.hidden = hidden
        self.positions = positions
        self.supports_masking = True

    def build(self, input_shape):
        if len(input_shape) != 3:
            raise ValueError(
                "SelfAttentiveInterests takes [batch, history, dim]: one vector a behaviour. "
                f"Received: input of shape {tuple(input_shape)}."
            )
        width = input_shape[-1]
        hidden = self.hidden or 4 * width
        self.inner = self.add_weight(
            name="inner", shape=(width, hidden), initializer="glorot_uniform"
        )
        self.outer = self.add_weight(
            name="outer", shape=(hidden, self.interests), initializer="glorot_uniform"
        )
        if self.positions:
            self.recencies = self.add_weight(
                name="recencies", shape=(self.positions, width), initializer="random_normal"
            )
        super().build(input_shape)

    def call(self, history, mask=None):
        check_axes(
            "SelfAttentiveInterests",
            history=(history, "batch history dim"),
            mask=(mask, "batch history"),
        )
        present = tf.ones(tf.shape(history)[:2], tf.bool) if mask is None else mask
        present = tf.cast(present, tf.bool)
        history = tf.cast(history, self.compute_dtype)  # Keras leaves whole numbers as they are
        history = tf.where(present[:, :, tf.newaxis], history, tf.zeros([], history.dtype))
        placed = history
        if self.positions:
            age = tf.cumsum(tf.cast(present, tf.int32), axis=1, reverse=True, exclusive=True)
            table = tf.cast(self.recencies, history.dtype)
            placed = history + tf.gather(table, tf.minimum(age, self.positions - 1))
        inner = tf.einsum("bhd,de->bhe", placed, tf.cast(self.inner, history.dtype))
        logits = tf.einsum("bhe,ek->bhk", tf.tanh(inner), tf.cast(self.outer, history.dtype))

        logits = tf.cast(logits, full(self))
        logits = tf.where(present[:, :, tf.newaxis], logits, logits.dtype.min)
        attention = tf.nn.softmax(logits, axis=1)  # over the history; even where there is none
        interests = tf.einsum("bhk,bhd->bkd", attention, tf.cast(history, full(self)))
        return tf.cast(interests, self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        if mask is None or not tf.is_tensor(mask):  # Keras 3 sets it when there are numbers
            return None
        anything = tf.reduce_any(tf.cast(mask, tf.bool), axis=1, keepdims=True)
        return anything | (tf.range(self.interests) == 0)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.interests, input_shape[2])

    def get_config(self):
        return {
            **super().get_config(),
            "interests": self.interests,
            "hidden": self.hidden,
            "positions": self.positions,
        }
