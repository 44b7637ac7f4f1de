import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features
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


def test_inner_products_have_none_and_what_is_given_holds():
    assert temperature_of(None, features_of(32_000), normalize=False) == 1.0
    assert temperature_of(0.7, features_of(32_000)) == 0.7
