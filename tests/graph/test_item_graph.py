import sys

import numpy as np
import pytest

from tests.references import graphs
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.graph import basket_graph, item_graph

module = sys.modules["tfrec_recall.graph.item_graph"]  # the package has the function of this name


@pytest.mark.parametrize("reach", [1, 3])
def test_edges_are_the_references(reach):
    generator = np.random.default_rng(0)
    item, session = generator.integers(0, 7, 200), np.sort(generator.integers(0, 20, 200))
    graph = item_graph(item, session, items=9, reach=reach)
    np.testing.assert_array_equal(graph.toarray(), graphs.item_graph(item, session, 9, reach))
    assert graph.has_sorted_indices
    assert (graph.toarray() != graph.toarray().T).any()  # the direction counts


def test_sessions_do_not_run_into_each_other():
    assert item_graph([1, 2, 3], [5, 5, 4], items=4).nnz == 1
    assert item_graph([], [], items=4).shape == (4, 4)


def test_an_item_that_follows_itself_makes_no_edge():
    np.testing.assert_array_equal(
        item_graph([0, 0, 1], [1, 1, 1], items=2).toarray(), [[0, 1], [0, 0]]
    )


def test_baskets_are_the_mean_over_all_orders():
    baskets = [[0, 1, 2], [2, 3], [4], [0, 4, 1, 3]]
    item = np.concatenate(baskets)
    session = np.repeat([9, 3, 5, 4], [len(basket) for basket in baskets])
    graph = basket_graph(item, session, items=5)
    np.testing.assert_allclose(graph.toarray(), graphs.basket_graph(baskets, 5), rtol=1e-6)
    assert graph.sum() == pytest.approx(sum(len(basket) - 1 for basket in baskets))


def test_a_large_basket_is_sampled_and_weighs_what_it_would(monkeypatch):
    monkeypatch.setattr(module, "REACH", 2)
    monkeypatch.setattr(module, "EDGES_AT_A_TIME", 10)  # basket by basket
    baskets = [[0, 1, 2], [3, 0, 4, 5, 6, 7, 1], [7, 2, 3, 4, 5, 6, 8, 0]]
    item = np.concatenate(baskets)
    session = np.repeat([4, 2, 9], [len(basket) for basket in baskets])
    told = r"2 baskets of more than 5 items are sampled: the largest has 8.* joined to 4 others"
    with pytest.warns(ReadingNotice, match=told):
        drawn = [basket_graph(item, session, 9, seed).toarray() for seed in range(400)]
    for graph in drawn[:20]:
        rows = sum(np.isin(range(9), basket) * (1 - 1 / len(basket)) for basket in baskets)
        np.testing.assert_allclose(graph.sum(axis=1), rows, rtol=1e-5)
        np.testing.assert_allclose(graph, graph.T, rtol=1e-5)
        assert (graph[8] > 0).sum() == 4
    exact = graphs.basket_graph([baskets[0]], 9)
    for basket in baskets[1:]:
        exact[np.ix_(basket, basket)] += (1 - np.eye(len(basket))) / len(basket)
    np.testing.assert_allclose(np.mean(drawn, axis=0), exact, atol=0.03)


def test_ids_and_lengths_are_checked():
    with pytest.raises(ValueError, match=r"0 to items - 1 = 2.*Received: ids from 1 to 3"):
        item_graph([1, 3], [0, 0], items=3)
    with pytest.raises(ValueError, match=r"reach is at least 1\. Received: 0"):
        item_graph([1, 2], [0, 0], items=3, reach=0)
    with pytest.raises(ValueError, match=r"one length.*Received: shapes \(2,\) and \(3,\)"):
        basket_graph([1, 2], [0, 0, 0], items=3)
