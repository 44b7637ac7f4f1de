"""Similarities of two rows, from their textbook definitions, one pair at a time.

A row is a dictionary: column -> value. Nothing of the package, no sparse matrices.
"""

import math


def overlap(x, y, alpha=0.0, active=None, power=None):
    """|N(i) ∩ N(j)| / (|N(i)|^(1-α) |N(j)|^α); with `active`, the sizes of the columns.

    A common column counts 1 / ln(1 + its size), with `power` p 1 / its size^p.
    """

    def counts(column):
        if active is None:
            return 1
        size = active[column]
        return 1 / math.log(1 + size) if power is None else size**-power

    shared = sum(counts(c) for c in x if c in y)
    return shared / (len(x) ** (1 - alpha) * len(y) ** alpha) if shared else 0.0


def cosine(x, y):
    norms = math.sqrt(sum(v * v for v in x.values())) * math.sqrt(sum(v * v for v in y.values()))
    return sum(x[c] * y[c] for c in x if c in y) / norms if norms else 0.0


def jaccard(x, y):
    return len(set(x) & set(y)) / len(set(x) | set(y)) if set(x) | set(y) else 0.0


def pearson(x, y, minimum):
    shared = [c for c in x if c in y]
    if len(shared) < minimum:
        return 0.0
    mean_x, mean_y = (sum(row[c] for c in shared) / len(shared) for row in (x, y))
    covariance = sum((x[c] - mean_x) * (y[c] - mean_y) for c in shared)
    by_x = sum((x[c] - mean_x) ** 2 for c in shared)
    by_y = sum((y[c] - mean_y) ** 2 for c in shared)
    return covariance / math.sqrt(by_x * by_y) if by_x > 0 and by_y > 0 else 0.0


def shrunk(value, x, y, shrinkage):
    shared = len(set(x) & set(y))
    return value * shared / (shared + shrinkage) if shared else 0.0
