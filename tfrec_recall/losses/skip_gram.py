"""Skip-gram with negative sampling: the loss, and its gradients in closed form."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._axes import check_axes


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class SkipGramNegativeSampling(tf.keras.layers.Layer):
    """Logistic loss that tells the contexts of a centre from noise.

    With s = centre · context, the loss is the sum of `positive * -log σ(s)` and of
    `negative * -log σ(-s)` over all pairs. Both weights may be set for any pair, so that one block
    of contexts holds the windows of many centres, and their shared noise, in one matrix product.

    Source: "Distributed Representations of Words and Phrases and their Compositionality", NIPS
    2013, Eq. 4; "Item2Vec: Neural Item Embedding for Collaborative Filtering", 2016, Eq. 3.
    Departs: negatives are shared by the centres of a block; the weights restore how many each
    centre expects.

    Args:
        reduction: "sum", or "mean": the sum over the total of `positive`.

    Input: a tuple of centre [..., centres, dim] and context [..., contexts, dim]; by keyword
        `positive` and `negative`, [..., centres, contexts], numbers of 0 or more, or booleans.
    Output: a scalar in float32 under every policy: cast to it what is added. It is 0 where
        there are no pairs.
    Raises: ValueError for another reduction, or inputs of other shapes.

    >>> centre, context = tf.constant([[1.0, 0.0]]), tf.constant([[2.0, 0.0], [0.0, 1.0]])
    >>> loss = SkipGramNegativeSampling()
    >>> round(float(loss((centre, context), positive=[[1, 0]], negative=[[0, 1]])), 4)
    0.8201
    """

    def __init__(self, reduction: str = "sum", **kwargs):
        super().__init__(autocast=False, **kwargs)  # the logarithms stay in float32
        if reduction not in ("sum", "mean"):
            raise ValueError(
                "SkipGramNegativeSampling takes reduction 'sum' or 'mean'. "
                f"Received: {reduction!r}."
            )
        self.reduction = reduction

    def build(self, input_shape):
        if len(input_shape) != 2:
            raise ValueError(
                "SkipGramNegativeSampling takes a tuple of centre [..., centres, dim] and context "
                f"[..., contexts, dim]. Received: shapes {input_shape}."
            )
        super().build(input_shape)

    def call(self, vectors, positive, negative):
        centre, context = (tf.cast(part, tf.float32) for part in vectors)
        positive, negative = tf.cast(positive, tf.float32), tf.cast(negative, tf.float32)
        check_axes(
            "SkipGramNegativeSampling",
            centre=(centre, "... centres dim"),
            context=(context, "... contexts dim"),
            positive=(positive, "... centres contexts"),
            negative=(negative, "... centres contexts"),
        )
        scores = tf.matmul(centre, context, transpose_b=True)  # [..., centres, contexts]
        loss = tf.reduce_sum((positive + negative) * tf.nn.softplus(scores) - positive * scores)
        if self.reduction == "sum":
            return loss
        return tf.math.divide_no_nan(loss, tf.reduce_sum(positive))

    def compute_output_shape(self, input_shape):
        return ()

    def get_config(self):
        return {**super().get_config(), "reduction": self.reduction}


def skip_gram_gradients(
    centre: tf.Tensor, context: tf.Tensor, positive: tf.Tensor, negative: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The gradients of the summed `SkipGramNegativeSampling`, without a tape.

    d loss / d s = (positive + negative) σ(s) - positive.

    Args:
        centre: [..., centres, dim]
        context: [..., contexts, dim]
        positive, negative: [..., centres, contexts] float32.

    Returns: the gradient by centre, by context, and the scores [..., centres, contexts].
    """
    scores = tf.matmul(centre, context, transpose_b=True)
    slope = (positive + negative) * tf.sigmoid(scores) - positive
    by_centre = tf.matmul(slope, context)
    by_context = tf.matmul(slope, centre, transpose_a=True)
    return by_centre, by_context, scores
