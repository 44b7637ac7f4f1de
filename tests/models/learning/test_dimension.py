import pandas as pd
import pytest

from tfrec_recall.data import Interactions
from tfrec_recall.models import TwoTower
from tfrec_recall.models.learning.dimension import dim_of


def features_of(columns):
    events = pd.DataFrame({"user_id": [1, 1, 2], "item_id": [1, 2, 1], **columns})
    data = Interactions(events)
    return TwoTower.default_features(data).adapt(data)


@pytest.mark.parametrize(("columns", "dim"), [({"timestamp": [1, 2, 3]}, 64), ({}, 256)])
def test_vectors_of_sets_are_wider(columns, dim):
    features = features_of(columns)
    assert dim_of(None, features) == dim
    assert dim_of(8, features) == 8
    model = TwoTower(features)
    assert model.dim == model.query_model.output_shape[-1] == dim
