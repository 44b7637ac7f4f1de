"""Lists that give some of their places to new items, whatever is known of these yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data.arguments import whole
from tfrec_recall.retrieval.retriever import Retriever
from tfrec_recall.retrieval.selection import NO_ROW, is_in, unwanted

MOST = 1_000  # new items that are looked through
NEW_ITEMS = "new_items"  # in the report


class WithNewItems(Retriever):
    """A retriever whose lists give some places to new items.

    Of an item that a few users have taken, a model may know too little to list it for anybody, and
    then nobody more takes it. Here each list has as many new items as there are places, if so many
    are left: those that it lacks come behind all others, in the given order, in the places of the
    last ones. Their score is the least of the others. What a request leaves out, or the user has
    had, stays out. `similar_items` are as they were.

    Args:
        retriever: what gives the lists.
        item_ids: raw ids of the new items, the first 1,000 of which are looked through.
        places: of a list; of one that is asked for shorter, at most half.

    Raises: ValueError for items that the retriever does not list, and for a blend or a loaded
        export, whose lists are made of finished ones.
    """

    def __init__(self, retriever: Retriever, item_ids: Sequence[Any] | np.ndarray, places: int):
        whole("WithNewItems", places, "places")
        if getattr(retriever, "catalogue", None) is None or hasattr(retriever, "channels"):
            raise ValueError(
                "New items get places in the lists of a model's retriever, before it is blended "
                f"or exported. Received: {type(retriever).__name__}."
            )
        rows = pd.Index(retriever.item_ids).get_indexer(pd.Index(item_ids))
        if (rows < 0).any() or not len(rows):
            lacking = [one for one, row in zip(item_ids, rows, strict=True) if row < 0]
            raise ValueError(
                "New items are items of the retriever's catalogue, one at least. "
                f"Received: {len(item_ids)} items, of which it lacks {lacking[:5]}."
            )
        report = {**retriever.report, NEW_ITEMS: {"places": places, "items": len(rows)}}
        super().__init__(
            retriever.item_ids,
            retriever.inputs,
            retriever.k,
            retriever.signatures,
            retriever.item_inputs,
            report,
            name="with_new_items",
        )
        self.retriever, self.places = retriever, places
        self.catalogue, self.complete = retriever.catalogue, retriever.complete
        self.of_items, self.searchers = retriever.of_items, retriever.searchers
        self.tuned_with, self.popularity = retriever.tuned_with, retriever.popularity
        self.filters, self.rater = retriever.filters, retriever.rater
        self.fallback = None  # the lists are filled when they come
        object.__setattr__(self, "filter_inputs", retriever.filter_inputs)
        object.__setattr__(self, "rating_inputs", retriever.rating_inputs)
        self.new = tf.Variable(rows[:MOST].astype(np.int32), trainable=False, name="new_items")
        self._set_functions()

    def with_filters(self, items: pd.DataFrame, names: Sequence[str]) -> Self:
        raise ValueError(
            "The lists are made by another retriever: give it the filters, and new items their "
            f"places then. Received: {list(names)}."
        )

    def with_fallback(self, popularity: Any) -> Self:
        raise ValueError(
            "The lists are made by another retriever: give it what fills them, and new items their "
            f"places then. Received: {type(popularity).__name__}."
        )

    def lists(self, queries, exclude, k, filters):
        ids, score, evident = self.retriever.lists(queries, exclude, k, filters)
        ids, score, before = self._placed(ids, score, queries, exclude, k, filters)
        left = tf.cast(before < evident[:, tf.newaxis], tf.int32)
        return ids, score, tf.reduce_sum(left, axis=1)

    def lists_by_interest(self, queries, exclude, k, filters):
        ids, score, interest = self.retriever.lists_by_interest(queries, exclude, k, filters)
        ids, score, before = self._placed(ids, score, queries, exclude, k, filters)
        none = tf.fill([tf.shape(ids)[0], tf.size(self.new)], -1)
        interest = tf.gather(tf.concat([interest, none], axis=1), before, batch_dims=1)
        return ids, score, interest

    def _placed(self, ids, score, queries, exclude, k, filters):
        """Raw ids and scores with the new items; and the place that each had before, [batch, k],
        from k on of those that had none.
        """
        exclude, allowed = self._wanted(queries, exclude, filters)
        exclude = self.retriever.left_out(queries, exclude)
        rows = self.catalogue.rows(ids)
        batch, number = tf.shape(rows)[0], tf.size(self.new)
        new = tf.repeat(self.new[tf.newaxis], batch, axis=0)  # [batch, new]
        there = rows != NO_ROW
        is_new = is_in(rows, new) & there
        lacking = tf.minimum(self.places, k // 2) - _count(is_new)
        free = ~unwanted(new, tf.concat([exclude, rows], axis=1), allowed)
        order = tf.cumsum(tf.cast(free, tf.int32), axis=1)
        taken = free & (order <= lacking[:, tf.newaxis])
        # The last of the others go, and padding before them.
        behind = tf.cumsum(tf.cast(~is_new, tf.int32), axis=1, reverse=True)
        stays = is_new | (behind > _count(taken)[:, tf.newaxis])

        place = tf.range(k)
        of_old = -tf.where(there, place, k + number + 1 + place)
        keys = tf.concat(
            [
                tf.where(stays, of_old, tf.int32.min),
                tf.where(taken, -k - order, tf.int32.min),
            ],
            axis=1,
        )
        before = tf.math.top_k(keys, k).indices
        least = tf.where(stays & there, score, float("inf"))
        least = tf.reduce_min(least, axis=1, keepdims=True)
        least = tf.where(tf.math.is_inf(least), 0.0, least)  # where nothing else is listed
        scores = tf.concat([score, tf.repeat(least, number, axis=1)], axis=1)
        rows = tf.gather(tf.concat([rows, new], axis=1), before, batch_dims=1)
        return self.catalogue.raw(rows), tf.gather(scores, before, batch_dims=1), before

    def similar_lists(self, item_id, exclude, k, filters):
        return self.retriever.similar_lists(item_id, exclude, k, filters)

    def recommend(self, queries, exclude, k, allowed):
        return self.retriever.recommend(queries, exclude, k, allowed)

    def interests(self, queries):
        return self.retriever.interests(queries)

    def left_out(self, queries, exclude):
        return self.retriever.left_out(queries, exclude)

    def knows(self, queries):
        return self.retriever.knows(queries)

    def ratings(self, queries, item_id):
        return self.retriever.ratings(queries, item_id)

    def query_vectors(self, queries):
        return self.retriever.query_vectors(queries)

    def item_vectors(self, items):
        return self.retriever.item_vectors(items)

    def known_vectors(self, item_id):
        return self.retriever.known_vectors(item_id)


def _count(there: tf.Tensor) -> tf.Tensor:
    """How many of each row, int32 [batch]."""
    return tf.reduce_sum(tf.cast(there, tf.int32), axis=1)
