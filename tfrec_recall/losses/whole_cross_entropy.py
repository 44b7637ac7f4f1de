"""Softmax cross-entropy of queries and candidates with all logits at once, as XLA compiles it."""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf


def whole_cross_entropy(
    query: tf.Tensor,
    candidates: tf.Tensor,
    weights: tf.Tensor,
    removed: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None,
    hard_negatives: int | None = None,
    interest_mask: tf.Tensor | None = None,
) -> tf.Tensor:
    """The same scalar as `fused_cross_entropy`, of the same arguments.

    XLA fuses what the operations of TensorFlow would write out one after the other, but has no
    arrays of unknown size, by which the fused one goes a few rows at a time.
    """
    size, width = tf.shape(query)[0], tf.shape(candidates)[0]
    tf.debugging.assert_less_equal(
        size,
        width,
        "InBatchSoftmax takes a candidate for each query, as the first rows of "
        "`candidate_embeddings`. Received: more queries than candidates.",
    )
    if len(query.shape) == 2:
        logits = tf.matmul(query, candidates, transpose_b=True)
    else:
        each = tf.einsum("qid,cd->qic", query, candidates)
        if interest_mask is not None:
            each = tf.where(interest_mask[:, :, tf.newaxis], each, each.dtype.min)
        logits = tf.reduce_max(each, axis=1)  # [batch, candidates]
    own = tf.range(size)[:, tf.newaxis] == tf.range(width)
    positive = tf.reduce_sum(tf.where(own, logits, 0.0), axis=1)  # [batch]
    positive = tf.where(tf.range(size) < width, positive, math.nan)  # XLA leaves assertions out
    if removed is not None:
        logits = tf.where(removed(0, size) & ~own, logits.dtype.min, logits)
    if hard_negatives is not None:
        negatives = tf.where(own, logits.dtype.min, logits)
        count = tf.minimum(hard_negatives, tf.shape(logits)[1])
        # Not the values of `top_k`, whose gradient divides by the number of candidates: none, in an
        # empty batch.
        places = tf.math.top_k(negatives, count).indices
        hardest = tf.gather(negatives, places, batch_dims=1)
        logits = tf.concat([positive[:, tf.newaxis], hardest], axis=1)
    losses = tf.reduce_logsumexp(logits, axis=1) - positive
    return tf.reduce_sum(weights * losses)
