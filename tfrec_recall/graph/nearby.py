"""Which items users take close to each other: co-counts that fade with the distance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp

from tfrec_recall.graph.neighbour_table import Neighbours, best_of_rows, without_self
from tfrec_recall.graph.similarity import OVERLAP, Similarity, Totals

HALF_LIVES = 6  # beyond, an event counts less than 1/64
PAIRS_AT_A_TIME = 8_000_000


def nearby_counts(
    user: np.ndarray,
    item: np.ndarray,
    items: int,
    half_life: float,
    weight: np.ndarray | None = None,
) -> sp.csr_array:
    """The sum over users of 2^(-distance / half_life) of two items, items by items.

    A user counts once for two items, by the two events of them that are nearest to each other.

    Args:
        user, item: encoded events, each user's together and in order of time.
        half_life: in events; pairs further apart than 6 half-lives do not count.
        weight: of each event's user, [events]; None lets all count alike.

    >>> nearby_counts([7, 7, 7], [0, 1, 2], items=3, half_life=1).toarray()
    array([[0.  , 0.5 , 0.25],
           [0.5 , 0.  , 0.5 ],
           [0.25, 0.5 , 0.  ]])
    """
    blocks = [block for _, block in nearby_blocks(user, item, items, half_life, weight)]
    return sp.csr_array(sp.vstack(blocks))


def nearby_blocks(
    user: np.ndarray,
    item: np.ndarray,
    items: int,
    half_life: float,
    weight: np.ndarray | None = None,
) -> Iterator[tuple[slice, sp.csr_array]]:
    """`nearby_counts` some rows after the other, so that not all pairs exist at one time."""
    if not half_life > 0:
        raise ValueError(f"half_life is a number of events above 0. Received: {half_life}.")
    user, item = np.asarray(user), np.asarray(item)
    weight = np.ones(len(user)) if weight is None else np.asarray(weight)
    reach = max(1, min(int(HALF_LIVES * half_life), len(user) - 1))
    by_item = np.argsort(item, kind="stable")  # events, item after item
    end = np.cumsum(np.bincount(item, minlength=items))  # of each item's events
    run = np.maximum(end - 1, 0) * 2 * reach // PAIRS_AT_A_TIME
    starts = np.flatnonzero(np.diff(run, prepend=-1))
    number = np.cumsum(np.diff(user, prepend=user[:1] - 1) != 0)
    repeats = _with_repeats(number, item, items)  # of each event's user
    for first, last in zip(starts, np.append(starts[1:], items), strict=True):
        events = by_item[(end[first - 1] if first else 0) : end[last - 1]]
        near = [_at(distance, events, number) for d in range(1, reach + 1) for distance in (d, -d)]
        centre = np.concatenate([pair[0] for pair in near] or [events[:0]])
        other = np.concatenate([pair[1] for pair in near] or [events[:0]])
        more = np.flatnonzero(repeats[centre])
        if len(more):
            keys = number[centre[more]], item[centre[more]], item[other[more]]
            order = np.lexsort((np.abs(centre[more] - other[more]), *keys))
            again = np.ones(len(order), bool)  # the nearest of a user's pairs comes first
            again[:1] = False
            for key in keys:
                again[1:] &= key[order][1:] == key[order][:-1]
            once = np.ones(len(centre), bool)
            once[more[order[again]]] = False
            centre, other = centre[once], other[once]
        terms = weight[centre] * 0.5 ** (np.abs(centre - other) / half_life)
        pairs = (terms, (item[centre] - first, item[other]))
        counts = sp.coo_array(pairs, shape=(last - first, items)).tocsr()
        yield slice(first, last), sp.csr_array(counts)


def _with_repeats(user: np.ndarray, item: np.ndarray, items: int) -> np.ndarray:
    """Which events are of a user who has met some item more than once, bool [events]."""
    key = np.sort(user.astype("int64") * items + item)
    twice = key[1:][key[1:] == key[:-1]] // items
    return np.isin(user, twice)


def _at(distance: int, events: np.ndarray, user: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of events, those with one of the same user so far from them, and that one."""
    other = events + distance
    inside = (other >= 0) & (other < len(user))
    centre, other = events[inside], other[inside]
    same = user[centre] == user[other]
    return centre[same], other[same]


def nearby_neighbours(
    user: np.ndarray,
    item: np.ndarray,
    totals: Totals,
    similarity: Similarity,
    count: int,
    half_life: float,
    weight: np.ndarray | None = None,
    seed: int = 0,
) -> Neighbours:
    """As `neighbours`, by `nearby_counts`.

    Args:
        user, item, half_life, weight: as in `nearby_counts`.
        totals: of each item.
        similarity: one that needs nothing but what is common, such as `CoCount`.
        count: neighbours of an item.
        seed: of the permutation that decides between equal similarities.
    """
    if similarity.moments != (OVERLAP,):
        raise ValueError(f"Counts are all that there is. Received: {similarity}, which needs more.")
    items = len(totals.size)
    order = np.random.default_rng(seed).permutation(items)
    best = []
    for rows, counts in nearby_blocks(user, item, items, half_life, weight):
        permuted = sp.csr_array(counts[:, order])
        row = np.repeat(np.arange(items)[rows], np.diff(permuted.indptr))
        values = similarity.between(
            {OVERLAP: permuted.data},
            Totals(*(total[row] for total in totals)),
            Totals(*(total[order][permuted.indices] for total in totals)),
        )
        scored = sp.csr_array((values, permuted.indices, permuted.indptr), shape=permuted.shape)
        best.append(best_of_rows(scored, count + 1))
    return without_self(sp.csr_array(sp.vstack(best)), order, count)
