"""Recall through trigger items: the latest items of a history each recall their neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfrec_recall._tracing import by_user
from tfrec_recall.data.arguments import whole
from tfrec_recall.retrieval.catalogue import Catalogue
from tfrec_recall.retrieval.embedding_retriever import Embedder, columns_of, inputs_of
from tfrec_recall.retrieval.exact import Exact
from tfrec_recall.retrieval.filters import Allowed
from tfrec_recall.retrieval.index import IndexSettings, checked_vectors, unit_vectors
from tfrec_recall.retrieval.item_weights import checked_lift
from tfrec_recall.retrieval.recency import check_recency, recency_weights
from tfrec_recall.retrieval.retriever import Retriever
from tfrec_recall.retrieval.selection import NO_ROW, best
from tfrec_recall.retrieval.tuning_queries import TuningQueries, embedded
from tfrec_recall.retrieval.tuning_vectors import TuningVectors

Merge = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]

BLOCK = 256  # triggers searched at one time: what a search holds does not grow with the histories


def merge_by_sum(
    rows: tf.Tensor, scores: tf.Tensor, k: tf.Tensor | int
) -> tuple[tf.Tensor, tf.Tensor]:
    """The k best of several answers to the same query, the scores of a row added up.

    Args:
        rows: int32 [batch, candidates], all answers beside each other; `NO_ROW` is none.
        scores: [batch, candidates].

    >>> rows, scores = tf.constant([[7, 5, 7]]), tf.constant([[1.0, 1.5, 1.0]])
    >>> [part.numpy().tolist() for part in merge_by_sum(rows, scores, k=2)]
    [[[7, 5]], [[2.0, 1.5]]]
    """
    order = tf.argsort(rows, axis=1, stable=True)
    rows = tf.gather(rows, order, batch_dims=1)
    scores = tf.where(rows == NO_ROW, 0.0, tf.gather(scores, order, batch_dims=1))
    # A run of equal rows begins where the row, or the query, is another than before.
    first = tf.ones_like(rows[:, :1], tf.bool)
    begins = tf.concat([first, rows[:, 1:] != rows[:, :-1]], axis=1)
    run = tf.cumsum(tf.cast(tf.reshape(begins, [-1]), tf.int32)) - 1
    total = tf.math.segment_sum(tf.reshape(scores, [-1]), run)
    total = tf.reshape(tf.gather(total, run), tf.shape(scores))  # [batch, candidates]
    return best(tf.where(begins & (rows != NO_ROW), total, float("-inf")), k, rows)


class TriggerRetriever(Retriever):
    """Users through their latest items: what is near any of these is recalled.

    A trigger's neighbours are its similar items. A candidate's score is its cosine with the
    trigger, or with `shortened` its product, as in `similar_items`, times the trigger's weight and
    the candidate's lift, merged over the triggers that found it. The items of the history are left
    out.

    Args:
        item_ids: raw ids of the catalogue.
        vectors: float [items, dim], of any length.
        index: `Exact()`, `ScaNN(recall=0.95)`, `Auto()`.
        k: the length of a list where a call does not say.
        last: triggers, the latest items of the history; None takes all.
        half_life: a trigger weighs half of the one this many places newer; None weighs all alike.
        neighbours: how many items each trigger recalls.
        merge: `merge_by_sum` or `merge_by_maximum`.
        lift: what the score of each item is multiplied by in the lists of users, [items], above 0;
            None is 1 for all. Similar items are found by the vectors alone.
        item_embedder: maps raw item features to vectors, also of items that are not in the
            catalogue; without it, `embed_item` gives the catalogue's vectors by `item_id`. Its
            `columns`, if it has them, are the retriever's `item_columns`.
        tuning_queries: requests of users, `{"history": …}`, whose triggers an approximate index is
            tuned with; the recall that it promises is theirs. Without them item vectors stand in,
            with a warning.
        shortened: as in `EmbeddingRetriever`.
        seed: of the permutation that orders items of equal score.

    An item whose vector is zeros is no trigger, and no trigger recalls it. A user without a trigger
    is recalled nothing: popular items fill the list.

    >>> vectors = [[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]]
    >>> retriever = TriggerRetriever(["a", "b", "c"], vectors, k=2)
    >>> retriever({"history": [["a"]]})[0].numpy()
    array([[b'b', b'c']], dtype=object)
    """

    def __init__(
        self,
        item_ids: Sequence[str] | Sequence[int] | np.ndarray,
        vectors: np.ndarray,
        index: IndexSettings | None = None,
        k: int = 100,
        last: int | None = 10,
        half_life: float | None = None,
        neighbours: int = 100,
        merge: Merge = merge_by_sum,
        lift: np.ndarray | None = None,
        item_embedder: Embedder | None = None,
        tuning_queries: TuningQueries = None,
        shortened: bool = False,
        seed: int = 0,
    ):
        check_recency(type(self).__name__, last, half_life)
        whole(type(self).__name__, neighbours, "neighbours")
        catalogue = Catalogue(item_ids, seed)
        vectors = checked_vectors(vectors, len(catalogue))
        factors = np.ones((len(vectors), 1), "float32")
        if lift is not None:
            factors = checked_lift(lift, len(vectors))
        inputs = {"history": tf.TensorSpec([None, None], catalogue.dtype, "history")}
        ordered = vectors[catalogue.order]
        units, lengths = unit_vectors(ordered), np.linalg.norm(ordered, axis=1, keepdims=True)

        def of_triggers(raw):
            rows = _with_direction(catalogue.rows(raw["history"]), lengths)
            weights = recency_weights(rows >= 0, last, half_life)
            return tf.gather(units, rows[weights > 0]), None  # [triggers, dim]

        queries, _ = embedded(of_triggers, inputs, tuning_queries)
        tuned_with = None if queries is None else TuningVectors(queries)
        searched = ordered if shortened else units
        built = (index or Exact()).build(searched, k=neighbours, queries=queries)
        super().__init__(
            item_ids=catalogue.ids,
            inputs=inputs,
            k=k,
            signatures=("embed_item", "similar_items"),
            item_inputs=(
                {"item_id": tf.TensorSpec([None], catalogue.dtype, "item_id")}
                if item_embedder is None
                else inputs_of(item_embedder, None, "item_inputs")
            ),
            report={
                "kind": "trigger items",
                "last": last,
                "half_life": half_life,
                "neighbours": neighbours,
                "merge": merge.__name__,
                "embeds_new_items": item_embedder is not None,
                **columns_of(item_embedder),
                **({"shortened": True} if shortened else {}),
                "index": built.report,
            },
            name="trigger_retriever",
        )
        self.catalogue, self.index = catalogue, built
        self.searchers = {"index": built.parts} if built.parts else {}
        self.item_embedder, self._shortened = item_embedder, shortened
        self._lengths = tf.Variable(lengths, trainable=False, name="lengths")  # [items, 1]
        self._lift = tf.Variable(factors[catalogue.order, 0], trainable=False, name="lift")
        self.of_items = {"lift": self._lift}
        self.tuned_with = tuned_with
        self._last, self._half_life = last, half_life
        self._neighbours, self._merge = neighbours, merge

    def left_out(self, queries, exclude):
        return tf.concat([self.catalogue.rows(queries["history"]), exclude], axis=1)

    def recommend(self, queries, exclude, k, allowed):
        history = self.catalogue.rows(queries["history"])  # [batch, history]
        history = _with_direction(history, self._lengths)
        weights = recency_weights(history >= 0, self._last, self._half_life)
        weight, place = tf.math.top_k(weights, self._width(history))  # [batch, triggers]
        trigger = tf.gather(history, place, batch_dims=1)
        trigger = tf.where(weight > 0, trigger, NO_ROW)
        rows, scores = self._found(trigger, exclude, allowed)
        rows = _with_direction(rows, self._lengths)  # a cosine of 0 is above those of unlike items
        scores *= tf.reshape(weight, [-1, 1]) * tf.gather(self._lift, tf.maximum(rows, 0))
        beside = [tf.shape(trigger)[0], tf.shape(trigger)[1] * self._neighbours]
        return self._merge(tf.reshape(rows, beside), tf.reshape(scores, beside), k)

    def _found(
        self, trigger: tf.Tensor, exclude: tf.Tensor, allowed: Allowed | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Each trigger is a query of its own: rows and scores [batch * triggers, neighbours]."""
        triggers = tf.shape(trigger)[1]
        trigger = tf.reshape(trigger, [-1, 1])
        queries = tf.shape(trigger)[0]

        def next_block(first, rows, scores):
            last = tf.minimum(first + BLOCK, queries)
            block = trigger[first:last]
            whose = tf.range(first, last) // triggers
            block_rows, block_scores = self.index.search(
                self._directions(block),  # [block, 1, dim]
                self._neighbours,
                tf.gather(exclude, whose),
                present=block >= 0,
                allowed=None if allowed is None else allowed.take(whose),
            )
            return last, tf.concat([rows, block_rows], 0), tf.concat([scores, block_scores], 0)

        _, rows, scores = tf.while_loop(
            lambda first, *_: first < queries,
            next_block,
            (
                tf.constant(0),
                tf.zeros([0, self._neighbours], tf.int32),
                tf.zeros([0, self._neighbours]),
            ),
            shape_invariants=(tf.TensorShape([]), *[tf.TensorShape([None, None])] * 2),
            parallel_iterations=1,  # more would hold several blocks of scores
        )
        return rows, scores

    def _width(self, history: tf.Tensor) -> tf.Tensor:
        width = tf.shape(history)[1]
        return width if self._last is None else tf.minimum(width, self._last)

    def similar(self, row, exclude, k, allowed):
        row = row[:, tf.newaxis]  # [batch, 1]
        exclude = tf.concat([row, exclude], axis=1)
        present = _with_direction(row, self._lengths) >= 0
        return self.index.search(self._directions(row), k, exclude, present, allowed)

    def known_vectors(self, item_id):
        rows = self.catalogue.rows(item_id)
        return self._vectors_of(rows) if tf.reduce_all(rows >= 0) else None

    def item_vectors(self, items):
        if self.item_embedder is not None:
            return tf.cast(by_user(self.item_embedder)(items), tf.float32)
        return self._vectors_of(self.catalogue.rows(items["item_id"]))

    def _vectors_of(self, rows):
        """The vectors of rows as they were given, [..., dim]."""
        found = self.index.vectors_of(rows)
        return found if self._shortened else found * tf.gather(self._lengths, tf.maximum(rows, 0))

    def _directions(self, rows):
        """The vectors of rows, of length one: what asks."""
        found = self.index.vectors_of(rows)
        return tf.math.l2_normalize(found, axis=-1) if self._shortened else found


def _with_direction(rows: tf.Tensor, lengths: tf.Tensor | tf.Variable | np.ndarray) -> tf.Tensor:
    """The rows whose vectors are not of zeros alone; `NO_ROW` for others, which are near nothing.

    Args:
        rows: int32 [...]; `NO_ROW` stays.
        lengths: of the vectors, [items, 1].
    """
    length = tf.gather(lengths, tf.maximum(rows, 0))[..., 0]
    return tf.where(length > 0, rows, NO_ROW)
