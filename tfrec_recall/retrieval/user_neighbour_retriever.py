"""Recall by similar users, who are found by the history that a request sends."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
import tensorflow as tf

from tfrec_recall.graph import Similarity
from tfrec_recall.graph.similarity import Totals, column_sizes
from tfrec_recall.retrieval.catalogue import Catalogue
from tfrec_recall.retrieval.popularity import Popularity
from tfrec_recall.retrieval.query_blocks import by_query_blocks
from tfrec_recall.retrieval.recency import check_recency, recency_weights
from tfrec_recall.retrieval.retriever import Retriever
from tfrec_recall.retrieval.selection import best, leave_out
from tfrec_recall.retrieval.sparse_rows import SparseRows

CELLS_AT_A_TIME = 4_000_000


class UserNeighbourRetriever(Retriever):
    """The score of an item is the sum over the nearest users who have it: similarity times value.

    Users are near by what they have in common with the history of the request, so unknown users
    are served like known ones; a known user is not his own neighbour. Items that no neighbour has
    follow by popularity, with scores below 0.

    Args:
        item_ids: raw ids of the catalogue, strings or integers.
        user_ids: raw ids of the users known.
        matrix: users by items, in the order of these ids; its values are ratings, or 1.
        similarity: between the request's history and a user's items.
        neighbours: how many users are asked.
        ratings: the request sends `history_rating` beside `history`, float32 [batch, any].
        by_rating: the score is the rating foretold, Σ w R / Σ w over the neighbours who rated the
            item; without, it is Σ w R.
        centred: foretell R̄ + Σ w (R - R̄_s) / Σ |w|, by the means of the request and of the users.
        unlike: users of a similarity below 0 are asked as well, and count against what they have.
        common_means: the means of users that ratings are centred around are over the items that the
            request rates too.
        popularity: the power of an item's users that its score is multiplied with; below 0, lists
            have more of what few took.
        last, half_life: which events of a history count and how much, as in `recency_weights`.
        k: the length of a list where a call does not say.
        seed: of the permutations that order equal users and equal items.
    """

    def __init__(
        self,
        item_ids: Sequence[str] | Sequence[int] | np.ndarray,
        user_ids: Sequence[str] | Sequence[int] | np.ndarray,
        matrix: sp.csr_array,
        similarity: Similarity,
        neighbours: int = 50,
        ratings: bool = False,
        by_rating: bool = False,
        centred: bool = True,
        unlike: bool = False,
        common_means: bool = False,
        popularity: float = 0.0,
        last: int | None = None,
        half_life: float | None = None,
        k: int = 100,
        seed: int = 0,
    ):
        check_recency(type(self).__name__, last, half_life)
        if neighbours < 1:
            raise ValueError(f"At least one user is asked. Received: neighbours={neighbours}.")
        catalogue, users = Catalogue(item_ids, seed), Catalogue(user_ids, seed, by_id=True)
        if matrix.shape != (len(users), len(catalogue)):
            raise ValueError(
                "The matrix has a row for each user and a column for each item. "
                f"Received: {matrix.shape}, {len(users)} users, {len(catalogue)} items."
            )
        inputs = {
            "user_id": tf.TensorSpec([None], users.dtype, "user_id"),
            "history": tf.TensorSpec([None, None], catalogue.dtype, "history"),
        }
        if ratings:
            inputs["history_rating"] = tf.TensorSpec([None, None], tf.float32, "history_rating")
        super().__init__(
            item_ids=catalogue.ids,
            inputs=inputs,
            k=k,
            report={
                "kind": "user neighbours",
                "items": len(catalogue),
                "users": len(users),
                "similarity": repr(similarity),
                "neighbours": neighbours,
                "popularity": popularity,
                "last": last,
                "half_life": half_life,
            },
            name="user_neighbour_retriever",
        )
        permuted = sp.csr_array(matrix[users.order][:, catalogue.order])
        self.catalogue, self.users = catalogue, users
        self.items_of = SparseRows(permuted, "items_of")
        self.users_of = SparseRows(permuted.T.tocsr(), "users_of")
        sizes = column_sizes(permuted)
        weight = similarity.column_weight(sizes)
        self.item_weight = _constant(np.ones(len(catalogue)) if weight is None else weight)
        self.lift = _constant(np.maximum(sizes, 1.0) ** popularity) if popularity else None
        self.totals = [_constant(total) for total in Totals.of(permuted)]
        self._by_rating, self._centred, self._unlike = by_rating, by_rating and centred, unlike
        self._common_means = common_means and self._centred
        means = np.asarray(permuted.sum(axis=1)).ravel() / np.maximum(np.diff(permuted.indptr), 1)
        self.user_means = _constant(means)
        self.with_fallback(Popularity(catalogue.ids, sizes))
        # What is taken off all values, so that sums of their squares round less in float32.
        self.shift = 0.0
        if similarity.shift_invariant and matrix.nnz:
            self.shift = float(matrix.data.min()) - 1.0
        self._similarity, self._neighbours = similarity, min(neighbours, len(users))
        self._last, self._half_life = last, half_life

    def nearest(self, queries) -> tuple[tf.Tensor, tf.Tensor]:
        """The nearest users of each query, rows of `users` [batch, neighbours], and how similar.

        All of the history counts alike. Similarities of 0 make no neighbours, nor do those below,
        unless `unlike` is set.
        """
        rows, present, values = self._history(queries)
        votes = tf.cast(present, tf.float32)
        return self._nearest(rows, votes, values, self.users.rows(queries["user_id"]))

    def common_means(self, queries, near: tf.Tensor) -> tf.Tensor:
        """The means of what these users [batch, neighbours] gave to the items that the requests
        rate too, of their shape; 0 where there is none.
        """
        rows, present, _ = self._history(queries)
        return self._common(rows, tf.cast(present, tf.float32), near)

    def asked(self, similarity: tf.Tensor) -> tf.Tensor:
        """Which of the nearest users are neighbours, by their similarities, bool of their shape."""
        return similarity != 0 if self._unlike else similarity > 0

    def _history(self, queries):
        """Rows, whether there is an event with a value, and the values, [batch, history] each."""
        history = queries["history"]
        present = history != tf.constant(self.catalogue.padding, history.dtype)
        values = queries.get("history_rating")
        if values is None:
            values = tf.ones_like(present, tf.float32)
        else:  # what was not rated says nothing of who rates alike
            present &= tf.math.is_finite(values)
            values = tf.where(present, values, 0.0)
        return self.catalogue.rows(history), present, values

    def recommend(self, queries, exclude, k, allowed):
        rows, present, values = self._history(queries)
        votes = recency_weights(present, self._last, self._half_life)
        self_row = self.users.rows(queries["user_id"])
        near, similarity = self._nearest(rows, votes, values, self_row)  # [batch, neighbours]
        entries = tf.where(self.asked(similarity), self.items_of.sizes(near), 0)
        means = self._common(rows, votes, near) if self._common_means else None
        return by_query_blocks(
            functools.partial(self._best, k=k),
            (near, similarity, means, rows, votes, values, exclude, allowed),
            k,
            CELLS_AT_A_TIME,
            cost=tf.maximum(tf.reduce_sum(entries, axis=1), len(self.catalogue)),
        )

    def _nearest(self, rows, votes, values, self_row):
        """`_near` of all queries, so many at once as their items' users allow."""
        return by_query_blocks(
            self._near,
            (rows, votes, values, self_row),
            self._neighbours,
            CELLS_AT_A_TIME,
            cost=self._cost(rows, votes),
        )

    def _common(self, rows, votes, near):
        """`_common_of` all queries, so many at once as their items' users allow."""
        queries, cost = (near, rows, votes), self._cost(rows, votes)
        answer = by_query_blocks(
            self._common_of, queries, self._neighbours, CELLS_AT_A_TIME, cost=cost
        )
        return answer[1]

    def _cost(self, rows, votes):
        """The cells that each query takes beside the users of its items, [batch]."""
        entries = tf.where(votes > 0, self.users_of.sizes(rows), 0)
        cells = max(len(self.catalogue), len(self.users))
        return tf.maximum(tf.reduce_sum(entries, axis=1), cells)

    def _best(self, near, similarity, means, rows, votes, values, exclude, allowed, k):
        """The best rows of some queries, by the nearest users [block, neighbours]; of the history
        rows, votes and values [block, history]. `means` are those of the users in what the history
        rates too, [block, neighbours]; None takes those of all that they rated."""
        queries, items = tf.shape(rows)[0], len(self.catalogue)
        asked = tf.where(self.asked(similarity))  # [asked, 2]: the query, and the place of the user
        which, item, value = self.items_of.entries(tf.gather_nd(near, asked))
        query = tf.gather(tf.cast(asked[:, 0], tf.int32), which)
        weight = tf.gather(tf.gather_nd(similarity, asked), which)
        if self._centred:
            of_near = tf.gather(self.user_means, near) if means is None else means
            value -= tf.gather(tf.gather_nd(of_near, asked), which)

        def summed(terms):
            sums = tf.math.unsorted_segment_sum(terms, query * items + item, queries * items)
            return tf.reshape(sums, [-1, items])

        score, total = summed(weight * value), summed(tf.abs(weight))
        if self._by_rating:
            score = tf.math.divide_no_nan(score, total)
            if self._centred:
                score += own_mean(rows, votes, values)[:, tf.newaxis]
            score = tf.where(total > 0, score, float("-inf"))
        else:
            if self.lift is not None:
                score *= self.lift
            score = tf.where(score > 0, score, float("-inf"))
        return best(leave_out(score, exclude, 0, allowed), k)

    def _near(self, rows, votes, values, self_row):
        """The nearest users of each query and their similarities, which may be 0 and below."""
        queries, items, users = tf.shape(rows)[0], len(self.catalogue), len(self.users)
        # An item of several events counts once: as its latest event, with its mean value.
        event, cells, position = self._distinct(rows, votes)
        distinct = tf.size(cells)
        vote = tf.math.unsorted_segment_max(tf.gather_nd(votes, event), position, distinct)
        x = tf.math.unsorted_segment_mean(tf.gather_nd(values, event), position, distinct)
        query, item = cells // items, cells % items

        which, user, y = self.users_of.entries(item)
        of_item = tf.gather(vote * tf.gather(self.item_weight, item), which)
        place = tf.gather(query, which) * users + user
        common = {}
        for p, q in self._similarity.moments:
            left, right = tf.gather(x, which) - self.shift, y - self.shift
            terms = of_item * _power(left, p) * _power(right, q)
            sums = tf.math.unsorted_segment_sum(terms, place, queries * users)
            common[p, q] = tf.reshape(sums, [-1, users])
        size = tf.math.unsorted_segment_sum(vote, query, queries)
        squares = tf.math.unsorted_segment_sum(vote * x * x, query, queries)
        own = Totals(size[:, tf.newaxis], squares[:, tf.newaxis])
        similarity = self._similarity.between(common, own, Totals(*self.totals), xp=tf)
        similarity = leave_out(similarity, self_row[:, tf.newaxis])
        if not self._unlike:
            weight, near = tf.math.top_k(similarity, self._neighbours)
            return near, weight
        similarity = tf.where(tf.math.is_finite(similarity), similarity, 0.0)
        _, near = tf.math.top_k(tf.abs(similarity), self._neighbours)
        return near, tf.gather(similarity, near, batch_dims=1)

    def _common_of(self, near, rows, votes):
        """The users of some queries, and their means in what the history has too."""
        queries, items, users = tf.shape(rows)[0], len(self.catalogue), len(self.users)
        _, cells, _ = self._distinct(rows, votes)
        which, user, value = self.users_of.entries(cells % items)
        place = tf.gather(cells // items, which) * users + user
        sums = tf.math.unsorted_segment_sum(value, place, queries * users)
        counts = tf.math.unsorted_segment_sum(tf.ones_like(value), place, queries * users)
        means = tf.reshape(tf.math.divide_no_nan(sums, counts), [-1, users])
        return near, tf.gather(means, near, batch_dims=1)

    def _distinct(self, rows, votes):
        """The events of the histories that count [events, 2], the cells query * items + item that
        they are of, each once, and which of these each event has."""
        event = tf.where((rows >= 0) & (votes > 0))
        cell = tf.cast(event[:, 0], tf.int32) * len(self.catalogue) + tf.gather_nd(rows, event)
        return event, *tf.unique(cell)


def own_mean(rows: tf.Tensor, votes: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """The mean of what each request rates among the items that are known, [block]."""
    counts = (rows >= 0) & (votes > 0) & tf.math.is_finite(values)
    total = tf.reduce_sum(tf.where(counts, values, 0.0), axis=1)
    return tf.math.divide_no_nan(total, tf.reduce_sum(tf.cast(counts, tf.float32), axis=1))


def _power(values: tf.Tensor, power: int) -> tf.Tensor:
    """values^power for small powers, 0^0 being 1."""
    if power == 0:
        return tf.ones_like(values)
    return values if power == 1 else values * values


def _constant(values: np.ndarray) -> tf.Variable:
    return tf.Variable(values.astype("float32"), trainable=False)
