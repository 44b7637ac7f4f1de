"""Personalised PageRank: where a walker is who keeps going back to where he began."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from tfrec_recall.graph.importance import Walks, visit_counts
from tfrec_recall.graph.neighbour_table import shares_of_rows

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
    _check_restart(restart)
    starts = np.asarray(starts, dtype="int64")
    nodes = graph.shape[0]
    dead = np.flatnonzero(np.asarray(graph.sum(axis=1)).ravel() == 0)
    onwards = sp.csr_array(shares_of_rows(graph).T)  # [to, from]
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
    """As `personalised_pagerank`, from the visits of walks: float32 [starts, nodes], rows sum to 1.

    The visits' shares are taken one more step, of the equation itself: a node is then known by all
    the visits around it, where by its own it would be ranked by a few, or by none. Over a graph of
    users and items, with `ItemUserItemWalks`, it is the PageRank of the items, a step being there
    and back.

    Args:
        count, length: of the walks from each start. The first steps are nearer to the start than
            the later ones, so `length` is several times 1 / restart.
    """
    _check_restart(restart)
    starts = np.asarray(starts)
    visited = shares_of_rows(visit_counts(walks, starts, count, length, restart, seed))
    onwards = walks.step(visited) * np.float32(1 - restart)
    home = 1 - np.asarray(onwards.sum(axis=1)).ravel()  # restarts, and out of dead ends
    to_start = (home.astype("float32"), starts, np.arange(len(starts) + 1))
    return sp.csr_array(onwards + sp.csr_array(to_start, shape=onwards.shape))


def _check_restart(restart: float) -> None:
    if not 0 < restart < 1:
        raise ValueError(f"restart is a probability between 0 and 1. Received: {restart}.")
