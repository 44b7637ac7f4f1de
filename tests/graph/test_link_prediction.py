import numpy as np
import pytest
import scipy.sparse as sp

from tests.graph.toys import weighted
from tfrec_recall.graph import area_under_curve, hide_links


def test_a_share_of_the_pairs_goes_with_both_directions():
    weight = weighted(nodes=12)
    np.fill_diagonal(weight, 0)
    connected = {tuple(sorted(pair)) for pair in np.argwhere(weight).tolist()}
    links = hide_links(sp.csr_array(weight), share=0.2)
    hidden, absent = ({tuple(p) for p in part.tolist()} for part in (links.hidden, links.absent))
    assert len(links.hidden) == len(hidden) == round(0.2 * len(connected))
    assert hidden < connected
    left = links.graph.toarray()
    for i, j in np.argwhere(weight):
        kept = tuple(sorted((i, j))) not in hidden
        assert left[i, j] == (weight[i, j] if kept else 0)
    assert len(links.absent) == len(absent) == len(hidden)
    assert not absent & connected
    assert all(i < j for i, j in absent)


def test_nodes_without_edges_are_in_no_pair():
    graph = sp.csr_array(np.pad(np.roll(np.eye(30), 1, axis=1), 5))
    links = hide_links(graph)
    for pairs in (links.hidden, links.absent):
        assert pairs.min() >= 5
        assert pairs.max() < 35


def test_the_seed_decides():
    graph = sp.csr_array(np.roll(np.eye(30), 1, axis=1))
    first, again, other = (hide_links(graph, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.hidden, again.hidden)
    np.testing.assert_array_equal(first.absent, again.absent)
    assert (first.hidden != other.hidden).any()


def test_the_area_is_the_share_of_pairs_in_order():
    generator = np.random.default_rng(0)
    positive, negative = generator.integers(2, 9, 40), generator.integers(0, 8, 31)
    pairs = [(p > n) + (p == n) / 2 for p in positive for n in negative]
    assert area_under_curve(positive, negative) == pytest.approx(np.mean(pairs))
    links = hide_links(sp.csr_array(np.roll(np.eye(30), 1, axis=1)))
    beside = links.auc(lambda a, b: ((b - a == 1) | (b - a == 29)).astype(float))
    assert beside == 1.0


def test_wrong_arguments_are_named():
    full = sp.csr_array(np.ones((4, 4)))
    with pytest.raises(ValueError, match=r"hide a smaller share\. Received: 2 to hide, and 0"):
        hide_links(full)
    with pytest.raises(ValueError, match=r"between 0 and 1\. Received: 1"):
        hide_links(full, share=1)
    with pytest.raises(ValueError, match=r"scores of both kinds\. Received: 0 and 2"):
        area_under_curve([], [1, 2])
