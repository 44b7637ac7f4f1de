"""Vectors in leaves, searched by ordinary operations of TensorFlow."""

from __future__ import annotations

import contextlib

import numpy as np
import tensorflow as tf

from tfrec_recall.retrieval.exact import exact_search, gather, gather_or_zeros
from tfrec_recall.retrieval.filters import Allowed
from tfrec_recall.retrieval.k_means import leaves_of
from tfrec_recall.retrieval.query_blocks import by_query_blocks
from tfrec_recall.retrieval.seldom import if_seldom
from tfrec_recall.retrieval.selection import NO_ROW, best

NUMBERS_AT_A_TIME = 4_000_000  # of the vectors that some queries look at, 16 MB


class LeafSearcher(tf.Module):
    """An inverted file: the vectors of a leaf lie together, and a query looks at some leaves.

    Its nearest leaves are those whose mean has the highest product with it. The vectors in them are
    gathered one behind another, without gaps between short leaves and long ones, so a search for
    one query looks at its own leaves' vectors alone, and a batch pads to the longest sum of them.

    Args:
        vectors: float32 [items, dim].
        leaves: about how many; see `leaves_of`.
        int8: also keep vectors of whole numbers, of a quarter of the size, that choose which ones
            are scored exactly.
    """

    def __init__(self, vectors: np.ndarray, leaves: int, int8: bool = False):
        super().__init__(name="leaf_searcher")
        leaf = leaves_of(vectors, min(leaves, len(vectors)))
        order = np.argsort(leaf, kind="stable").astype(np.int32)
        size = np.bincount(leaf).astype(np.int32)
        stored = vectors[order]
        first = np.cumsum(size) - size
        means = np.add.reduceat(stored, first, axis=0, dtype=np.float64) / size[:, np.newaxis]
        place = np.empty_like(order)
        place[order] = np.arange(len(order), dtype=np.int32)
        self.vectors = _constant(stored, "vectors")  # [items, dim], leaf by leaf
        self._row = _constant(order, "row")  # of each place
        self._place = _constant(place, "place")  # of each row
        self._means = _constant(means.astype(np.float32), "means")  # [leaves, dim]
        self._size = _constant(size, "size")
        self._first = _constant(first.astype(np.int32), "first")
        self.leaves = len(size)
        self._short = None
        if int8:
            # One scale for each number of the vectors, which the query is multiplied by instead.
            scale = np.maximum(np.abs(stored).max(axis=0), 1e-30) / 127
            self._short = _constant(np.rint(stored / scale).astype(np.int8), "short")
            self._scale = _constant(scale.astype(np.float32), "scale")

    @property
    def size(self) -> tuple[int, int]:
        items, dim = self.vectors.shape
        return items, dim

    def vectors_of(self, rows: tf.Tensor) -> tf.Tensor:
        place = tf.gather(self._place, tf.maximum(rows, 0))
        return gather_or_zeros(self.vectors, tf.where(rows >= 0, place, NO_ROW))

    def search(
        self,
        query: tf.Tensor,
        k: tf.Tensor | int,
        exclude: tf.Tensor,
        present: tf.Tensor | None,
        allowed: Allowed | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        known = (exclude >= 0) & (exclude < self.size[0])
        places = tf.where(known, tf.gather(self._place, tf.where(known, exclude, 0)), NO_ROW)
        by_place = None if allowed is None else allowed.in_order(self._row)
        places, scores = exact_search(self.vectors, query, k, places, present, by_place)
        return self._rows(places), scores

    def candidates(
        self,
        query: tf.Tensor,
        count: tf.Tensor | int,
        reorder: tf.Tensor | int,
        leaves_to_search: tf.Tensor | int,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `tuning.Searcher.candidates`; whole numbers are the compressed vectors."""
        nearness = tf.matmul(query, self._means, transpose_b=True)  # [batch, leaves]
        _, leaf = tf.math.top_k(nearness, tf.minimum(leaves_to_search, self.leaves))
        size = tf.gather(self._size, leaf)  # [batch, searched]
        end = tf.cumsum(size, axis=1)
        shift = tf.gather(self._first, leaf) - (
            end - size
        )  # from where it is gathered to its place
        longest = tf.reduce_max(end[:, -1])
        count = tf.minimum(count, longest)
        reorder = tf.minimum(tf.maximum(count, reorder), longest)

        def looked_at(query, end, shift):
            return self._best(query, end, shift, count, reorder)

        at_a_time = NUMBERS_AT_A_TIME // (tf.maximum(1, longest) * self.size[1])
        places, scores = if_seldom(
            tf.shape(query)[0] > at_a_time,
            lambda: by_query_blocks(looked_at, (query, end, shift), count, at_a_time),
            lambda: looked_at(query, end, shift),
        )
        return self._rows(places), scores

    @property
    def takes_no_queries(self) -> bool:
        """As `tuning.Searcher.takes_no_queries`."""
        return False

    def ready(self) -> contextlib.AbstractContextManager[None]:
        """As `tuning.Searcher.ready`: variables, which a graph has once."""
        return contextlib.nullcontext()

    def at_once(self, query, k, reorder, leaves_to_search) -> tuple[tf.Tensor, ...]:
        """As `tuning.Searcher.at_once`."""
        rows, scores = self.candidates(query, k, reorder, leaves_to_search)
        return rows, scores, (tf.shape(rows)[1] == k) & tf.reduce_all(rows != NO_ROW)

    def _best(self, query, end, shift, count, reorder):
        """The places and scores of the best `count` in the leaves of some queries.

        Args:
            query: [block, dim].
            end: how many vectors the leaves up to each one have, [block, searched].
            shift: what takes a position among these to its place, [block, searched].
        """
        total = end[:, -1:]
        position = tf.range(tf.reduce_max(total))[tf.newaxis]  # [1, looked at]
        position = tf.repeat(position, tf.shape(query)[0], axis=0)
        there = position < total
        which = tf.searchsorted(end, position, side="right")
        which = tf.minimum(which, tf.shape(end)[1] - 1)
        place = tf.where(there, position + tf.gather(shift, which, batch_dims=1), 0)
        if self._short is None:
            scores = _products(gather(self.vectors, place), query)
            return best(tf.where(there, scores, float("-inf")), count, place)
        short = tf.cast(tf.gather(self._short, place), tf.float32)
        scores = tf.where(there, _products(short, query * self._scale), float("-inf"))
        place, scores = best(scores, reorder, place)
        exact = _products(gather_or_zeros(self.vectors, place), query)
        return best(tf.where(place == NO_ROW, float("-inf"), exact), count, place)

    def _rows(self, places: tf.Tensor) -> tf.Tensor:
        rows = tf.gather(self._row, tf.maximum(places, 0))
        return tf.where(places >= 0, rows, NO_ROW)


def _products(vectors: tf.Tensor, query: tf.Tensor) -> tf.Tensor:
    """[batch, n, dim] and [batch, dim] to [batch, n]."""
    # A product of batches costs most of a search for one query: it is prepared for each n anew.
    return tf.cond(
        tf.shape(query)[0] == 1,
        lambda: tf.matmul(query, vectors[0], transpose_b=True),
        lambda: tf.squeeze(tf.matmul(vectors, query[:, :, tf.newaxis]), axis=2),
    )


def _constant(values: np.ndarray, name: str) -> tf.Variable:
    return tf.Variable(values, trainable=False, name=name)
