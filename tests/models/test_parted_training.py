"""A model learns from events in parts what it learns from those that are held."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.data import Interactions, part_events
from tfrec_recall.data.datasets import simulated
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.models import PinSAGE, SamplingBiasCorrectedTwoTower, TwoTower, YouTubeDNN
from tfrec_recall.sampling import InBatch, Unmet


def both(folder, events, items):
    """A log that is held, and the same in parts."""
    simulated.write(folder / "log", events, items=items, seed=4)
    parts = part_events(folder / "log", folder / "parts", parts=3)
    return Interactions.from_parquet(folder / "log"), parts


def test_a_model_learns_from_parts_what_it_learns_from_the_whole(tmp_path):
    held, parts = both(tmp_path, 3000, items=120)
    trained = []
    for train in (held, parts):
        features = Features(
            [Categorical("user_id"), History(length=5)], [Categorical("item_id")]
        ).adapt(train)
        tf.keras.utils.set_random_seed(1)
        model = TwoTower(features, dim=4)
        model.compile(tf.keras.optimizers.Adam(0.01))
        losses = model.fit(model.training_data(train, 64), epochs=3, verbose=0).history["loss"]
        trained.append((model.target_share.numpy(), losses))
    (share, losses), (ours, own) = trained
    np.testing.assert_allclose(ours, share, rtol=1e-6)
    np.testing.assert_allclose(own, losses, rtol=0.05)  # the same examples in other batches
    assert own[-1] < own[0]
    some = parts.map(lambda part: part.take(part.events.index % 2 == 0))
    measured = model.evaluate(model.validation_data(some, 64), verbose=0, return_dict=True)
    assert np.isfinite(measured["loss"])
    np.testing.assert_array_equal(model.target_share, ours)
    personal = TwoTower(features, dim=4, negatives=[InBatch(), Unmet(4)])
    with pytest.raises(ValueError, match=r"negatives of a user from events in parts.*Unmet"):
        personal.training_data(parts)
    for other in (PinSAGE(features, dim=4), SamplingBiasCorrectedTwoTower(features, dim=4)):
        with pytest.raises(ValueError, match=r"training_data takes train .*parted\.part\(0\) some"):
            other.training_data(parts)


def test_the_age_of_an_example_is_a_share_of_the_time_of_all_parts(tmp_path):
    spans = []
    for train in both(tmp_path, 1000, items=100):
        features = Features([History(length=5)], [Categorical("item_id")]).adapt(train)
        model = YouTubeDNN(features, dim=4, hidden=(), negatives=20, example_age=True)
        model.compile(run_eagerly=True)
        data = model.training_data(train, 64)
        spans.append(float(model.time_span))
    np.testing.assert_allclose(*spans)
    assert max(float(batch["example_age"].numpy().max()) for batch in data) <= spans[0] * 1.001
    loss = model.fit(data.take(2), verbose=0).history["loss"]
    assert np.isfinite(loss).all()
