"""Approximate search by ScaNN, tuned to a recall, inside the graph."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfrec_recall.data.arguments import flag
from tfrec_recall.retrieval.approximate_index import (
    ApproximateIndex,
    Fixed,
    TunedToRecall,
    approximate,
)
from tfrec_recall.retrieval.index import checked_vectors
from tfrec_recall.retrieval.scann_searcher import ScannSearcher
from tfrec_recall.retrieval.tuning import Chosen

FEWEST_ITEMS = 1_000  # below, ScaNN scores every vector: there is nothing to gain from leaves
FEWEST_NUMBERS = 4  # in a vector, likewise: hashing takes them in pairs

# Nanoseconds on one x86 core at 100,000 vectors of 64 numbers; only their ratios matter.
PER_CENTROID_NUMBER = 0.12
PER_HASHED_PAIR = 0.06
PER_REORDERED_NUMBER = 0.6


@dataclasses.dataclass(frozen=True)
class ScaNN(TunedToRecall):
    """The choice of approximate search by ScaNN, which tunes itself to a recall.

    Source: "Accelerating Large-Scale Inference with Anisotropic Vector Quantization", ICML 2020.

    Args:
        recall: the share of the exact k best to find, for the k of the retriever, on average over
            the queries; what was reached on queries that chose nothing is in the report. Where
            it cannot be reached, the build warns, and every item is searched exactly.
        leaves: how many leaves the tree has; None to choose by measuring.
        leaves_to_search, reorder: both or neither: how many leaves a search for k visits, and how
            many candidates it scores exactly; None to choose by measuring. What is given is
            served, with a warning if it falls short of the recall.
        parallel: search the queries of a batch on all cores.

    A server needs ScaNN's op library for it.

    >>> vectors = np.random.default_rng(0).normal(size=(2000, 8))
    >>> index = ScaNN(recall=0.9).build(vectors, k=10, queries=vectors[::2] + vectors[1::2])
    >>> index.report["recall"] >= 0.9
    True
    """

    parallel: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        flag("ScaNN", self.parallel, "parallel")

    def attempt(
        self,
        vectors: np.ndarray,
        k: int = 100,
        queries: np.ndarray | None = None,
        present: np.ndarray | None = None,
    ) -> ApproximateIndex:
        vectors = checked_vectors(vectors)
        items, dim = vectors.shape
        fixed = self.fixed
        if items < FEWEST_ITEMS or dim < FEWEST_NUMBERS:
            fixed = Fixed(leaves=1, leaves_to_search=1, reorder=items)
        return approximate(self, "scann", vectors, k, queries, present, self.recall, fixed)

    @property
    def reorder_per_k(self) -> tuple[float, ...]:
        return (1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 16.0, 32.0, 64.0)

    def searcher(self, vectors: np.ndarray, leaves: int) -> ScannSearcher:
        whole = len(vectors) < FEWEST_ITEMS or vectors.shape[1] < FEWEST_NUMBERS
        return ScannSearcher(vectors, None if whole else leaves, self.parallel)

    def work(self, items: int, chosen: Chosen) -> float:
        hashed = items * chosen.leaves_to_search / chosen.leaves
        return (
            PER_CENTROID_NUMBER * chosen.leaves
            + PER_HASHED_PAIR * hashed / 2
            + PER_REORDERED_NUMBER * chosen.reorder
        )
