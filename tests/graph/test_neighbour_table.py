"""Neighbour tables against the definitions, on a matrix with everything that goes wrong."""

import numpy as np
import pytest
import scipy.sparse as sp

from tests.references import similarity as reference
from tfrec_recall.graph import CoCount, Cosine, Jaccard, Pearson, interaction_matrix, neighbours

# 7 items by 9 users; 3 equals 4 (ties), 5 has one user, 6 shares none, 2 rates everything alike,
# and row 0 holds a rating of 0.
RATINGS = [
    {0: 0.0, 1: 4.0, 2: 1.0, 3: 2.0, 4: 5.0},
    {0: 4.0, 1: 3.0, 2: 2.0, 5: 1.0},
    {0: 3.0, 1: 3.0, 2: 3.0, 3: 3.0},
    {1: 5.0, 2: 2.0, 3: 4.0},
    {1: 5.0, 2: 2.0, 3: 4.0},
    {4: 2.0},
    {8: 4.0, 7: 1.0},
]
USERS = 9
SIZES = [sum(user in row for row in RATINGS) for user in range(USERS)]

CASES = {
    "base": (CoCount(), reference.overlap),
    "popularity": (CoCount(alpha=0.7), lambda x, y: reference.overlap(x, y, 0.7)),
    "active": (
        CoCount(alpha=0.3, active_penalty=True),
        lambda x, y: reference.overlap(x, y, 0.3, SIZES),
    ),
    "cosine": (Cosine(), reference.cosine),
    "jaccard": (Jaccard(), reference.jaccard),
    "pearson": (Pearson(minimum_overlap=2), lambda x, y: reference.pearson(x, y, 2)),
    "pearson of three": (Pearson(minimum_overlap=3), lambda x, y: reference.pearson(x, y, 3)),
    "shrunk base": (
        CoCount(shrinkage=2.0),
        lambda x, y: reference.shrunk(reference.overlap(x, y), x, y, 2.0),
    ),
    "shrunk cosine": (
        Cosine(shrinkage=2.0),
        lambda x, y: reference.shrunk(reference.cosine(x, y), x, y, 2.0),
    ),
    "shrunk pearson": (
        Pearson(2, shrinkage=5.0),
        lambda x, y: reference.shrunk(reference.pearson(x, y, 2), x, y, 5.0),
    ),
}


def matrix():
    rows = [row for row, entries in enumerate(RATINGS) for _ in entries]
    columns = [column for entries in RATINGS for column in entries]
    values = np.array([value for entries in RATINGS for value in entries.values()])
    return interaction_matrix(rows, columns, (len(RATINGS), USERS), values)


def expected(formula):
    """All pairs; what is not above 0 is no neighbour, nor is the row itself."""
    table = np.array([[formula(x, y) for y in RATINGS] for x in RATINGS])
    np.fill_diagonal(table, 0.0)
    return np.maximum(table, 0.0)


def dense(table):
    result = np.zeros((len(table.ids), len(table.ids)))
    for row, (ids, weights) in enumerate(zip(*table, strict=True)):
        for column, weight in zip(ids, weights, strict=True):
            if column >= 0:
                assert result[row, column] == 0  # no neighbour twice
                result[row, column] = weight
    return result


@pytest.mark.parametrize("name", CASES)
def test_every_pair_equals_its_definition(name):
    similarity, formula = CASES[name]
    table = neighbours(matrix(), similarity, count=len(RATINGS) - 1)
    np.testing.assert_allclose(dense(table), expected(formula), atol=1e-6)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_best_are_kept_best_first(name, count):
    similarity, formula = CASES[name]
    table = neighbours(matrix(), similarity, count)
    best = -np.sort(-expected(formula), axis=1)[:, :count]
    np.testing.assert_allclose(table.weights, best, atol=1e-6)
    np.testing.assert_array_equal(table.ids >= 0, best > 1e-9)


@pytest.mark.parametrize("similarity", [CoCount(alpha=0.4, active_penalty=True), Cosine()])
def test_product_and_formula_agree(similarity, monkeypatch):
    random = np.random.default_rng(1)
    events = random.integers(0, [[60], [40]], (2, 900))
    board = interaction_matrix(*events, (60, 40), random.integers(1, 6, 900))
    fast = neighbours(board, similarity, count=7)
    monkeypatch.setattr(type(similarity), "factors", lambda self, matrix: None)
    monkeypatch.setattr("tfrec_recall.graph.neighbour_table.PAIRS_AT_A_TIME", 500)  # several blocks
    slow = neighbours(board, similarity, count=7)
    np.testing.assert_allclose(fast.weights, slow.weights, rtol=1e-5)


def test_equal_neighbours_are_decided_by_the_seed_and_not_by_the_id():
    """One user took all 30 items: each has 29 equal neighbours, of which 5 are kept."""
    board = interaction_matrix(np.arange(30), np.zeros(30, int), (30, 1))
    for similarity in (Cosine(), Jaccard()):
        first, again, other = (neighbours(board, similarity, 5, seed=s) for s in (1, 1, 2))
        np.testing.assert_array_equal(first.ids, again.ids)
        assert not np.array_equal(first.ids, other.ids)
        assert first.ids.mean() > 8  # the five with the smallest ids would have a mean of 2


def test_repeated_events_are_one_entry():
    counts = interaction_matrix([0, 0, 0], [1, 1, 2], (2, 3))
    np.testing.assert_array_equal(counts.toarray(), [[0, 1, 1], [0, 0, 0]])
    means = interaction_matrix([0, 0, 0], [1, 1, 2], (2, 3), np.array([1.0, -1.0, 2.0]))
    assert means.nnz == 2  # a mean of 0 is an entry
    np.testing.assert_array_equal(means.toarray(), [[0, 0, 2], [0, 0, 0]])


def test_nothing_at_all_makes_empty_lists():
    empty = sp.csr_array((3, 4), dtype="float32")
    for similarity in (Cosine(), Pearson()):
        table = neighbours(empty, similarity, count=2)
        assert (table.ids == -1).all()
        assert (table.weights == 0).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: CoCount(alpha=1.5),
            "at least 0 and at most 1. Received: alpha=1.5",
        ),
        (lambda: Jaccard(shrinkage=-1), "shrinkage as a number at least 0. Received: shrinkage=-1"),
        (
            lambda: Pearson(minimum_overlap=1),
            "from 2 up. Received: minimum_overlap=1",
        ),
        (lambda: neighbours(matrix(), Cosine(), count=0), "count is at least 1. Received: 0"),
    ],
)
def test_errors_say_what_came(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("similarity", "formula"),
    [
        (Cosine(2.0), lambda x, y: reference.shrunk(reference.cosine(x, y), x, y, 2.0)),
        (Pearson(2), lambda x, y: reference.pearson(x, y, 2)),
    ],
)
def test_ratings_of_both_signs_whose_products_cancel_out(similarity, formula):
    random = np.random.default_rng(0)
    chosen = [random.permutation(9)[:6] for _ in range(12)]
    rows = [
        dict(zip(c.tolist(), random.integers(-2, 3, 6).astype(float), strict=True)) for c in chosen
    ]
    sums = [sum(x[c] * y[c] for c in x if c in y) for x in rows for y in rows]
    assert 0.0 in sums
    row = np.repeat(range(12), 6)
    values = np.concatenate([list(one.values()) for one in rows])
    matrix = interaction_matrix(row, np.concatenate(chosen), (12, 9), values)
    table = neighbours(matrix, similarity, count=11)
    for one in range(12):
        found = {i: w for i, w in zip(table.ids[one], table.weights[one], strict=True) if i >= 0}
        expected = {i: formula(rows[one], rows[i]) for i in range(12) if i != one}
        expected = {i: value for i, value in expected.items() if value > 1e-9}
        assert found == pytest.approx(expected, rel=1e-5)
