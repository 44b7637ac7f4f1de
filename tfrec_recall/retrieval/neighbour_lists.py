"""Lists for many histories at once by a table of neighbours, in sparse products."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from sparse_dot_topn import sp_matmul_topn

from tfrec_recall.retrieval.selection import NO_ROW

QUERIES_AT_A_TIME = 16_384
GONE = -1e30  # far below any sum of votes: what has it is never above 0


class NeighbourLists:
    """The best rows by a table of neighbours and, behind them, by what is known without evidence.

    As `NeighbourRetriever` answers, without a dense score for each query and item: a list costs as
    many terms as its history has neighbours.

    Args:
        neighbours: rows [items, n], -1 for none.
        weights: of these neighbours, [items, n], all above 0.
        rest: scores below 0 of rows without evidence, [items].
        threads: how many queries are worked on at once; by default the number of processors.
    """

    def __init__(
        self,
        neighbours: np.ndarray,
        weights: np.ndarray,
        rest: np.ndarray,
        threads: int | None = None,
    ):
        items = len(rest)
        there = neighbours >= 0
        # Below the table a row an item that takes it from the list, whatever votes for it.
        each = np.arange(items, dtype="int32")
        column = np.concatenate([neighbours[there].astype("int32", copy=False), each])
        value = np.concatenate([weights[there], np.full(items, GONE)], dtype="float32")
        start = np.cumsum([0, *there.sum(axis=1), *np.ones(items, int)], dtype="int32")
        self._table = sp.csr_matrix((value, column, start), shape=(2 * items, items))
        self._rest = np.asarray(rest, "float32")
        self._popular = np.argsort(-self._rest, kind="stable").astype("int32")
        self._threads = threads or os.cpu_count() or 1

    def blocks(
        self, start: np.ndarray, rows: np.ndarray, votes: np.ndarray | None, k: int
    ) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """The lists of some histories after the other, the items of each history left out.

        Args:
            start: int64 [queries + 1]; the history of query q is rows[start[q] : start[q + 1]].
            rows: of the histories' events, [events]; -1 is no item of the catalogue.
            votes: what each event counts, [events]; None lets all count 1.

        Yields: which queries, their rows int32 [block, k] and their scores; -1 and -inf where
            fewer than k items are left.
        """
        for first in range(0, len(start) - 1, QUERIES_AT_A_TIME):
            block = slice(first, min(first + QUERIES_AT_A_TIME, len(start) - 1))
            events = slice(start[block.start], start[block.stop])
            vote = None if votes is None else votes[events]
            own = start[block.start : block.stop + 1] - start[block.start]
            yield (block, *self._listed(own, rows[events], vote, k))

    def _listed(self, start, rows, votes, k):
        queries, items = len(start) - 1, len(self._rest)
        query = np.repeat(np.arange(queries), np.diff(start))
        known = rows >= 0
        query, rows = query[known], rows[known]
        vote = np.ones(len(rows), "float32") if votes is None else votes[known]
        seen = sp.coo_array((np.ones(len(rows), "float32"), (query, rows)), (queries, items))
        voting = sp.coo_array((vote.astype("float32"), (query, rows)), (queries, items))
        seen = seen.tocsr()
        both = sp.csr_matrix(sp.hstack([voting, seen], format="csr"))
        top = sp_matmul_topn(
            both, self._table, top_n=k, threshold=0.0, sort=True, n_threads=self._threads
        )
        found = np.full((queries, k), NO_ROW, "int32")
        score = np.full((queries, k), -np.inf, "float32")
        count = np.diff(top.indptr)
        place = np.arange(k) < count[:, np.newaxis]
        found[place], score[place] = top.indices, top.data
        for few in np.flatnonzero(count < k).tolist():
            self._fill(found[few], score[few], count[few], seen.indices[_run(seen, few)])
        return found, score

    def _fill(self, found, score, count, seen):
        """Puts the best rows without evidence behind the `count` that have some."""
        taken = np.concatenate([found[:count], seen])
        candidates = self._popular[: len(found) + len(taken)]
        others = candidates[~np.isin(candidates, taken)][: len(found) - count]
        found[count : count + len(others)] = others
        score[count : count + len(others)] = self._rest[others]


def _run(matrix: sp.csr_array, row: int) -> slice:
    return slice(matrix.indptr[row], matrix.indptr[row + 1])
