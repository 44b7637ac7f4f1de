"""Features chosen by looking: which, under which names, and by request."""

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.features import (
    Categorical,
    Features,
    History,
    MultiValued,
    Numeric,
    Vector,
    Words,
    ids_alone,
    infer,
)

ROWS = 40
EVENTS = pd.DataFrame({"user_id": range(ROWS), "item_id": range(ROWS), "timestamp": range(ROWS)})
USERS = pd.DataFrame(
    {
        "user_id": range(ROWS),
        "category": ["new", "old"] * (ROWS // 2),
        "history": np.linspace(0, 1, ROWS),
        "item_id": ["favourite"] * ROWS,
    }
)
ITEMS = pd.DataFrame(
    {
        "item_id": range(ROWS),
        "category": ["cup", "pot"] * (ROWS // 2),
        "history": ["antique", "modern"] * (ROWS // 2),
        "title": [f"item {row}" for row in range(ROWS)],
        "emb": [[0.5, row / ROWS] for row in range(ROWS)],
        "genres": ["a|b", "b|c", "c", "a"] * (ROWS // 4),
        "a=b": np.linspace(0, 1, ROWS),
    }
)
DATA = Interactions(EVENTS.assign(device="phone"), USERS, ITEMS)


def columns_of(features):
    return {feature.name: feature.column for feature in features}


def test_users_and_items_may_have_columns_of_the_same_name():
    features = infer(DATA).adapt(DATA)
    assert columns_of(features.user) == {
        "user_id": "user_id",
        "category": "category",
        "history": "item_id",
    }
    assert columns_of(features.item) == {
        "item_id": "item_id",
        "item_category": "category",
        "item_history": "history",
        "emb": "emb",
        "genres": "genres",
        "a_b": "a=b",
    }
    assert set(features.ids("category").vocabulary.ids) == {"new", "old"}
    assert set(features.ids("item_category").vocabulary.ids) == {"cup", "pot"}


def test_a_model_of_items_has_them_under_their_own_names():
    features = infer(DATA, of_users=False)
    assert [feature.name for feature in features.item[1:3]] == ["category", "item_history"]
    assert [feature.name for feature in features.user] == ["user_id", "history"]
    assert "users" not in {one.table for one in features.left_out}
    asked = infer(DATA, of_users=False, columns=["users.category", "device", "item_id", "emb"])
    assert asked.item[1:] == (Vector("emb"),)


def test_the_packages_own_columns_of_events_are_no_columns_of_the_data():
    own = DATA.with_events(DATA.events.assign(tie_order=range(ROWS), history_only=False))
    told = [one.column for one in infer(own).left_out if one.table == "events"]
    assert told == ["device"]
    asked = infer(own, columns=["events.tie_order", "events.history_only"])
    assert [feature.name for feature in asked.user] == ["user_id", "history"]


def test_what_is_left_out_is_named_with_its_reason():
    assert {(one.table, one.column): one.why for one in infer(DATA).left_out} == {
        ("users", "history"): "its name has another meaning: rename the column",
        ("users", "item_id"): "its name has another meaning: rename the column",
        ("items", "title"): "its texts hardly ever come twice, as 'item 0'",
        ("events", "device"): "a column of events is known at a request only if it is asked for: "
        "events.device",
    }
    assert infer(DATA).without("user_id").left_out == infer(DATA).left_out


def test_only_what_the_events_meet_counts():
    late = Interactions(EVENTS, items=ITEMS.assign(tags=[[]] * (ROWS - 1) + [["late"]]))
    earlier = late.take(np.arange(ROWS - 1))
    assert MultiValued("tags") in infer(late).item
    assert "tags" in [one.column for one in infer(earlier).left_out]
    infer(earlier).adapt(earlier)


def test_columns_are_those_asked_for():
    features = infer(DATA, columns=["items.category", "title", "a=b", "genres=categorical"])
    assert [feature.name for feature in features.user] == ["user_id", "history"]
    assert features.item[1:] == (
        Categorical("category"),
        Words("title"),
        Categorical("genres"),
        Numeric("a=b", "a_b", buckets=10),
    )
    left = {(one.table, one.column): one.why for one in features.left_out}
    assert left["items", "emb"] == "it is not among the columns asked for"
    both = infer(DATA, columns=["category", "emb=Vector"])
    assert [feature.name for feature in both.user] == ["user_id", "category", "history"]
    assert both.item[1:] == (Categorical("category", "item_category"), Vector("emb"))
    assert [feature.name for feature in infer(DATA, columns=[]).item] == ["item_id"]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("colour", r"Received: 'colour'; there are users.category, .*items.title"),
        ("users.title", r"Received: 'users.title'"),
        ("title=Text", r"Kinds of features are Categorical, .*Received: 'title=Text'"),
        ("number", r"items.number is asked for, but it numbers the rows.*items.number=Numeric"),
        ("users.history", r"users.history is asked for, but its name has another meaning"),
    ],
)
def test_what_cannot_be_had_is_refused(column, message):
    data = Interactions(EVENTS, USERS, ITEMS.assign(number=range(ROWS)))
    with pytest.raises(ValueError, match=message):
        infer(data, columns=[column])
    assert Numeric("number", buckets=10) in infer(data, columns=["number=Numeric"]).item


@pytest.mark.parametrize("kind", ["", "=Numeric", "=Categorical"])
def test_times_are_no_numbers(kind):
    released = pd.date_range("2020-01-01", periods=ROWS)
    data = Interactions(EVENTS, items=ITEMS.assign(released=released))
    message = r"items.released is asked for, but it holds times.*Leave it out, or make.*\.dt\.year"
    with pytest.raises(ValueError, match=message):
        infer(data, columns=[f"items.released{kind}"])


def test_a_model_of_ids_alone_takes_no_columns():
    assert ids_alone([Categorical("user_id")], columns=[]).item == (Categorical("item_id"),)
    with pytest.raises(ValueError, match=r"columns have no effect.*Received: columns=\['title'\]"):
        ids_alone([Categorical("user_id")], columns=["title"])


@pytest.mark.parametrize("name", ["seed", "timestamp", "history_kind", "objective"])
def test_the_names_of_batches_and_requests_are_reserved(name):
    way = "give the feature another name=…, or rename" if name == "seed" else "rename"
    with pytest.raises(ValueError, match=f"has its own {name}: {way} the column"):
        Features(user=[Categorical(name)], item=[Categorical("item_id")])
    with pytest.raises(ValueError, match=f"has its own {name}: give the feature another name"):
        Features(user=[Categorical("column", name=name)], item=[Categorical("item_id")])
    if name != "seed":  # a request has it by its column
        with pytest.raises(ValueError, match=f"has its own {name}: rename the column"):
            Features(user=[Categorical(name, name="other")], item=[Categorical("item_id")])


def test_whatever_fails_names_its_column():
    tables = {"price": [[1.0]] * ROWS, "tags": [[]] * ROWS, "size": ["S"] * ROWS}
    data = Interactions(EVENTS, items=ITEMS.assign(**tables))
    for feature in (Numeric("price"), MultiValued("tags"), Vector("size"), Categorical("price")):
        kind = type(feature).__name__
        with pytest.raises(ValueError, match=rf"{kind}\('{feature.column}'\) cannot be learnt: "):
            Features(user=[], item=[Categorical("item_id"), feature]).adapt(data)
    features = Features(user=[], item=[Categorical("item_id"), Vector("emb")]).adapt(data)
    with pytest.raises(ValueError, match=r"Vector\('emb'\) cannot encode what the items have"):
        features.encode_items(data.items.assign(emb=[[1.0]] * ROWS))
    with pytest.raises(ValueError, match=r"Vector\('emb'\) cannot be learnt: .*finite"):
        features.adapt(Interactions(EVENTS, items=ITEMS.assign(emb=[[1.0, np.nan]] * ROWS)))


def test_names_that_tensorflow_does_not_take_are_changed_or_the_column_is_left_out():
    columns = {"price (€)": [1.5, 2.5], "Größe": ["s", "m"], "_x": ["s", "m"], "a-b.c": ["s", "m"]}
    events = pd.DataFrame({"user_id": [1, 2] * 6, "item_id": [3, 4] * 6, "timestamp": range(12)})
    users = pd.DataFrame({"user_id": [1, 2], **columns})
    items = pd.DataFrame({"item_id": [3, 4], **columns})
    features = infer(Interactions(events, users=users, items=items), words=1)
    names = {feature.name: feature.column for feature in features.item[1:]}
    assert names == {"price": "price (€)", "Gr_e": "Größe", "x": "_x", "item_a-b.c": "a-b.c"}
    assert [feature.name for feature in features.user] == ["user_id", "a-b.c", "history"]
    left_out = {one.column: one.why for one in features.left_out}
    assert set(left_out) == {"price (€)", "Größe", "_x"}
    assert all("rename the column" in why for why in left_out.values())
    nameless = Interactions(events, items=pd.DataFrame({"item_id": [3, 4], "": ["s", "m"]}))
    assert infer(nameless).left_out[0].why == "it has no name: rename the column"
    with pytest.raises(ValueError, match=r"differ in more than \. and -: .*\['a\.b', 'a_b'\]"):
        Features(user=[Categorical("a.b"), Categorical("a_b")], item=[Categorical("item_id")])
    with pytest.raises(ValueError, match=r"letters without accents.*Received: \['zip code'\]"):
        Features(user=[Categorical("zip code")], item=[Categorical("item_id")])
    for feature in (Categorical("zip code", name="zip"), History("zip code", name="zips")):
        with pytest.raises(ValueError, match=r"rename a column of users or .*zip code'\]"):
            Features(user=[feature], item=[Categorical("item_id")])
