"""The choice between exact and approximate search, by measuring."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np

from tfrec_recall.retrieval.approximate_index import told
from tfrec_recall.retrieval.exact import Exact
from tfrec_recall.retrieval.index import Index, checked_vectors
from tfrec_recall.retrieval.scann_index import ScaNN

log = logging.getLogger(__name__)

FEWEST_NUMBERS = 1_000_000
"""Numbers in all vectors (items x dim) below which ScaNN is not tried.

Measured by `benchmarks/scann_speed.py --table`, one query at a time: up to a million numbers ScaNN
gains a third at most, since most of a search is then its call through the graph.
"""


@dataclasses.dataclass(frozen=True)
class Auto:
    """The choice of ScaNN where it reaches the recall and is faster than exact search.

    Small catalogues are searched exactly without a trial; for others ScaNN is built and tuned, and
    kept if it reached the recall and was faster for one query at a time; else it is `Exact`. The
    report's `why` says which and why.

    Args:
        recall: that an approximate index must reach to be chosen.

    >>> Auto().build(np.eye(3)).report["kind"]
    'exact'
    """

    recall: float = 0.95

    def __post_init__(self) -> None:
        ScaNN(self.recall)  # says what is wrong with the recall

    def build(
        self,
        vectors: np.ndarray,
        k: int = 100,
        queries: np.ndarray | None = None,
        present: np.ndarray | None = None,
    ) -> Index:
        vectors = checked_vectors(vectors)
        items, dim = vectors.shape
        if items * dim < FEWEST_NUMBERS:
            index: Index = Exact().build(vectors)
            why = f"{items:,} items of {dim} numbers are few: exact search is as fast"
        else:
            index, why = self._tried(vectors, k, queries, present)
        index.report.update(chosen_by=dataclasses.asdict(self), why=why)
        log.info("Auto chose %s search: %s.", index.report["kind"], why)
        return index

    def _tried(self, vectors, k, queries, present) -> tuple[Index, str]:
        index = ScaNN(self.recall).attempt(vectors, k, queries, present)
        report = index.report
        took = report["milliseconds_per_query"]
        why = f"ScaNN took {took['scann']} ms a query at recall {report['recall']}"
        if report["recall"] < self.recall:
            return Exact().build(vectors), f"{why}, and {self.recall} was asked for"
        why += f", exact search {took['exact']} ms"
        if took["scann"] >= took["exact"]:
            return Exact().build(vectors), why
        return told(index, self.recall), why
