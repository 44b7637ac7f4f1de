"""Each metric against its definition in plain Python, on lists that hold every odd case."""

import numpy as np
import pytest

from tests.references import metrics as reference
from tfrec_recall.evaluation import metrics

USERS, ITEMS, PLACES = 40, 23, 12


@pytest.fixture(scope="module")
def ranked():
    """Lists of random items: full ones, ones that end early, empty ones."""
    generator = np.random.default_rng(7)
    lengths = generator.integers(0, PLACES + 1, USERS)
    lengths[:3] = [0, 1, PLACES]
    return [generator.permutation(ITEMS)[:length].tolist() for length in lengths]


@pytest.fixture(scope="module")
def targets():
    """1 to 15 targets a user, drawn with replacement: an item may be a target twice."""
    generator = np.random.default_rng(8)
    return [generator.integers(0, ITEMS, generator.integers(1, 16)).tolist() for _ in range(USERS)]


@pytest.fixture(scope="module")
def hits(ranked, targets):
    matrix = np.zeros((USERS, PLACES), dtype=bool)
    for user in range(USERS):
        for place, item in enumerate(ranked[user]):
            matrix[user, place] = item in targets[user]
    return matrix


@pytest.fixture(scope="module")
def wanted(targets):
    return np.array([len(items) for items in targets])


def exposure(ranked, k):
    counts = np.zeros(ITEMS, dtype=np.int64)
    for items in ranked:
        counts[items[:k]] += 1
    return counts


@pytest.mark.parametrize("k", [1, 5, PLACES])
@pytest.mark.parametrize(
    ("name", "definition"),
    [
        ("recall", reference.recall),
        ("hit_rate", reference.hit_rate),
        ("precision", reference.precision),
        ("ndcg", reference.ndcg),
        ("mrr", reference.mrr),
        ("map", reference.average_precision),
    ],
)
def test_equals_the_definition_user_by_user(name, definition, k, ranked, targets, hits, wanted):
    expected = [definition(ranked[user], targets[user], k) for user in range(USERS)]
    assert 0 < np.mean(expected) < 1  # a list of zeros would agree with anything that fails
    np.testing.assert_allclose(metrics.RANKING[name](hits, wanted, k), expected, rtol=1e-12)


def test_every_metric_of_a_user_is_compared():
    assert set(metrics.RANKING) == {"recall", "hit_rate", "precision", "ndcg", "mrr", "map"}


@pytest.mark.parametrize("k", [1, 5])
def test_catalogue_metrics_equal_their_definitions(k, ranked):
    popularity = np.random.default_rng(9).integers(0, 8, ITEMS)  # few counts: many ties
    counts = exposure(ranked, k)
    items = range(ITEMS)
    assert metrics.coverage(counts) == pytest.approx(reference.coverage(ranked, items, k))
    assert metrics.gini(counts) == pytest.approx(reference.gini(ranked, items, k))
    assert metrics.popularity_rank(counts, popularity) == pytest.approx(
        reference.popularity_rank(ranked, dict(enumerate(popularity.tolist())), k)
    )


def test_without_any_recommendation_the_bias_is_not_a_number():
    assert metrics.coverage(np.zeros(3)) == 0.0
    assert np.isnan(metrics.gini(np.zeros(3)))
    assert np.isnan(metrics.popularity_rank(np.zeros(3), np.array([3, 2, 1])))


def test_a_user_without_targets_is_refused():
    with pytest.raises(ValueError, match=r"without a target.*Received: 2 of them"):
        metrics.recall(np.zeros((3, 4), bool), np.array([1, 0, 0]), 4)


@pytest.mark.parametrize("k", [0, 5])
def test_a_cut_outside_the_list_is_refused(k):
    with pytest.raises(ValueError, match=rf"between 1 and the 4 places. Received: {k}"):
        metrics.ndcg(np.zeros((3, 4), bool), np.ones(3, int), k)


def test_arrays_of_different_users_are_refused():
    with pytest.raises(ValueError, match=r"hits of shape \(3, 4\), wanted of shape \(2,\)"):
        metrics.mrr(np.zeros((3, 4), bool), np.ones(2, int), 4)


class TestBootstrapInterval:
    values = np.random.default_rng(1).choice([0.0, 0.2, 0.4, 0.6, 1.0], 500)

    def test_is_the_normal_interval_of_the_mean_for_many_users(self):
        low, high = metrics.bootstrap_interval(self.values, level=0.9, resamples=20_000)
        margin = 1.645 * self.values.std() / np.sqrt(len(self.values))
        assert low == pytest.approx(self.values.mean() - margin, abs=0.05 * margin)
        assert high == pytest.approx(self.values.mean() + margin, abs=0.05 * margin)

    def test_equals_resampling_the_users_themselves(self):
        few = np.array([0.0, 0.0, 1.0, 0.25, 0.5])
        drawn = np.random.default_rng(2).choice(few, (40_000, len(few))).mean(axis=1)
        expected = np.quantile(drawn, [0.025, 0.975])
        np.testing.assert_allclose(
            metrics.bootstrap_interval(few, resamples=40_000), expected, atol=0.011
        )

    def test_depends_on_the_seed_alone(self):
        first = metrics.bootstrap_interval(self.values, seed=3)
        assert first == metrics.bootstrap_interval(self.values[::-1], seed=3)
        assert first != metrics.bootstrap_interval(self.values, seed=4)

    def test_steps_of_bounded_size_change_nothing_but_the_draws(self, monkeypatch):
        whole = metrics.bootstrap_interval(self.values, resamples=5_000)
        monkeypatch.setattr(metrics, "_DRAWS_AT_ONCE", 700)
        assert metrics.bootstrap_interval(self.values, resamples=5_000) == pytest.approx(whole)

    @pytest.mark.parametrize("power", [1, 4])  # the latter with few that are far above the others
    def test_is_drawn_of_few_steps_where_there_are_many_values(self, power, monkeypatch):
        values = np.random.default_rng(4).normal(size=30_000) ** power
        drawn, make = [], np.random.default_rng

        class Spy:
            def __init__(self, seed):
                self.generator = make(seed)

            def multinomial(self, number, share, size):
                drawn.append(len(share))
                return self.generator.multinomial(number, share, size)

        monkeypatch.setattr(np.random, "default_rng", Spy)
        low, high = metrics.bootstrap_interval(values)
        assert max(drawn) <= 2048
        margin = 1.96 * values.std() / np.sqrt(len(values))
        assert low == pytest.approx(values.mean() - margin, abs=0.12 * margin)
        assert high == pytest.approx(values.mean() + margin, abs=0.12 * margin)

    @pytest.mark.parametrize("values", [[], [0.5, np.nan]])
    def test_nothing_to_average_is_refused(self, values):
        with pytest.raises(ValueError, match=f"Received: {len(values)} values"):
            metrics.bootstrap_interval(np.array(values))

    def test_a_level_in_percent_is_refused(self):
        with pytest.raises(ValueError, match=r"between 0 and 1\. Received: 95"):
            metrics.bootstrap_interval(np.ones(3), level=95)
