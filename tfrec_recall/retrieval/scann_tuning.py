"""Settings of ScaNN that reach a target recall at the least work, found by measuring recall."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import tensorflow as tf

from tfrec_recall.retrieval.exact import exact_search
from tfrec_recall.retrieval.scann_searcher import Searcher

QUERIES = 512  # to choose with, and as many others to report with
COARSE = 20_000  # items on which numbers of leaves are compared
LEAVES_PER_ROOT = (1.0, 2.0, 4.0)  # leaves, as multiples of the square root of the items
REORDER_PER_K = (1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 16.0, 32.0, 64.0)

# Nanoseconds on one x86 core at 100,000 vectors of 64 numbers; only their ratios matter.
PER_CENTROID_NUMBER = 0.12
PER_HASHED_PAIR = 0.06
PER_REORDERED_NUMBER = 0.6


@dataclasses.dataclass(frozen=True)
class Chosen:
    """What was chosen for lists of k, and the recall that it reached on the queries that chose."""

    leaves: int
    leaves_to_search: int
    reorder: int
    recall: float


@dataclasses.dataclass(frozen=True)
class Probe:
    """Query vectors whose exact answers are known.

    Args:
        queries: float32 [queries, dim].
        truth: the exact rows, int32 [queries, k].
    """

    queries: np.ndarray
    truth: np.ndarray

    @classmethod
    def of(cls, vectors: tf.Tensor | tf.Variable, queries: np.ndarray, k: int) -> Probe:
        rows, _ = exact_search(vectors, tf.constant(queries), min(k, vectors.shape[0]))
        return cls(queries, rows.numpy())

    @property
    def k(self) -> int:
        return self.truth.shape[1]

    def recall(self, rows: np.ndarray) -> np.ndarray:
        """The share of the exact rows that is in `rows`, for each query."""
        found = np.full_like(self.truth, -1)
        found[:, : rows.shape[1]] = rows[:, : self.k]
        both = np.sort(np.concatenate([self.truth, found], axis=1), axis=1)
        twice = (both[:, 1:] == both[:, :-1]) & (both[:, 1:] >= 0)
        return twice.sum(axis=1) / self.k


def tune(
    vectors: np.ndarray, probe: Probe, recall: float, leaves: int | None, parallel: bool
) -> tuple[Searcher, Chosen]:
    """A searcher over the vectors, and the cheapest settings found for lists of `probe.k`.

    Numbers of leaves are compared on a sample of the items, then leaves to search and reordering
    are chosen on all of them. The choice is by recall, less its standard error, and by the work
    that a search does: the same data gives the same settings, whatever else the machine does.

    Args:
        vectors: float32 [items, dim].
        leaves: how many; None to choose.
    """
    if leaves is not None:
        return _searched(vectors, probe, recall, leaves, parallel)
    sample, sample_probe = _coarse(vectors, probe)
    tried = []
    for per_root in LEAVES_PER_ROOT:
        count = _leaves(per_root, len(sample))
        searcher, chosen = _searched(sample, sample_probe, recall, count, parallel)
        reached = chosen.recall >= recall
        tried.append((not reached, work(sample.shape, chosen), per_root, searcher, chosen))
    *_, per_root, searcher, chosen = min(tried, key=lambda trial: trial[:3])
    if sample is vectors:
        return searcher, chosen
    return _searched(vectors, probe, recall, _leaves(per_root, len(vectors)), parallel)


def work(shape: tuple[int, ...], chosen: Chosen) -> float:
    """About how many nanoseconds a query costs."""
    items, dim = shape
    hashed = items * chosen.leaves_to_search / chosen.leaves
    return (
        PER_CENTROID_NUMBER * chosen.leaves * dim
        + PER_HASHED_PAIR * hashed * dim / 2
        + PER_REORDERED_NUMBER * chosen.reorder * dim
    )


def _searched(
    vectors: np.ndarray, probe: Probe, recall: float, leaves: int, parallel: bool
) -> tuple[Searcher, Chosen]:
    searcher = Searcher(vectors, leaves, parallel)
    return searcher, choose(searcher, leaves, probe, recall)


def choose(searcher: Searcher, leaves: int, probe: Probe, recall: float) -> Chosen:
    """The cheapest leaves to search and reordering that reach the recall; if none do, the most."""
    items = searcher.vectors.shape[0]
    query = tf.constant(probe.queries)

    def measured(leaves_to_search: int, reorder: int) -> tuple[Chosen, bool]:
        rows, _ = searcher.candidates(query, probe.k, reorder, leaves_to_search)
        each = probe.recall(rows.numpy())
        reached = each.mean() - each.std() / math.sqrt(len(each)) >= recall
        return Chosen(leaves, leaves_to_search, reorder, float(each.mean())), bool(reached)

    best, most = None, leaves
    for factor in REORDER_PER_K:
        reorder = min(items, math.ceil(factor * probe.k))
        chosen, reached = measured(most, reorder)
        if reached:
            low, high = 1, most  # more reordering never needs more leaves
            while low < high:
                middle = (low + high) // 2
                trial, enough = measured(middle, reorder)
                if enough:
                    chosen, high = trial, middle
                else:
                    low = middle + 1
            if best is not None and work((items, 1), chosen) >= work((items, 1), best):
                return best
            best, most = chosen, high
        if reorder == items:
            break
    return best or chosen


def _leaves(per_root: float, items: int) -> int:
    return max(1, round(per_root * math.sqrt(items)))


def _coarse(vectors: np.ndarray, probe: Probe) -> tuple[np.ndarray, Probe]:
    """A sample of the items, and lists as much shorter; everything if there are few items."""
    if len(vectors) <= COARSE:
        return vectors, probe
    rows = np.random.default_rng(0).choice(len(vectors), COARSE, replace=False)
    sample = vectors[np.sort(rows)]
    k = max(10, probe.k * COARSE // len(vectors))
    return sample, Probe.of(tf.constant(sample), probe.queries, k)
