"""Personalised PageRank: where a walker is who keeps going back to where he began."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from tfrec_recall.data.arguments import whole
from tfrec_recall.data.notices import tell
from tfrec_recall.graph.bipartite import ItemUserItemWalks
from tfrec_recall.graph.importance import Walks, visit_counts
from tfrec_recall.graph.neighbour_table import shares_of_rows

CELLS_AT_A_TIME = 8_000_000
SAMPLED = 32  # items by which it is measured how slowly walks come to rest
STEPS, FEW_STEPS = 4, 2
MOST_EDGES = 10**11  # of all items together, in a step
DENSE = 0.01  # of the edges, from which on a step over all of them is the quicker one


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
    items in the next step. The visits of walks, instead, put no order into items that they come by
    once.

    A step costs what the items around a start have in common with others, and once these are many,
    every edge.

    Args:
        walks: over users and items.
        restart: r.
        steps: that are made. None is 4, or 2 where items times edges are more than 10^11, as all
            steps together grow with both; it is told.
        seed: of the items by which `stay` is measured.

    Attributes:
        stay: 0 to 1, how slowly walks come to rest.
    """

    def __init__(
        self,
        walks: ItemUserItemWalks,
        restart: float = 0.15,
        steps: int | None = None,
        seed: int = 0,
    ):
        _check_restart(restart)
        whole("ItemPageRank", steps, "steps", optional=True)
        self.walks, self.restart = walks, restart
        self.steps = self._steps() if steps is None else steps
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
        now = self._at(starts)
        total, left = now * np.float32(restart), 1 - restart
        for step in range(self.steps):
            now = self._after(now)
            share = left * restart
            if step == self.steps - 1:  # and what is still so of all later steps
                share /= 1 - (1 - restart) * self.stay
            total, left = total + now * np.float32(share), left * (1 - restart)
        # (1-r)^(steps+1) is left, less what stays of it.
        at_rest = left * (1 - restart * self.stay / (1 - (1 - restart) * self.stay))
        for items, scores in self._reached(total, starts, count):
            yield items, scores + at_rest * self.rest[items]

    def _reached(self, total, starts, count) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Of each start the items that the steps came to, and those where most walks rest."""
        if not sp.issparse(total):
            total = np.ascontiguousarray(total)
            for row, start in enumerate(starts):
                items = self.order[self.begin[start] : self.end[start]]
                yield items, total[row, items]
            return
        seen = np.zeros(self.walks.nodes, bool)
        for row, start in enumerate(starts):
            own = slice(total.indptr[row], total.indptr[row + 1])
            near, scores = total.indices[own], total.data[own]
            most = self.order[self.begin[start] : min(self.begin[start] + count, self.end[start])]
            seen[near] = True
            far = most[~seen[most] & (self.rest[most] > 0)]
            seen[near] = False
            yield np.append(near, far), np.append(scores, np.zeros(len(far), scores.dtype))

    def _steps(self) -> int:
        items, edges = self.walks.nodes, int(self.walks.degree.sum())
        if items * edges <= MOST_EDGES:
            return STEPS
        tell(
            f"PageRank from each of {items:,} items over {edges:,} edges makes {FEW_STEPS} steps "
            "and estimates the rest, by which some four of ten ranks are outside of a window like "
            f"2,000 to 5,000; {STEPS}, by which one of ten is, would take too long"
        )
        return FEW_STEPS

    def _stay(self, random: np.random.Generator) -> float:
        """What is left of the distance from rest a step later, of the mass of some items."""
        if not self.rest.any():
            return 0.0
        starts = random.choice(len(self.rest), SAMPLED, p=self.rest / self.rest.sum())
        now = self._at(starts)
        for _ in range(self.steps):
            now = self._after(now)
        before, after = (self._distance(each, starts) for each in (now, self._after(now)))
        return min(1.0, after / before) if before > 0 else 0.0

    def _at(self, starts: np.ndarray) -> sp.csr_array:
        one = np.ones(len(starts), "float32")
        shape = (len(starts), self.walks.nodes)
        return sp.csr_array((one, starts, np.arange(len(starts) + 1)), shape=shape)

    def _after(self, shares):
        """A step, of a dense array where a sparse one's keys would take longer than its zeros."""
        if sp.issparse(shares):
            edges = self.walks.degree[shares.indices].sum()
            if edges > DENSE * shares.shape[0] * self.walks.degree.sum():
                shares = np.ascontiguousarray(shares.T.toarray()).T
        return self.walks.step(shares)

    def _distance(self, shares, starts: np.ndarray) -> float:
        """The sum of absolute differences from where walks from the starts come to rest."""
        away = 0.0
        for row, start in enumerate(starts):
            share = shares[[row]].toarray().ravel() if sp.issparse(shares) else shares[row]
            rest = np.where(self.component == self.component[start], self.rest, 0.0)
            away += float(np.abs(share - rest).sum())
        return away
