"""ComiRec's greedy inference, as its Algorithm 1 has it."""


def greedy(scores, categories, k, weight):
    """Positions of the items chosen, one after another, by f(u, i) + λ Σ δ(category ≠ category)."""
    chosen = []
    for _ in range(k):
        best, most = None, -float("inf")
        for item, score in enumerate(scores):
            unequal = sum(categories[item] != categories[other] for other in chosen)
            if item not in chosen and score + weight * unequal > most:
                best, most = item, score + weight * unequal
        chosen.append(best)
    return chosen
