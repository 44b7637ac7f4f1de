"""Random walks over a weighted graph, all starts side by side."""

from __future__ import annotations

import functools
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse as sp

from tfrec_recall.graph.alias_tables import alias_tables
from tfrec_recall.graph.neighbour_table import NONE, shares_of_rows

WALKERS = 8192  # side by side in one block: what a step reads and writes stays in the cache


class RandomWalks:
    """Walks whose next node is drawn with probability proportional to the edge's weight.

    Source: "Billion-scale Commodity Embedding for E-commerce Recommendation in Alibaba", KDD 2018,
    Eq. 1; "DeepWalk: Online Learning of Social Representations", KDD 2014, Algorithm 1; "Pixie: A
    System for Recommending 3+ Billion Items to 200+ Million Users in Real-Time", WWW 2018, for the
    restart.

    Args:
        graph: [nodes, nodes], the weight from the row to the column.
        threads: blocks of walkers at a time; by default the number of processors. What is drawn
            does not depend on it.

    Attributes:
        graph: as given.
        begin, degree: of each node, where its edges begin and how many there are.
        threshold, target: of each edge, as in `AliasTables`, and the two nodes it may lead to.
        end: the node that walks are at once they are over; a dead end has an edge to it.

    >>> ring = sp.csr_array(([1.0, 1.0, 1.0], ([0, 1, 2], [1, 2, 0])), shape=(3, 3))
    >>> RandomWalks(ring).walk([0, 2], length=3)
    array([[0, 1, 2, 0],
           [2, 0, 1, 2]], dtype=int32)
    """

    def __init__(self, graph: sp.csr_array, threads: int | None = None):
        if graph.shape[0] != graph.shape[1]:
            raise ValueError(f"A graph has as many rows as columns. Received: {graph.shape}.")
        self.nodes = graph.shape[0]
        self.graph = graph
        self.threads = threads or os.cpu_count() or 1
        degree = np.diff(graph.indptr)
        tables = alias_tables(graph)
        # One more node, the end, which leads to itself, and where a dead end leads to.
        dead = np.flatnonzero(degree == 0)
        self.end = self.nodes
        self.endless = not len(dead)
        entries = graph.indptr[-1]
        self.begin = np.append(graph.indptr[:-1], entries).astype("int64")
        self.begin[dead] = entries
        self.degree = np.append(np.maximum(degree, 1), 1).astype("float64")
        self.threshold = np.append(tables.threshold, np.float32(1))
        # The entry's own node, then that of its alias, and the end's at last.
        self.target = np.full(2 * entries + 2, self.end, "int32" if self.end < 2**31 else "int64")
        self.target[:-2:2] = graph.indices
        self.target[1:-2:2] = graph.indices[tables.alias]

    def walk(
        self,
        starts: np.ndarray,
        length: int,
        restart: float = 0.0,
        seed: int = 0,
        period: int = 1,
    ) -> np.ndarray:
        """One walk from each start, which it begins with.

        Args:
            starts: nodes [starts]; one that is given twice walks twice.
            length: steps.
            restart: the probability to go back to the start instead of a step.
            period: steps that such a decision is for: after 2, where edges join users and items.

        Returns: int32 [starts, length + 1]. Where a node has no edge that leads on, the walk is
            over and -1 follows; with a restart it goes back to its start.
        """
        starts = np.asarray(starts, dtype="int64")
        if starts.ndim != 1 or (len(starts) and not 0 <= starts.min() <= starts.max() < self.nodes):
            raise ValueError(
                f"Walks start from a row of nodes from 0 to {self.nodes - 1}. "
                f"Received: {starts[:3].tolist()} … of shape {starts.shape}."
            )
        if length < 0 or period < 1 or not 0 <= restart < 1:
            raise ValueError(
                "length is 0 or more, period 1 or more, and restart a probability below 1. "
                f"Received: {length=}, {period=}, {restart=}."
            )
        walks = np.empty((len(starts), length + 1), dtype="int32")
        bounds = range(0, len(starts), WALKERS)
        seeds = np.random.SeedSequence(seed).spawn(len(bounds))

        def block(begin: int, seed: np.random.SeedSequence) -> None:
            generator = np.random.Generator(np.random.SFC64(seed))
            rows = slice(begin, begin + WALKERS)
            walks[rows] = self._block(starts[rows], length, restart, period, generator).T

        if self.threads == 1 or len(bounds) < 2:
            for begin, own in zip(bounds, seeds, strict=True):
                block(begin, own)
        else:
            with ThreadPoolExecutor(self.threads) as pool:  # NumPy's loops let other threads run
                list(pool.map(block, bounds, seeds))
        if not self.endless:
            walks[walks == self.end] = NONE
        return walks

    def step(self, shares: sp.csr_array) -> sp.csr_array:
        """Where walkers spread over the nodes as `shares`, [rows, nodes], are a step later.

        Those in dead ends are nowhere: rows then sum to less.

        >>> ring = sp.csr_array(([1.0, 3.0, 1.0], ([0, 0, 1], [1, 2, 2])), shape=(3, 3))
        >>> RandomWalks(ring).step(sp.csr_array([[0.5, 0.25, 0.25]])).toarray()
        array([[0.   , 0.125, 0.625]])
        """
        return sp.csr_array(shares @ self.transitions)

    @functools.cached_property
    def transitions(self) -> sp.csr_array:
        """The probability of each step, float32 [nodes, nodes]."""
        return shares_of_rows(self.graph)

    def _block(self, starts, length: int, restart: float, period: int, generator) -> np.ndarray:
        """[length + 1, starts]; in place, as new arrays would cost more than the sums."""
        count = len(starts)
        walks = np.empty((length + 1, count), dtype="int32")
        walks[0] = node = starts.copy()
        lot, degree = np.empty((2, count))
        threshold, following = np.empty(count, "float32"), np.empty(count, self.target.dtype)
        edge, slot = np.empty((2, count), dtype="int64")
        other = np.empty(count, dtype=bool)
        for step in range(1, length + 1):
            generator.random(out=lot)
            np.take(self.degree, node, out=degree, mode="clip")
            np.take(self.begin, node, out=edge, mode="clip")
            lot *= degree
            slot[:] = lot  # which of the node's entries
            lot -= slot  # what is left of the lot is another one, for the alias
            edge += slot
            np.take(self.threshold, edge, out=threshold, mode="clip")
            np.greater_equal(lot, threshold, out=other)
            edge *= 2
            edge += other
            np.take(self.target, edge, out=following, mode="clip")
            node[:] = following
            if restart and step % period == 0:
                back = generator.random(out=lot) < restart
                back |= node == self.end
                np.copyto(node, starts, where=back)
            walks[step] = node
        return walks
