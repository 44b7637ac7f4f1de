"""Predictions of user- and item-based collaborative filtering, by their definitions, in loops.

Ratings are {user: {item: rating}}; a similarity is a function of two such rows.
"""


def transposed(ratings):
    items = {}
    for user, row in ratings.items():
        for item, value in row.items():
            items.setdefault(item, {})[user] = value
    return items


def nearest(rows, own, similarity, count):
    """The `count` rows with the highest similarity above 0: [(name, similarity)]."""
    scored = [(name, similarity(rows[own], row)) for name, row in rows.items() if name != own]
    return sorted((pair for pair in scored if pair[1] > 1e-9), key=lambda pair: -pair[1])[:count]


def recency(history, half_life):
    """{item: weight} of its latest event, and [(item, weight)] of all events."""
    size = len(history)
    weights = [
        1.0 if half_life is None else 0.5 ** ((size - 1 - i) / half_life) for i in range(size)
    ]
    events = list(zip(history, weights, strict=True))
    return dict(events), events


def item_cf_scores(items, history, similarity, count, half_life=None, normalize=None):
    """The sum over the history's events of weight times similarity to their neighbours.

    Args:
        normalize: what of an item's similarities divides them: their `max`, their `sum`.
    """
    scores = {}
    for item, weight in recency(history, half_life)[1]:
        if item not in items:
            continue
        found = nearest(items, item, similarity, count)
        size = normalize(s for _, s in found) if normalize and found else 1.0
        for neighbour, value in found:
            scores[neighbour] = scores.get(neighbour, 0.0) + weight * value / size
    return scores


def user_cf_scores(ratings, own, history, similarity, count):
    """The sum over the nearest users of similarity times rating; `own` is not asked."""
    rows = {**{user: row for user, row in ratings.items() if user != own}, own: history}
    scores = {}
    for neighbour, value in nearest(rows, own, similarity, count):
        for item, rating in rows[neighbour].items():
            scores[item] = scores.get(item, 0.0) + value * rating
    return scores


def grouplens(ratings, own, item, similarity):
    """CSCW 1994: J̄ + Σ (J_s - J̄_s) r_s / Σ |r_s| over all others who rated the item, where r_s is
    the correlation with them and J̄_s their mean, both over what both rated; J̄ alone where nobody
    did.
    """
    total = size = 0.0
    for other, row in ratings.items():
        if other != own and item in row:
            r = similarity(ratings[own], row)
            common = {each: value for each, value in row.items() if each in ratings[own]}
            total += r * (row[item] - mean(common)) if r else 0.0
            size += abs(r)
    return mean(ratings[own]) + (total / size if size else 0.0)


def weighted_sum(ratings, user, item, similarity, count):
    """WWW 2001, section 3.2.1: Σ s R_N / Σ |s| over those of the item's `count` most similar items
    that the user rated; None without any.
    """
    near = nearest(transposed(ratings), item, similarity, count)
    rated = [(s, ratings[user][other]) for other, s in near if other in ratings[user]]
    return sum(s * r for s, r in rated) / sum(abs(s) for s, _ in rated) if rated else None


def mean(row):
    return sum(row.values()) / len(row)


def rating(rows, own, column, similarity, count, centred):
    """R̄_own + Σ w (R - R̄) / Σ w, or Σ w R / Σ w; the row's mean where no neighbour has one."""
    found = [
        (value, rows[name][column] - (mean(rows[name]) if centred else 0.0))
        for name, value in nearest(rows, own, similarity, count)
        if column in rows[name]
    ]
    if not found:
        return mean(rows[own])
    weighted = sum(w * r for w, r in found) / sum(w for w, _ in found)
    return weighted + (mean(rows[own]) if centred else 0.0)
