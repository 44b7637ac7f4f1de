"""Personalised PageRank: where a walker is who keeps going back to where he began."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from tfrec_recall.graph.bipartite import ItemUserItemWalks
from tfrec_recall.graph.importance import Walks, visit_counts
from tfrec_recall.graph.neighbour_table import shares_of_rows

CELLS_AT_A_TIME = 8_000_000
SAMPLED = 32  # items by which it is measured how slowly walks come to rest


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


class ItemPageRank:
    """`personalised_pagerank` of items there and back through users, best ones first.

    Of p = Σ r (1-r)^j P^j e, the first steps are made. What walks have left to walk then goes over
    to where they come to rest, π: P^(j+1) e - π is `stay` (P^j e - π), by as much as it is for some
    items in the next step. A start costs what lies two steps around it; power iteration, every edge
    in each of many steps, and the visits of walks put no order into items that they come by once.

    Args:
        walks: over users and items.
        restart: r.
        steps: that are made.
        seed: of the items by which `stay` is measured.

    Attributes:
        stay: 0 to 1, how slowly walks come to rest.
    """

    def __init__(
        self, walks: ItemUserItemWalks, restart: float = 0.15, steps: int = 2, seed: int = 0
    ):
        _check_restart(restart)
        self.walks, self.restart, self.steps = walks, restart, steps
        component, self.rest = walks.rest()
        # The items of each component, those first where most walks rest.
        self.order = np.lexsort((-self.rest, component))
        bounds = np.searchsorted(component[self.order], [component, component + 1])
        self.begin, self.end = bounds
        self.component = component
        self.stay = self._stay(np.random.default_rng(seed))

    def best(self, starts: np.ndarray, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Of each start items and their scores, in no order, the `count` best among them."""
        restart, starts = self.restart, np.asarray(starts)
        one = np.ones(len(starts), "float32")
        shape = (len(starts), self.walks.nodes)
        now = sp.csr_array((one, starts, np.arange(len(starts) + 1)), shape=shape)
        total, left = now * np.float32(restart), 1 - restart
        for step in range(self.steps):
            now = self.walks.step(now)
            share = left * restart
            if step == self.steps - 1:  # and what is still so of all later steps
                share /= 1 - (1 - restart) * self.stay
            total, left = total + now * np.float32(share), left * (1 - restart)
        # (1-r)^(steps+1) is left, less what stays of it.
        at_rest = left * (1 - restart * self.stay / (1 - (1 - restart) * self.stay))
        seen = np.zeros(self.walks.nodes, bool)
        for row, start in enumerate(starts):
            own = slice(total.indptr[row], total.indptr[row + 1])
            near, scores = total.indices[own], total.data[own]
            most = self.order[self.begin[start] : min(self.begin[start] + count, self.end[start])]
            seen[near] = True
            far = most[~seen[most] & (self.rest[most] > 0)]
            seen[near] = False
            items = np.concatenate([near, far])
            scores = np.concatenate([scores, np.zeros(len(far), scores.dtype)])
            yield items, scores + at_rest * self.rest[items]

    def _stay(self, random: np.random.Generator) -> float:
        """What is left of the distance from rest a step later, of the mass of some items."""
        if not self.rest.any():
            return 0.0
        starts = random.choice(len(self.rest), SAMPLED, p=self.rest / self.rest.sum())
        one = np.ones(SAMPLED, "float32")
        shape = (SAMPLED, self.walks.nodes)
        now = sp.csr_array((one, starts, np.arange(SAMPLED + 1)), shape=shape)
        far = []
        for _ in range(self.steps + 1):
            now = self.walks.step(now)
            far.append(sum(self._distance(now[[row]], start) for row, start in enumerate(starts)))
        return min(1.0, far[-1] / far[-2]) if far[-2] > 0 else 0.0

    def _distance(self, share: sp.csr_array, start: int) -> float:
        rest = np.where(self.component == self.component[start], self.rest, 0.0)
        return float(np.abs(share.toarray().ravel() - rest).sum())
