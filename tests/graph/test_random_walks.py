import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import chisquare

from tests.graph.toys import weighted
from tests.references.graphs import transitions
from tfrec_recall.graph import ItemUserItemWalks, RandomWalks, bipartite_graph

LOWEST_P = 1e-4


def follows_the_weights(walks, weight):
    """The chi-square of the steps seen against those that the weights let expect, node by node."""
    here, there = walks[:, :-1].ravel(), walks[:, 1:].ravel()
    seen = np.zeros(weight.shape)
    np.add.at(seen, (here, there), 1)
    assert not seen[weight == 0].any()
    for node, expected in enumerate(transitions(weight.astype("float64"))):
        possible = expected > 0
        if seen[node].sum() and possible.sum() > 1:
            expected = expected[possible] / expected[possible].sum() * seen[node].sum()
            assert chisquare(seen[node, possible], expected).pvalue > LOWEST_P


@pytest.mark.parametrize("restart", [0.0, 1e-9])
def test_steps_follow_the_weights(restart):
    weight = weighted()
    walks = RandomWalks(sp.csr_array(weight)).walk(np.arange(7).repeat(4000), 10, restart)
    follows_the_weights(walks, weight)


def test_all_starts_walk_by_themselves():
    walks = RandomWalks(sp.csr_array(weighted())).walk(np.repeat(3, 30_000), 2)
    assert walks.shape == (30_000, 3)
    assert (walks[:, 0] == 3).all()
    pairs = np.zeros((7, 7))
    np.add.at(pairs, (walks[:-1, 1], walks[1:, 1]), 1)  # neighbours know nothing of each other
    pairs = pairs[pairs.sum(axis=1) > 0][:, pairs.sum(axis=0) > 0]
    expected = np.outer(pairs.sum(axis=1), pairs.sum(axis=0)) / pairs.sum()
    assert chisquare(pairs.ravel(), expected.ravel()).pvalue > LOWEST_P


def test_the_seed_alone_decides_and_not_the_threads():
    graph = sp.csr_array(weighted())
    starts = np.arange(7).repeat(6000)
    one, four = (RandomWalks(graph, threads).walk(starts, 4, seed=5) for threads in (1, 4))
    np.testing.assert_array_equal(one, four)
    assert (one != RandomWalks(graph).walk(starts, 4, seed=6)).any()


def test_a_dead_end_ends_the_walk():
    graph = sp.csr_array(([1.0, 2.0], ([0, 1], [1, 3])), shape=(5, 5))
    walks = RandomWalks(graph).walk([0, 1, 2, 4], 3)
    expected = [[0, 1, 3, -1], [1, 3, -1, -1], [2, -1, -1, -1], [4, -1, -1, -1]]
    np.testing.assert_array_equal(walks, expected)
    # With a restart, back to the start: 0, 1, 3, 0, … but for the earlier restarts.
    walks = RandomWalks(graph).walk(np.zeros(1000, "int64"), 9, restart=0.1)
    assert walks.min() == 0
    assert (walks[:, 1:][walks[:, :-1] == 3] == 0).all()


def test_a_restart_takes_the_place_of_a_step():
    ring = sp.csr_array(np.roll(np.eye(50), 1, axis=1))
    walks = RandomWalks(ring).walk(np.full(20_000, 7), 20, restart=0.25)
    back = walks[:, 1:] == 7
    assert back.mean() == pytest.approx(0.25, abs=0.005)
    on = walks[:, 1:] == walks[:, :-1] + 1
    assert (on ^ back).all()


def test_walks_of_items_go_through_a_common_user():
    user, item = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 1, 2, 3])
    weight = np.array([1.0, 3.0, 1.0, 1.0, 5.0])
    graph = bipartite_graph(user, item, users=3, items=4, weight=weight)
    taken = np.zeros((4, 3))
    taken[item, user] = weight
    there_and_back = transitions(taken) @ transitions(taken.T)
    walks = ItemUserItemWalks(graph, items=4).walk(np.arange(4).repeat(5000), 6)
    follows_the_weights(walks, there_and_back)
    walks = ItemUserItemWalks(graph, items=4).walk(np.repeat(2, 20_000), 1, restart=0.5)
    back = (walks[:, 1] == 2).mean()
    assert back == pytest.approx(0.5 + 0.5 * there_and_back[2, 2], abs=0.02)


def test_the_weights_of_repeated_events_add_up():
    graph = bipartite_graph([0, 0, 1], [1, 1, 0], users=2, items=2)
    assert graph[1, 2] == graph[2, 1] == 2
    np.testing.assert_array_equal(graph.toarray(), graph.toarray().T)


def test_wrong_arguments_are_named():
    walks = RandomWalks(sp.csr_array(np.eye(3)))
    with pytest.raises(ValueError, match=r"nodes from 0 to 2.*Received: \[3\]"):
        walks.walk([3], 1)
    with pytest.raises(ValueError, match=r"restart a probability below 1.*restart=1"):
        walks.walk([0], 1, restart=1)
    with pytest.raises(ValueError, match=r"as many rows as columns. Received: \(2, 3\)"):
        RandomWalks(sp.csr_array(np.ones((2, 3))))
    assert walks.walk([], 4).shape == (0, 5)
