import numpy as np
import pytest
import scipy.sparse as sp

from tfrec_recall.graph import (
    ItemUserItemWalks,
    bipartite_graph,
    pagerank_by_walks,
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


def test_a_pool_has_the_window_of_the_pagerank(monkeypatch):
    monkeypatch.setattr(pagerank, "CELLS_AT_A_TIME", 90)  # three nodes at a time
    random = np.random.default_rng(3)
    item, user = np.nonzero(random.random((30, 12)) < 0.2)
    walks = ItemUserItemWalks(bipartite_graph(user, item, users=12, items=30), items=30)
    pool = pagerank.hard_pool(walks, (4, 9), 3, walked=2000, length=20, seed=1)
    exact = personalised_pagerank(walks.step(sp.csr_array(np.eye(30))), np.arange(30))
    inside = []
    for start, drawn in enumerate(pool):
        rank = np.argsort(np.argsort(-exact[start]))[drawn[drawn > 0]]
        assert len(set(drawn)) == 3 or not drawn.any()  # few are joined to no item
        inside.extend((rank >= 4) & (rank < 9))
    assert len(inside) > 60
    assert np.mean(inside) > 0.9


def test_walks_rank_far_better_with_a_last_step_of_the_equation():
    random = np.random.default_rng(0)
    user = np.repeat(np.arange(300), 20)
    item = (user // 10 * 20 + random.integers(0, 60, len(user))) % 600 + 1
    walks = ItemUserItemWalks(bipartite_graph(user, item, users=300, items=601), items=601)
    starts = np.arange(1, 601, 20)
    step = walks.step(sp.csr_array(sp.identity(601, format="csr")))
    rank = np.argsort(np.argsort(-personalised_pagerank(step, starts)))
    drawn = rank_window(pagerank_by_walks(walks, starts, count=50, length=20), (30, 70), count=10)
    found = np.take_along_axis(rank, drawn, axis=1)
    assert np.mean((found >= 30) & (found < 70)) > 0.8  # by the visits alone .62
