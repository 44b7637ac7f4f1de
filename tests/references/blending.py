"""One list of several: by sums over the lists, item by item, and by dealing places."""

import numpy as np


def scaled_scores(lists, weights):
    """CombSUM: lists of (item, score), best first, each scaled to run from 0 to 1."""
    total = {}
    for one, weight in zip(lists, weights, strict=True):
        scores = [score for _, score in one]
        width = max(scores, default=0) - min(scores, default=0)
        for item, score in one:
            part = 1.0 if width == 0 else (score - min(scores)) / width
            total[item] = total.get(item, 0.0) + weight * part
    return total


def reciprocal_ranks(lists, weights, constant):
    """RRF, Eq. 1, with a weight for each list."""
    total = {}
    for one, weight in zip(lists, weights, strict=True):
        for rank, (item, _) in enumerate(one, start=1):
            total[item] = total.get(item, 0.0) + weight / (constant + rank)
    return total


def quotas(lists, shares, k):
    """The items that each list brings: so many as its share of k, none that was brought before."""
    ends = np.floor(np.cumsum(shares) / np.sum(shares) * k + 0.5).astype(int)
    brought, taken = [], set()
    for one, quota in zip(lists, np.diff(ends, prepend=0), strict=True):
        mine = [item for item, _ in one if item not in taken][:quota]
        taken |= {*mine}
        brought.append(mine)
    return brought
