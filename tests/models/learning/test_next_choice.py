import numpy as np
import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.models.learning.next_choice import personal_features


def chosen(events, **columns):
    """The features of the user side, and why the user's id is none of them."""
    table = pd.DataFrame({"user_id": np.repeat(["a", "b"], events), "item_id": 1, **columns})
    features = personal_features(Interactions(table))
    left_out = {(one.table, one.column): one.why for one in features.left_out}
    return {feature.name for feature in features.user}, left_out.get(("users", "user_id"))


@pytest.mark.parametrize("columns", [{"timestamp": 2}, {}])
def test_the_users_id_is_a_feature_where_users_have_many_events(columns):
    assert chosen(15, **columns) == ({"user_id", "history"}, None)
    names, why = chosen(14, **columns)
    assert names == {"history"}
    assert "14.0 events each" in why


def test_baskets_are_foretold_without_it():
    names, why = chosen(20, timestamp=2, session_id=3)
    assert names == {"history"}
    assert "basket" in why
