"""One list of several: by sums over the lists, item by item, and by dealing places."""


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


def quotas(lists, shares):
    """What each list brings: items that its own turns come to before those of any other, and the
    turns that these then have; and all items in the order of the turns."""
    turns = [
        {item: (place + 0.5) / share for place, (item, _) in enumerate(one)}
        for one, share in zip(lists, shares, strict=True)
    ]
    brought = []
    for number, (own, share) in enumerate(zip(turns, shares, strict=True)):
        mine = []
        for item in own:
            others = [(turn[item], other) for other, turn in enumerate(turns) if item in turn]
            if min(others) == (own[item], number):
                mine.append((item, (len(mine) + 0.5) / share))
        brought.append(mine)
    dealt = sorted((turn, number, item) for number, one in enumerate(brought) for item, turn in one)
    return [[item for item, _ in one] for one in brought], [item for *_, item in dealt]
