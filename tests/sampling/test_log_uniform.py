import numpy as np
import pytest
from scipy import stats

from tfrec_recall.sampling import LogUniformNegatives, UniformNegatives

COUNTS = np.array([0, 0, 4, 90, 1, 30, 7])  # ids are not in the order of their frequency
RANK = np.array([3, 0, 4, 1, 2])
PROBABILITY = np.log((RANK + 2) / (RANK + 1)) / np.log(6)


def test_ranks_come_from_the_counts():
    negatives = LogUniformNegatives(COUNTS)
    found = np.exp(negatives.log_probability(np.arange(2, 7)))
    np.testing.assert_allclose(found, PROBABILITY, rtol=1e-5)
    assert PROBABILITY.sum() == pytest.approx(1)


def test_draws_follow_the_probability():
    drawn = LogUniformNegatives(COUNTS).sample([30_000], seed=[5, 6]).numpy()
    seen = np.bincount(drawn, minlength=7)
    assert seen[:2].sum() == 0
    assert stats.chisquare(seen[2:], 30_000 * PROBABILITY).pvalue > 1e-3


def test_without_a_seed_draws_differ_and_with_one_they_do_not():
    for negatives in (LogUniformNegatives(COUNTS), UniformNegatives(7)):
        a, b = negatives.sample([50]).numpy(), negatives.sample([50]).numpy()
        assert (a != b).any()
        a, b = (negatives.sample([5, 10], seed=[1, 2]).numpy() for _ in range(2))
        np.testing.assert_array_equal(a, b)


def test_uniform_log_probability():
    np.testing.assert_allclose(
        UniformNegatives(7).log_probability(np.array([2, 6])), np.log([0.2, 0.2]), rtol=1e-6
    )


def test_no_item_is_an_error():
    with pytest.raises(ValueError, match="at least one known item"):
        LogUniformNegatives([0, 0])
