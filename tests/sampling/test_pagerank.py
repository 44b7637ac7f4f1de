import numpy as np
import pytest
import scipy.sparse as sp

from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.graph import (
    ItemPageRank,
    ItemUserItemWalks,
    bipartite_graph,
    personalised_pagerank,
)
from tfrec_recall.sampling import pagerank
from tfrec_recall.sampling.pagerank import rank_window, scaled_ranks

SCORES = np.random.default_rng(0).permutation(np.arange(1, 41)).reshape(2, 20) / 40
SCORES[:, 0] = 0


def test_only_the_window_is_drawn_from_and_nothing_twice():
    table = rank_window(sp.csr_array(SCORES), (3, 8), count=4)
    for scores, drawn in zip(SCORES, table, strict=True):
        assert len(set(drawn)) == 4
        assert set(drawn) <= set(np.argsort(-scores)[3:8])


def test_all_of_the_window_may_be_drawn():
    drawn = [rank_window(sp.csr_array(SCORES), (3, 8), count=1, seed=n)[0, 0] for n in range(60)]
    assert set(drawn) == set(np.argsort(-SCORES[0])[3:8])


def test_equals_are_not_decided_by_their_ids():
    even = sp.csr_array(np.ones((1, 21)) * (np.arange(21) > 0))
    drawn = [rank_window(even, (0, 1), count=1, seed=n)[0, 0] for n in range(60)]
    assert min(drawn) < 6
    assert max(drawn) > 15


def test_what_is_missing_is_padding():
    table = rank_window(sp.csr_array(SCORES), (17, 30), count=6)
    assert (np.count_nonzero(table, axis=1) == 2).all()  # ranks 17 and 18 of 19 scores


def test_the_window_is_scaled_for_small_catalogues():
    assert scaled_ranks((2000, 5000), 3_000_000_000) == (2000, 5000)
    assert scaled_ranks((2000, 5000), 25_000) == (1000, 2500)
    assert scaled_ranks((2000, 5000), 10) == (1, 2)


def test_an_empty_window_is_refused():
    with pytest.raises(ValueError, match=r"0 <= first < last.*Received: ranks=\(5, 5\)"):
        rank_window(sp.csr_array(SCORES), (5, 5), count=1)


def parts_of_town(users=300, parts=30):
    """Users of 20 events in one of some parts, whose items are those of the next part as well, and
    two users with three items of their own."""
    random = np.random.default_rng(0)
    user = np.repeat(np.arange(users), 20)
    item = (user // (users // parts) * 20 + random.integers(0, 60, len(user))) % 600 + 1
    user, item = np.append(user, [users, users, users + 1]), np.append(item, [601, 602, 603])
    graph = bipartite_graph(user, item, users=users + 2, items=605)
    return ItemUserItemWalks(graph, items=605)


@pytest.mark.parametrize(("users", "parts"), [(300, 30), (300, 3)])
def test_a_pool_has_the_window_of_the_pagerank(users, parts, monkeypatch):
    monkeypatch.setattr(pagerank, "CELLS_AT_A_TIME", 605 * 7)  # seven items at a time
    walks = parts_of_town(users, parts)
    pool = pagerank.hard_pool(ItemPageRank(walks), (30, 70), 10, seed=1)
    starts = np.flatnonzero(walks.rest()[1][:601])[::7]
    step = walks.step(sp.csr_array(sp.identity(605, format="csr")))
    rank = np.argsort(np.argsort(-personalised_pagerank(step, starts)))
    found = np.take_along_axis(rank, pool[starts], axis=1)
    assert (pool[starts] > 0).all()
    assert all(len(set(drawn)) == 10 for drawn in pool[starts])
    assert np.mean((found >= 30) & (found < 70)) > 0.8
    assert not pool[[0, 601, 602, 603, 604]].any()  # as many items are not joined to these
    few = pagerank.hard_pool(ItemPageRank(walks), (1, 5), 10, seed=1)
    assert set(few[601]) == {602, 0}  # and no item that they are not joined to
    assert set(few[602]) == {601, 0}


@pytest.mark.parametrize("ranks", [(0, 6), (1, 6)])
def test_no_item_is_in_its_own_pool_though_everyone_has_others(ranks):
    """Of 60 items two are in all baskets of three: more walks end there than where they began."""
    user = np.tile(np.arange(200), 3)
    item = np.concatenate([4 + np.arange(200) % 58, np.repeat([2, 3], 200)])
    walks = ItemUserItemWalks(bipartite_graph(user, item, users=200, items=62), items=62)
    pool = pagerank.hard_pool(ItemPageRank(walks), ranks, 10)
    assert not (pool == np.arange(62)[:, np.newaxis])[2:].any()
    assert (np.count_nonzero(pool[2:], axis=1) == 5).all()  # ranks 1 to 5
    assert (pool[2:, :] == 2).any(axis=1)[1:].all()  # what everyone has is near to all


def test_item_pagerank_is_the_equations_where_walks_are_at_rest():
    taken = np.array([[0, 0, 0], [1, 1, 0], [1, 1, 0], [0, 0, 1.0]])
    item, user = np.nonzero(taken)
    walks = ItemUserItemWalks(bipartite_graph(user, item, users=3, items=4), items=4)
    found = ItemPageRank(walks, restart=0.2)
    assert found.stay == pytest.approx(0, abs=1e-6)
    for start, expected in ((1, [0, 0.6, 0.4, 0]), (3, [0, 0, 0, 1]), (0, [0.2, 0, 0, 0])):
        ((items, scores),) = found.best(np.array([start]), count=4)
        dense = np.zeros(4)
        dense[items] = scores
        np.testing.assert_allclose(dense, expected, atol=1e-6)


@pytest.mark.parametrize("dense", [0.0, 1.0])
def test_steps_over_all_edges_are_those_over_some(dense, monkeypatch):
    walks = parts_of_town()
    scores = []
    for share in (dense, 0.01):
        monkeypatch.setattr("tfrec_recall.graph.pagerank.DENSE", share)
        found = np.zeros((3, 605))
        for row, (items, own) in zip(
            found, ItemPageRank(walks).best([1, 300, 602], 605), strict=True
        ):
            row[items] = own
        scores.append(found)
    np.testing.assert_allclose(*scores, rtol=1e-4, atol=1e-9)


def test_fewer_steps_of_a_large_graph_are_told(monkeypatch, recwarn):
    walks = parts_of_town()
    assert ItemPageRank(walks).steps == 4
    assert not recwarn
    monkeypatch.setattr("tfrec_recall.graph.pagerank.MOST_EDGES", 605 * int(walks.degree.sum()) - 1)
    with pytest.warns(ReadingNotice, match=r"each of 605 items over 5,\d+ edges makes 2 steps"):
        assert ItemPageRank(walks).steps == 2
    with pytest.raises(ValueError, match="steps"):
        ItemPageRank(walks, steps=0)
