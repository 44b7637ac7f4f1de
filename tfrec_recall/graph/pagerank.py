"""Personalised PageRank: where a walker is who keeps going back to where he began."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from tfrec_recall.graph.importance import Walks, visit_counts

CELLS_AT_A_TIME = 8_000_000


def personalised_pagerank(
    graph: sp.csr_array,
    starts: np.ndarray,
    restart: float = 0.15,
    tolerance: float = 1e-6,
    most_steps: int = 200,
) -> np.ndarray:
    """The probability of each node, by power iteration from each start at once.

    p = restart e + (1 - restart) p P, where e is the start and P the transitions of the graph; from
    a node without edges the walker goes back to the start.

    Source: "The PageRank Citation Ranking: Bringing Order to the Web", 1998, section 6.

    Args:
        graph: weights [nodes, nodes], from the row to the column.
        starts: nodes [starts].
        restart: the probability to go back before each step; above 0.
        tolerance: the sum of absolute changes of a row at which it is done.
        most_steps: after which it is done too.

    Returns: float32 [starts, nodes], rows sum to 1.

    >>> pair = sp.csr_array(([1.0, 1.0], ([0, 1], [1, 0])), shape=(2, 2))
    >>> personalised_pagerank(pair, [0], restart=0.5).round(3)
    array([[0.667, 0.333]], dtype=float32)
    """
    if not 0 < restart < 1:
        raise ValueError(f"restart is a probability between 0 and 1. Received: {restart}.")
    starts = np.asarray(starts, dtype="int64")
    nodes = graph.shape[0]
    total = np.asarray(graph.sum(axis=1), dtype="float64").ravel()
    degree = np.diff(graph.indptr)
    shares = graph.data / np.repeat(np.where(total > 0, total, 1), degree)
    onwards = sp.csr_array((shares.astype("float32"), graph.indices, graph.indptr), graph.shape)
    onwards = sp.csr_array(onwards.T)  # [to, from]
    dead = np.flatnonzero(total == 0)
    result = np.empty((len(starts), nodes), dtype="float32")
    rows = max(1, CELLS_AT_A_TIME // max(nodes, 1))
    for begin in range(0, len(starts), rows):
        some = starts[begin : begin + rows]
        columns = np.arange(len(some))
        now = np.zeros((nodes, len(some)), dtype="float32")
        now[some, columns] = 1
        for _ in range(most_steps):
            following = (1 - restart) * (onwards @ now)
            following[some, columns] += restart + (1 - restart) * now[dead].sum(axis=0)
            change = np.abs(following - now).sum(axis=0).max(initial=0)
            now = following
            if change < tolerance:
                break
        result[begin : begin + rows] = (now / now.sum(axis=0)).T
    return result


def pagerank_by_walks(
    walks: Walks,
    starts: np.ndarray,
    count: int,
    length: int,
    restart: float = 0.15,
    seed: int = 0,
) -> sp.csr_array:
    """As `personalised_pagerank`, estimated by the share of visits: float32 [starts, nodes].

    It costs nothing for the nodes that no walk sees; over a graph of users and items, with
    `ItemUserItemWalks`, it is that of the items, a step being there and back.

    Args:
        count, length: of the walks from each start. The first steps are nearer to the start than
            the later ones, so `length` is several times 1 / restart.
    """
    counts = visit_counts(walks, starts, count, length, restart, seed)
    total = np.asarray(counts.sum(axis=1)).ravel()
    counts.data /= np.repeat(np.where(total > 0, total, 1), np.diff(counts.indptr))
    return counts
