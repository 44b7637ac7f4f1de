"""Hard negatives: items that have something to do with the query, but not much."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from tfrec_recall.data.arguments import whole
from tfrec_recall.sampling.checks import check_ranks

PINTEREST = 50_000  # items from which the window of the paper's ranks is taken as it is


def scaled_ranks(ranks: tuple[int, int], items: int) -> tuple[int, int]:
    """A window of ranks, made smaller in proportion for a catalogue below 50,000 items.

    >>> scaled_ranks((2000, 5000), items=5_000)
    (200, 500)
    """
    check_ranks("scaled_ranks", ranks, "ranks")
    whole("scaled_ranks", items, "items")
    share = min(1.0, items / PINTEREST)
    low = max(1, round(ranks[0] * share))
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
    row = np.repeat(np.arange(scores.shape[0]), np.diff(scores.indptr))
    order = np.lexsort((random.random(len(row)), -scores.data, row))
    place = np.arange(len(row)) - scores.indptr[row]  # rows stay where they were
    inside = (place >= ranks[0]) & (place < ranks[1])
    row, column = row[inside], scores.indices[order][inside]
    chosen = np.lexsort((random.random(len(row)), row))
    row, column = row[chosen], column[chosen]
    place = np.arange(len(row)) - np.searchsorted(row, row)
    table = np.zeros((scores.shape[0], count), dtype="int32")
    kept = place < count
    table[row[kept], place[kept]] = column[kept]
    return table
