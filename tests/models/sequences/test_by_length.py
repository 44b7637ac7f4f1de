"""Passes over short histories are gone through apart where most are short, to the same loss."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.models import SDM

pytestmark = pytest.mark.usefixtures("untraced")


def log(events):
    """Users with so many events each, some of them on another day, from two devices."""
    user = np.repeat(np.arange(len(events)), events)
    rng = np.random.default_rng(1)
    return Interactions(
        pd.DataFrame(
            {
                "user_id": [f"u{one}" for one in user],
                "item_id": [f"i{one}" for one in rng.integers(20, size=len(user))],
                "timestamp": np.cumsum(rng.choice([60, 4000], len(user))),
                "device": rng.choice(["phone", "desk"], len(user)),
            }
        )
    )


def made(data):
    tf.keras.utils.set_random_seed(0)
    histories = [History(length=50), History("timestamp", name="history_timestamp", length=50)]
    features = Features([Categorical("device"), *histories], [Categorical("item_id")]).adapt(data)
    return SDM(features, dim=8, heads=2, negatives=7, dropout=0.0)


@pytest.fixture(scope="module")
def uneven():
    data = log([45, *[3, 2, 4] * 20])
    model = made(data)
    assert [feature.name for feature in model.features.request_fields] == ["device"]
    return model, list(model.training_data(data, batch_size=24, seed=0))


def learnt_from(model, batch):
    with tf.GradientTape() as tape:
        tf.keras.utils.set_random_seed(3)  # of the negatives
        loss = model.compute_loss(batch, training=True)
    gradients = tape.gradient(loss, model.trainable_variables)
    return float(loss), [None if one is None else tf.convert_to_tensor(one) for one in gradients]


def test_the_loss_and_its_gradients_are_those_of_all_at_once(uneven):
    model, batches = uneven
    for batch in batches:
        assert len(set(batch["pass_events"].numpy())) > 1
        at_once = {name: values for name, values in batch.items() if name != "pass_events"}
        (loss, apart), (expected, whole) = (learnt_from(model, one) for one in (batch, at_once))
        assert loss == pytest.approx(expected, rel=1e-5)
        for one, other in zip(apart, whole, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_a_few_passes_are_asked(uneven, rows):
    model, (batch, *_) = uneven
    width = batch["places"].shape[1]
    own = batch["place"] < rows * width
    few = {
        name: values[own] if name in ("item_id", "sample_weight", "place") else values[:rows]
        for name, values in batch.items()
    }
    vectors = model._at_places(few, training=False)
    assert vectors.shape == (rows, width, 8)
    at_once = {name: few[name] for name in model.place_model.input_names}
    expected = model.place_model(at_once)
    there = few["places"].numpy() >= 0
    np.testing.assert_allclose(vectors[there], expected[there], rtol=1e-4, atol=1e-5)


def test_histories_of_one_length_are_asked_at_once():
    data = log([9, 10, 9, 11])
    assert "pass_events" not in made(data).training_data(data, batch_size=24).element_spec
