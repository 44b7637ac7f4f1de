"""What a softmax over candidates takes of the data that it learns from."""

import numpy as np
import pandas as pd
import tensorflow as tf

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
