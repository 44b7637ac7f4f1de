"""The tree of an index that goes on with a changed catalogue."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from tfrec_recall.export import LoadedRetriever
from tfrec_recall.retrieval import Catalogue, Index, IndexSettings
from tfrec_recall.retrieval.approximate_index import told, with_searcher
from tfrec_recall.retrieval.index import checked_vectors
from tfrec_recall.retrieval.scann_changes import changed_parts
from tfrec_recall.retrieval.scann_searcher import ScannSearcher
from tfrec_recall.retrieval.tuning import Chosen

ANEW = 0.8  # of the items, since the tree was built: `benchmarks/kept_tree.py` timed no more
FULLER = 1.25  # times the leaves that searches meet, against those of a tree that is built anew
SAME = 1e-5  # of a vector's length: what rounding makes of a vector that has not moved
KEPT = "kept"


@dataclasses.dataclass(frozen=True, eq=False)
class Tree:
    """A searcher's parts, as arrays, and what the index says of itself."""

    parts: Mapping[str, np.ndarray]
    report: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class KeptTree:
    """The choice of the index that an export has, over other items.

    Items that are new or have moved are put into the leaves and coded by the codebooks that are
    there, and removed ones are left out; nothing is trained, nothing tuned. That is cheaper than to
    build, however many they are (`benchmarks/kept_tree.py`: up to four fifths), as long as searches
    stay as good and as cheap. So the recall is measured. Where it is below what was asked for, or
    the leaves that searches meet are a quarter fuller than a tree that is built anew has them, as
    where new items are unlike the others or many more, or more than four fifths of the items are
    new since the tree was built, the index is built anew.

    Args:
        anew: what builds it.
        trees: those of the export.
        rows: of each item of the new catalogue, in the order of its rows, the row that it had; -1
            for a new item.
    """

    anew: IndexSettings
    trees: Sequence[Tree]
    rows: np.ndarray

    @classmethod
    def of(cls, retriever: LoadedRetriever, items: Any, anew: IndexSettings) -> Self | None:
        """That of an export over these ids; None where it has no tree of ScaNN."""
        trees = [
            Tree({part: value.numpy() for part, value in parts.items()}, retriever.report[name])
            for name, parts in retriever.searchers.items()
        ]
        if not trees:
            return None
        after = Catalogue(items).ids
        return cls(anew, trees, pd.Index(retriever.item_ids).get_indexer(pd.Index(after)))

    def build(
        self,
        vectors: np.ndarray,
        k: int = 100,
        queries: np.ndarray | None = None,
        present: np.ndarray | None = None,
    ) -> Index:
        vectors = checked_vectors(vectors)
        # A bias makes vectors of one number more, and similar items are found without it.
        width = vectors.shape[1]
        trees = [tree for tree in self.trees if tree.parts["dataset"].shape[1] == width]
        if trees:
            sources = [self._unmoved(tree, vectors) for tree in trees]
            best = int(np.argmax([np.count_nonzero(source >= 0) for source in sources]))
            found = self._kept(trees[best], vectors, sources[best], k, queries, present)
            if found is not None:
                return found
        return self.anew.build(vectors, k, queries, present)

    def _unmoved(self, tree: Tree, vectors: np.ndarray) -> np.ndarray:
        """The row that each vector has in the tree; -1 where it is new or has moved."""
        before = tree.parts["dataset"][np.maximum(self.rows, 0)]
        length = np.linalg.norm(vectors, axis=1)
        same = np.linalg.norm(before - vectors, axis=1) <= SAME * length
        return np.where((self.rows >= 0) & same, self.rows, -1)

    def _kept(self, tree, vectors, source, k, queries, present) -> Index | None:
        """The index with this tree; None where it does not do."""
        report, anew = tree.report, int(np.count_nonzero(source < 0))
        before = {"anew": 0, "fuller": 1.0, **(report.get(KEPT) or {})}
        so_far = anew + before["anew"]
        if so_far > ANEW * len(vectors):
            return None
        parts = changed_parts(tree.parts, vectors, source)
        # Of a tree that is built, leaves grow with the square root of the items.
        grown = math.sqrt(len(vectors) / len(tree.parts["dataset"]))
        fuller = before["fuller"] * grown * share_of_leaf(parts) / share_of_leaf(tree.parts)
        if fuller > FULLER:
            return None
        settings = report["settings"]
        searcher = ScannSearcher.of_parts(parts, report["leaves"], settings.get("parallel", True))
        chosen = Chosen(report["leaves"], report["leaves_to_search"], report["reorder"])
        index = with_searcher(searcher, chosen, "scann", settings, k, queries, present)
        if index.report["recall"] < settings["recall"]:
            return None
        of_choice = {name: report[name] for name in ("chosen_by", "why") if name in report}
        now = {"now": anew, "anew": so_far, "fuller": round(fuller, 4)}
        index.report.update({**of_choice, KEPT: now})
        return told(index, settings["recall"])


def share_of_leaf(parts: Mapping[str, np.ndarray]) -> float:
    """The share of all items that the leaf of an item has, on average."""
    sizes = np.bincount(np.ravel(parts["datapoint_to_token"]))
    return float(np.square(sizes / sizes.sum()).sum())
