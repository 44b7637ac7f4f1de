import numpy as np
import pytest

from tfrec_recall.graph import CoCount, Cosine, nearby, nearby_counts, nearby_neighbours
from tfrec_recall.graph.similarity import Totals


def in_loops(user, item, items, half_life, weight):
    """Of each user and two items, the nearest pair of events alone."""
    counts = np.zeros((items, items))
    for who in set(user):
        own = np.flatnonzero(user == who)
        nearest = {}
        for i in own:
            for j in own:
                if i != j and abs(i - j) <= 6 * half_life:
                    pair = item[i], item[j]
                    nearest[pair] = min(nearest.get(pair, 999), abs(i - j))
        for pair, distance in nearest.items():
            counts[pair] += weight[own[0]] * 0.5 ** (distance / half_life)
    return counts


@pytest.mark.parametrize("at_a_time", [1, 40, 8_000_000])
def test_counts_and_neighbours_equal_the_double_sum(at_a_time, monkeypatch):
    monkeypatch.setattr(nearby, "PAIRS_AT_A_TIME", at_a_time)
    random = np.random.default_rng(4)
    user, item = np.sort(random.integers(0, 5, 60)), random.integers(0, 9, 60)
    item[user == 4] = np.arange((user == 4).sum()) % 9  # one who repeats little
    weight = np.array([1.0, 0.5, 2.0, 0.3, 1.5])[user]
    counts = nearby_counts(user, item, 9, half_life=1.5, weight=weight)
    expected = in_loops(user, item, 9, 1.5, weight)
    np.testing.assert_allclose(counts.toarray(), expected)

    size = np.bincount(item, minlength=9).astype(float)
    totals, similarity = Totals(size, size), CoCount(alpha=0.3)
    table = nearby_neighbours(user, item, totals, similarity, 4, half_life=1.5, weight=weight)
    similarity = expected / (size[:, None] ** 0.7 * size[None, :] ** 0.3)
    np.fill_diagonal(similarity, 0)
    np.testing.assert_allclose(table.weights, -np.sort(-similarity, axis=1)[:, :4], rtol=1e-5)
    for row in range(9):
        np.testing.assert_allclose(similarity[row, table.ids[row]], table.weights[row], rtol=1e-5)


def test_errors_say_what_came():
    with pytest.raises(ValueError, match=r"half_life is a number of events above 0\. Received: 0"):
        nearby_counts([1], [1], 2, half_life=0)
    with pytest.raises(ValueError, match=r"Counts are all that there is\. Received: Cosine"):
        nearby_neighbours([1, 1], [0, 1], None, Cosine(), 1, half_life=1.0)
