"""Which items users take close to each other: co-counts that fade with the distance."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from tfrec_recall.graph.neighbour_table import Neighbours, best_of_rows, without_self
from tfrec_recall.graph.similarity import OVERLAP, Similarity, Totals

HALF_LIVES = 6  # beyond, an event counts less than 1/64


def nearby_counts(
    user: np.ndarray,
    item: np.ndarray,
    items: int,
    half_life: float,
    weight: np.ndarray | None = None,
) -> sp.csr_array:
    """The sum over a user's pairs of events of 2^(-distance / half_life), items by items.

    Args:
        user, item: encoded events, each user's together and in order of time.
        half_life: in events; pairs further apart than 6 half-lives do not count.
        weight: of each event's user, [events]; None lets all count alike.

    >>> nearby_counts([7, 7, 7], [0, 1, 2], items=3, half_life=1).toarray()
    array([[0.  , 0.5 , 0.25],
           [0.5 , 0.  , 0.5 ],
           [0.25, 0.5 , 0.  ]])
    """
    if half_life <= 0:
        raise ValueError(f"half_life is a number of events above 0. Received: {half_life}.")
    user, item = np.asarray(user), np.asarray(item)
    weight = np.ones(len(user)) if weight is None else np.asarray(weight)
    counts = sp.csr_array((items, items), dtype="float64")
    for distance in range(1, min(int(HALF_LIVES * half_life) + 1, len(user))):
        together = np.flatnonzero(user[distance:] == user[:-distance])
        if not len(together):
            break
        terms = weight[together] * 0.5 ** (distance / half_life)
        pairs = (item[together], item[together + distance])
        counts += sp.coo_array((terms, pairs), shape=(items, items)).tocsr()
    return sp.csr_array(counts + counts.T)


def neighbours_by_counts(
    counts: sp.csr_array, totals: Totals, similarity: Similarity, count: int, seed: int = 0
) -> Neighbours:
    """As `neighbours`, the common columns being counted already.

    Args:
        counts: items by items, symmetric.
        totals: of each item.
        similarity: one that needs nothing but what is common, such as `CoCount`.
    """
    if similarity.moments != (OVERLAP,):
        raise ValueError(f"Counts are all that there is. Received: {similarity}, which needs more.")
    order = np.random.default_rng(seed).permutation(counts.shape[0])
    permuted = sp.csr_array(counts[:, order])
    row = np.repeat(np.arange(counts.shape[0]), np.diff(permuted.indptr))
    values = similarity.between(
        {OVERLAP: permuted.data},
        Totals(*(total[row] for total in totals)),
        Totals(*(total[order][permuted.indices] for total in totals)),
    )
    scored = sp.csr_array((values, permuted.indices, permuted.indptr), shape=permuted.shape)
    return without_self(best_of_rows(scored, count + 1), order, count)
