"""The measurement of a whole set of ranked lists, user by user, with `references.metrics`."""

from tests.references import metrics as of_user

RANKING = {
    "recall": of_user.recall,
    "hit_rate": of_user.hit_rate,
    "precision": of_user.precision,
    "ndcg": of_user.ndcg,
    "mrr": of_user.mrr,
    "map": of_user.average_precision,
}


def measure(lists, targets, popularity, cuts):
    """Every figure of a report.

    lists: user -> ranked items, best first; users may be missing. targets: user -> the items
    wanted. popularity: item of the catalogue -> training events.
    """
    figures = {"users": len(targets)}
    everything = [lists.get(user, []) for user in targets]
    for cut in cuts:
        for name, metric in RANKING.items():
            values = [metric(lists.get(user, []), wanted, cut) for user, wanted in targets.items()]
            figures[f"{name}@{cut}"] = sum(values) / len(values)
        figures[f"coverage@{cut}"] = of_user.coverage(everything, popularity, cut)
        figures[f"gini@{cut}"] = of_user.gini(everything, popularity, cut)
        figures[f"popularity_rank@{cut}"] = of_user.popularity_rank(everything, popularity, cut)
    return figures


def best_unseen(scores, seen, k):
    """The k items with the highest scores that are not seen; scores: item -> score."""
    unseen = [item for item in scores if item not in seen]
    return sorted(unseen, key=lambda item: -scores[item])[:k]
