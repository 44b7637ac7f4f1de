"""Growth changes no vector of an item: by buckets that are divided, new values and new ids."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.contract.model_cases import built, its_features, the_board
from tests.contract.test_growth import NEW_ITEMS, NEW_USERS, since
from tfrec_recall import models
from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features, History, Numeric

PRICES = np.arange(40.0)


def shop():
    """Items of four buckets of prices and two brands, of which each user has one."""
    ids = [f"i{number}" for number in range(len(PRICES))]
    brands = ["plain", "fine"] * 20
    items = pd.DataFrame({"item_id": ids, "price": PRICES, "brand": brands})
    users = [f"u{number % 4}" for number in range(len(ids))]
    events = pd.DataFrame({"user_id": users, "item_id": ids, "timestamp": np.arange(len(ids))})
    people = pd.DataFrame({"user_id": users[:4], "country": ["fr", "uk"] * 2})
    return Interactions(events, people, items)


def a_day():
    """Three new items, of which one is in the midst of the top bucket."""
    items = pd.DataFrame({"item_id": ["dear", "bare", "known brand"]})
    items["price"], items["brand"] = [35.0, np.nan, np.nan], ["new", "new", "fine"]
    events = items[["item_id"]].assign(user_id="u1", timestamp=np.arange(100, 103))
    before = shop()
    every = pd.concat([before.items, items], ignore_index=True)
    return Interactions(events, before.users, every), items


def features_of(log):
    """The features of the shop, and those that they grow to."""
    user = [Categorical("user_id"), Categorical("country"), History()]
    item = [Categorical("item_id"), Numeric("price", buckets=4), Categorical("brand")]
    features = Features(user, item).adapt(log)
    grown = features.grow(a_day()[0])
    assert grown.encodings["price"].size == features.encodings["price"].size + 1
    halves = grown.encode_items(log.items)["price"]
    assert halves.max() == grown.encodings["price"].size - 1  # known items are in the new bucket
    return features, grown


def filled(model, weights):
    """With random numbers for what it would have learnt."""
    generator = np.random.default_rng(1)
    for weight in weights:
        weight.assign(generator.normal(size=weight.shape))
    model.has_learnt.assign(tf.ones_like(model.has_learnt))
    return model


@pytest.mark.parametrize("model_class", [models.EGES, models.GES])
def test_side_information_that_is_new_turns_no_item(model_class):
    log = shop()
    features, then = features_of(log)
    model = model_class(features, dim=4)
    model.vectors.learnt.assign(tf.ones_like(model.vectors.learnt))
    filled(model, model.vectors.inputs_of)
    grown = model.grow(then)
    np.testing.assert_allclose(
        grown.embed_items(log.items), model.embed_items(log.items), atol=1e-6
    )
    _, new = a_day()
    vectors = model.embed_items(new)
    np.testing.assert_allclose(grown.embed_items(new), vectors, atol=1e-6)
    assert vectors.any(axis=1).tolist() == [True, False, True]  # what is known of them


@pytest.mark.parametrize("most_types", [100_000, 5])
def test_items_of_a_divided_bucket_keep_their_type(most_types):
    log = shop()
    features, then = features_of(log)
    types = {"user_type": ("country",), "item_type": ("price", "brand")}
    model = models.AirbnbType(features, dim=4, most_types=most_types, **types)
    model.training_data(log, 99)  # counts the types
    filled(model, [model.tables.input_vectors, model.tables.output_vectors])
    vectors = model.embed_items(log.items)
    assert vectors.any(axis=1).all()
    grown = model.grow(then)
    np.testing.assert_array_equal(grown.embed_items(log.items), vectors)
    again = grown.grow(then)
    np.testing.assert_array_equal(again.embed_items(log.items), vectors)


@pytest.mark.parametrize("model_class", [models.GraphSAGE, models.PinSAGE])
def test_a_new_node_without_neighbours_is_its_features(model_class):
    log = since()
    new = log.items[log.items["item_id"].isin(NEW_ITEMS)]
    model = filled(built(model_class), [])
    grown = model.grow(its_features().grow(log))
    np.testing.assert_allclose(grown.embed_items(new), model.embed_items(new), atol=1e-6)


@pytest.mark.parametrize("train_biases", [True, False])
def test_ratings_of_known_users_stay_as_others_are_to_be_learnt(train_biases):
    model = built(models.FunkSVD, train_biases=train_biases)
    model.training_data(the_board())
    grown = filled(model, []).grow(its_features().grow(since()))
    pairs = the_board().events[["user_id", "item_id"]]
    before = grown.predict_ratings(pairs)
    high = since().with_events(since().events.assign(rating=9.0))
    grown.training_data(high)
    np.testing.assert_array_equal(np.minimum(grown.predict_ratings(pairs), 5.0), before)
    assert grown.range.numpy().tolist() == [1.0, 9.0]
    new = pd.DataFrame({"user_id": NEW_USERS, "item_id": pairs["item_id"][:1]})
    assert grown.predict_ratings(new)[0] > before.mean()  # folded in


def test_the_longest_age_stays_as_new_events_are_to_be_learnt():
    model = built(models.YouTubeDNN, example_age=True)
    model.training_data(the_board())
    span = float(model.time_span)
    grown = model.grow(its_features().grow(since()))
    grown.training_data(since())
    assert float(grown.time_span) == span > 1
