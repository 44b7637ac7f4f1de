"""Hard negatives: items that have something to do with the query, but not much."""

from __future__ import annotations

import itertools
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse as sp

from tfrec_recall.data.arguments import whole
from tfrec_recall.graph import ItemPageRank
from tfrec_recall.sampling.checks import check_ranks

CELLS_AT_A_TIME = 8_000_000
STARTS_AT_A_TIME = 64
PINTEREST = 50_000  # items from which the window of the paper's ranks is taken as it is


def scaled_ranks(ranks: tuple[int, int], items: int) -> tuple[int, int]:
    """A window of ranks, made smaller in proportion for a catalogue below 50,000 items.

    >>> scaled_ranks((2000, 5000), items=5_000)
    (200, 500)
    """
    check_ranks("scaled_ranks", ranks, "ranks")
    whole("scaled_ranks", items, "items")
    share = min(1.0, items / PINTEREST)
    low = max(1, round(ranks[0] * share))  # rank 0 is the item itself
    return low, max(low + 1, round(ranks[1] * share))


def rank_window(
    scores: sp.csr_array, ranks: tuple[int, int], count: int, seed: int = 0
) -> np.ndarray:
    """Of each row, `count` random columns among those ranked from `ranks[0]` to `ranks[1]` - 1.

    Source: "Graph Convolutional Neural Networks for Web-Scale Recommender Systems", KDD 2018,
    section 3.3: hard negatives are ranked 2000-5000 by personalised PageRank from the query.

    Args:
        scores: [rows, columns], as from `pagerank_by_walks`; rank 0 is the best of a row, and
            equals are in random order.
        ranks: the first, and the one behind the last.
        count: at most; without replacement.
        seed: of the order among equals, and of the choice.

    Returns: int32 [rows, count], 0 where the window holds fewer: column 0 is padding.
    Raises: ValueError for an empty window, or `count` below 1.

    >>> scores = sp.csr_array([[0.0, 0.1, 0.4, 0.2, 0.3], [0.0, 1.0, 0.0, 0.0, 0.0]])
    >>> np.sort(rank_window(scores, (1, 3), count=2)).tolist()
    [[3, 4], [0, 0]]
    """
    check_ranks("rank_window", ranks, "ranks")
    whole("rank_window", count, "count")
    random = np.random.default_rng(seed)
    table = np.zeros((scores.shape[0], count), dtype="int32")
    for row, (begin, end) in enumerate(itertools.pairwise(scores.indptr)):
        inside = begin + _window(scores.data[begin:end], ranks, random)
        chosen = random.permutation(inside)[:count]
        table[row, : len(chosen)] = scores.indices[chosen]
    return table


def _window(scores: np.ndarray, ranks: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """Places of the scores whose ranks are in the window; only these are put in order."""
    first, last = ranks[0], min(ranks[1], len(scores))
    if first >= last:
        return np.empty(0, dtype="int64")
    falling = np.partition(-scores, (first, last - 1))
    best, worst = -falling[first], -falling[last - 1]
    near = random.permutation(np.flatnonzero((scores >= worst) & (scores <= best)))
    near = near[np.argsort(-scores[near], kind="stable")]  # equals stay in random order
    above = np.count_nonzero(scores > best)
    return near[first - above : last - above]


def hard_pool(
    pagerank: ItemPageRank, ranks: tuple[int, int], count: int, seed: int = 0
) -> np.ndarray:
    """`rank_window` of all items, int32 [items, count], some items after the other.

    Rank 0 is the item itself, though more walks may end at what everyone has, and is not drawn.

    Args:
        ranks, count, seed: as in `rank_window`.
    """
    check_ranks("hard_pool", ranks, "ranks")
    whole("hard_pool", count, "count")
    nodes = pagerank.walks.nodes
    table = np.zeros((nodes, count), dtype="int32")
    rows = min(STARTS_AT_A_TIME, max(1, CELLS_AT_A_TIME // nodes))
    starts = range(0, nodes, rows)
    seeds = np.random.SeedSequence(seed).spawn(len(starts))

    def block(begin: int, own: np.random.SeedSequence) -> None:
        random = np.random.default_rng(own)
        some = np.arange(begin, min(begin + rows, nodes))
        for start, (items, scores) in zip(some, pagerank.best(some, ranks[1]), strict=True):
            scores[items == start] = np.inf
            chosen = items[_window(scores, ranks, random)]
            chosen = random.permutation(chosen[chosen != start])[:count]
            table[start, : len(chosen)] = chosen

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # SciPy's products let other threads run
        list(pool.map(block, starts, seeds))
    return table
