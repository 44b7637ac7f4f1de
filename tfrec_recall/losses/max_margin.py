"""The hinge loss of a positive against negatives."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import number
from tfrec_recall._axes import check_axes, check_beside


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class MaxMargin(tf.keras.layers.Layer):
    """The mean over negatives n of max(0, z_q · z_n - z_q · z_i + margin).

    Source: "Graph Convolutional Neural Networks for Web-Scale Recommender Systems", KDD 2018,
    Eq. 1.

    Args:
        margin: Δ.
        hard_weight: what a query's own negatives weigh beside the shared ones, each.
        reduction: "mean" over the queries, or "sum".

    Input: a tuple of queries z_q and positives z_i, both [batch, dim]. By keyword
        `negatives` [negatives, dim], shared by the batch; `present` [batch, negatives], which of
        them count for a query (all, by default); `hard_negatives` [batch, hard, dim], a query's own
        and `hard_present` [batch, hard].
    Output: a scalar in float32 under every policy: cast to it what is added. It is 0 for an
        empty batch. A query without a negative has no loss.
    Raises: ValueError for another reduction, inputs of another shape, or `hard_present` alone.

    >>> query, positive = tf.constant([[1.0, 0.0]]), tf.constant([[0.8, 0.6]])
    >>> loss = MaxMargin(margin=0.1)((query, positive), negatives=tf.constant([[1.0, 0], [0, 1.0]]))
    >>> round(float(loss), 4)  # (1.0 - 0.8 + 0.1 + 0) / 2
    0.15
    """

    def __init__(
        self, margin: float = 0.1, hard_weight: float = 1.0, reduction: str = "mean", **kwargs
    ):
        super().__init__(autocast=False, **kwargs)  # differences of scores stay in float32
        if reduction not in ("sum", "mean"):
            raise ValueError(f"MaxMargin takes reduction 'sum' or 'mean'. Received: {reduction!r}.")
        number("MaxMargin", margin, "margin", least=0)
        number("MaxMargin", hard_weight, "hard_weight", least=0)
        self.margin, self.hard_weight, self.reduction = margin, hard_weight, reduction

    def build(self, input_shape):
        if len(input_shape) != 2 or {len(shape) for shape in input_shape} != {2}:
            raise ValueError(
                "MaxMargin takes a tuple of queries and positives, both [batch, dim]. "
                f"Received: shapes {input_shape}."
            )
        super().build(input_shape)

    def call(self, vectors, negatives, present=None, hard_negatives=None, hard_present=None):
        query, positive = (tf.cast(part, tf.float32) for part in vectors)
        check_axes(
            "MaxMargin",
            queries=(query, "batch dim"),
            positives=(positive, "batch dim"),
            negatives=(negatives, "negatives dim"),
            present=(present, "batch negatives"),
            hard_negatives=(hard_negatives, "batch hard dim"),
            hard_present=(hard_present, "batch hard"),
        )
        check_beside("MaxMargin", hard_present=(hard_present, "hard_negatives", hard_negatives))
        wanted = tf.reduce_sum(query * positive, axis=-1, keepdims=True)  # [batch, 1]
        scores = tf.matmul(query, tf.cast(negatives, tf.float32), transpose_b=True)
        weights = _weights(scores, present)
        if hard_negatives is not None:
            hard = tf.einsum("bd,bnd->bn", query, tf.cast(hard_negatives, tf.float32))
            scores = tf.concat([scores, hard], axis=1)
            own = self.hard_weight * _weights(hard, hard_present)
            weights = tf.concat([weights, own], axis=1)
        hinge = weights * tf.nn.relu(scores - wanted + self.margin)  # [batch, negatives]
        losses = tf.math.divide_no_nan(tf.reduce_sum(hinge, 1), tf.reduce_sum(weights, 1))
        total = tf.reduce_sum(losses)
        if self.reduction == "sum":
            return total
        return tf.math.divide_no_nan(total, tf.cast(tf.size(losses), tf.float32))

    def compute_output_shape(self, input_shape):
        return ()

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "hard_weight": self.hard_weight,
            "reduction": self.reduction,
        }


def _weights(scores: tf.Tensor, present: tf.Tensor | None) -> tf.Tensor:
    return tf.ones_like(scores) if present is None else tf.cast(present, tf.float32)
