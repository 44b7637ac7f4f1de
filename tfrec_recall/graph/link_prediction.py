"""How well vectors foretell edges that they have not learnt from."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from scipy.stats import rankdata


class HiddenLinks(NamedTuple):
    """A graph without some of its edges, these edges, and as many pairs that have none.

    Attributes:
        graph: what is left.
        hidden: pairs of nodes, int64 [pairs, 2], the smaller one first.
        absent: the same, of pairs without an edge in any direction.
    """

    graph: sp.csr_array
    hidden: np.ndarray
    absent: np.ndarray

    def auc(self, score: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> float:
        """The probability that a hidden edge has a higher score than an absent one.

        Args:
            score: of the nodes [pairs] and [pairs], the higher the likelier.
        """
        return area_under_curve(score(*self.hidden.T), score(*self.absent.T))


def hide_links(graph: sp.csr_array, share: float = 1 / 3, seed: int = 0) -> HiddenLinks:
    """Hides a share of the connected pairs, with both of their directions.

    Source: "Billion-scale Commodity Embedding for E-commerce Recommendation in Alibaba", KDD 2018,
    section 4.1: a third of the edges, and as many pairs without one.
    Departs: absent pairs are of nodes that have an edge, as others would be told by that alone.

    Raises: ValueError for a share that is not between 0 and 1, or a graph so dense that there are
        not as many pairs without an edge.

    >>> ring = sp.csr_array(np.roll(np.eye(6), 1, axis=1))
    >>> links = hide_links(ring, share=0.5)
    >>> links.graph.nnz, len(links.hidden), len(links.absent)
    (3, 3, 3)
    """
    if not 0 < share < 1:
        raise ValueError(f"share is between 0 and 1. Received: {share}.")
    generator = np.random.default_rng(seed)
    nodes = graph.shape[0]
    row = np.repeat(np.arange(nodes, dtype="int64"), np.diff(graph.indptr))
    column = graph.indices.astype("int64")
    code = np.minimum(row, column) * nodes + np.maximum(row, column)  # of the pair, either way
    pairs = np.unique(code[row != column])
    chosen = np.sort(generator.permutation(pairs)[: round(share * len(pairs))])
    keep = ~np.isin(code, chosen)
    weights = (graph.data[keep], (row[keep], column[keep]))
    left = sp.coo_array(weights, shape=graph.shape).tocsr()
    return HiddenLinks(left, _split(chosen, nodes), _absent(pairs, nodes, len(chosen), generator))


def area_under_curve(positive: np.ndarray, negative: np.ndarray) -> float:
    """The share of pairs of a positive and a negative in which the positive is higher; ties half.

    >>> area_under_curve([3.0, 1.0], [1.0, 0.0])
    0.875
    """
    positive, negative = np.asarray(positive), np.asarray(negative)
    if not (len(positive) and len(negative)):
        raise ValueError(
            "An area under the curve needs scores of both kinds. "
            f"Received: {len(positive)} and {len(negative)}."
        )
    ranks = rankdata(np.concatenate([positive, negative]))[: len(positive)]
    above = ranks.sum() - len(positive) * (len(positive) + 1) / 2
    return float(above / (len(positive) * len(negative)))


def _absent(pairs: np.ndarray, nodes: int, count: int, generator: np.random.Generator):
    """Pairs of connected nodes, drawn evenly until there are enough that have no edge."""
    connected = np.unique(_split(pairs, nodes))
    possible = len(connected) * (len(connected) - 1) // 2 - len(pairs)
    if count > possible:
        raise ValueError(
            "As many pairs without an edge as hidden ones are needed: hide a smaller share. "
            f"Received: {count:,} to hide, and {possible:,} pairs without an edge."
        )
    found = np.empty(0, dtype="int64")
    while len(found) < count:
        drawn = np.sort(generator.choice(connected, (2 * count + 8, 2)), axis=1)
        drawn = drawn[drawn[:, 0] != drawn[:, 1]] @ np.array([nodes, 1])
        new = drawn[~np.isin(drawn, pairs)]
        found = np.unique(np.concatenate([found, new]))
    return _split(generator.permutation(found)[:count], nodes)


def _split(code: np.ndarray, nodes: int) -> np.ndarray:
    return np.stack(np.divmod(code, nodes), axis=1)
