"""A model learns from events in parts what it learns from those that are held."""

import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.data import Interactions, part_events
from tfrec_recall.data.datasets import simulated
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.models import PinSAGE, SamplingBiasCorrectedTwoTower, TwoTower
from tfrec_recall.sampling import InBatch, Unmet


def test_a_model_learns_from_parts_what_it_learns_from_the_whole(tmp_path):
    simulated.write(tmp_path / "log", 3000, items=120, seed=4)
    held = Interactions.from_parquet(tmp_path / "log")
    parts = part_events(tmp_path / "log", tmp_path / "parts", parts=3)
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
