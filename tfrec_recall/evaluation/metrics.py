"""Ranking metrics in NumPy, on what a ranking comes down to.

Two arrays say all that the metrics of a user need: `hits` [users, k], true where the item at that
place of the list is a target, best place first, and `wanted` [users], how many targets there were.
The metrics of the catalogue need `exposure` [items], how often each item stands in a list.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata

RankingMetric = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
_DRAWS_AT_ONCE = 1 << 22  # counts that one step of the bootstrap holds
_STEPS = 1 << 11  # from the least to the largest of values that are more; a draw takes their time


def _top(hits: np.ndarray, wanted: np.ndarray, k: int) -> np.ndarray:
    """The first k places [users, k], after checking that the arrays can say something of them."""
    if hits.ndim != 2 or wanted.shape != hits.shape[:1]:
        raise ValueError(
            "Metrics take hits [users, k] and wanted [users]. "
            f"Received: hits of shape {hits.shape}, wanted of shape {wanted.shape}."
        )
    if not 1 <= k <= hits.shape[1]:
        raise ValueError(f"The cut lies between 1 and the {hits.shape[1]} places. Received: {k}.")
    if (wanted < 1).any():
        raise ValueError(
            "A user without a target has no metric: leave such users out. "
            f"Received: {int((wanted < 1).sum())} of them."
        )
    return hits[:, :k]


def recall(hits: np.ndarray, wanted: np.ndarray, k: int) -> np.ndarray:
    """Share of a user's targets that stand among the first k places, [users].

    >>> recall(np.array([[True, False, True]]), np.array([4]), k=3)
    array([0.5])
    """
    return _top(hits, wanted, k).sum(axis=1) / wanted


def hit_rate(hits: np.ndarray, wanted: np.ndarray, k: int) -> np.ndarray:
    """1 for a user with any target among the first k places, [users].

    >>> hit_rate(np.array([[False, True], [False, False]]), np.array([1, 1]), k=2)
    array([1., 0.])
    """
    return (np.count_nonzero(_top(hits, wanted, k), axis=1) > 0).astype(np.float64)


def precision(hits: np.ndarray, wanted: np.ndarray, k: int) -> np.ndarray:
    """Share of the first k places that hold a target, [users]; a list that ends early pays for it.

    >>> precision(np.array([[True, False, True, False]]), np.array([9]), k=4)
    array([0.5])
    """
    return np.count_nonzero(_top(hits, wanted, k), axis=1) / k


def ndcg(hits: np.ndarray, wanted: np.ndarray, k: int) -> np.ndarray:
    """Discounted gain of the first k places over that of the best possible list, [users].

    Source: "Cumulated gain-based evaluation of IR techniques", TOIS 2002, with gains of 0 and 1
    and the discount 1 / log2(place + 1).

    >>> ndcg(np.array([[True, False, False], [False, True, False]]), np.array([1, 1]), k=3).round(3)
    array([1.   , 0.631])
    """
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    gain = _top(hits, wanted, k) @ discount
    ideal = np.cumsum(discount)[np.minimum(wanted, k) - 1]
    return gain / ideal


def mrr(hits: np.ndarray, wanted: np.ndarray, k: int) -> np.ndarray:
    """1 / place of the first target among the first k places, 0 without one, [users].

    >>> mrr(np.array([[False, True, True], [False, False, False]]), np.array([2, 2]), k=3)
    array([0.5, 0. ])
    """
    top = _top(hits, wanted, k)
    return np.where(top.any(axis=1), 1.0 / (top.argmax(axis=1) + 1), 0.0)


def average_precision(hits: np.ndarray, wanted: np.ndarray, k: int) -> np.ndarray:
    """Precision at the place of each target found, summed, over min(targets, k), [users].

    >>> average_precision(np.array([[True, False, True]]), np.array([2]), k=3).round(4)
    array([0.8333])
    """
    top = _top(hits, wanted, k)
    precision_at_place = np.cumsum(top, axis=1) / np.arange(1, k + 1)
    return (precision_at_place * top).sum(axis=1) / np.minimum(wanted, k)


RANKING: dict[str, RankingMetric] = {
    "recall": recall,
    "hit_rate": hit_rate,
    "precision": precision,
    "ndcg": ndcg,
    "mrr": mrr,
    "map": average_precision,
}
"""The metrics of a user by the name they carry in a report, as in `recall@50`."""


def coverage(exposure: np.ndarray) -> float:
    """Share of the catalogue that stands in any list.

    >>> coverage(np.array([3, 0, 1, 0]))
    0.5
    """
    return float(np.count_nonzero(exposure) / len(exposure))


def gini(exposure: np.ndarray) -> float:
    """Inequality of exposure: 0 when all items stand in equally many lists, near 1 for a few items.

    It is half the mean absolute difference over the mean, with the items that no list holds.
    Without any exposure it is NaN.

    >>> gini(np.array([2, 2, 2])), gini(np.array([0, 0, 0, 4]))
    (0.0, 0.75)
    """
    ascending = np.sort(np.asarray(exposure, dtype=np.float64))
    items, total = len(ascending), ascending.sum()
    if total == 0:
        return float("nan")
    weighted = np.arange(1, items + 1) @ ascending
    return float(2.0 * weighted / (items * total) - (items + 1) / items)


def popularity_rank(exposure: np.ndarray, popularity: np.ndarray) -> float:
    """Mean popularity rank of what the lists hold: 1 is the item with most training events.

    Items with equal counts share their mean rank. Without any exposure it is NaN.

    Args:
        exposure: how often each item stands in a list, [items].
        popularity: each item's training events, [items]. Those of validation and test have no
            place in it.

    >>> popularity_rank(exposure=np.array([3, 1, 0]), popularity=np.array([9, 2, 2]))
    1.375
    """
    total = exposure.sum()
    if total == 0:
        return float("nan")
    return float(exposure @ rankdata(-np.asarray(popularity, dtype=np.float64)) / total)


def bootstrap_interval(
    values: np.ndarray, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of a mean over users.

    Source: "An Introduction to the Bootstrap", 1993, section 13.3. A resample of the users is a
    multinomial draw over the distinct values, so nothing is gathered user by user.
    Departs: of more than 2,048 distinct values, those within a 2,048th of their span count as their
    mean.

    >>> low, high = bootstrap_interval(np.array([0.0] * 50 + [1.0] * 50))
    >>> 0.39 < low < 0.42 and 0.58 < high < 0.61
    True
    """
    if not 0 < level < 1:
        raise ValueError(f"level lies between 0 and 1. Received: {level}.")
    if len(values) == 0 or not np.isfinite(values).all():
        raise ValueError(
            "An interval takes at least one value, all finite. "
            f"Received: {len(values)} values, {int((~np.isfinite(values)).sum())} not finite."
        )
    distinct, counts = np.unique(np.asarray(values, dtype=np.float64), return_counts=True)
    if len(distinct) > _STEPS:
        distinct, counts = _in_steps(distinct, counts)
    generator = np.random.default_rng(seed)
    share = counts / len(values)
    at_once = max(1, _DRAWS_AT_ONCE // len(distinct))
    means = [
        generator.multinomial(len(values), share, size=min(at_once, resamples - start)) @ distinct
        for start in range(0, resamples, at_once)
    ]
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(np.concatenate(means) / len(values), [tail, 1.0 - tail])
    return float(low), float(high)


def _in_steps(distinct: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of the values in each of equal steps, and how many there are; none is empty."""
    least, largest = distinct[0], distinct[-1]
    step = np.minimum((distinct - least) / (largest - least) * _STEPS, _STEPS - 1).astype(np.int64)
    many = np.bincount(step, counts)
    filled = many > 0
    return np.bincount(step, counts * distinct)[filled] / many[filled], many[filled]
