"""What of items was never taught, and has no vector."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.data import Interactions
from tfrec_recall.features import (
    Categorical,
    Features,
    Field,
    History,
    MultiValued,
    Numeric,
    OfKnown,
    met,
)

EVENTS = pd.DataFrame({"user_id": list("uuuuuv"), "item_id": list("aabbca"), "timestamp": range(6)})
TABLE = pd.DataFrame(
    {
        "item_id": list("abcx"),
        "shelf": ["left", "left", "right", "cellar"],
        "tags": [["red"], ["red", "blue"], [], ["red"]],
        "price": [1.0, 2.0, 3.0, 4.0],
    }
)
ITEM = [Categorical("item_id"), Categorical("shelf"), MultiValued("tags"), Numeric("price")]


def features_of(*item):
    user = [Categorical("user_id"), History(length=4)]
    return Features(user, item).adapt(Interactions(EVENTS, items=TABLE))


@pytest.mark.parametrize(
    ("feature", "absent"),
    [
        (Categorical("item_id"), 0),  # as there are columns beside
        (Categorical("item_id", min_count=2), 0),  # c is unknown in histories of training
        (Categorical("item_id", unknown_rate=0.1), 0),
        (Categorical("shelf"), 1),
        (Categorical("shelf", min_count=2), 0),  # that of c
        (Categorical("shelf", unknown_rate=0.1), 0),
        (MultiValued("tags"), 1),
        (MultiValued("tags", min_count=2), 0),
        (Numeric("price"), 0),
    ],
)
def test_the_unknown_is_absent_where_training_never_shows_it(feature, absent):
    item = [feature if one.name == feature.name else one for one in ITEM]
    features = features_of(*item)
    assert features.absent(feature.name) == absent
    fields = {field.name: field.absent for field in features.fields(features.item)}
    assert fields[feature.name] == absent
    assert [f.absent for f in features.fields(features.user)] == [0, 0]
    assert features_of(Categorical("item_id")).absent("item_id") == 1  # nothing is beside


def test_what_is_not_known_is_left_out_of_histories_unless_training_had_it():
    ids = tf.constant([[2, 1, 3, 0]])
    assert met(features_of(*ITEM), ids).numpy().tolist() == [[2, 0, 3, 0]]
    rare = features_of(Categorical("item_id", min_count=2))
    assert met(rare, ids).numpy().tolist() == [[2, 1, 3, 0]]


@pytest.mark.parametrize(
    ("fields", "values", "known"),
    [
        ([], {}, [0, 0, 1]),
        ([Field("shelf", 5, absent=1)], {"shelf": [1, 3, 0]}, [0, 1, 1]),
        ([Field("shelf", 5)], {"shelf": [1, 0, 0]}, [1, 0, 1]),
        ([Field("tags", 5, 2, absent=1)], {"tags": [[0, 1], [1, 2], [0, 0]]}, [0, 1, 1]),
        ([Field("price", 0)], {"price": [0.0, 0.0, 0.0]}, [1, 1, 1]),
        ([Field("given", 0, 2, width=2)], {"given": [[0.0, 0], [0, 0.5], [0, 0]]}, [0, 1, 1]),
    ],
)
def test_an_item_is_known_by_any_of_its_features(fields, values, known):
    item = {"item_id": [1, 1, 2], **values}
    item = {name: tf.constant(value) for name, value in item.items()}
    layer = OfKnown([Field("item_id", 4), *fields])
    for shape in ((3, 2), (3, 2, 2)):
        vectors = np.arange(1.0, 1 + np.prod(shape), dtype="float32").reshape(shape)
        expected = vectors * np.reshape(known, (3, *[1] * (len(shape) - 1)))
        np.testing.assert_array_equal(layer((vectors, item)), expected)
        np.testing.assert_array_equal(layer((vectors, item), training=True), vectors)


def test_a_row_that_training_gives_to_unknown_items_counts():
    layer = OfKnown([Field("item_id", 4, unknown_rate=0.1)])
    vectors = layer((tf.ones([3, 2]), {"item_id": tf.constant([0, 1, 2])})).numpy()
    assert vectors[:, 0].tolist() == [0, 1, 1]
