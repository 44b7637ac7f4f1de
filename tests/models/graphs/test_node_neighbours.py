import numpy as np
import pytest
import scipy.sparse as sp
import tensorflow as tf

from tfrec_recall.graph import Neighbours
from tfrec_recall.models.graphs.node_neighbours import ImportantNeighbours, SampledNeighbours

DEGREES = (0, 1, 3, 4, 9, 30)
NODES = 40
EDGES = [(node, 5 + column) for node, degree in enumerate(DEGREES) for column in range(degree)]
GRAPH = sp.csr_array((np.ones(len(EDGES)), np.array(EDGES).T), shape=(NODES, NODES))
SIZE = 4


def sampler(graph, sizes):
    neighbours = SampledNeighbours(graph.shape[0], sizes)
    neighbours.assign(graph)
    return tf.function(neighbours, reduce_retracing=True)


DRAW = sampler(GRAPH, (2, SIZE))


def sampled(seed, nodes=tuple(range(6)), layer=1):
    ids, weights = DRAW(tf.constant(nodes), layer, tf.constant(seed))
    return ids.numpy(), weights.numpy()


def test_samples_are_neighbours_and_no_neighbour_is_none():
    ids, weights = sampled([1, 2])
    np.testing.assert_array_equal(weights, np.repeat(np.array(DEGREES) > 0, SIZE).reshape(-1, SIZE))
    for node, degree in enumerate(DEGREES):
        allowed = set(range(5, 5 + degree)) or {0}
        assert set(ids[node]) <= allowed


def test_nothing_comes_twice_where_the_degree_allows():
    for step in range(50):
        ids, _ = sampled([7, step])
        assert all(len(set(row)) == SIZE for row in ids[3:])
    assert sampled([0, 0], layer=0)[0].shape == (len(DEGREES), 2)


def test_all_neighbours_are_as_likely():
    """Of 30, in 1,000 samples of 4: 133 on average, with a deviation of 11."""
    draws = np.concatenate([sampled([3, step])[0][5] for step in range(1000)])
    counts = np.bincount(draws, minlength=NODES)[5:35]
    assert abs(counts - 133.3).max() < 4.5 * 11


def test_with_replacement_where_there_are_fewer():
    draws = np.stack([sampled([3, step])[0][2] for step in range(600)])
    assert len(np.unique(draws, axis=0)) == 3**SIZE
    np.testing.assert_allclose(np.bincount(draws.ravel())[5:] / draws.size, 1 / 3, atol=0.05)


def test_a_node_draws_the_same_beside_any_others():
    together, _ = sampled([4, 4])
    for node in range(len(DEGREES)):
        np.testing.assert_array_equal(sampled([4, 4], (node,))[0][0], together[node])
    assert (sampled([4, 5])[0][5] != together[5]).any()


def test_nodes_draw_independently():
    """Two nodes with equal rows do not draw alike."""
    graph = sp.csr_array((np.ones(60), ([0] * 30 + [1] * 30, [*range(30), *range(30)])), (30, 30))
    draw = sampler(graph, (1,))
    pairs = [draw(tf.constant([0, 1]), 0, tf.constant([n, 1]))[0] for n in range(900)]
    same = np.mean([pair[0, 0] == pair[1, 0] for pair in np.array(pairs)])
    assert same == pytest.approx(1 / 30, abs=0.03)


def test_the_table_of_the_important_is_read_as_it_is():
    neighbours = ImportantNeighbours(3, 2)
    ids = np.array([[-1, -1], [2, 0], [1, -1]], "int32")
    weights = np.array([[0, 0], [0.75, 0.25], [1, 0]], "float32")
    neighbours.assign(Neighbours(ids, weights))
    found, importance = neighbours(tf.constant([2, 1]), 0, None)
    np.testing.assert_array_equal(found, [[1, 0], [2, 0]])
    np.testing.assert_array_equal(importance, [[1, 0], [0.75, 0.25]])
