"""Settings of ScaNN that reach a target recall at the least work, found by measuring recall."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import tensorflow as tf

from tfrec_recall.retrieval.exact import exact_search
from tfrec_recall.retrieval.scann_searcher import Searcher

QUERIES = 512  # to choose with, and as many others to report with
COARSE = 10_000  # items on which numbers of leaves are compared
LEAVES_PER_ROOT = (1.0, 2.0, 4.0)  # leaves, as multiples of the square root of the items
REORDER_PER_K = (1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 16.0, 32.0, 64.0)

# Nanoseconds on one x86 core at 100,000 vectors of 64 numbers; only their ratios matter.
PER_CENTROID_NUMBER = 0.12
PER_HASHED_PAIR = 0.06
PER_REORDERED_NUMBER = 0.6


@dataclasses.dataclass(frozen=True)
class Chosen:
    """Settings for lists of k, and the recall that they reached on the queries that chose them."""

    leaves: int
    leaves_to_search: int
    reorder: int
    recall: float = math.nan
    standard_error: float = math.nan

    def reaches(self, recall: float) -> bool:
        """Whether the recall is reached, and not by the luck of these queries alone."""
        return self.recall - self.standard_error >= recall


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
    are chosen on all of them: by measured recall, and by the work that a search does, so that the
    same data gives the same settings whatever else the machine is doing.

    Args:
        vectors: float32 [items, dim].
        leaves: how many; None to choose.
    """
    leaves = leaves or _best_leaves(vectors, probe, recall)
    searcher = Searcher(vectors, leaves, parallel)
    return searcher, choose(searcher, leaves, probe, recall)


def work(items: int, chosen: Chosen) -> float:
    """About how many nanoseconds a query costs, for each number of a vector."""
    hashed = items * chosen.leaves_to_search / chosen.leaves
    return (
        PER_CENTROID_NUMBER * chosen.leaves
        + PER_HASHED_PAIR * hashed / 2
        + PER_REORDERED_NUMBER * chosen.reorder
    )


def choose(searcher: Searcher, leaves: int, probe: Probe, recall: float) -> Chosen:
    """The cheapest leaves to search and reordering that reach the recall; if none do, the most."""
    items = searcher.vectors.shape[0]
    best, most = None, leaves
    for factor in REORDER_PER_K:
        reorder = min(items, math.ceil(factor * probe.k))
        chosen = _measured(searcher, Chosen(leaves, most, reorder), probe)
        if chosen.reaches(recall):
            chosen = _fewest_leaves(searcher, chosen, probe, recall)
            if best is not None and work(items, chosen) >= work(items, best):
                break
            best, most = chosen, chosen.leaves_to_search  # more reordering never needs more leaves
        if reorder == items:
            break
    return best or chosen


def _fewest_leaves(searcher: Searcher, enough: Chosen, probe: Probe, recall: float) -> Chosen:
    """These settings with the fewest leaves to search that still reach the recall, by bisection."""
    too_few = 0
    while enough.leaves_to_search - too_few > 1:
        middle = (enough.leaves_to_search + too_few) // 2
        trial = _measured(searcher, dataclasses.replace(enough, leaves_to_search=middle), probe)
        if trial.reaches(recall):
            enough = trial
        else:
            too_few = middle
    return enough


def _measured(searcher: Searcher, settings: Chosen, probe: Probe) -> Chosen:
    """The same settings, with the recall that they reach."""
    rows, _ = searcher.candidates(
        tf.constant(probe.queries), probe.k, settings.reorder, settings.leaves_to_search
    )
    each = probe.recall(rows.numpy())
    error = each.std() / math.sqrt(len(each))
    return dataclasses.replace(settings, recall=float(each.mean()), standard_error=float(error))


def _best_leaves(vectors: np.ndarray, probe: Probe, recall: float) -> int:
    """The number of leaves of which the least work is expected, from trials on a sample."""
    items = len(vectors)
    sample, sample_probe = _coarse(vectors, probe)
    expected = []
    for per_root in LEAVES_PER_ROOT:
        leaves = max(1, round(per_root * math.sqrt(len(sample))))
        chosen = choose(Searcher(sample, leaves), leaves, sample_probe, recall)
        # All items need the same share of their leaves, and as many more candidates as k is longer.
        share = chosen.leaves_to_search / chosen.leaves
        leaves = max(1, round(per_root * math.sqrt(items)))
        reorder = math.ceil(chosen.reorder * probe.k / sample_probe.k)
        scaled = Chosen(leaves, math.ceil(share * leaves), reorder)
        expected.append((not chosen.reaches(recall), work(items, scaled), leaves))
    return min(expected)[-1]


def _coarse(vectors: np.ndarray, probe: Probe) -> tuple[np.ndarray, Probe]:
    """A sample of the items, and lists as much shorter; everything if there are few items."""
    if len(vectors) <= COARSE:
        return vectors, probe
    rows = np.random.default_rng(0).choice(len(vectors), COARSE, replace=False)
    sample = vectors[np.sort(rows)]
    k = max(10, probe.k * COARSE // len(vectors))
    return sample, Probe.of(tf.constant(sample), probe.queries, k)
