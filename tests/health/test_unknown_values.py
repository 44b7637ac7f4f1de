"""Values that an export does not know are counted by its own vocabularies, of whatever type."""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from tests.health.shop import CATALOGUE, ITEMS, USERS, days
from tests.retrieval.toys import retriever
from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features, MultiValued, Numeric
from tfrec_recall.health import Reference
from tfrec_recall.health.comparisons import Rise
from tfrec_recall.health.days_before import DaysBefore
from tfrec_recall.health.reference_file import read_reference, write_reference
from tfrec_recall.health.unknown_values import UnknownValues

CODES = np.arange(2, 302, 2)  # more than have a bin each


def shop(**columns):
    """Events with columns of values in turn, all of which are there."""
    events = days(5, users_a_day=90)
    turns = {name: list(np.resize(np.arange(len(v)), len(events))) for name, v in columns.items()}
    return events.assign(**{name: [columns[name][at] for at in turns[name]] for name in columns})


def counted(feature, events, changed):
    """What the check of the column counts of a day of all known values, and of a changed one."""
    data = Interactions(events, USERS, CATALOGUE)
    features = Features([Categorical("user_id"), feature], [Categorical("item_id")]).adapt(data)
    day = DaysBefore.of(data, data.events["user_id"]).day(USERS, CATALOGUE)
    (check,) = UnknownValues.learn(day, {}, features.coded_columns())
    again = UnknownValues(**json.loads(json.dumps(dataclasses.asdict(check))))
    other = day.events.assign(city=changed(day.events["city"]))
    both = [again.counts(one).sum(axis=0) for one in (day, dataclasses.replace(day, events=other))]
    assert check.name == "unknown values of events.city"
    return both


OF_TYPES = {
    "integers": (Categorical("city"), list(CODES), lambda city: city + city.index % 2),
    "floats": (
        Categorical("city"),
        [*CODES.astype(float), np.nan],
        lambda city: city + city.index % 2,
    ),
    "truths": (
        Categorical("city"),
        [True, False],
        lambda city: city.astype(object).where(city, "neither"),
    ),
    "many texts": (
        Categorical("city"),
        [f"city {code}" for code in range(1_500)],
        lambda city: city.where(city.index % 2 > 0, city + "!"),
    ),
    "lists of integers": (
        MultiValued("city"),
        [[int(code), 2] for code in CODES],
        lambda city: city.map(lambda both: [both[0] + 1, 2]),
    ),
    "texts that list": (
        MultiValued("city", separator="|"),
        [f"a {code} | b" for code in CODES],
        lambda city: city.str.replace("b", "c"),
    ),
}


@pytest.mark.parametrize("kind", OF_TYPES)
def test_values_without_a_number_of_their_own_are_unknown(kind):
    feature, values, changed = OF_TYPES[kind]
    usual, found = counted(feature, shop(city=values), changed)
    assert usual[1] == 0 < usual[0]
    share = found[1] / found.sum()
    assert share == pytest.approx(0.5, abs=0.06)
    assert Rise().measured(usual, found) > Rise.bound


def test_a_reference_counts_by_the_vocabularies_of_the_export(tmp_path):
    events = shop(city=list(CODES), size=list(np.arange(50.0)))
    data = Interactions(events, USERS, CATALOGUE)
    user = [Categorical("user_id"), Categorical("city"), Numeric("size"), Categorical("country")]
    features = Features(user, [Categorical("item_id"), MultiValued("tags")]).adapt(data)
    coded = features.coded_columns()
    assert coded.keys() == {"events.city", "users.country", "items.tags"}
    usual = Reference.of(retriever(ITEMS, k=10), data, events["user_id"], coded=coded)
    checks = {check.name: check for check, _ in usual.checks}
    unknown = {name.split()[-1] for name in checks if name.startswith("unknown values")}
    assert unknown == {*coded, "events.device", "items.category"}  # of others, those of text
    assert checks["values of events.city"].bins.values  # codes have no deciles
    assert checks["values of events.size"].bins.edges
    write_reference(tmp_path, usual)
    again = {check.name: check for check, _ in read_reference(tmp_path).checks}
    name = "unknown values of events.city"
    assert pd.Index(again[name].known).equals(pd.Index(checks[name].known))
