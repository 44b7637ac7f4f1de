import doctest
import importlib
import pkgutil

import numpy as np
import pytest
import scipy.sparse as sp

from tests.graph.toys import weighted
from tests.references import graphs
from tfrec_recall import graph as package
from tfrec_recall.graph import (
    ItemUserItemWalks,
    RandomWalks,
    bipartite_graph,
    importance,
    importance_neighbours,
    pagerank_by_walks,
    personalised_pagerank,
    visit_counts,
)


def test_visits_are_those_of_the_walks(monkeypatch):
    monkeypatch.setattr(importance, "VISITS_AT_A_TIME", 60)  # two starts at a time
    walks = RandomWalks(sp.csr_array(weighted()))
    counts = visit_counts(walks, np.array([4, 1, 4]), count=10, length=3, seed=2)
    assert counts.shape == (3, 7)
    np.testing.assert_array_equal(counts.sum(axis=1), [30, 30, 30])
    one = np.random.SeedSequence(2).generate_state(2)[0]
    again = walks.walk(np.repeat([4, 1], 10), 3, seed=int(one))
    for row in range(2):
        visited = again[row * 10 : row * 10 + 10, 1:].ravel()
        np.testing.assert_array_equal(counts.toarray()[row], np.bincount(visited, minlength=7))


def test_neighbours_are_the_most_visited_others(monkeypatch):
    monkeypatch.setattr(importance, "VISITS_AT_A_TIME", 1600)  # two starts at a time
    walks = RandomWalks(sp.csr_array(weighted()))
    counts = visit_counts(walks, np.arange(7), count=200, length=4, restart=0.2, seed=1).toarray()
    table = importance_neighbours(walks, top=3, count=200, length=4, restart=0.2, seed=1)
    np.fill_diagonal(counts, 0)
    shares = counts / counts.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(table.weights, -np.sort(-shares)[:, :3], rtol=1e-5)
    np.testing.assert_allclose(
        np.take_along_axis(shares, table.ids, axis=1), table.weights, rtol=1e-5
    )
    assert (table.ids != np.arange(7)[:, None]).all()


def test_equals_are_decided_by_lot():
    star = np.zeros((41, 41))
    star[0, 1:] = star[1:, 0] = 1
    walks = RandomWalks(sp.csr_array(star))
    lists = [importance_neighbours(walks, 5, count=40, length=9, seed=s).ids[0] for s in range(3)]
    assert len({tuple(ids) for ids in lists}) == 3


def test_a_node_without_edges_has_no_neighbours():
    graph = sp.csr_array(([1.0, 1.0], ([0, 1], [1, 0])), shape=(3, 3))
    table = importance_neighbours(RandomWalks(graph), top=2, count=3, length=2)
    np.testing.assert_array_equal(table.ids, [[1, -1], [0, -1], [-1, -1]])
    np.testing.assert_array_equal(table.weights, [[1, 0], [1, 0], [0, 0]])


@pytest.mark.parametrize("restart", [0.15, 0.6])
def test_power_iteration_solves_the_equations(restart):
    weight = weighted()
    weight[3] = 0  # a dead end
    found = personalised_pagerank(sp.csr_array(weight), [2, 3, 2, 0], restart)
    expected = [graphs.pagerank(weight, start, restart) for start in (2, 3, 2, 0)]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)


def test_the_last_step_is_the_equation():
    weight = weighted()
    weight[3] = 0  # a dead end, from which walkers go back to the start
    walks, starts = RandomWalks(sp.csr_array(weight)), np.array([2, 0])
    visits = visit_counts(walks, starts, count=9, length=4, restart=0.3, seed=5).toarray()
    shares = visits / visits.sum(axis=1, keepdims=True)
    expected = 0.7 * shares @ graphs.transitions(weight)
    expected[[0, 1], starts] += 0.3 + 0.7 * shares[:, 3]
    found = pagerank_by_walks(walks, starts, count=9, length=4, restart=0.3, seed=5)
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dead_end", [False, True])
def test_walks_and_power_iteration_agree(dead_end):
    weight = weighted()
    if dead_end:
        weight[3] = 0
    graph = sp.csr_array(weight)
    exact = personalised_pagerank(graph, np.arange(7))
    walked = pagerank_by_walks(RandomWalks(graph), np.arange(7), count=2000, length=400)
    np.testing.assert_allclose(walked.toarray(), exact, atol=5e-3)


def test_walks_over_items_are_the_pagerank_there_and_back():
    generator = np.random.default_rng(1)
    taken = (generator.uniform(size=(6, 5)) < 0.5).astype(float)
    taken[:, 0] = 1
    item, user = np.nonzero(taken)
    walks = ItemUserItemWalks(bipartite_graph(user, item, users=5, items=6), items=6)
    found = pagerank_by_walks(walks, [1, 4], count=2000, length=300).toarray()
    step = graphs.transitions(taken) @ graphs.transitions(taken.T)
    expected = [graphs.pagerank(step, start, 0.15) for start in (1, 4)]
    np.testing.assert_allclose(found, expected, atol=5e-3)


def test_wrong_arguments_are_named():
    graph = sp.csr_array(weighted())
    with pytest.raises(ValueError, match=r"probability between 0 and 1. Received: 0"):
        personalised_pagerank(graph, [0], restart=0)
    with pytest.raises(ValueError, match=r"top is at least 1. Received: 0"):
        importance_neighbours(RandomWalks(graph), top=0)
    with pytest.raises(ValueError, match=r"at least 1. Received: count=0, length=2"):
        visit_counts(RandomWalks(graph), [0], count=0, length=2)


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(package.__path__)])
def test_the_examples_in_the_docstrings_run(name):
    module = importlib.import_module(f"{package.__name__}.{name}")
    names = {"sp": sp, **vars(package), **vars(module)}
    assert doctest.testmod(module, globs=names).failed == 0
