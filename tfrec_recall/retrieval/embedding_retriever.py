"""Recall by vectors: a query's embedding searches an index of the items' embeddings."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_recall._tracing import by_user
from tfrec_recall.data.arguments import kind
from tfrec_recall.retrieval.catalogue import Catalogue
from tfrec_recall.retrieval.diversity import Diversity, spread
from tfrec_recall.retrieval.exact import Exact
from tfrec_recall.retrieval.index import (
    IndexSettings,
    checked_vectors,
    of_length_one,
    unit_vectors,
)
from tfrec_recall.retrieval.item_weights import ItemWeights
from tfrec_recall.retrieval.retriever import COLUMNS, Retriever
from tfrec_recall.retrieval.seldom import if_seldom
from tfrec_recall.retrieval.selection import NO_ROW, best
from tfrec_recall.retrieval.tuning_queries import TuningQueries, embedded
from tfrec_recall.retrieval.tuning_vectors import TuningVectors

Embedder = Callable[[Mapping[str, tf.Tensor]], Any]

EVERYBODY = "everybody"  # the kind of a query embedder to which all users are alike, in its report


class EmbeddingRetriever(Retriever):
    """Queries and items in one space: the score is the inner product.

    Items are similar by the cosine of their vectors: where these are not of length one, or a lift
    changes the lists of queries, a second index finds them. To an item of zeros none is. Where
    lengths say how much is known of items (`shortened`), they count.

    Args:
        query_embedder: a `tf.Module` or Keras model that maps the dictionary of raw query features
            to vectors [batch, dim], or to several interests [batch, interests, dim], whose scores
            are merged by maximum. Where a query has fewer interests than there are places, it
            gives a pair of vectors and `present`, bool [batch, interests]. Its method `knows`, if
            it has one, says of which queries anything is known, bool [batch]; of a query of zeros
            nothing is.
        item_ids: raw ids of the catalogue, strings or integers.
        vectors: float [items, dim], a row for each id.
        index: which index: `Exact()`, `ScaNN(recall=0.95)`, `InvertedFile(recall=0.95)`, `Auto()`.
        k: the length of a list where a call does not say; an approximate index is tuned for it.
        inputs: the raw query features as `tf.TensorSpec`; by default `query_embedder.inputs`.
        item_embedder: maps raw item features to vectors [batch, dim], also of items that are not
            in the catalogue; without it, `embed_item` gives the catalogue's vectors by `item_id`.
            Its `columns`, if it has them, are the retriever's `item_columns`.
        item_inputs: the raw item features; by default `item_embedder.inputs`.
        tuning_queries: requests of users to tune an approximate index with, raw query features, or
            a function that gives them for `inputs`; the recall that it promises is theirs. They
            need no targets. Without them item vectors stand in, with a warning.
        diversity: spread the lists over categories of items; scores are then what an item was worth
            to its list.
        lift: what the product of each item is multiplied by in the lists of queries, [items], above
            0; None is 1 for all. `similar_items` and `embed_item` know the vectors alone.
        bias: what is then added to it, [items]; None is 0 for all. An item of zeros whose bias is
            below 0 is one of which nothing is known: it only fills lists. Where nothing else has a
            bias, such items stay below all others whatever the length of a query.
        shortened: vectors are shorter where less is known of an item: items are similar by the
            product of their vectors with the direction of the one that is asked for. The lists of
            queries go by directions, and `lift`.
        with_interest: also offer `recommend_with_interest`: which interest brought an item.
        seed: of the permutation that orders items of equal score.

    >>> class ByPosition(tf.Module):
    ...     def __call__(self, raw):
    ...         return tf.one_hot(raw["position"], 3)
    >>> retriever = EmbeddingRetriever(
    ...     ByPosition(), ["a", "b", "c"], [[3, 0, 0], [2, 1, 0], [1, 0, 1]], k=2,
    ...     inputs={"position": tf.TensorSpec([None], tf.int64)},
    ... )
    >>> retriever({"position": [0]}, exclude=[["b"]])[0].numpy()
    array([[b'a', b'c']], dtype=object)
    """

    def __init__(
        self,
        query_embedder: Embedder,
        item_ids: Sequence[str] | Sequence[int] | np.ndarray,
        vectors: np.ndarray,
        index: IndexSettings | None = None,
        k: int = 100,
        inputs: Mapping[str, tf.TensorSpec] | None = None,
        item_embedder: Embedder | None = None,
        item_inputs: Mapping[str, tf.TensorSpec] | None = None,
        tuning_queries: TuningQueries = None,
        diversity: Diversity | None = None,
        lift: np.ndarray | None = None,
        bias: np.ndarray | None = None,
        shortened: bool = False,
        with_interest: bool = False,
        seed: int = 0,
    ):
        kind("EmbeddingRetriever", diversity, "diversity", Diversity, "Diversity(groups, weight)")
        catalogue = Catalogue(item_ids, seed)
        vectors = checked_vectors(vectors, len(catalogue))
        inputs = inputs_of(query_embedder, inputs, "inputs")
        if item_embedder is None:
            item_inputs = {"item_id": tf.TensorSpec([None], catalogue.dtype, "item_id")}
        else:
            item_inputs = inputs_of(item_embedder, item_inputs, "item_inputs")
        queries, present = embedded(
            lambda raw: _embedded(query_embedder, raw), inputs, tuning_queries
        )
        searched = k if diversity is None else k * diversity.candidates
        index = index or Exact()
        ordered = vectors[catalogue.order]
        weights = ItemWeights(lift, bias, catalogue.order, ordered)
        asked = None if queries is None else np.asarray(weights.asked(queries))
        by_query = weights.searched(unit_vectors(ordered) if shortened else ordered)
        built = by_cosine = index.build(by_query, searched, asked, present)
        if weights.of_items or not of_length_one(ordered):  # whose queries are the items
            units = unit_vectors(ordered)
            by_cosine = index.build(ordered if shortened else units, k=k, queries=units)
        offered = ("embed_query", "embed_item", "similar_items")
        report: dict[str, Any] = {
            "kind": "embedding",
            "query": dict(getattr(query_embedder, "report", {})),
            "embeds_new_items": item_embedder is not None,
            **columns_of(item_embedder),
            "index": built.report,
        }
        if by_cosine is not built:
            report["similar_items_index"] = by_cosine.report
        if shortened:
            report["shortened"] = True
        if diversity is not None:
            report |= {"diversity": diversity.weight, "diversity_candidates": diversity.candidates}
        super().__init__(
            item_ids=catalogue.ids,
            inputs=inputs,
            k=k,
            signatures=(*offered, "recommend_with_interest") if with_interest else offered,
            item_inputs=item_inputs,
            report=report,
            name="embedding_retriever",
        )
        self.catalogue = catalogue
        self.query_embedder = query_embedder
        self._knows = getattr(query_embedder, "knows", lambda queries: None)
        self.item_embedder = item_embedder
        self.index, self.cosine_index = built, by_cosine
        self._weights, self._shortened = weights, shortened
        self.of_items = weights.of_items
        unknown = weights.unknown(ordered)
        self.complete = not unknown.any()
        self._unknown = None if self.complete else _constant(unknown, "unknown")
        indexes = {"index": built, "similar_items_index": by_cosine}
        if by_cosine is built:
            del indexes["similar_items_index"]
        self.searchers = {name: one.parts for name, one in indexes.items() if one.parts}
        self.tuned_with = None if queries is None else TuningVectors(queries, present)
        self._diversity = diversity
        if diversity is not None:
            groups = diversity.codes(len(catalogue))[catalogue.order]
            self._groups = _constant(groups, "groups")

    def lists(self, queries, exclude, k, filters):
        with self.index.ready():
            return self._lists_of(queries, exclude, k, filters)

    def _lists_of(self, queries, exclude, k, filters):
        query, present = _embedded(self.query_embedder, queries)
        lists = functools.partial(self._lists, query, present, queries, exclude, k, filters)
        if filters or present is not None or query.shape.rank != 2 or self._diversity is not None:
            return lists()
        # Most requests ask for nothing but a list of users who are known: the index has it.
        found = self.index.at_once(self._weights.asked(query), k, tf.size(exclude) == 0)
        if found is None:
            return lists()
        rows, score, whole = found
        whole &= tf.reduce_all(_has_direction(query))
        if self._unknown is not None:
            whole &= ~tf.reduce_any(self._nothing_known(rows, self._unknown))
        known = self.knows(queries)
        if known is not None:
            whole &= tf.reduce_all(known)

        def as_found():
            return self.catalogue.raw(rows), score, tf.fill(tf.shape(query)[:1], k)

        return if_seldom(~whole, lists, as_found)

    def _lists(self, query, present, queries, exclude, k, filters):
        """`lists` of queries that are embedded."""

        def recommend(_, exclude, k, allowed):
            return self._best(query, present, exclude, k, allowed)

        return self._lists_by(recommend, queries, exclude, k, filters)

    def recommend(self, queries, exclude, k, allowed):
        query, present = _embedded(self.query_embedder, queries)
        return self._best(query, present, exclude, k, allowed)

    def recommend_by_interest(self, queries, exclude, k, allowed):
        query, present = _embedded(self.query_embedder, queries)
        rows, score = self._best(query, present, exclude, k, allowed)
        return rows, score, self._interest_of(rows, query, present)

    def knows(self, queries):
        return by_user(self._knows)(queries)

    def _best(self, query, present, exclude, k, allowed):
        """The rows of the best items, and their scores; none for a query without a direction."""
        candidates = k
        if self._diversity is not None:
            # As many for a shorter list, which is then how the longer one begins.
            candidates = tf.maximum(k, self.k) * self._diversity.candidates
            candidates = tf.minimum(candidates, len(self.catalogue))
        asked = self._weights.asked(query)
        rows, score = self.index.search(asked, candidates, exclude, present, allowed)
        if self._unknown is not None:
            score = tf.where(self._nothing_known(rows, self._unknown), float("-inf"), score)
            rows, score = best(score, candidates, rows)
        if self._diversity is not None:
            rows, score = spread(rows, score, self._groups, k, self._diversity.weight)
        asks = _has_direction(query)[:, tf.newaxis]
        return tf.where(asks, rows, NO_ROW), tf.where(asks, score, float("-inf"))

    def _nothing_known(self, rows, unknown):
        """Which of the items at rows only fill lists, bool [batch, k]."""
        return tf.gather(unknown, tf.clip_by_value(rows, 0, len(self.catalogue) - 1))

    def _interest_of(self, rows, query, present):
        """Which interest scores each row highest, int32 [batch, k]; -1 for `NO_ROW`."""
        query = self._weights.asked(query if query.shape.rank == 3 else query[:, tf.newaxis])
        scores = tf.einsum("bid,bkd->bki", query, self.index.vectors_of(rows))
        if present is not None:
            scores = tf.where(present[:, tf.newaxis], scores, float("-inf"))
        interest = tf.argmax(scores, axis=-1, output_type=tf.int32)
        return tf.where(rows == NO_ROW, -1, interest)

    def similar(self, row, exclude, k, allowed):
        row = row[:, tf.newaxis]  # [batch, 1]
        exclude = tf.concat([row, exclude], axis=1)
        # An item that is unknown, or of zeros, is an interest that is not present: nothing is
        # similar to it.
        query = self.cosine_index.vectors_of(row)  # [batch, 1, dim]
        if self._shortened:
            query = tf.math.l2_normalize(query, axis=-1)
        present = (row >= 0) & tf.reduce_any(query != 0, axis=-1)
        return self.cosine_index.search(query, k, exclude, present, allowed)

    def interests(self, queries):
        return _embedded(self.query_embedder, queries)

    def query_vectors(self, queries):
        return _embedded(self.query_embedder, queries)[0]

    def known_vectors(self, item_id):
        rows = self.catalogue.rows(item_id)
        return self._vectors_of(rows) if tf.reduce_all(rows >= 0) else None

    def item_vectors(self, items):
        if self.item_embedder is None:
            return self._vectors_of(self.catalogue.rows(items["item_id"]))
        return tf.cast(by_user(self.item_embedder)(items), tf.float32)

    def _vectors_of(self, rows):
        """The vectors of rows as they were given, [..., dim]."""
        if self._shortened:
            return self.cosine_index.vectors_of(rows)
        return self._weights.given(self.index.vectors_of(rows), rows)


def _embedded(
    query_embedder: Embedder, queries: Mapping[str, tf.Tensor]
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """The vectors of queries, and which of their interests are present (None: all)."""
    embedded = by_user(query_embedder)(queries)
    vectors, present = embedded if isinstance(embedded, tuple | list) else (embedded, None)
    return tf.cast(vectors, tf.float32), present


def _constant(values: np.ndarray, name: str) -> tf.Variable:
    return tf.Variable(values, trainable=False, name=name)


def _has_direction(query: tf.Tensor) -> tf.Tensor:
    """Which queries are not of zeros alone: [batch, ..., dim] to bool [batch]."""
    return tf.reduce_any(query != 0, axis=list(range(1, query.shape.rank)))


def columns_of(item_embedder: Embedder | None) -> dict[str, dict[str, str]]:
    """What a report tells of the columns that an embedder's inputs are read from, if they have
    other names."""
    columns = dict(getattr(item_embedder, "columns", None) or {})
    return {COLUMNS: columns} if columns else {}


def inputs_of(
    embedder: Embedder, inputs: Mapping[str, tf.TensorSpec] | None, argument: str
) -> Mapping[str, tf.TensorSpec]:
    """The raw features that an embedder takes: as given, or as it says itself.

    A functional model of Keras says it by the names of its inputs.
    """
    if inputs is None:
        inputs = getattr(embedder, "inputs", None)
        names, whole = (getattr(embedder, part, None) for part in ("input_names", "input"))
        if isinstance(inputs, list) and names is not None:
            named = dict(zip(names, inputs, strict=True))
            tensors = whole if isinstance(whole, Mapping) else named
            inputs = {name: tf.TensorSpec(t.shape, t.dtype) for name, t in tensors.items()}
    if not isinstance(inputs, Mapping):
        raise ValueError(
            f"Say which raw features the embedder takes: pass {argument}={{name: tf.TensorSpec}}, "
            f"or give the embedder such an attribute `inputs`. Received: {inputs!r}."
        )
    return inputs
