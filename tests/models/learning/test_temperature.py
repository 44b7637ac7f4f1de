import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features
from tfrec_recall.models import MIND, TwoTower, YouTubeDNN
from tfrec_recall.models.learning.temperature import temperature_of


def features_of(items):
    events = pd.DataFrame({"user_id": 1, "item_id": range(items)})
    return Features(user=[], item=[Categorical("item_id")]).adapt(Interactions(events))


@pytest.mark.parametrize(
    ("items", "temperature"),
    [(5, 0.2), (2000, 0.2), (3659, 0.171965), (32_000, 0.1), (600_000, 0.05)],
)
def test_the_more_items_the_colder(items, temperature):
    assert temperature_of(None, features_of(items)) == pytest.approx(temperature, rel=1e-4)


@pytest.mark.parametrize("model_class", [TwoTower, YouTubeDNN, MIND])
def test_a_grown_model_keeps_the_one_that_it_has_learnt_at(model_class):
    events = pd.DataFrame({"user_id": "a", "item_id": range(2000), "timestamp": range(2000)})
    first = Interactions(events)
    day = Interactions(events.assign(item_id=events["item_id"] + 2000))
    features = model_class.default_features(first).adapt(first)
    model = model_class(features, dim=2)
    grown = model.grow(features.grow(day))
    assert model.temperature == grown.temperature == 0.2
    assert model_class(features, dim=2, temperature=0.5).grow(grown.features).temperature == 0.5
    assert temperature_of(None, grown.features) < 0.2


def test_inner_products_have_none_and_what_is_given_holds():
    assert temperature_of(None, features_of(32_000), normalize=False) == 1.0
    assert temperature_of(0.7, features_of(32_000)) == 0.7
