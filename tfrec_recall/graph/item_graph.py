"""The graph of items that users take one after another."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from tfrec_recall.data.notices import tell
from tfrec_recall.graph.neighbour_table import row_blocks

EDGES_AT_A_TIME = 4_000_000
REACH = 256  # to each side, in baskets too large for all of their pairs


def item_graph(item: np.ndarray, session: np.ndarray, items: int, reach: int = 1) -> sp.csr_array:
    """Directed edges from each item to the next of its session, weighted by how often that came.

    Source: "Billion-scale Commodity Embedding for E-commerce Recommendation in Alibaba", KDD 2018,
    section 3.2 and Figure 2 (b).
    Departs: an item that follows itself makes no edge.

    Args:
        item: encoded [events], the events of a session side by side, oldest first.
        session: int [events]; another number starts another session.
        items: how many ids there are.
        reach: an item leads to so many that follow; more than the paper's 1 where the order of
            neighbours says little.

    Returns: float32 [items, items], its columns sorted within a row.
    Raises: ValueError for columns of two lengths, or ids outside of 0 to items - 1.

    >>> item_graph([0, 1, 2, 0, 1], [7, 7, 7, 8, 8], items=3).toarray()
    array([[0., 2., 0.],
           [0., 0., 1.],
           [0., 0., 0.]], dtype=float32)
    """
    if reach < 1:
        raise ValueError(f"reach is at least 1. Received: {reach}.")
    item, session = _columns(item, session, items)
    edges = [_edges(item, session, items, distance) for distance in range(1, reach + 1)]
    edge = edges[0] if reach == 1 else np.concatenate(edges)
    del edges
    edge.sort()
    first = np.flatnonzero(np.diff(edge, prepend=-1))
    weight = np.diff(first, append=len(edge)).astype("float32")
    edge = edge[first]
    del first
    index = "int32" if max(items, len(edge)) < 2**31 else "int64"
    bounds = np.searchsorted(edge, np.arange(items + 1, dtype="int64") * items).astype(index)
    edge %= max(items, 1)
    return sp.csr_array((weight, edge.astype(index), bounds), shape=(items, items))


def basket_graph(item: np.ndarray, session: np.ndarray, items: int, seed: int = 0) -> sp.csr_array:
    """As `item_graph` expects it of sessions in random order: for baskets, which have no order.

    Two items of a basket of n stand side by side in this direction in 1 of n orders, so each pair
    of a basket adds 1 / n to both of its edges, and a basket weighs n - 1 in all.

    Pairs grow with the square of a basket. Of one with more than 513 items each is joined to the
    256 before and the 256 behind it in one random order, by edges so much heavier that the basket
    weighs what it would; a `ReadingNotice` tells of it.

    Args:
        seed: of the orders of such baskets.

    >>> basket_graph([0, 1, 2, 0], [7, 7, 7, 8], items=3).toarray().round(2)
    array([[0.  , 0.33, 0.33],
           [0.33, 0.  , 0.33],
           [0.33, 0.33, 0.  ]], dtype=float32)
    """
    item, session = _columns(item, session, items)
    index = "int32" if max(items, len(item)) < 2**31 else "int64"  # half of what pairs take
    row = np.cumsum(np.diff(session, prepend=session[:1]) != 0, dtype=index)
    baskets = int(row.max(initial=-1)) + 1
    ones = np.ones(len(item), dtype="float32")
    holds = sp.coo_array((ones, (row, item.astype(index))), shape=(baskets, items)).tocsr()
    holds.data[:] = 1  # an item twice in a basket is there once
    size = np.diff(holds.indptr)
    large = np.flatnonzero(size > 2 * REACH + 1)
    some = _sampled(holds, large, np.random.default_rng(seed))
    holds = holds[np.flatnonzero(size <= 2 * REACH + 1)]
    size = np.diff(holds.indptr)
    share = np.repeat((1 / np.maximum(size, 1)).astype("float32"), size)
    shares = sp.csr_array((share, holds.indices, holds.indptr), shape=holds.shape)
    graph = sp.csr_array(holds.T @ shares)
    own = np.repeat(np.arange(items, dtype=index), np.diff(graph.indptr))
    graph.data[graph.indices == own] = 0  # `setdiag` would insert what is not there, in a copy
    del own
    graph.eliminate_zeros()
    if some is not None:
        graph = sp.csr_array(graph + some)
    graph.sort_indices()
    return graph


def _sampled(holds: sp.csr_array, baskets: np.ndarray, random) -> sp.csr_array | None:
    """Edges of baskets too large for all of their pairs, one basket after the other."""
    if not len(baskets):
        return None
    sizes = np.diff(holds.indptr)[baskets].astype("int64")
    these = f"{len(baskets):,} baskets" if len(baskets) > 1 else "A basket"
    tell(
        f"{these} of more than {2 * REACH + 1:,} items {'are' if len(baskets) > 1 else 'is'} "
        f"sampled: the largest has {sizes.max():,}, and each item of a basket is joined to "
        f"{2 * REACH} others of it. "
        "Leave such baskets out if they are no choices of one person, such as a wholesaler's.",
    )
    graph = sp.csr_array((holds.shape[1],) * 2, dtype="float32")
    for first, last in row_blocks(np.append(0, np.cumsum(sizes)) * REACH, EDGES_AT_A_TIME):
        orders = [random.permutation(holds[[basket]].indices) for basket in baskets[first:last]]
        here = np.concatenate([np.tile(order, REACH) for order in orders])
        # In a ring, so that the first and the last have as many neighbours as all.
        there = [np.roll(order, -far) for order in orders for far in range(1, REACH + 1)]
        size = np.repeat(sizes[first:last], sizes[first:last] * REACH)
        weight = ((size - 1) / (2 * REACH * size)).astype("float32")
        edges = sp.coo_array((weight, (here, np.concatenate(there))), shape=graph.shape)
        graph = sp.csr_array(graph + edges.tocsr())
    return sp.csr_array(graph + graph.T)


def _edges(item: np.ndarray, session: np.ndarray, items: int, distance: int) -> np.ndarray:
    """One number an edge, so that one sort is enough: from * items + to, int64 [edges]."""
    here, there = item[:-distance], item[distance:]
    follows = session[distance:] == session[:-distance]
    follows &= there != here
    edge = here[follows].astype("int64")
    edge *= items
    edge += there[follows]
    return edge


def _columns(item, session, items: int) -> tuple[np.ndarray, np.ndarray]:
    item, session = np.asarray(item), np.asarray(session)
    if item.ndim != 1 or item.shape != session.shape:
        raise ValueError(
            "item and session are columns of one length, an entry an event. "
            f"Received: shapes {item.shape} and {session.shape}."
        )
    if not len(item):
        item = item.astype("int64")
    elif not (item.min() >= 0 and item.max() < items):
        raise ValueError(
            f"Items are encoded as 0 to items - 1 = {items - 1}. "
            f"Received: ids from {item.min()} to {item.max()}."
        )
    return item, session
