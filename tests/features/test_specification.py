import warnings

import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.features import (
    Categorical,
    Features,
    History,
    MultiValued,
    Numeric,
    Objective,
    TimeOf,
    Vector,
    Words,
    infer,
)


@pytest.fixture
def interactions():
    events = pd.DataFrame(
        {
            "user_id": ["ann", "ann", "bob", "bob", "bob"],
            "item_id": ["tea", "cup", "tea", "pot", "tea"],
            "timestamp": [10, 20, 30, 40, 50],
            "kind": ["view", "buy", "view", "view", "buy"],
        }
    )
    users = pd.DataFrame({"user_id": ["cyd", "bob", "ann"], "country": ["uk", "fr", "de"]})
    items = pd.DataFrame(
        {
            "item_id": ["jug", "tea", "cup", "pot"],
            "price": [9.0, 1.0, 2.0, 3.0],
            "tags": [["x"], ["hot", "wet"], [], ["hot"]],
        }
    )
    return Interactions(events, users, items)


def specification(*user):
    return Features(
        user=[Categorical("user_id"), *user],
        item=[Categorical("item_id"), Numeric("price"), MultiValued("tags")],
    )


def test_encodings_learn_from_training_events_alone(interactions):
    features = specification(Categorical("country")).adapt(interactions)
    assert features.item_vocabulary.ids.tolist()[0] == "tea"
    assert "jug" not in features.item_vocabulary.ids
    assert features.item_counts.tolist() == [0, 0, 3, 1, 1]
    # cyd and the jug are in the tables but not in the training events
    assert features.encode_users(interactions.users)["country"][0] == 1
    assert features.encode_items(interactions.items)["tags"][0].tolist() == [1, 0]


def test_the_item_table_has_a_row_for_each_encoded_id(interactions):
    features = specification().adapt(interactions)
    table = features.item_table
    assert table["item_id"].tolist() == [0, 1, 2, 3, 4]
    by_id = dict(zip(features.item_vocabulary.ids, table["price"][2:], strict=True))
    prices = np.array([1.0, 2.0, 3.0])
    expected = (prices - prices.mean()) / prices.std()
    np.testing.assert_allclose([by_id["tea"], by_id["cup"], by_id["pot"]], expected, rtol=1e-6)
    assert not table["tags"][:2].any()
    assert not table["price"][:2].any()


def test_a_history_of_items_shares_their_encoding_and_others_learn_their_own(interactions):
    kinds = History("kind", name="history_kind")
    features = specification(History(), kinds).adapt(interactions)
    assert features.encodings["history"] is features.encodings["item_id"]
    assert features.encodings["history_kind"].vocabulary.ids.tolist() == ["view", "buy"]
    assert features.history.name == "history"


def test_what_has_no_effect_without_times_is_told(interactions):
    without = Interactions(interactions.events.drop(columns="timestamp"))
    with pytest.warns(ReadingNotice, match=r"no timestamps.*last, half_life.*no effect"):
        Features(user=[History()], item=[Categorical("item_id")]).adapt(without)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ReadingNotice)
        Features(user=[Categorical("user_id")], item=[Categorical("item_id")]).adapt(without)
        Features(user=[History()], item=[Categorical("item_id")]).adapt(interactions)


def test_what_a_model_needs_is_named_when_missing():
    with pytest.raises(
        ValueError, match=r"SDM needs the features history, country\. Received: .*item"
    ):
        specification().require(["item_id", "history", "country"], "SDM")


def test_features_can_be_left_out_by_name():
    fewer = specification(Numeric("age")).without("age", "tags")
    names = [feature.name for feature in (*fewer.user, *fewer.item)]
    assert names == ["user_id", "item_id", "price"]
    with pytest.raises(ValueError, match="needs the feature height"):
        fewer.without("height")


def test_a_missing_column_is_named(interactions):
    with pytest.raises(ValueError, match=r"users table has no column 'age'.*user_id, country"):
        specification(Numeric("age")).adapt(interactions)


def test_ids_are_had_by_name_and_other_kinds_refused(interactions):
    features = specification(Categorical("country")).adapt(interactions)
    assert sorted(features.ids("country").vocabulary.ids) == ["de", "fr"]
    with pytest.raises(ValueError, match=r"'price' has to be Categorical\. .*Normalised"):
        features.ids("price")


def test_names_are_used_once():
    with pytest.raises(ValueError, match=r"have the name price"):
        specification(Numeric("price"))


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Categorical, {"min_count": 0}),
        (Categorical, {"unknown_rate": 1.5}),
        (Categorical, {"unknown_rate": -0.1}),
        (Categorical, {"hash_buckets": 0}),
        (Categorical, {"name": 3}),
        (MultiValued, {"min_count": 1.5}),
        (MultiValued, {"length": 0}),
        (MultiValued, {"separator": 3}),
        (Words, {"min_count": "2"}),
        (Words, {"length": -1}),
        (Numeric, {"buckets": 0}),
        (Numeric, {"buckets": 1}),
        (Numeric, {"log": "no"}),
        (History, {"length": 0}),
        (History, {"length": 2.5}),
    ],
)
def test_a_wrong_value_of_a_feature_is_refused_by_name(kind, wrong):
    ((name, value),) = wrong.items()
    wanted = rf"^{kind.__name__}\('price'\) takes {name} as .*Received: {name}={value!r}\."
    with pytest.raises(ValueError, match=wanted):
        kind("price", **wrong)


@pytest.mark.parametrize("kind", [Categorical, Vector, History, TimeOf, Objective])
def test_a_column_and_a_name_are_texts(kind):
    with pytest.raises(ValueError, match=r"text.*Received: (column|name)=3\."):
        kind(3)


def test_the_names_of_a_batch_are_reserved():
    with pytest.raises(ValueError, match=r"A batch or a request has its own example_age"):
        specification(Numeric("example_age"))
    with pytest.raises(ValueError, match=r"A batch or a request has its own k: rename the column"):
        specification(Numeric("k"))


def test_a_request_has_a_column_in_one_type(interactions):
    users = interactions.users.assign(age=[30, 40, 50])
    data = Interactions(interactions.events, users, interactions.items)
    twice = [Numeric("age", buckets=2), Numeric("age", name="years")]
    assert set(specification(*twice).adapt(data).encode_users(users)) == {"user_id", "age", "years"}
    with pytest.raises(ValueError, match=r"'age' once.*float32.*feature 'number', int64"):
        specification(Numeric("age"), Categorical("age", name="number")).adapt(data)


def test_item_id_is_required():
    for side in ("user", "item"):
        for wrong in (Categorical(f"{side}_id"), f"{side}_id", [f"{side}_id"], None):
            given = {"user": [], "item": [Categorical("item_id")], side: wrong}
            with pytest.raises(
                ValueError, match=rf"Features takes {side} as a list.*Received: {side}="
            ):
                Features(**given)
    with pytest.raises(ValueError, match=r"needs Categorical\('item_id'\).*Received: \['price'\]"):
        Features(user=[Categorical("user_id")], item=[Numeric("price")])


def test_use_before_adapt_says_what_to_do(interactions):
    with pytest.raises(ValueError, match=r"call features\.adapt\(split\.train\) first"):
        specification().encode_items(interactions.items)


def test_inference_leaves_titles_out_and_buckets_numbers():
    rows = 200
    events = pd.DataFrame(
        {"user_id": range(rows), "item_id": range(rows), "timestamp": range(rows)}
    )
    users = pd.DataFrame(
        {
            "user_id": range(rows),
            "age": np.arange(rows) % 70,
            "gender": ["f", "m"] * (rows // 2),
            "zip_code": [f"{n:05}" for n in range(rows)],
            "constant": 1,
        }
    )
    items = pd.DataFrame(
        {
            "item_id": range(rows),
            "title": [f"film {n}" for n in range(rows)],
            "genres": [["a"], ["b", "c"]] * (rows // 2),
            "rank": np.arange(rows) % 3,
        }
    )
    features = infer(Interactions(events, users, items), history=7)
    assert [repr(f).split("(")[0] + " " + f.name for f in features.user] == [
        "Categorical user_id",
        "Numeric age",
        "Categorical gender",
        "History history",
    ]
    assert [repr(f).split("(")[0] + " " + f.name for f in features.item] == [
        "Categorical item_id",
        "MultiValued genres",
        "Categorical rank",
    ]
    assert features.history.length == 7
    with_titles = infer(Interactions(events, users, items), words=2)
    assert [feature.name for feature in with_titles.item] == ["item_id", "title", "genres", "rank"]
    assert with_titles.item[1].min_count == 2


def test_an_unknown_part_of_time_is_refused():
    with pytest.raises(ValueError, match=r"'hour' or 'weekday'\. Received: 'year'"):
        TimeOf(part="year")
