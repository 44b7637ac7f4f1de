import numpy as np
import pytest

from tfrec_recall.graph import CoCount, Cosine, nearby_counts, neighbours_by_counts
from tfrec_recall.graph.similarity import Totals


def in_loops(user, item, items, half_life, weight):
    counts = np.zeros((items, items))
    for i in range(len(user)):
        for j in range(len(user)):
            if i != j and user[i] == user[j] and abs(i - j) <= 6 * half_life:
                counts[item[i], item[j]] += weight[i] * 0.5 ** (abs(i - j) / half_life)
    return counts


def test_counts_and_neighbours_equal_the_double_sum():
    random = np.random.default_rng(4)
    user, item = np.sort(random.integers(0, 5, 60)), random.integers(0, 9, 60)
    weight = np.array([1.0, 0.5, 2.0, 0.3, 1.5])[user]
    counts = nearby_counts(user, item, 9, half_life=1.5, weight=weight)
    expected = in_loops(user, item, 9, 1.5, weight)
    np.testing.assert_allclose(counts.toarray(), expected)

    size = np.bincount(item, minlength=9).astype(float)
    table = neighbours_by_counts(counts, Totals(size, size), CoCount(alpha=0.3), count=4)
    similarity = expected / (size[:, None] ** 0.7 * size[None, :] ** 0.3)
    np.fill_diagonal(similarity, 0)
    np.testing.assert_allclose(table.weights, -np.sort(-similarity, axis=1)[:, :4], rtol=1e-5)
    for row in range(9):
        np.testing.assert_allclose(similarity[row, table.ids[row]], table.weights[row], rtol=1e-5)


def test_errors_say_what_came():
    with pytest.raises(ValueError, match=r"half_life is a number of events above 0\. Received: 0"):
        nearby_counts([1], [1], 2, half_life=0)
    with pytest.raises(ValueError, match=r"Counts are all that there is\. Received: Cosine"):
        neighbours_by_counts(nearby_counts([1, 1], [0, 1], 2, 1.0), None, Cosine(), 1)
