"""How sure a difference is, of few users."""

import dataclasses
import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from tests.cli.conftest import printed, run
from tests.upkeep.conftest import DAY, EVENTS, day
from tfrec_recall import upkeep
from tfrec_recall.cli.commands.update import told_of
from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.export.versions import versions
from tfrec_recall.retrieval import IndexNotice
from tfrec_recall.upkeep import Updated, update, updating
from tfrec_recall.upkeep import updated as outcome
from tfrec_recall.upkeep.differences import LEAST, difference
from tfrec_recall.upkeep.held_back import LAST_FIFTH


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


def test_who_is_strict_refuses_what_fell_by_anything_or_is_not_known():
    few, even = updated(1, None), dataclasses.replace(updated(1, None), after=0.5)
    unknown = dataclasses.replace(updated(0, None), before=None, after=None)
    for found, plain, strict in (
        (few, False, True),
        (even, False, False),
        (unknown, False, True),
        (updated(LEAST, (-0.25, 0.125)), True, True),
        (updated(LEAST, (-0.25, 0.5)), False, True),
    ):
        assert (found.is_refused(False), found.is_refused(True)) == (plain, strict)


def with_a_late_event():
    """A day, and an event of the evening before."""
    log = day(1)
    late = log.events.head(1).assign(timestamp=log.events["timestamp"].max() - 1.1 * DAY)
    late = late.astype(log.events.dtypes)
    return Interactions(pd.concat([log.events, late], ignore_index=True), mend_ids=False)


def test_an_update_measures_by_it(popular, monkeypatch):
    asked = []

    def seen(self, serving, made, learnt, held):
        asked.append((len(learnt), len(held)))
        return 0.5, 0.25, (-1.0, 0.0), LEAST

    monkeypatch.setattr(updating._Run, "compared", seen)
    refused = update(popular, with_a_late_event())
    monkeypatch.setattr(outcome, "LEAST", 1_000)
    found = update(popular, with_a_late_event())
    assert len(asked) == 2
    for learnt, held in asked:  # and not one that is learnt, and all others to measure with
        assert learnt + held == EVENTS + 1
        assert 20 < held < 30
    assert (refused.version, refused.held) == (None, LAST_FIFTH)
    assert (found.difference, found.version) == ((-1.0, 0.0), popular / "2")


def test_a_recall_that_fell_of_few_users_is_told_and_refused_on_request(popular, monkeypatch):
    fell = (0.4, 0.0, (-0.4, 0.1), LEAST - 1)
    monkeypatch.setattr(updating._Run, "compared", lambda *given: fell)
    assert update(popular, day(1), strict=True).version is None
    with pytest.warns(ReadingNotice, match=r"of fewer than 20 users.*\(--strict\) refuses"):
        assert update(popular, day(1)).version == popular / "2"
    with pytest.raises(ValueError, match=r"give one of them.*force=True, strict=True"):
        update(popular, day(2), force=True, strict=True)
    assert versions(popular) == [1, 2]


def test_the_command_tells_of_the_index_and_why_it_refuses(popular, tmp_path, capsys, monkeypatch):
    file = tmp_path / "day.parquet"
    day(1).events.to_parquet(file)
    report = {"kind": "scann", "recall": 0.93, "kept": {"now": 7, "anew": 9}}
    found = dataclasses.replace(updated(1, None), version=popular / "2", index=report)

    arguments = inspect.signature(upkeep.update)

    def updates(*given):
        warnings.warn("it falls short", IndexNotice, stacklevel=1)
        warnings.warn("of no interest", DeprecationWarning, stacklevel=1)
        assert arguments.bind(*given).arguments["strict"] is (found.version is None)
        return found

    monkeypatch.setattr(upkeep, "update", updates)
    said = printed("update", capsys, popular, "--events", file)
    assert "Index: scann, recall 0.930; its tree was kept, 7 items are new" in said.out
    assert "it falls short" in said.err
    assert "of no interest" not in said.err
    found = dataclasses.replace(updated(0, None), before=None, after=None)
    said = printed("update", capsys, popular, "--events", file, "--strict", code=3)
    assert "Refused: recall could not be measured (--strict), and no version" in said.err
    run("update", popular, "--events", file, "--strict", "--force", code=2)
