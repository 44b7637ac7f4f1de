"""The choice between exact and approximate search, by measuring."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np

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
    """The choice of ScaNN where it is faster than exact search, else of `Exact`.

    Small catalogues are searched exactly without a trial; for others ScaNN is built and tuned, and
    kept if it was faster for one query at a time. The report's `why` says which and why.

    Args:
        recall: that ScaNN is tuned to.

    >>> Auto().build(np.eye(3)).report["kind"]
    'exact'
    """

    recall: float = 0.95

    def __post_init__(self) -> None:
        ScaNN(self.recall)  # says what is wrong with the recall

    def build(self, vectors: np.ndarray, k: int = 100, queries: np.ndarray | None = None) -> Index:
        vectors = checked_vectors(vectors)
        items, dim = vectors.shape
        if items * dim < FEWEST_NUMBERS:
            index: Index = Exact().build(vectors)
            why = f"{items:,} items of {dim} numbers are few: exact search is as fast as ScaNN"
        else:
            index = ScaNN(self.recall).build(vectors, k, queries)
            took = index.report["milliseconds_per_query"]
            faster = took["scann"] < took["exact"]
            why = (
                f"ScaNN took {took['scann']} ms a query at recall {index.report['recall']}, "
                f"exact search {took['exact']} ms"
            )
            if not faster:
                index = Exact().build(vectors)
        index.report.update(chosen_by=dataclasses.asdict(self), why=why)
        log.info("Auto chose %s search: %s.", index.report["kind"], why)
        return index
