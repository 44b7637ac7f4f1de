"""Answers to many queries, some queries at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfrec_recall.retrieval.filters import Allowed
from tfrec_recall.retrieval.selection import best

Queries = tuple[tf.Tensor | Allowed | None, ...]


def by_query_blocks(
    answer: Callable[..., tuple[tf.Tensor, tf.Tensor]],
    queries: Queries,
    k: tf.Tensor | int,
    at_a_time: tf.Tensor | int,
    cost: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """`answer` of all queries, computed for at most `at_a_time` of them at once.

    A query is computed alone where it costs more than that.

    Args:
        answer: maps slices of `queries` to rows int32 and scores float32, [block, k] both.
        queries: tensors with the batch as their first axis, the first of them one, and what else is
            of the queries; None stays.
        cost: how many each query counts, [batch]; None: one.
    """
    batch = tf.shape(queries[0])[0]
    cost = tf.ones([batch], tf.int64) if cost is None else tf.cast(cost, tf.int64)
    total = tf.cumsum(cost)
    most = tf.cast(at_a_time, tf.int64)
    nothing = best(tf.zeros([0, 0]), k)

    def next_block(first, rows, scores):
        before = total[first] - cost[first]
        end = tf.searchsorted(total, [before + most], side="right")[0]
        end = tf.maximum(end, first + 1)
        some = slice(first, end)
        block_rows, block_scores = answer(*[None if p is None else p[some] for p in queries])
        return end, tf.concat([rows, block_rows], 0), tf.concat([scores, block_scores], 0)

    _, rows, scores = tf.while_loop(
        lambda first, *_: first < batch,
        next_block,
        (tf.constant(0), *nothing),
        shape_invariants=(tf.TensorShape([]), *[tf.TensorShape([None, None])] * 2),
        parallel_iterations=1,  # more would hold several blocks of scores
    )
    return rows, scores


def apart(
    which: tf.Tensor,
    queries: Queries,
    of_these: Callable[..., tuple[tf.Tensor, tf.Tensor]],
    of_others: Callable[..., tuple[tf.Tensor, tf.Tensor]],
    k: tf.Tensor | int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Answers of two kinds: of the queries that are these, and of the others.

    Args:
        which: bool [batch].
        queries: what the two take: tensors with the batch as their first axis, and what else is of
            the queries; None stays.
        of_these, of_others: to rows int32 and scores float32, [some, k] both; not called for none.
    """

    batch = tf.shape(which)[0]
    rows, scores = best(tf.zeros([batch, 0]), k)
    for mine, answer in ((which, of_these), (~which, of_others)):
        of = tf.where(mine)  # [some, 1]

        def answered(of=of, answer=answer, rows=rows, scores=scores):
            found = answer(*some_of(queries, of[:, 0]))
            return (
                tf.tensor_scatter_nd_update(rows, of, found[0]),
                tf.tensor_scatter_nd_update(scores, of, found[1]),
            )

        def unchanged(rows=rows, scores=scores):
            return rows, scores

        rows, scores = tf.cond(tf.size(of) > 0, answered, unchanged)
    return rows, scores


def some_of(queries: Queries, numbers: tf.Tensor) -> tuple[Any, ...]:
    """The parts of these queries, by their numbers [some]."""
    return tuple(
        None if p is None else p.take(numbers) if isinstance(p, Allowed) else tf.gather(p, numbers)
        for p in queries
    )
