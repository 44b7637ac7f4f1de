"""Recall by a table of neighbours: each item of the history votes for the items like it."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data import Interactions, chronological
from tfrec_recall.data.ids import places
from tfrec_recall.retrieval.catalogue import Catalogue
from tfrec_recall.retrieval.neighbour_lists import NeighbourLists
from tfrec_recall.retrieval.popularity import Popularity
from tfrec_recall.retrieval.query_blocks import by_query_blocks
from tfrec_recall.retrieval.recency import check_recency, recency_weights
from tfrec_recall.retrieval.retriever import Retriever
from tfrec_recall.retrieval.selection import NO_ROW, best, leave_out, unwanted

CELLS_AT_A_TIME = 4_000_000


class NeighbourRetriever(Retriever):
    """The score of an item is the sum of its weights as a neighbour of the history's items.

    Items that are nobody's neighbour follow by popularity, with scores below 0. What is similar to
    an item are its neighbours; where filters or exclusions take some of them out, as many popular
    items follow.

    Args:
        item_ids: raw ids of the catalogue, strings or integers.
        neighbours: of each item, positions in `item_ids`, int [items, n], -1 for none.
        weights: of these neighbours, float [items, n], all above 0.
        popularity: of each item, [items]; None leaves items without evidence in any order.
        last, half_life: which events of a history count and how much, as in `recency_weights`.
        k: the length of a list where a call does not say.
        seed: of the permutation that orders items of equal score.

    >>> retriever = NeighbourRetriever(["a", "b", "c"], [[1], [2], [0]], [[0.5], [0.9], [0.2]], k=2)
    >>> retriever({"history": [["a", "b"]]}, exclude=[["a", "b"]])[0].numpy()
    array([[b'c', b'']], dtype=object)
    """

    def __init__(
        self,
        item_ids: Sequence[str] | Sequence[int] | np.ndarray,
        neighbours: np.ndarray,
        weights: np.ndarray,
        popularity: np.ndarray | None = None,
        last: int | None = None,
        half_life: float | None = None,
        k: int = 100,
        seed: int = 0,
    ):
        catalogue = Catalogue(item_ids, seed)
        items = len(catalogue)
        neighbours, weights = np.asarray(neighbours), np.asarray(weights, "float32")
        if neighbours.shape != weights.shape or neighbours.ndim != 2 or len(weights) != items:
            raise ValueError(
                "Each item has a row of neighbours and a row of their weights, as long. Received: "
                f"{items} items, neighbours {neighbours.shape}, weights {weights.shape}."
            )
        check_recency(type(self).__name__, last, half_life)
        super().__init__(
            item_ids=catalogue.ids,
            inputs={"history": tf.TensorSpec([None, None], catalogue.dtype, "history")},
            k=k,
            signatures=("similar_items",),
            report={
                "kind": "neighbours",
                "items": items,
                "neighbours": int(neighbours.shape[1]),
                "last": last,
                "half_life": half_life,
            },
            name="neighbour_retriever",
        )
        # By given position; -1 stays.
        row_of = np.append(np.argsort(catalogue.order), NO_ROW).astype("int32")
        self.catalogue = catalogue
        self._last, self._half_life = last, half_life
        self.neighbours = tf.Variable(
            row_of[neighbours[catalogue.order]], trainable=False, name="neighbours"
        )
        self.weights = tf.Variable(weights[catalogue.order], trainable=False, name="weights")
        if popularity is not None:
            popularity = np.asarray(popularity)[catalogue.order]
            self.with_fallback(Popularity(catalogue.ids, popularity))

    def recommend(self, queries, exclude, k, allowed):
        history = queries["history"]
        present = history != tf.constant(self.catalogue.padding, history.dtype)
        votes = recency_weights(present, self._last, self._half_life)  # [batch, history]
        rows = self.catalogue.rows(history)
        pairs = tf.shape(history)[1] * self.neighbours.shape[1]
        cells = tf.maximum(pairs, len(self.catalogue))
        return by_query_blocks(
            functools.partial(self._best, k=k),
            (rows, votes, exclude, allowed),
            k,
            CELLS_AT_A_TIME // cells,
        )

    def recommend_all(
        self, interactions: Interactions, k: int | None = None, threads: int | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """New items for every user of the events, as a call with each one's history gives them.

        For lists made offline: sparse products, whose time follows the events and not the items.

        Args:
            interactions: whose events are the histories, and are left out of the lists.
            k: the length of the lists.
            threads: how many users are worked on at once; by default the number of processors.

        Returns: raw user ids [users], and as from a call, in NumPy, raw item ids [users, k] and
            scores [users, k].

        Raises: ValueError where popular items depend on the user's segment.
        """
        fallback = self.fallback
        if fallback is None or fallback.inputs:
            by = None if fallback is None else ", ".join(fallback.inputs)
            raise ValueError(
                "Lists for all users at once are filled with what is popular overall: ask user by "
                f"user instead. Received: a fallback by {by}."
            )
        k = self.k if k is None else k
        users, start, rows, votes = self._histories(interactions)
        ids = np.empty((len(users), k), self.item_ids.dtype)
        scores = np.empty((len(users), k), "float32")
        raw = np.append(self.item_ids, np.array([self.catalogue.padding], ids.dtype))
        lists = NeighbourLists(
            self.neighbours.numpy(),
            self.weights.numpy(),
            fallback.below.numpy()[:, 0],
            threads,
        )
        for block, found, score in lists.blocks(start, rows, votes, k):
            ids[block], scores[block] = raw[found], score  # NO_ROW is the last: padding
        return users, ids, scores

    def _histories(self, interactions):
        """The users, where each one's history begins, and the events' rows and votes."""
        events, votes = interactions.events, None
        in_order = self._last is not None or self._half_life is not None
        if in_order:
            events = events.iloc[chronological(events)]
        user, users = pd.factorize(events["user_id"])
        rows = places(pd.Index(self.item_ids), events["item_id"]).astype("int32")
        start = np.append(0, np.cumsum(np.bincount(user, minlength=len(users))))
        if in_order:  # users are side by side, and events are in order
            newer = np.repeat(start[1:], np.diff(start)) - np.arange(len(user)) - 1.0
            half_life, last = self._half_life or np.inf, self._last or np.inf
            votes = np.where(newer < last, 0.5 ** (newer / half_life), 0).astype("float32")
        elif (np.diff(user) < 0).any():
            rows = rows[np.argsort(user, kind="stable")]
        return np.asarray(users), start, rows, votes

    def similar(self, row, exclude, k, allowed):
        known = (row >= 0)[:, tf.newaxis]
        neighbours = tf.where(known, tf.gather(self.neighbours, tf.maximum(row, 0)), NO_ROW)
        left_out = unwanted(neighbours, exclude, allowed)  # also where there is none
        score = tf.gather(self.weights, tf.maximum(row, 0))
        rows, score = best(tf.where(left_out, float("-inf"), score), k, neighbours)
        if self.fallback is None:
            return rows, score
        # As long as with nothing taken out: the table knows no more neighbours.
        length = tf.minimum(k, _count(neighbours))
        exclude = tf.concat([row[:, tf.newaxis], exclude], axis=1)
        lacking = _count(rows) < length
        rows, score = self.fallback.filled(lacking, None, rows, score, exclude, k, allowed)
        within = tf.range(k) < length[:, tf.newaxis]
        return tf.where(within, rows, NO_ROW), tf.where(within, score, float("-inf"))

    def _best(self, rows, votes, exclude, allowed, k):
        """The best rows of some queries: history rows and votes [block, history]."""
        items = len(self.catalogue)
        event = tf.where((rows >= 0) & (votes > 0))  # [events, 2]
        row = tf.gather_nd(rows, event)
        neighbour = tf.gather(self.neighbours, row)  # [events, n]
        vote = tf.gather_nd(votes, event)[:, tf.newaxis] * tf.gather(self.weights, row)
        # Pads of short lists have weight 0 and are counted with row 0.
        cell = tf.cast(event[:, :1], tf.int32) * items + tf.maximum(neighbour, 0)
        vote = tf.where(neighbour >= 0, vote, 0.0)
        queries = tf.shape(rows)[0]
        sums = tf.math.unsorted_segment_sum(
            tf.reshape(vote, [-1]), tf.reshape(cell, [-1]), queries * items
        )
        score = tf.reshape(sums, [-1, items])
        score = tf.where(score > 0, score, float("-inf"))
        return best(leave_out(score, exclude, 0, allowed), k)


def _count(rows: tf.Tensor) -> tf.Tensor:
    """How many there are beside `NO_ROW`, int32 [batch]."""
    return tf.reduce_sum(tf.cast(rows != NO_ROW, tf.int32), axis=1)
