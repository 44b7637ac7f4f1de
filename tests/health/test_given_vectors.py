"""Vectors that are given are left out of what is counted, and never taken apart."""

import numpy as np
import pandas as pd
import pytest

from tests.health.shop import CATALOGUE, ITEMS, USERS, days
from tests.retrieval.toys import retriever
from tfrec_recall.data import Interactions
from tfrec_recall.health import Reference
from tfrec_recall.health.bins import Bins
from tfrec_recall.health.days_before import DaysBefore
from tfrec_recall.health.unknown_values import texts_of
from tfrec_recall.health.values import Values

IMAGES = np.random.default_rng(0).normal(size=(ITEMS, 8)).astype("float32")


@pytest.fixture
def data():
    images = pd.Series(list(IMAGES), dtype=object)
    images[0] = None
    sizes = [[1, 2, 3][: item % 4] for item in range(ITEMS)]
    items = CATALOGUE.assign(image=images, sizes=sizes)
    events = days(3)
    events["seen"] = list(np.resize(IMAGES, (len(events), 8)))
    return Interactions(events, USERS, items)


@pytest.fixture
def whole(monkeypatch):
    """Columns of vectors are not taken apart."""
    explode = pd.Series.explode

    def refusing(values, *arguments, **others):
        assert values.name not in ("image", "seen")
        return explode(values, *arguments, **others)

    monkeypatch.setattr(pd.Series, "explode", refusing)


@pytest.mark.usefixtures("whole")
def test_vectors_are_left_out_and_lists_stay(data):
    usual = Reference.of(retriever(ITEMS, k=10), data, data.events["user_id"])
    names = {check.name for check, _ in usual.checks}
    assert not {name for name in names if "image" in name or "seen" in name}
    lists = {"values of items.tags", "unknown values of items.tags", "lengths of items.tags"}
    assert lists | {"values of items.sizes", "lengths of items.sizes"} <= names
    assert texts_of(data.items["image"]) is None


@pytest.mark.usefixtures("whole")
def test_what_an_earlier_version_counted_of_vectors_is_no_column_that_went(data):
    before = DaysBefore.of(data, data.events["user_id"])
    day = before.day(data.users, data.items)
    counted = Values("items.image", Bins((0.0,)), lists=True)
    assert counted.counts(day) is None
    gone = before.day(data.users, data.items.drop(columns="image"))
    assert counted.counts(gone)[:, 0].sum() == len(day.events)
