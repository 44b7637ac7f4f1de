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

LOGITS_AT_ONCE = 2**21  # 8 MB: fastest at batch 4096, where 2**20 and 2**22 are 3% slower
SMALLEST_SHARE = 1e-30  # of which the logarithm is still exact


class Sweep(NamedTuple):
    """What one pass over the queries gives."""

    rows: tf.Tensor  # [batch], the share of each query's own candidate in its softmax, or its loss
    by_query: tf.Tensor | None = None  # gradients of the weighted sum of the losses
    by_candidate: tf.Tensor | None = None


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
        removed: given the first of some rows and the one after the last, says which candidates are
            no negatives of theirs, [rows, candidates]; a row's own candidate counts in any case.
        hard_negatives: how many of the negatives with the largest logits count; all without it.
        interest_mask: [batch, interests]; queries must be constant zeros where it is False.
        gradients: compute them along with the value. Otherwise a backward pass begins anew.
    """

    def logits_of(query, candidates, start, stop):
        mask = None if interest_mask is None else interest_mask[start:stop]
        logits, chosen = _logits(query[start:stop], candidates, mask)
        positive = _diagonal(logits, start)
        if removed is not None:
            logits = tf.where(removed(start, stop), logits.dtype.min, logits)
        if hard_negatives is not None:
            logits = _hardest(logits, start, hard_negatives)
        if removed is not None or hard_negatives is not None:
            logits = tf.linalg.set_diag(logits, positive, k=start)
        return logits, chosen, positive

    def sweep(query, candidates, weights, gradients):
        def step(start, stop):
            logits, chosen, _ = logits_of(query, candidates, start, stop)
            softmax = tf.nn.softmax(logits)  # in place, as nothing else needs the logits
            own = _diagonal(softmax, start)
            if not gradients:
                return Sweep(own)
            slope = tf.linalg.set_diag(softmax, own - 1.0, k=start)
            rows = query[start:stop], weights[start:stop]
            return Sweep(own, *_gradients(slope, *rows, candidates, chosen))

        return _over_rows(step, query, candidates, gradients)

    def losses_of(query, candidates, own):
        def step(start, stop):
            logits, _, positive = logits_of(query, candidates, start, stop)
            largest = tf.reduce_max(logits, axis=1, keepdims=True)
            total = tf.reduce_sum(tf.exp(logits - largest), axis=1)
            return Sweep(tf.math.log(total) + (largest[:, 0] - positive))

        return tf.cond(
            tf.reduce_all(own > SMALLEST_SHARE),
            lambda: -tf.math.log(own),
            lambda: _over_rows(step, query, candidates).rows,
        )

    @tf.custom_gradient
    def weighted_sum(query, candidates, weights):
        found = sweep(query, candidates, weights, gradients)
        losses = losses_of(query, candidates, found.rows)

        def backward(upstream):
            full = found if gradients else sweep(query, candidates, weights, gradients=True)
            return upstream * full.by_query, upstream * full.by_candidate, upstream * losses

        return tf.tensordot(weights, losses, axes=1), backward

    return weighted_sum(query, candidates, weights)


def _over_rows(step, query, candidates, gradients=False) -> Sweep:
    """Calls `step(start, stop)` for all rows in turn, and puts together what it returns."""
    size = tf.shape(query)[0]
    logits_a_row = tf.shape(candidates)[0]
    if len(query.shape) == 3:
        logits_a_row *= tf.shape(query)[1]
    at_once = tf.maximum(LOGITS_AT_ONCE // tf.maximum(logits_a_row, 1), 1)

    def array(values):
        """For one piece a chunk, the first of no rows: a batch may have no others."""
        pieces, shape = 1 - (-size // at_once), [None, *values.shape[1:]]
        array = tf.TensorArray(tf.float32, pieces, infer_shape=False, element_shape=shape)
        return array.write(0, values[:0])

    def body(start, rows, by_query, by_candidate):
        stop = tf.minimum(start + at_once, size)
        part, chunk = step(start, stop), start // at_once + 1
        rows = rows.write(chunk, part.rows)
        if gradients:
            by_query = by_query.write(chunk, part.by_query)
            by_candidate += part.by_candidate
        return stop, rows, by_query, by_candidate

    _, rows, by_query, by_candidate = tf.while_loop(
        lambda start, *_: start < size,
        body,
        (0, array(tf.zeros([0])), array(query), tf.zeros_like(candidates)),
        parallel_iterations=2,  # more would only hold more logits
    )
    if not gradients:
        return Sweep(rows.concat())
    return Sweep(rows.concat(), by_query.concat(), by_candidate)


def _logits(query, candidates, interest_mask):
    """[rows, candidates], and for several interests which of them give the maximum."""
    if len(query.shape) == 2:
        return tf.matmul(query, candidates, transpose_b=True), None
    logits = tf.einsum("qid,cd->qic", query, candidates)
    if interest_mask is not None:
        logits = tf.where(interest_mask[:, :, tf.newaxis], logits, logits.dtype.min)
    best = tf.reduce_max(logits, axis=1)
    chosen = logits == best[:, tf.newaxis]  # [rows, interests, candidates]
    return best, chosen


def _hardest(logits, start, count):
    """The largest logits of each row's negatives, `count` of them even among equals."""
    least = tf.fill(tf.shape(logits), logits.dtype.min)
    negatives = tf.linalg.set_diag(logits, _diagonal(least, start), k=start)
    count = tf.minimum(count, tf.shape(logits)[1])
    values, places = tf.math.top_k(negatives, count, sorted=False)  # [rows, count]
    row = tf.repeat(tf.range(tf.shape(logits)[0])[:, tf.newaxis], count, axis=1)
    return tf.tensor_scatter_nd_update(least, tf.stack([row, places], axis=-1), values)


def _gradients(slope, query, weights, candidates, chosen):
    """Of the rows' weighted losses, by query and by candidate; `slope` is by logit, unweighted."""
    if chosen is None:  # the weights go where the rows are short
        by_query = tf.matmul(slope, candidates) * weights[:, tf.newaxis]
        return by_query, tf.matmul(slope, query * weights[:, tf.newaxis], transpose_a=True)
    shares = tf.cast(chosen, tf.float32)  # equal interests share, as in the gradient of a maximum
    shares = tf.math.divide_no_nan(shares, tf.reduce_sum(shares, axis=1, keepdims=True))
    shares *= (slope * weights[:, tf.newaxis])[:, tf.newaxis]
    by_query = tf.einsum("qic,cd->qid", shares, candidates)
    return by_query, tf.einsum("qic,qid->cd", shares, query)


def _diagonal(matrix, start):
    """The cells of the rows' own candidates, [rows]."""
    return tf.reshape(tf.linalg.diag_part(matrix, k=start), [-1])
