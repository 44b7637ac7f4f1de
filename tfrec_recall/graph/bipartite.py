"""The graph of users and items, and walks that go from item to item through a user."""

from __future__ import annotations

import functools
from typing import TypeVar

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from tfrec_recall.graph.neighbour_table import shares_of_rows
from tfrec_recall.graph.random_walks import RandomWalks

Shares = TypeVar("Shares", sp.csr_array, np.ndarray)


def bipartite_graph(
    user: np.ndarray,
    item: np.ndarray,
    users: int,
    items: int,
    weight: np.ndarray | None = None,
) -> sp.csr_array:
    """Undirected edges between items, which are the nodes 0 to items - 1, and users, behind them.

    Args:
        user, item: encoded events [events].
        weight: of each event, [events]; an edge has the sum of its events. None counts them.

    Returns: float32 [items + users, items + users], symmetric.

    >>> bipartite_graph([0, 0, 1], [0, 1, 1], users=2, items=2).toarray()
    array([[0., 0., 1., 0.],
           [0., 0., 1., 1.],
           [1., 1., 0., 0.],
           [0., 1., 0., 0.]], dtype=float32)
    """
    user, item = np.asarray(user), np.asarray(item)
    if user.shape != item.shape or user.ndim != 1:
        raise ValueError(
            "user and item are columns of one length, an entry an event. "
            f"Received: shapes {user.shape} and {item.shape}."
        )
    weight = np.ones(len(user), dtype="float32") if weight is None else np.asarray(weight)
    taken = sp.coo_array((weight.astype("float32"), (item, user)), shape=(items, users)).tocsr()
    taken.sum_duplicates()
    return sp.csr_array(sp.block_array([[None, taken], [taken.T, None]], format="csr"))


class ItemUserItemWalks:
    """Walks over a bipartite graph of which only the items are kept; a step is there and back.

    Source: "Graph Convolutional Neural Networks for Web-Scale Recommender Systems", KDD 2018,
    section 3.3; "Pixie", WWW 2018, Algorithm 1.

    Args:
        graph: as `bipartite_graph` makes it.
        items: how many of its nodes are items.

    >>> graph = bipartite_graph([0, 0, 1], [0, 1, 2], users=2, items=3)
    >>> walks = ItemUserItemWalks(graph, items=3).walk([0, 2], length=2)
    >>> walks.shape, walks[1].tolist()
    ((2, 3), [2, 2, 2])
    """

    def __init__(self, graph: sp.csr_array, items: int, threads: int | None = None):
        self.walks = RandomWalks(graph, threads)
        self.nodes = items

    def walk(
        self, starts: np.ndarray, length: int, restart: float = 0.0, seed: int = 0
    ) -> np.ndarray:
        """As `RandomWalks.walk`, of items alone: int32 [starts, length + 1]."""
        whole = self.walks.walk(starts, 2 * length, restart, seed, period=2)
        return np.ascontiguousarray(whole[:, ::2])

    def step(self, shares: Shares) -> Shares:
        """As `RandomWalks.step`, there and back: float32 [rows, items], dense where shares are."""
        there, back = self._both_ways
        return (shares @ there) @ back

    def rest(self) -> tuple[np.ndarray, np.ndarray]:
        """Of each item its component, and the share of it at which walks there come to rest."""
        graph, items = self.walks.graph, self.nodes
        component = connected_components(graph, directed=False)[1][:items]
        weight = np.asarray(graph[:items].sum(axis=1, dtype="float64")).ravel()
        total = np.bincount(component, weight)[component]
        return component, weight / np.where(total > 0, total, 1)

    @functools.cached_property
    def degree(self) -> np.ndarray:
        """Of each item, of how many users: int64 [items]."""
        return np.diff(self.walks.graph.indptr[: self.nodes + 1])

    @functools.cached_property
    def _both_ways(self) -> tuple[sp.csr_array, sp.csr_array]:
        """From items to users, and from users to items."""
        graph, items = self.walks.graph, self.nodes
        return shares_of_rows(graph[:items, items:]), shares_of_rows(graph[items:, :items])
