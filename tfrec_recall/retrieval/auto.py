"""The choice between exact and approximate search, by measuring."""

from __future__ import annotations

import dataclasses
import logging

import numpy as np

from tfrec_recall.data.arguments import flag
from tfrec_recall.retrieval.approximate_index import check_recall, told
from tfrec_recall.retrieval.exact import Exact
from tfrec_recall.retrieval.index import Index, checked_vectors
from tfrec_recall.retrieval.inverted_file import InvertedFile
from tfrec_recall.retrieval.scann_index import ScaNN

log = logging.getLogger(__name__)

FEWEST_NUMBERS = 1_000_000
"""Numbers in all vectors (items x dim) below which approximate search is not tried.

Measured by `benchmarks/scann_speed.py --table`, one query at a time: up to a million numbers ScaNN
gains a third at most, since most of a search is then its call through the graph.
"""


@dataclasses.dataclass(frozen=True)
class Auto:
    """The choice of what is fastest among what reaches the recall and the server can run.

    Small catalogues are searched exactly without a trial. For others ScaNN is built and tuned, or
    an `InvertedFile` where the server lacks its operations or it misses the recall; what reached
    the recall is kept if it was faster than exact search for one query at a time. The report's
    `why` says what was chosen and why.

    Args:
        recall: that an approximate index must reach to be chosen.
        scann: whether the server that will load an export has ScaNN's operations, as TensorFlow
            Serving has not by itself.

    >>> Auto().build(np.eye(3)).report["kind"]
    'exact'
    """

    recall: float = 0.95
    scann: bool = True

    def __post_init__(self) -> None:
        check_recall("Auto", self.recall)
        flag("Auto", self.scann, "scann")

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
        """The first that reaches the recall, if it is faster than exact search; and why."""
        tried, inverted = [], InvertedFile(self.recall)
        for settings in (ScaNN(self.recall), inverted) if self.scann else (inverted,):
            index = settings.attempt(vectors, k, queries, present)
            report = index.report
            name, took = type(settings).__name__, report["milliseconds_per_query"]
            mine, exact = took[report["kind"]], took["exact"]
            tried.append(f"{name} took {mine} ms a query at recall {report['recall']}")
            if report["recall"] < self.recall:
                tried[-1] += f", and {self.recall} was asked for"
                continue
            tried[-1] += f", exact search {exact} ms"
            if mine < exact:
                return told(index, self.recall), "; ".join(tried)
            break
        return Exact().build(vectors), "; ".join(tried)
