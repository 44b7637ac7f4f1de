import numpy as np
import pytest
from scipy import stats

from tfrec_recall.sampling import PopularityNegatives

COUNTS = np.array([0, 0, 50, 20, 9, 0, 4, 1])
DRAWS = 20_000


@pytest.mark.parametrize("power", [0.0, 0.5, 0.75, 1.0])
def test_frequencies_follow_the_power(power):
    drawn = PopularityNegatives(COUNTS, power).sample([DRAWS // 4, 4], seed=[3, 7]).numpy()
    seen = np.bincount(drawn.ravel(), minlength=len(COUNTS))
    mass = np.array([c**power if c else 0.0 for c in COUNTS])
    assert seen[mass == 0].sum() == 0
    expected = DRAWS * mass / mass.sum()
    assert stats.chisquare(seen[mass > 0], expected[mass > 0]).pvalue > 1e-3


def test_another_power_would_be_noticed():
    drawn = PopularityNegatives(COUNTS, 0.75).sample([DRAWS], seed=[3, 7]).numpy()
    seen = np.bincount(drawn, minlength=len(COUNTS))[COUNTS > 0]
    expected = DRAWS * COUNTS[COUNTS > 0] / COUNTS.sum()
    assert stats.chisquare(seen, expected).pvalue < 1e-6


def test_the_seed_alone_decides():
    negatives = PopularityNegatives(COUNTS)
    first, again = negatives.sample([50], seed=[1, 2]), negatives.sample([50], seed=[1, 2])
    np.testing.assert_array_equal(first, again)
    assert (negatives.sample([50], seed=[1, 3]).numpy() != first.numpy()).any()


def test_rare_items_of_a_large_catalogue_are_drawn():
    """In float32, a million cumulative shares near 1 would collapse into a few values."""
    counts = np.concatenate([[0, 0, 10**9], np.ones(200_000)])
    drawn = PopularityNegatives(counts, power=0.75).sample([400_000], seed=[0, 1]).numpy()
    rare = drawn[drawn > 2]
    share = 200_000 / (200_000 + 1e9**0.75)
    assert len(rare) == pytest.approx(400_000 * share, rel=0.05)
    assert len(np.unique(rare)) > 0.9 * len(
        np.unique(np.random.default_rng(0).integers(0, 200_000, len(rare)))
    )


def test_log_probability_is_that_of_the_draws():
    negatives = PopularityNegatives(COUNTS, 0.75)
    found = negatives.log_probability(np.array([2, 7])).numpy()
    mass = COUNTS[COUNTS > 0] ** 0.75
    np.testing.assert_allclose(found, np.log([50**0.75 / mass.sum(), 1 / mass.sum()]), rtol=1e-5)


def test_no_counts_is_an_error():
    with pytest.raises(ValueError, match="Received: all of them 0"):
        PopularityNegatives([0, 0, 0])
