import numpy as np
import pytest
import scipy.sparse as sp

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
