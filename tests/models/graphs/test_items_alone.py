"""Items that nothing joins to another have learnt nothing of their own."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.models import GraphSAGE, PinSAGE

SMALL = {
    GraphSAGE: {"dim": 4, "sizes": (3, 3), "noise": 5},
    PinSAGE: {"dim": 4, "neighbours": 3, "walks": 20, "negatives": 5, "most_hard": 0},
}
ALONE = "lonely"  # of a user with this event alone


def events():
    rows = [(f"u{n}", f"i{(n + step) % 6}", step) for n in range(12) for step in range(3)]
    table = pd.DataFrame([*rows, ("hermit", ALONE, 5)], columns=["user_id", "item_id", "timestamp"])
    items = pd.DataFrame({"item_id": [*sorted(set(table["item_id"]))]})
    return Interactions(table, items=items.assign(kind=["a", "b"] * 3 + ["a"]))


def made(model_class, *side):
    """A model that knows the graph, and which features of the items."""
    data = events()
    features = Features([History(length=5)], [Categorical("item_id"), *side]).adapt(data)
    tf.keras.utils.set_random_seed(0)
    model = model_class(features, **SMALL[model_class])
    model.training_data(data, batch_size=8)
    model.has_learnt.assign(1)
    return model, data.items


@pytest.mark.parametrize("model_class", SMALL)
def test_without_features_they_have_no_vector_(model_class):
    model, items = made(model_class)
    vectors = dict(zip(items["item_id"], model.embed_items(items), strict=True))
    np.testing.assert_array_equal(vectors.pop(ALONE), np.zeros(4))
    assert all(vector.any() for vector in vectors.values())
    one = model.query_model({"history": tf.constant([[2, 0, 0, 0, 0]])})
    alone = model.features.item_vocabulary.encode([ALONE])[0]
    both = model.query_model({"history": tf.constant([[2, alone, 0, 0, 0]])})
    np.testing.assert_allclose(both, one, atol=1e-6)


def test_with_features_they_are_as_a_new_item_is():
    model, _ = made(PinSAGE, Categorical("kind"))
    new = pd.DataFrame({"item_id": [ALONE, "never seen"], "kind": ["a", "a"]})
    alone, unseen = model.embed_items(new)
    np.testing.assert_allclose(alone, unseen, atol=1e-6)
    assert alone.any()
