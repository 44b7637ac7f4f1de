"""Recall by the ratings foretold from those of the history's items."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
import tensorflow as tf

from tfrec_recall.retrieval.catalogue import Catalogue
from tfrec_recall.retrieval.popularity import Popularity
from tfrec_recall.retrieval.query_blocks import by_query_blocks
from tfrec_recall.retrieval.recency import check_recency, recency_weights
from tfrec_recall.retrieval.retriever import Retriever
from tfrec_recall.retrieval.selection import best, leave_out
from tfrec_recall.retrieval.sparse_rows import SparseRows

CELLS_AT_A_TIME = 4_000_000


class RatingRetriever(Retriever):
    """The score of an item is the mean of what the user rated its neighbours, weighted by likeness.

    Source: "Item-Based Collaborative Filtering Recommendation Algorithms", WWW 2001, section 3.2.1.

    Of the item's own neighbours those that the history rates count, by the mean where it rates one
    twice. Items without any follow by popularity, below all ratings.

    Args:
        item_ids: raw ids of the catalogue, strings or integers.
        neighbours: of each item, positions in `item_ids`, int [items, n], -1 for none.
        weights: of these neighbours, float [items, n], all above 0.
        means: the mean rating of each item, [items]; None for the plain mean of ratings, else they
            are taken around these.
        popularity: of each item, [items].
        last, half_life: which events of a history count and how much, as in `recency_weights`.
        k: the length of a list where a call does not say.
        seed: of the permutation that orders items of equal score.
    """

    def __init__(
        self,
        item_ids: Sequence[str] | Sequence[int] | np.ndarray,
        neighbours: np.ndarray,
        weights: np.ndarray,
        means: np.ndarray | None,
        popularity: np.ndarray,
        last: int | None = None,
        half_life: float | None = None,
        k: int = 100,
        seed: int = 0,
    ):
        check_recency(type(self).__name__, last, half_life)
        catalogue = Catalogue(item_ids, seed)
        super().__init__(
            item_ids=catalogue.ids,
            inputs={
                "history": tf.TensorSpec([None, None], catalogue.dtype, "history"),
                "history_rating": tf.TensorSpec([None, None], tf.float32, "history_rating"),
            },
            k=k,
            report={
                "kind": "ratings by neighbours",
                "items": len(catalogue),
                "neighbours": int(neighbours.shape[1]),
                "centred": means is not None,
                "last": last,
                "half_life": half_life,
            },
            name="rating_retriever",
        )
        items = len(catalogue)
        row = np.repeat(np.arange(items), neighbours.shape[1])
        there = neighbours.ravel() >= 0
        pairs = (weights.ravel()[there], (neighbours.ravel()[there], row[there]))
        table = sp.csr_array(pairs, shape=(items, items))  # from a neighbour to whose it is
        table = sp.csr_array(table[catalogue.order][:, catalogue.order])
        self.catalogue = catalogue
        self.neighbour_of = SparseRows(table, "neighbour_of")
        shown = np.zeros(items) if means is None else np.asarray(means)[catalogue.order]
        self.means = tf.Variable(shown.astype("float32"), trainable=False, name="means")
        self.with_fallback(Popularity(catalogue.ids, np.asarray(popularity)[catalogue.order]))
        self._last, self._half_life = last, half_life

    def recommend(self, queries, exclude, k, allowed):
        history, rating = queries["history"], queries["history_rating"]
        present = history != tf.constant(self.catalogue.padding, history.dtype)
        present &= tf.math.is_finite(rating)
        votes = recency_weights(present, self._last, self._half_life)
        rows = self.catalogue.rows(history)
        entries = tf.reduce_sum(tf.where(votes > 0, self.neighbour_of.sizes(rows), 0), axis=1)
        return by_query_blocks(
            functools.partial(self._best, k=k),
            (rows, votes, rating, exclude, allowed),
            k,
            CELLS_AT_A_TIME,
            cost=tf.maximum(entries, len(self.catalogue)),
        )

    def _best(self, rows, votes, rating, exclude, allowed, k):
        """The best rows of some queries: history rows, votes and ratings [block, history]."""
        queries, items = tf.shape(rows)[0], len(self.catalogue)
        event = tf.where((rows >= 0) & (votes > 0))
        cell = tf.cast(event[:, 0], tf.int32) * items + tf.gather_nd(rows, event)
        cells, position = tf.unique(cell)
        distinct = tf.size(cells)
        vote = tf.math.unsorted_segment_max(tf.gather_nd(votes, event), position, distinct)
        value = tf.math.unsorted_segment_mean(tf.gather_nd(rating, event), position, distinct)
        query, item = cells // items, cells % items
        value -= tf.gather(self.means, item)

        which, target, likeness = self.neighbour_of.entries(item)
        weight = tf.gather(vote, which) * likeness
        place = tf.gather(query, which) * items + target
        total = tf.math.unsorted_segment_sum(weight, place, queries * items)
        sums = tf.math.unsorted_segment_sum(
            weight * tf.gather(value, which), place, queries * items
        )
        foretold = tf.reshape(tf.math.divide_no_nan(sums, total), [-1, items]) + self.means
        score = tf.where(tf.reshape(total, [-1, items]) > 0, foretold, float("-inf"))
        return best(leave_out(score, exclude, 0, allowed), k)
