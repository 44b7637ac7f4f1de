"""Which nodes matter to a node: those that short walks from it visit most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import scipy.sparse as sp

from tfrec_recall.graph.neighbour_table import (
    NONE,
    Neighbours,
    best_of_rows,
    shares_of_rows,
    without_self,
)

VISITS_AT_A_TIME = 4_000_000


class Walks(Protocol):
    """`RandomWalks` or `ItemUserItemWalks`."""

    nodes: int

    def walk(
        self, starts: np.ndarray, length: int, restart: float = 0.0, seed: int = 0
    ) -> np.ndarray: ...

    def step(self, shares: sp.csr_array) -> sp.csr_array:
        """Where walkers spread over the nodes as `shares`, [rows, nodes], are a step later."""
        ...


def visit_counts(
    walks: Walks,
    starts: np.ndarray,
    count: int,
    length: int,
    restart: float = 0.0,
    seed: int = 0,
) -> sp.csr_array:
    """How often `count` walks from each start visit each node, float32 [starts, nodes].

    The place at the start of a walk is no visit; coming back is one.

    >>> ring = sp.csr_array(([1.0, 1.0, 1.0], ([0, 1, 2], [1, 2, 0])), shape=(3, 3))
    >>> visit_counts(RandomWalks(ring), [0], count=5, length=4).toarray()
    array([[ 5., 10.,  5.]], dtype=float32)
    """
    parts = [part for _, part in visit_blocks(walks, starts, count, length, restart, seed)]
    if not parts:
        return sp.csr_array((0, walks.nodes), dtype="float32")
    return sp.csr_array(sp.vstack(parts, format="csr"))


def visit_blocks(
    walks: Walks,
    starts: np.ndarray,
    count: int,
    length: int,
    restart: float = 0.0,
    seed: int = 0,
) -> Iterator[tuple[slice, sp.csr_array]]:
    """`visit_counts` of some starts after the other, so that not all visits exist at one time."""
    starts = np.asarray(starts)
    if count < 1 or length < 1:
        raise ValueError(f"count and length are at least 1. Received: {count=}, {length=}.")
    rows = max(1, VISITS_AT_A_TIME // (count * length))
    seeds = np.random.SeedSequence(seed).generate_state(-(-len(starts) // rows))
    for begin, own in zip(range(0, len(starts), rows), seeds, strict=True):
        some = starts[begin : begin + rows]
        visited = walks.walk(np.repeat(some, count), length, restart, int(own))[:, 1:]
        visit = np.repeat(np.arange(len(some)), count * length) * walks.nodes + visited.ravel()
        visit = visit[visited.ravel() != NONE]
        visit.sort()
        first = np.flatnonzero(np.diff(visit, prepend=-1))
        times = np.diff(first, append=len(visit)).astype("float32")
        row, node = np.divmod(visit[first], walks.nodes)
        bounds = np.searchsorted(row, np.arange(len(some) + 1))
        counts = sp.csr_array((times, node, bounds), shape=(len(some), walks.nodes))
        yield slice(begin, begin + len(some)), counts


def importance_neighbours(
    walks: Walks,
    top: int,
    count: int = 100,
    length: int = 10,
    restart: float = 0.15,
    seed: int = 0,
    nodes: np.ndarray | None = None,
) -> Neighbours:
    """Of each node, the `top` others that its walks visit most.

    Source: "Graph Convolutional Neural Networks for Web-Scale Recommender Systems", KDD 2018,
    section 3.1, "Importance-based neighborhoods".

    Args:
        top: T of the paper.
        count: walks from each node.
        length, restart: of the walks.
        seed: of the walks, and of the order among equals.
        nodes: those whose neighbours are wanted; None: all.

    Returns: ids and weights, which are shares of all visits to other nodes: those of a node sum to
        1 if no more than `top` others were visited.

    >>> path = sp.csr_array(([1.0, 1.0, 1.0], ([0, 1, 2], [1, 2, 0])), shape=(4, 4))
    >>> importance_neighbours(RandomWalks(path), top=2, count=3, length=2, restart=0.0).ids
    array([[ 2,  1],
           [ 2,  0],
           [ 0,  1],
           [-1, -1]], dtype=int32)
    """
    if top < 1:
        raise ValueError(f"top is at least 1. Received: {top}.")
    order = np.random.default_rng(seed).permutation(walks.nodes)
    column = np.argsort(order)  # equals are decided by the order of the columns
    best = []
    starts = np.arange(walks.nodes) if nodes is None else nodes
    blocks = visit_blocks(walks, starts, count, length, restart, seed)
    for rows, counts in blocks:
        row = np.repeat(starts[rows], np.diff(counts.indptr))
        counts.data[row == counts.indices] = 0
        shares = shares_of_rows(counts)
        permuted = sp.csr_array((shares.data, column[shares.indices], shares.indptr), shares.shape)
        best.append(best_of_rows(permuted, top))
    return without_self(sp.csr_array(sp.vstack(best, format="csr")), order, top, rows=nodes)
