"""Softmax cross-entropy of queries and candidates without ever holding all their logits.

With logits l = Q Cᵀ of as many queries as rows, the i-th candidate being the i-th query's own, the
loss Σᵢ wᵢ (log Σⱼ exp lᵢⱼ - lᵢᵢ) has the gradients

    ∂/∂Q = G C,  ∂/∂C = Gᵀ Q,  where Gᵢⱼ = wᵢ (softmax(lᵢ)ⱼ - [i = j]).

Both are sums over rows, so a few rows of l at a time are enough, and as the result is a scalar, its
gradients may be computed while those rows are at hand: the backward pass only scales them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

LOGITS_AT_ONCE = 2**20  # 4 MB, so that each step finds them in the cache; measured at batch 4096


class Sweep(NamedTuple):
    """The loss of each query and, where they were asked for, the gradients of the weighted sum."""

    losses: tf.Tensor  # [batch]
    query: tf.Tensor | None = None  # as the queries
    candidates: tf.Tensor | None = None  # as the candidates


def fused_cross_entropy(
    query: tf.Tensor,
    candidates: tf.Tensor,
    weights: tf.Tensor,
    removed: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None,
    hard_negatives: int | None = None,
    interest_mask: tf.Tensor | None = None,
    gradients: bool = True,
) -> tf.Tensor:
    """Returns the weighted sum of the queries' losses, a scalar. Differentiable once.

    Args:
        query: [batch, dim], or [batch, interests, dim] of which the best interest counts for each
            candidate; float32.
        candidates: [candidates, dim] float32, the queries' own first, in their order.
        weights: [batch] float32.
        removed: given the first and the last row plus one, says which candidates are no negatives
            of these rows, [rows, candidates]; what it says of their own candidate does not count.
        hard_negatives: how many of the negatives with the largest logits count; all without it.
        interest_mask: [batch, interests]; queries must be finite where it is False.
        gradients: compute them along with the value. Otherwise a backward pass begins anew.
    """

    def sweep(query, candidates, weights, gradients):
        def step(start, stop):
            mask = None if interest_mask is None else interest_mask[start:stop]
            logits, chosen = _logits(query[start:stop], candidates, mask)
            positive = _diagonal(logits, start)
            if removed is not None:
                logits = tf.where(removed(start, stop), logits.dtype.min, logits)
                logits = tf.linalg.set_diag(logits, positive, k=start)
            odds, total, losses = _softmax(logits, positive, start, hard_negatives)
            if not gradients:
                return Sweep(losses)
            # odds / total is the softmax, and its rows are scaled where they are short.
            odds = tf.linalg.set_diag(odds, _diagonal(odds, start) - total, k=start)
            scale = weights[start:stop] / total
            return Sweep(losses, *_gradients(odds, scale, query[start:stop], candidates, chosen))

        return _over_rows(step, query, candidates, gradients)

    @tf.custom_gradient
    def weighted_sum(query, candidates, weights):
        found = sweep(query, candidates, weights, gradients)

        def backward(upstream):
            full = found if gradients else sweep(query, candidates, weights, gradients=True)
            return upstream * full.query, upstream * full.candidates, upstream * full.losses

        return tf.tensordot(weights, found.losses, axes=1), backward

    return weighted_sum(query, candidates, weights)


def _over_rows(step, query, candidates, gradients: bool) -> Sweep:
    """Calls `step(start, stop)` for all rows in turn, and puts together what it returns."""
    size = tf.shape(query)[0]
    logits_a_row = tf.size(candidates) // tf.shape(candidates)[1]
    if len(query.shape) == 3:
        logits_a_row *= tf.shape(query)[1]
    rows = tf.clip_by_value(LOGITS_AT_ONCE // tf.maximum(logits_a_row, 1), 1, tf.maximum(size, 1))

    def array(shape):
        chunks = -(-size // rows)
        return tf.TensorArray(tf.float32, chunks, infer_shape=False, element_shape=[None, *shape])

    def body(start, losses, d_query, d_candidates):
        stop = tf.minimum(start + rows, size)
        part, chunk = step(start, stop), start // rows
        losses = losses.write(chunk, part.losses)
        if gradients:
            d_query = d_query.write(chunk, part.query)
            d_candidates += part.candidates
        return stop, losses, d_query, d_candidates

    _, losses, d_query, d_candidates = tf.while_loop(
        lambda start, *_: start < size,
        body,
        (0, array([]), array(query.shape[1:]), tf.zeros_like(candidates)),
        parallel_iterations=2,  # more would only hold more logits
    )
    if not gradients:
        return Sweep(losses.concat())
    return Sweep(losses.concat(), tf.reshape(d_query.concat(), tf.shape(query)), d_candidates)


def _logits(query, candidates, interest_mask):
    """[rows, candidates], and for several interests the share of each in the maximum."""
    if len(query.shape) == 2:
        return tf.matmul(query, candidates, transpose_b=True), None
    logits = tf.einsum("qid,cd->qic", query, candidates)
    if interest_mask is not None:
        logits = tf.where(interest_mask[:, :, tf.newaxis], logits, logits.dtype.min)
    best = tf.reduce_max(logits, axis=1)
    chosen = logits == best[:, tf.newaxis]  # [rows, interests, candidates]
    if interest_mask is not None:
        chosen &= interest_mask[:, :, tf.newaxis]
    return best, chosen


def _softmax(logits, positive, start, hard_negatives):
    """The softmax as odds [rows, candidates] over their total [rows], and the losses [rows]."""
    if hard_negatives is None:
        largest = tf.reduce_max(logits, axis=1)
        odds = tf.exp(logits - largest[:, tf.newaxis])
        total = tf.reduce_sum(odds, axis=1)
        return odds, total, tf.math.log(total) + (largest - positive)
    none = tf.fill(tf.shape(positive), logits.dtype.min)
    negatives = tf.linalg.set_diag(logits, none, k=start)
    count = tf.minimum(hard_negatives, tf.shape(logits)[1] - 1)
    hard, places = tf.math.top_k(negatives, count, sorted=False)  # [rows, count]
    largest = tf.reduce_max(tf.concat([positive[:, tf.newaxis], hard], axis=1), axis=1)
    hard = tf.exp(hard - largest[:, tf.newaxis])
    own = tf.exp(positive - largest)
    total = tf.reduce_sum(hard, axis=1) + own
    row = tf.repeat(tf.range(tf.shape(logits)[0])[:, tf.newaxis], count, axis=1)
    odds = tf.scatter_nd(tf.stack([row, places], axis=-1), hard, tf.shape(logits))
    odds = tf.linalg.set_diag(odds, own, k=start)
    return odds, total, tf.math.log(total) + (largest - positive)


def _gradients(odds, scale, query, candidates, chosen):
    """Of the rows' weighted losses, for the queries and for the candidates."""
    if chosen is None:
        d_query = tf.matmul(odds, candidates) * scale[:, tf.newaxis]
        return d_query, tf.matmul(odds, query * scale[:, tf.newaxis], transpose_a=True)
    shares = tf.cast(chosen, tf.float32)  # equal interests share, as in the gradient of a maximum
    shares = tf.math.divide_no_nan(shares, tf.reduce_sum(shares, axis=1, keepdims=True))
    shares *= (odds * scale[:, tf.newaxis])[:, tf.newaxis]
    d_query = tf.einsum("qic,cd->qid", shares, candidates)
    return d_query, tf.einsum("qic,qid->cd", shares, query)


def _diagonal(matrix, start):
    """The cells of the rows' own candidates, [rows]."""
    return tf.reshape(tf.linalg.diag_part(matrix, k=start), [-1])
