"""Data that hold nothing for a model to learn from are refused, and not learnt from in silence."""

import numpy as np
import pandas as pd
import pytest

from tests.contract.model_cases import BATCH, CASES, GRADIENT_MODELS, OF_WINDOWS
from tfrec_recall import models
from tfrec_recall.data import Interactions
from tfrec_recall.data.examples import NoExample
from tfrec_recall.data.notices import ReadingNotice

USERS, ITEMS = 24, 6
OF_USERS = {models.AirbnbType, models.FunkSVD, models.NeuralCF}  # an event of a user is enough
OF_SESSIONS = {*OF_WINDOWS, models.GraphSAGE} - OF_USERS


def one_event_each():
    """Users with an event each: no item is ever beside another one."""
    number = np.arange(USERS)
    events = {"user_id": number, "item_id": number % ITEMS, "timestamp": number, "rating": 3.0}
    return Interactions(pd.DataFrame(events))


def one_event_a_session():
    """Users with many items, a day apart and each in a session of its own."""
    number = np.arange(USERS)
    events = {"user_id": number % 2, "item_id": number % ITEMS, "timestamp": number * 86_400}
    return Interactions(pd.DataFrame({**events, "session_id": number}))


def made(model_class, data, **settings):
    features = model_class.default_features(data).adapt(data)
    return model_class(features, **{**CASES[model_class], **settings})


@pytest.mark.parametrize("model_class", [c for c in GRADIENT_MODELS if c not in OF_USERS])
def test_what_learns_from_items_of_one_user_refuses_single_ones(model_class):
    data = one_event_each()
    with pytest.raises(NoExample, match="No example is left to learn from"):
        made(model_class, data).training_data(data, BATCH)


@pytest.mark.parametrize("model_class", sorted(OF_SESSIONS, key=str))
def test_sessions_of_single_items_are_refused_with_what_to_do(model_class):
    data = one_event_a_session()
    settings = {"gap": 1800.0} if model_class is models.AirbnbListing else {}
    with pytest.raises(NoExample, match="shortest pause between two items of a user is 172,800"):
        made(model_class, data, **settings).training_data(data, BATCH)


def test_neighbours_that_no_item_has_are_told_of():
    data = one_event_each()
    with pytest.warns(ReadingNotice, match="ItemCF found no neighbour of any item"):
        made(models.ItemCF, data).adapt(data)
