"""Ranking metrics as their definitions read: one user, one place at a time.

`ranked` is one user's list, best first; `targets` are the items that the user wants, each once.
"""

import math


def hits(ranked, targets, k):
    return [item in set(targets) for item in ranked[:k]]


def recall(ranked, targets, k):
    return sum(hits(ranked, targets, k)) / len(targets)


def hit_rate(ranked, targets, k):
    return 1.0 if any(hits(ranked, targets, k)) else 0.0


def precision(ranked, targets, k):
    return sum(hits(ranked, targets, k)) / k


def ndcg(ranked, targets, k):
    gain = sum(1 / math.log2(i + 1) for i, hit in enumerate(hits(ranked, targets, k), 1) if hit)
    ideal = sum(1 / math.log2(i + 1) for i in range(1, min(len(targets), k) + 1))
    return gain / ideal


def mrr(ranked, targets, k):
    for place, hit in enumerate(hits(ranked, targets, k), start=1):
        if hit:
            return 1 / place
    return 0.0


def average_precision(ranked, targets, k):
    found = hits(ranked, targets, k)
    at_hits = [sum(found[:place]) / place for place in range(1, len(found) + 1) if found[place - 1]]
    return sum(at_hits) / min(len(targets), k)


def coverage(lists, catalogue, k):
    shown = {item for ranked in lists for item in ranked[:k]}
    return len(shown) / len(catalogue)


def gini(lists, catalogue, k):
    """Half the relative mean absolute difference of all pairs of items."""
    shown = [sum(item in ranked[:k] for ranked in lists) for item in catalogue]
    differences = [abs(one - other) for one in shown for other in shown]
    mean = sum(shown) / len(shown)
    return sum(differences) / len(differences) / (2 * mean)


def popularity_rank(lists, popularity, k):
    """`popularity`: item -> training events. Equal items share the mean of the ranks they take."""

    def rank(item):
        above = sum(count > popularity[item] for count in popularity.values())
        equal = sum(count == popularity[item] for count in popularity.values())
        return above + (1 + equal) / 2

    ranks = [rank(item) for ranked in lists for item in ranked[:k]]
    return sum(ranks) / len(ranks)
