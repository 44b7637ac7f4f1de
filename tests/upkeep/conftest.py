"""A small export with a training state, and days of events for it."""

import shutil

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.export import export
from tfrec_recall.health import DaysBefore
from tfrec_recall.models import Popular
from tfrec_recall.upkeep.state import write

DAY = 24 * 3600
EVENTS = 120  # of a day


def day(number):
    """Users who take items, of which the first are the most popular."""
    generator = np.random.default_rng(number)
    events = pd.DataFrame({"user_id": generator.permutation(EVENTS) % 40})
    events["item_id"] = (60 * generator.random(EVENTS) ** 2).astype(int)
    events = events.astype("str").radd({"user_id": "u", "item_id": "i"})
    events["timestamp"] = 1_600_000_000 + number * DAY + np.sort(generator.integers(0, DAY, EVENTS))
    return Interactions(events, mend_ids=False)


def exported(path, first, waiting=None):
    """An export of `Popular` that has learnt these events, but for those that wait."""
    model = Popular(Popular.default_features(first).adapt(first))
    model.fit(first)
    model.keep_state(first)
    days = DaysBefore.of(first, first.events["user_id"])
    waiting = first.events.iloc[:0] if waiting is None else waiting
    state = write(path, model, first.events, waiting, first.users, first.items, days, {})
    retriever = model.retriever(first.items, k=50)
    export(retriever, path, data=state.card, items=first.items)
    return path


@pytest.fixture(scope="session")
def of_days(tmp_path_factory):
    """An export of `Popular` that has learnt the first day."""
    return exported(tmp_path_factory.mktemp("upkeep") / "popular", day(0))


@pytest.fixture
def popular(of_days, tmp_path):
    return shutil.copytree(of_days, tmp_path / "popular")
