"""What a softmax over candidates takes of the data that it learns from."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall import models
from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.models import TwoTower
from tfrec_recall.sampling import InBatch, Unmet

USERS, ITEMS = 5, 12
RANDOM = np.random.default_rng(0)
EVENTS = pd.DataFrame(
    {
        "user_id": np.repeat([f"u{n}" for n in range(USERS)], 6),
        "item_id": [f"i{n}" for _ in range(USERS) for n in RANDOM.permutation(ITEMS)[:6]],
        "timestamp": np.arange(6 * USERS),
    }
)


def of_users(*numbers):
    """The events of these users, who stand in this order."""
    users = pd.DataFrame({"user_id": [f"u{n}" for n in numbers]})
    events = EVENTS[EVENTS["user_id"].isin(users["user_id"])]
    return Interactions(events, users)


QUERIED = Interactions(EVENTS.assign(query="w1", session_id=EVENTS["user_id"]))


def with_queries(*user):
    """Features of these of the user, adapted to events that also say a query."""
    return Features(user, [Categorical("item_id")]).adapt(QUERIED)


NEEDING = [models.MIND, models.SDM, models.SamplingBiasCorrectedTwoTower, models.YouTubeDNN]
QUERIES = History("query", name="queries", length=4)
SESSIONS = [History(name, name=f"history_{name}") for name in ("timestamp", "session_id")]


@pytest.mark.parametrize("model_class", [*NEEDING, models.ItemCF])
def test_a_history_of_another_column_is_none_of_items(model_class):
    features = with_queries(Categorical("user_id"), History("query", name="history"))
    message = rf"{model_class.__name__} needs a history of items.*Received: .*\['query'\]"
    with pytest.raises(ValueError, match=message):
        model_class(features)


@pytest.mark.parametrize(
    "model_class", [*NEEDING[:3], TwoTower, models.SENetTwoTower, models.MultiObjectiveTwoTower]
)
def test_a_history_that_is_not_read_is_refused(model_class):
    beside = SESSIONS if model_class is models.SDM else []
    features = with_queries(History(length=4), *beside, QUERIES)
    message = rf"{model_class.__name__} reads no other.* than item_id.*Received: queries\."
    with pytest.raises(ValueError, match=message):
        model_class(features)
    model_class(features.without("queries").adapt(QUERIED), dim=4)


@pytest.mark.parametrize("model_class", [models.FMRecall, models.YouTubeDNN])
def test_a_history_that_is_read_is_an_input_of_the_query(model_class):
    model = model_class(with_queries(History(length=4), QUERIES), dim=4)
    assert set(model.query_model.input_names) == {"history", "queries"}


@pytest.mark.parametrize("model_class", [TwoTower, models.MultiObjectiveTwoTower, models.FMRecall])
def test_a_query_of_nothing_is_refused(model_class):
    with pytest.raises(ValueError, match=rf"{model_class.__name__} makes queries of the user's"):
        model_class(with_queries())


def test_a_traced_step_draws_negatives_of_the_users_of_the_newest_data():
    first, second = of_users(0, 1, 2, 3, 4), of_users(4, 3, 2)
    features = Features([Categorical("user_id"), History(length=4)], [Categorical("item_id")])
    features.adapt(first)
    weights = []
    for anew in (False, True):
        tf.keras.utils.set_random_seed(3)
        model = TwoTower(features, dim=3, hidden=(), negatives=[InBatch(), Unmet(4)])
        model.compile(tf.keras.optimizers.SGD(0.5))
        model.fit(model.training_data(first, 8), verbose=0)
        data = model.training_data(second, 8)
        if anew:
            model.compile(model.optimizer)
        model.fit(data, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for ours, expected in zip(*weights, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)
