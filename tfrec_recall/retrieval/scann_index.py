"""Approximate search by ScaNN, tuned to a recall, inside the graph."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_recall.retrieval.exact import exact_search, gather_or_zeros, search_inputs
from tfrec_recall.retrieval.index import Index, checked_vectors
from tfrec_recall.retrieval.scann_searcher import Searcher
from tfrec_recall.retrieval.scann_tuning import QUERIES, Chosen, Probe, tune
from tfrec_recall.retrieval.selection import NO_ROW, best, is_in, merge_by_maximum

log = logging.getLogger(__name__)

FEWEST_ITEMS = 1_000  # below, ScaNN scores every vector: there is nothing to gain from leaves
FEWEST_NUMBERS = 4  # in a vector, likewise: hashing takes them in pairs
EXACT_SHARE = 4  # a search for more than a quarter of the catalogue is exact


@dataclasses.dataclass(frozen=True)
class ScaNN:
    """The choice of approximate search by ScaNN, which tunes itself to a recall.

    Source: "Accelerating Large-Scale Inference with Anisotropic Vector Quantization", ICML 2020.

    Args:
        recall: the share of the exact k best to find, for the k of the retriever, on average over
            the queries; what was reached on queries that chose nothing is in the report.
        leaves: how many leaves the tree has; None to choose by measuring.
        leaves_to_search, reorder: both or neither: how many leaves a search for k visits, and how
            many candidates it scores exactly; None to choose by measuring.
        parallel: search the queries of a batch on all cores.

    Searches for more than k, or with items to leave out, visit as many leaves more. Where too few
    are found, or most of the catalogue is asked for, the search is exact.

    >>> vectors = np.random.default_rng(0).normal(size=(2000, 8))
    >>> index = ScaNN(recall=0.9).build(vectors, k=10)
    >>> index.report["recall"] > 0.85
    True
    """

    recall: float = 0.95
    leaves: int | None = None
    leaves_to_search: int | None = None
    reorder: int | None = None
    parallel: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.recall < 1:
            raise ValueError(
                "ScaNN reaches a recall between 0 and 1; for all of it use Exact(). "
                f"Received: recall={self.recall}."
            )
        if (self.leaves_to_search is None) != (self.reorder is None) or (
            self.leaves is None and self.reorder is not None
        ):
            raise ValueError(
                "Give ScaNN leaves_to_search and reorder together, and with leaves; or leave them "
                f"to tuning. Received: leaves={self.leaves}, "
                f"leaves_to_search={self.leaves_to_search}, reorder={self.reorder}."
            )
        for name in ("leaves", "leaves_to_search", "reorder"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"ScaNN needs {name} of at least 1. Received: {value}.")

    def build(
        self, vectors: np.ndarray, k: int = 100, queries: np.ndarray | None = None
    ) -> ScaNNIndex:
        started = time.perf_counter()
        vectors = checked_vectors(vectors)
        items, dim = vectors.shape
        k = min(k, items)
        held_out = None if queries is None else _usable(queries, dim)
        to_choose, to_report = _probes(vectors, vectors if held_out is None else held_out, k)
        if items < FEWEST_ITEMS or dim < FEWEST_NUMBERS:
            searcher = Searcher(vectors, None, self.parallel)
            chosen = Chosen(leaves=1, leaves_to_search=1, reorder=items)
        elif self.leaves and self.leaves_to_search and self.reorder:
            searcher = Searcher(vectors, self.leaves, self.parallel)
            chosen = Chosen(self.leaves, self.leaves_to_search, self.reorder)
        else:
            searcher, chosen = tune(vectors, to_choose, self.recall, self.leaves, self.parallel)
        index = ScaNNIndex(searcher, chosen, k)
        index.report.update(
            kind="scann",
            items=items,
            dim=dim,
            k=k,
            settings=dataclasses.asdict(self),
            leaves=chosen.leaves,
            leaves_to_search=chosen.leaves_to_search,
            reorder=chosen.reorder,
            **_measured(index, to_report),
            tuned_with="item vectors" if held_out is None else "queries",
            build_seconds=round(time.perf_counter() - started, 1),
        )
        if index.report["recall"] < self.recall:
            log.info("ScaNN reached recall %(recall).3f at k=%(k)d.", index.report)
        return index


class ScaNNIndex(Index):
    """A ScaNN searcher with exclusions; see `ScaNN`."""

    def __init__(self, searcher: Searcher, chosen: Chosen, k: int):
        super().__init__({}, name="scann_index")
        self._searcher = searcher
        self._chosen = chosen
        self._k = k

    def search(self, query, k, exclude=None, present=None):
        items, dim = self._searcher.vectors.shape
        query, exclude, present = search_inputs(dim, query, exclude, present)
        most_excluded = tf.reduce_sum(tf.cast(exclude != NO_ROW, tf.int32), axis=1)
        count = k + tf.reduce_max(tf.concat([most_excluded, [0]], axis=0))

        def approximate():
            rows, scores = self._candidates(query, count, present)
            scores = tf.where(is_in(rows, exclude), float("-inf"), scores)
            if query.shape[1] == 1:
                return best(scores, k, rows)
            return merge_by_maximum(rows, scores, k)

        def nothing():
            return best(tf.zeros([tf.shape(query)[0], 0]), k)

        def exact():
            return exact_search(self._searcher.vectors, query, k, exclude, present)

        few = (count * EXACT_SHARE <= items) & (tf.size(query) > 0)
        rows, scores = tf.cond(few, approximate, nothing)
        found = rows[:, -1] != NO_ROW
        if present is not None:
            found |= ~tf.reduce_any(present, axis=1)  # nothing was asked
        return tf.cond(few & tf.reduce_all(found), lambda: (rows, scores), exact)

    def vectors_of(self, rows):
        return gather_or_zeros(self._searcher.vectors, rows)

    def _candidates(self, query, count, present):
        """The candidates of all interests beside each other, [batch, any]."""
        chosen = self._chosen
        longer = tf.maximum(1.0, tf.cast(count, tf.float32) / self._k)
        leaves_to_search = tf.cast(tf.math.ceil(chosen.leaves_to_search * longer), tf.int32)
        reorder = tf.cast(tf.math.ceil(chosen.reorder * longer), tf.int32)
        flat = tf.reshape(query, [-1, self._searcher.vectors.shape[1]])  # [batch * interests, dim]
        rows, scores = self._searcher.candidates(
            flat, count, reorder, tf.minimum(leaves_to_search, chosen.leaves)
        )
        if present is not None:
            scores = tf.where(tf.reshape(present, [-1, 1]), scores, float("-inf"))
        side_by_side = [tf.shape(query)[0], tf.shape(query)[1] * tf.shape(rows)[1]]
        return tf.reshape(rows, side_by_side), tf.reshape(scores, side_by_side)


def _usable(queries: np.ndarray, dim: int) -> np.ndarray | None:
    """The finite query vectors, one interest a row; None if there are none."""
    queries = np.asarray(queries, np.float32)
    if queries.shape[-1:] != (dim,):
        raise ValueError(
            f"Queries to tune with are as long as the items' vectors, [..., {dim}]. "
            f"Received: an array of shape {queries.shape}."
        )
    queries = queries.reshape(-1, dim)
    queries = queries[np.isfinite(queries).all(axis=1)]
    return queries if len(queries) else None


def _probes(vectors: np.ndarray, queries: np.ndarray, k: int) -> tuple[Probe, Probe]:
    """Queries to choose settings with, and others to report with; the same if there is but one."""
    rows = np.random.default_rng(0).permutation(len(queries))[: 2 * QUERIES]
    to_choose, to_report = (rows, rows) if len(rows) == 1 else np.array_split(rows, 2)
    database = tf.constant(vectors)
    return Probe.of(database, queries[to_choose], k), Probe.of(database, queries[to_report], k)


def _measured(index: ScaNNIndex, probe: Probe) -> dict[str, Any]:
    """Recall on the queries, and the time of one query at a time, beside that of exact search."""
    rows, _ = index.search(probe.queries, probe.k)
    each = probe.recall(rows.numpy())
    vectors = index._searcher.vectors
    return {
        "recall": round(float(each.mean()), 4),
        "recall_standard_error": round(float(each.std() / np.sqrt(len(each))), 4),
        "queries": len(each),
        "milliseconds_per_query": {
            "scann": _milliseconds(lambda query: index.search(query, probe.k), probe.queries),
            "exact": _milliseconds(
                lambda query: exact_search(vectors, query, probe.k), probe.queries
            ),
        },
    }


def _milliseconds(search: Callable, queries: np.ndarray, repeats: int = 20) -> float:
    """The time of a search for one query, in a graph: the shortest, as the others are disturbed."""
    search = tf.function(search, reduce_retracing=True)
    search(tf.constant(queries[:1]))
    seconds = []
    for query in np.resize(queries, (repeats, queries.shape[1])):
        started = time.perf_counter()
        search(tf.constant(query[np.newaxis]))
        seconds.append(time.perf_counter() - started)
    return round(1000 * min(seconds), 3)
