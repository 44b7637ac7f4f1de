"""Recall by any scoring model: all items in blocks, or a shortlist of an index scored again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from tfrec_recall._tracing import by_user
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.retrieval.catalogue import Catalogue
from tfrec_recall.retrieval.index import IndexSettings
from tfrec_recall.retrieval.item_weights import ItemWeights
from tfrec_recall.retrieval.retriever import Retriever
from tfrec_recall.retrieval.selection import NO_ROW, best, leave_out
from tfrec_recall.retrieval.tuning_queries import TuningQueries, embedded
from tfrec_recall.retrieval.tuning_vectors import TuningVectors

PAIRS_AT_A_TIME = 131_072
BELOW = 1e6  # times the longest vector: no query makes as much of a known item


class Scorer(Protocol):
    """A model as `ScoringRetriever` sees it.

    `inputs` are the raw query features, name -> `tf.TensorSpec`.
    """

    inputs: Mapping[str, tf.TensorSpec]

    def knows(self, raw: Mapping[str, tf.Tensor]) -> tf.Tensor | None:
        """Of which queries anything is known, bool [batch]; None: of all."""

    def query(self, raw: Mapping[str, tf.Tensor]) -> Any:
        """What the model makes of queries before it sees an item: tensors [batch, ...]."""

    def score(self, query: Any, items: tf.Tensor) -> tf.Tensor:
        """The scores [batch, n] of encoded items, [1, n] for all queries or [batch, n]."""

    def query_vectors(self, query: Any) -> tf.Tensor:
        """[batch, dim]: the vectors that search a shortlist."""

    def item_vectors(self, items: np.ndarray) -> np.ndarray:
        """[items, dim]: the vectors of encoded items that a shortlist is searched in."""


class ScoringRetriever(Retriever):
    """Every item is scored by the whole model, or only those that an index puts first.

    What the scorer does not know, new items, is in no list but where popular items fill it.

    Args:
        scorer: the model, a `tf.Module`.
        item_ids: raw ids of the catalogue, strings or integers.
        encoded: what the scorer knows these items by, integers [items].
        shortlist: how many items the index proposes to be scored; None scores all of them.
            A list is never longer than it.
        index: what searches the shortlist.
        k: the length of a list where a call does not say.
        tuning_queries: requests of users, as for `EmbeddingRetriever`, to tune an approximate
            index of the shortlist with.
        seed: of the permutation that orders items of equal score.
    """

    def __init__(
        self,
        scorer: Scorer,
        item_ids: Sequence[str] | Sequence[int] | np.ndarray,
        encoded: np.ndarray,
        shortlist: int | None = None,
        index: IndexSettings | None = None,
        k: int = 100,
        tuning_queries: TuningQueries = None,
        seed: int = 0,
    ):
        catalogue = Catalogue(item_ids, seed)
        if np.shape(encoded) != (len(catalogue),):
            raise ValueError(
                "There is one encoded id for each item id. "
                f"Received: {len(catalogue)} ids, encoded of shape {np.shape(encoded)}."
            )
        if (shortlist is None) != (index is None):
            raise ValueError(
                "A shortlist needs both its length and an index to search it. "
                f"Received: shortlist={shortlist}, index={index}."
            )
        if shortlist is not None and shortlist < k:
            raise ValueError(f"A shortlist is no shorter than k={k}. Received: {shortlist}.")
        ordered = np.asarray(encoded, "int32")[catalogue.order]
        new, built, tuned_with = ordered < FIRST_KNOWN, None, None
        weights = ItemWeights(None, None, np.arange(len(new)))
        if index is not None and shortlist is not None:
            vectors = scorer.item_vectors(ordered)
            weights = _below_all(new, vectors)
            queries, _ = embedded(
                lambda raw: (scorer.query_vectors(scorer.query(raw)), None),
                scorer.inputs,
                tuning_queries,
            )
            asked = None if queries is None else np.asarray(weights.asked(queries))
            built = index.build(weights.searched(vectors), shortlist, asked)
            tuned_with = None if queries is None else TuningVectors(queries)
        super().__init__(
            item_ids=catalogue.ids,
            inputs=scorer.inputs,
            k=k,
            report={
                "kind": "scoring",
                "items": len(catalogue),
                "shortlist": shortlist,
                "index": None if built is None else built.report,
            },
            name="scoring_retriever",
        )
        self.catalogue = catalogue
        self.scorer = scorer
        self.index, self._weights = built, weights
        self.tuned_with = tuned_with
        self.encoded = tf.Variable(ordered, trainable=False, name="encoded")
        self._shortlist = shortlist
        self._some_new = bool(new.any())
        self.complete = shortlist is None and not self._some_new

    def recommend(self, queries, exclude, k, allowed):
        query = by_user(self.scorer.query)(queries)
        if self.index is None:
            return self._all(query, exclude, k, allowed)
        return self._shortlisted(self.index, query, exclude, k, allowed)

    def knows(self, queries):
        return by_user(self.scorer.knows)(queries)

    def _shortlisted(self, index, query, exclude, k, allowed):
        vectors = self._weights.asked(by_user(self.scorer.query_vectors)(query))
        rows, _ = index.search(vectors, self._shortlist, exclude, allowed=allowed)
        score = self._score(query, tf.gather(self.encoded, tf.maximum(rows, 0)))
        # Equal scores keep the order of the rows, not that of the index.
        order = tf.argsort(rows, axis=1)
        rows = tf.gather(rows, order, batch_dims=1)
        score = tf.gather(score, order, batch_dims=1)
        return best(tf.where(rows == NO_ROW, float("-inf"), score), k, rows)

    def _score(self, query, items):
        """The scores [batch, n] of encoded items; -inf of new ones."""
        score = by_user(self.scorer.score)(query, items)
        return tf.where(items < FIRST_KNOWN, float("-inf"), score) if self._some_new else score

    def _all(self, query, exclude, k, allowed):
        items = len(self.catalogue)
        batch = tf.shape(exclude)[0]
        step = tf.maximum(1, PAIRS_AT_A_TIME // tf.maximum(1, batch))

        def next_block(first, rows, scores):
            last = tf.minimum(first + step, items)
            block = self._score(query, self.encoded[tf.newaxis, first:last])
            block = leave_out(block, exclude, first, allowed)
            block_rows, block = best(block, tf.minimum(k, last - first))
            block_rows = tf.where(block_rows == NO_ROW, NO_ROW, block_rows + first)
            merged = tf.concat([scores, block], 1), tf.concat([rows, block_rows], 1)
            return (last, *best(merged[0], k, merged[1]))

        nothing = best(tf.zeros([batch, 0]), k)
        _, rows, scores = tf.while_loop(
            lambda first, *_: first < items,
            next_block,
            (tf.constant(0), *nothing),
            shape_invariants=(tf.TensorShape([]), *[tf.TensorShape([None, None])] * 2),
            parallel_iterations=1,  # more would hold several blocks of scores
        )
        return rows, scores


def _below_all(new: np.ndarray, vectors: np.ndarray) -> ItemWeights:
    """What keeps new items, bool [items], out of a shortlist, by vectors [items, dim] of all."""
    longest = np.linalg.norm(vectors, axis=1).max(initial=0.0)
    bias = np.where(new, -BELOW * (1 + longest), 0.0) if new.any() else None
    return ItemWeights(None, bias, np.arange(len(new)))
