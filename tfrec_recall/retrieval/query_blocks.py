"""Answers to many queries, some queries at a time."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tfrec_recall.retrieval.selection import best

Tensors = tuple[tf.Tensor, ...]


def by_query_blocks(
    answer: Callable[..., tuple[tf.Tensor, tf.Tensor]],
    queries: Tensors,
    k: tf.Tensor | int,
    at_a_time: tf.Tensor | int,
) -> tuple[tf.Tensor, tf.Tensor]:
    """`answer` of all queries, computed for at most `at_a_time` of them at once.

    Args:
        answer: maps slices of `queries` to rows int32 and scores float32, [block, k] both.
        queries: tensors with the batch as their first axis.
    """
    batch = tf.shape(queries[0])[0]
    step = tf.maximum(1, at_a_time)
    nothing = best(tf.zeros([0, 0]), k)

    def next_block(first, rows, scores):
        block_rows, block_scores = answer(*[part[first : first + step] for part in queries])
        return first + step, tf.concat([rows, block_rows], 0), tf.concat([scores, block_scores], 0)

    _, rows, scores = tf.while_loop(
        lambda first, *_: first < batch,
        next_block,
        (tf.constant(0), *nothing),
        shape_invariants=(tf.TensorShape([]), *[tf.TensorShape([None, None])] * 2),
        parallel_iterations=1,  # more would hold several blocks of scores
    )
    return rows, scores


def below_evidence(popularity: tf.Tensor) -> tf.Tensor:
    """Scores in [-1, 0) by which rows without any evidence follow those that have some.

    >>> below_evidence(tf.constant([3.0, 0.0, 1.0])).numpy()
    array([-0.25, -1.  , -0.75], dtype=float32)
    """
    popularity = tf.cast(popularity, tf.float32)
    return popularity / (tf.reduce_max(popularity) + 1.0) - 1.0
