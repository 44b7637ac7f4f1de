"""Approximate search by an inverted file in ordinary operations, tuned to a recall."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfrec_recall.data.arguments import flag
from tfrec_recall.retrieval.approximate_index import ApproximateIndex, TunedToRecall, approximate
from tfrec_recall.retrieval.index import checked_vectors
from tfrec_recall.retrieval.leaf_searcher import LeafSearcher
from tfrec_recall.retrieval.tuning import Chosen

# Nanoseconds on one x86 core, for each number of a vector; only their ratios matter.
PER_MEAN = 0.15
PER_LOOKED_AT = 0.6
PER_SHORT = 0.5
PER_REORDERED = 1.0


@dataclasses.dataclass(frozen=True)
class InvertedFile(TunedToRecall):
    """The choice of approximate search that any server runs, which tunes itself to a recall.

    The items lie in leaves, found by k-means; a search visits those whose mean has the highest
    product with the query, and scores all of their items.

    Source: "Video Google: A Text Retrieval Approach to Object Matching in Videos", ICCV 2003, for
    inverted files of clusters; with `int8`, "Product Quantization for Nearest Neighbor Search",
    TPAMI 2011, section IV, for the search of compressed vectors in them and its second, exact step.
    Departs: numbers are rounded, not hashed; leaves too large are cut, so that none takes long.

    Args:
        recall: as of `ScaNN`.
        leaves: about how many there are; None to choose by measuring.
        leaves_to_search, reorder: both or neither: how many leaves a search for k visits, and how
            many candidates of `int8` it scores exactly (without it, all are); None to choose by
            measuring. What is given is served, with a warning if it falls short of the recall.
        int8: choose candidates by vectors of a quarter of the size. They are kept beside the exact
            ones, and pay where memory is slower than arithmetic.

    >>> vectors = np.random.default_rng(0).normal(size=(2000, 8))
    >>> index = InvertedFile(recall=0.9).build(vectors, k=10, queries=vectors[::2] + vectors[1::2])
    >>> index.report["recall"] >= 0.9
    True
    """

    int8: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        flag("InvertedFile", self.int8, "int8")

    def attempt(
        self,
        vectors: np.ndarray,
        k: int = 100,
        queries: np.ndarray | None = None,
        present: np.ndarray | None = None,
    ) -> ApproximateIndex:
        return approximate(
            self,
            "inverted file",
            checked_vectors(vectors),
            k,
            queries,
            present,
            self.recall,
            self.fixed,
        )

    @property
    def reorder_per_k(self) -> tuple[float, ...]:
        return (1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 8.0, 16.0) if self.int8 else (1.0,)

    def searcher(self, vectors: np.ndarray, leaves: int) -> LeafSearcher:
        return LeafSearcher(vectors, leaves, self.int8)

    def work(self, items: int, chosen: Chosen) -> float:
        looked_at = items * chosen.leaves_to_search / chosen.leaves
        work = PER_MEAN * chosen.leaves
        if not self.int8:
            return work + PER_LOOKED_AT * looked_at
        return work + PER_SHORT * looked_at + PER_REORDERED * chosen.reorder
