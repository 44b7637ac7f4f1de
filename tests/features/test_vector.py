"""Vectors that are given: from the table to the embedding, in training and in serving."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, FeatureEncoder, Features, History, RawItem, Vector

ITEMS = pd.DataFrame(
    {"item_id": ["a", "b", "c"], "image": [[1.0, 2.0], None, np.array([0.5, -1.0])]}
)
EVENTS = pd.DataFrame({"user_id": list("xyx"), "item_id": list("abc"), "timestamp": [1, 2, 3]})


@pytest.fixture
def features():
    item = [Categorical("item_id"), Vector("image")]
    return Features(user=[History()], item=item).adapt(Interactions(EVENTS, items=ITEMS))


def test_bulk_and_graph_agree_and_a_missing_one_is_zeros(features):
    bulk = features.encode_items(ITEMS)
    np.testing.assert_array_equal(bulk["image"], [[1, 2], [0, 0], [0.5, -1]])
    raw = {"item_id": tf.constant(["a"]), "image": tf.constant([[1.0, 2.0]])}
    np.testing.assert_array_equal(RawItem(features)(raw)["image"], bulk["image"][:1])


def test_it_is_embedded_by_a_matrix(features):
    fields = features.fields(features.item)
    encoder = FeatureEncoder(fields, dim=3)
    again = FeatureEncoder.from_config(encoder.get_config())
    assert again.fields == encoder.fields
    item = features.inputs(features.item)
    model = tf.keras.Model(item, encoder(item))
    encoded = features.encode_items(ITEMS)
    matrix = encoder.tables["image"].numpy()
    assert matrix.shape == (2, 3)
    found = model(encoded)[:, 1]
    np.testing.assert_allclose(found, encoded["image"] @ matrix, rtol=1e-5, atol=1e-6)


def test_another_width_is_an_error(features):
    with pytest.raises(ValueError, match=r"as many numbers in each cell\. Received: \[1, 2\]"):
        Vector("v").adapt(pd.Series([[1.0], [1.0, 2.0]]))
    with pytest.raises(ValueError, match=r"Vectors have 2 numbers .* the first of 3"):
        features.encode_items(ITEMS.assign(image=[[1.0, 2.0, 3.0]] * 3))
