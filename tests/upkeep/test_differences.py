"""How sure a difference is, of few users."""

import numpy as np
from scipy.stats import ttest_rel

from tests.upkeep.conftest import day
from tfrec_recall.cli.commands.update import told_of
from tfrec_recall.upkeep import Updated, update, updating
from tfrec_recall.upkeep.differences import LEAST, difference


def updated(measured, change):
    return Updated(None, 5, 1, 1, measured, 0.5, 0.25, change, {"learn": 1.0})


def test_the_error_is_that_of_a_paired_t_test():
    before, after = np.random.default_rng(1).random((2, 7))
    mean, error = difference(before, after)
    low, high = ttest_rel(after, before).confidence_interval(0.95)
    np.testing.assert_allclose([mean - error, mean + error], [low, high])


def test_nothing_is_sure_of_a_few_users():
    assert difference(np.ones(1), np.zeros(1)) is None
    assert not updated(1, None).is_worse
    assert not updated(LEAST - 1, (-0.25, 0.125)).is_worse
    assert updated(LEAST, (-0.25, 0.125)).is_worse
    assert not updated(LEAST, (-0.25, 0.5)).is_worse
    assert "(-0.2500; of fewer than 20 users nothing is sure)" in told_of(updated(1, None))[1]
    assert "(-0.2500 ± 0.1250)" in told_of(updated(LEAST, (-0.25, 0.125)))[1]


def test_an_update_measures_by_it(popular, monkeypatch):
    seen = []
    monkeypatch.setattr(updating, "difference", lambda *both: seen.append(both) or (-1.0, 0.0))
    monkeypatch.setattr(updating, "LEAST", 1_000)
    found = update(popular, day(1))
    assert (len(seen), found.difference, found.version) == (1, (-1.0, 0.0), popular / "2")
