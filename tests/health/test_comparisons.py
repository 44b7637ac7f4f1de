"""The measures and the chance of them, against loops written from the definitions."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.health.bins import Bins
from tfrec_recall.health.comparisons import Fall, Rise, Stability
from tfrec_recall.health.coverage import coverage
from tfrec_recall.health.known import Known
from tfrec_recall.health.shuffles import Figure, chances, dealt

BEFORE, NOW = np.array([30.0, 50.0, 20.0]), np.array([5.0, 5.0, 40.0])


def stability(before, now):
    """The population stability index, half a count added to every bin."""
    total = 0.0
    for bin in range(len(before)):
        p = (before[bin] + 0.5) / (sum(before) + 0.5 * len(before))
        q = (now[bin] + 0.5) / (sum(now) + 0.5 * len(now))
        total += (p - q) * math.log(p / q)
    return total


def test_measures_are_those_of_the_definitions():
    assert Stability().measured(BEFORE, NOW) == pytest.approx(stability(BEFORE, NOW))
    several = Stability().measured(np.stack([BEFORE, NOW]), np.stack([NOW, NOW]))
    np.testing.assert_allclose(several, [stability(BEFORE, NOW), 0.0])
    assert Stability().shown(BEFORE, NOW) == ("20.0%", "80.0%")
    assert Rise().measured(np.array([8.0, 2.0]), np.array([1.0, 3.0])) == pytest.approx(0.55)
    assert Fall().measured(np.array([9.0, 10.0]), np.array([3.0, 4.0])) == pytest.approx(0.15)


def test_all_ways_of_dealing_out_give_the_exact_chance():
    """Of 3 + 3 units there are 20 ways; many drawn ones come to the same share."""
    values = np.array([1.0, 2.0, 4.0, 8.0, 9.0, 15.0])
    seen = values[3:].sum() - values[:3].sum()
    ways = [sum(values[list(way)]) for way in itertools.combinations(range(6), 3)]
    exact = np.mean([2 * mine - values.sum() >= seen for mine in ways])
    measured = np.concatenate(
        dealt(3, 3, (), lambda labels: labels @ values - (1 - labels) @ values, ways=4_000)
    )
    assert np.mean(measured >= seen) == pytest.approx(exact, abs=0.015)  # 1 of 20


def test_units_are_dealt_out_within_strata():
    labels = np.concatenate(dealt(5, 3, (2,), lambda labels: labels, ways=50))
    assert labels.shape == (50, 8)
    first, rest = labels[:, [0, 1, 5, 6]], labels[:, [2, 3, 4, 7]]
    assert set(first.sum(axis=1)) == {2.0}
    assert set(rest.sum(axis=1)) == {1.0}
    assert len({tuple(row) for row in labels}) > 10


def test_the_largest_of_many_figures_is_held_to_the_largest_by_chance():
    """Twenty figures that say nothing: some are far out by themselves, all together are not."""
    generator = np.random.default_rng(3)
    alone, together = [], []
    for _ in range(300):
        figures = [Figure(*_split(generator.normal(size=100))) for _ in range(20)]
        found = chances(figures)
        together.append(found.min() <= 0.05)
        alone.append(np.mean([np.mean(one.by_chance >= one.seen) <= 0.05 for one in figures]))
    assert np.mean(alone) == pytest.approx(0.05, abs=0.02)
    assert 0.02 <= np.mean(together) <= 0.08
    far = Figure(9.0, generator.normal(size=99))
    assert chances([far, *figures])[0] == pytest.approx(0.01)


def _split(values):
    return float(values[0]), values[1:]


def test_bins_take_what_was_usual_and_see_what_is_not():
    many = pd.Series(np.arange(100.0))
    numbers = Bins.learnt(many)
    assert len(numbers) == 11
    assert np.bincount(numbers.codes(many)).tolist() == [0] + [10] * 10
    assert numbers.codes(pd.Series([None, "x"])).tolist() == [0, 0]  # what were numbers is lost
    few = Bins.learnt(pd.Series([3, 3, 7, None]))
    assert few.values == ("3", "7")
    assert few.codes(pd.Series([3.0, 7.0, 8.0, np.nan])).tolist() == [1, 2, 3, 0]
    texts = Bins.learnt(pd.Series([f"v{n}" for n in range(50)] + ["v7"]))
    assert (len(texts), texts.values[0]) == (22, "v7")


def test_a_slice_of_the_known_ids_answers_for_its_part():
    ids = pd.Series([f"u{number}" for number in range(2_000)])
    known = Known.of(ids[:1_000], most=200)
    assert len(known.hashes) == 200
    strange = known.strange(ids)
    asked = ~np.isnan(strange)
    assert 300 < asked.sum() < 500
    assert (strange[:1_000][asked[:1_000]] == 0).all()
    assert (strange[1_000:][asked[1_000:]] == 1).all()
    numbers = Known.of(pd.Series([5, 9]))
    assert numbers.strange(pd.Series([9, 4])).tolist() == [0.0, 1.0]


def test_coverage_counts_items_in_equally_many_lists():
    before = np.arange(40).reshape(20, 2)
    now = np.tile([[3, -1]], (10, 1))
    figure, old, new = coverage(before, now)
    assert (old, new) == (20, 1)  # of ten lists each
    assert figure.seen == pytest.approx(0.95)
    assert figure.by_chance.max() < 0.95
    assert coverage(before[:0], now) is None
