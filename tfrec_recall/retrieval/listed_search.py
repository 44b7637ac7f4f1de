"""Exact search of the few items that a filter lists, which are looked up and scored one by one."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tfrec_recall.retrieval.filters import Allowed
from tfrec_recall.retrieval.query_blocks import by_query_blocks
from tfrec_recall.retrieval.selection import best, merge_by_maximum, unwanted

NUMBERS_AT_A_TIME = 4_000_000  # of the vectors that some queries look at, 16 MB


def listed_search(
    vectors_of: Callable[[tf.Tensor], tf.Tensor],
    query: tf.Tensor,
    k: tf.Tensor | int,
    exclude: tf.Tensor,
    present: tf.Tensor | None,
    allowed: Allowed,
) -> tuple[tf.Tensor, tf.Tensor]:
    """`Index.search` of queries among what the attribute lists that lists the fewest for each.

    Args:
        vectors_of: as `Index.vectors_of`.
        query: [batch, interests, dim].
        allowed: of the queries, each of which some attribute lists items for.
    """
    first, length = allowed.runs()
    longest = tf.reduce_max(tf.reduce_sum(length, axis=1))
    at_a_time = NUMBERS_AT_A_TIME // (tf.maximum(1, longest) * query.shape[2])

    def best_of_some(first, length, query, exclude, present, allowed):
        end = tf.cumsum(length, axis=1)
        total = end[:, -1:]
        position = tf.range(tf.reduce_max(total))[tf.newaxis]  # [1, longest]
        position = tf.repeat(position, tf.shape(query)[0], axis=0)
        run = tf.minimum(tf.searchsorted(end, position, side="right"), tf.shape(end)[1] - 1)
        place = position + tf.gather(first - (end - length), run, batch_dims=1)
        there = position < total
        rows = allowed.listed_rows(tf.where(there, place, 0))  # [some, longest]
        scores = tf.einsum("bnd,bid->bni", vectors_of(rows), query)
        if present is not None:
            scores = tf.where(present[:, tf.newaxis], scores, float("-inf"))
        scores = tf.reduce_max(scores, axis=2)
        scores = tf.where(there & ~unwanted(rows, exclude, allowed), scores, float("-inf"))
        return merge_by_maximum(rows, scores, k) if allowed.runs_repeat else best(scores, k, rows)

    asked = (first, length, query, exclude, present, allowed)
    return by_query_blocks(best_of_some, asked, k, at_a_time)
