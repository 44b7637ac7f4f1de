"""What was trained on a given split learns days that have none."""

import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tests.upkeep.conftest import EVENTS, day
from tfrec_recall.cli.arguments.source import Source
from tfrec_recall.cli.histories import _joined
from tfrec_recall.data import Interactions, given
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.export import export
from tfrec_recall.models import Popular
from tfrec_recall.upkeep import keep_state, state, update
from tfrec_recall.upkeep.state import TrainingState


def split_log():
    log = day(0)
    part = np.where(np.arange(EVENTS) < 0.8 * EVENTS, "train", "test")
    return log.with_events(log.events.assign(split=part, weight=2.0))


@pytest.fixture(scope="module")
def as_trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("split")
    log = split_log()
    split = given(log)
    model = Popular(Popular.default_features(split.train).adapt(split.train))
    model.fit(split.train)
    found = keep_state(folder / "popular", model, split, batch_size=64, repeats=True)
    export(model.retriever(log.items, k=50), folder / "popular", data=found.card, items=log.items)
    return folder / "popular"


@pytest.fixture
def of_a_split(as_trained, tmp_path):
    return shutil.copytree(as_trained, tmp_path / "popular")


def test_a_day_without_split_and_weight_is_learnt(of_a_split):
    with pytest.warns(ReadingNotice, match="no weight, .* each counts 1") as told:
        found = update(of_a_split, day(1), force=True)
    assert not any("split" in str(one.message) for one in told)
    after = TrainingState.of(found.version)
    events = after.events()
    assert len(events) == 2 * EVENTS
    assert events["weight"].tolist() == [2.0] * EVENTS + [1.0] * EVENTS
    joined = _joined(split_log(), after, Source())
    assert len(joined.events) == 2 * EVENTS
    assert "split" not in joined.events


def test_a_state_is_kept_of_what_python_trained(as_trained):
    kept = TrainingState.of(as_trained / "1")
    told = {"batch_size": 64, "repeats": True, "time_unit": "s"}
    assert {name: kept.told[name] for name in told} == told
    assert kept.size() + len(kept.waiting()) == EVENTS
    assert len(kept.days().units.events)


def test_what_is_no_split_or_no_model_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match=r"keep_state takes split as Split: standard\("):
        keep_state(tmp_path, {}, day(0))
    with pytest.raises(ValueError, match=r"a model of tfrec_recall.models.*Received: .* dict"):
        keep_state(tmp_path, {}, given(split_log()))


def test_a_state_that_has_a_split_is_read_without(of_a_split, tmp_path, monkeypatch):
    """States of earlier versions have the column in their files."""
    now = TrainingState.of(of_a_split / "1")
    for path in (*now._parts(), now.folder / state.WAITING):
        pd.read_parquet(path).assign(split="train").to_parquet(path, index=False)
    users = day(0).events["user_id"].head(3)
    for events in (now.events(), now.waiting(), now.events_of(users)):
        assert len(events)
        assert "split" not in events
    monkeypatch.setattr(state, "MANY", 2)
    for number in (1, 2, 3):
        new = day(number)
        new = new.with_events(new.events.assign(weight=1.0))
        found = update(of_a_split, new, force=True)
    after = TrainingState.of(found.version)
    assert len(after._parts()) < 4
    assert after.size() == len(after.events()) == 4 * EVENTS
    assert "split" not in pq.read_schema(after._parts()[-1]).names
    assert isinstance(Interactions(after.events(), mend_ids=False), Interactions)
