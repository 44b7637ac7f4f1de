"""A model learns from events in parts what it learns from those that are held."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.data import Interactions, part_events
from tfrec_recall.data.datasets import simulated
from tfrec_recall.features import Categorical, Features, History, infer, objectives_of
from tfrec_recall.models import (
    SDM,
    MultiObjectiveTwoTower,
    PinSAGE,
    SamplingBiasCorrectedTwoTower,
    TwoTower,
    YouTubeDNN,
)
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
    with pytest.raises(ValueError, match=r"training_data takes train .*parted\.part\(0\) some"):
        PinSAGE(features, dim=4).training_data(parts)
    by_time = SamplingBiasCorrectedTwoTower(features, dim=4, span_days=1.0)
    with pytest.raises(ValueError, match=r"span_days, and parts .*Received: self\.span_days=1\.0"):
        by_time.training_data(parts)


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


@pytest.mark.parametrize("model_class", [SamplingBiasCorrectedTwoTower, MultiObjectiveTwoTower])
def test_other_towers_learn_from_parts_too(model_class, tmp_path):
    held, parts = both(tmp_path, 1000, items=100)
    features = model_class.default_features(parts)
    assert features.get_config() == model_class.default_features(held).get_config()
    model = model_class(features.adapt(parts), dim=4, hidden=(), negatives=8)
    model.compile(run_eagerly=True)
    batch = next(iter(model.training_data(parts, 64)))
    labels = {f"label {name}" for name in getattr(model, "names", ())}
    assert labels <= set(batch)
    assert len(labels) == (3 if model_class is MultiObjectiveTwoTower else 0)
    share = model.target_share.numpy()
    assert np.isfinite(model.train_on_batch(batch)).all()
    model.training_data(held, 64)
    np.testing.assert_allclose(share, model.target_share, rtol=1e-6)


def test_features_are_chosen_by_all_parts(tmp_path):
    held, parts = both(tmp_path, 1000, items=100)
    for columns in (None, ["brand", "users.country"], ["events.event_type=Categorical"]):
        found, expected = infer(parts, columns=columns), infer(held, columns=columns)
        assert found.get_config() == expected.get_config()
        assert found.left_out == expected.left_out
    with pytest.raises(ValueError, match=r"'watch_ratio' has to be Categorical.*--columns events"):
        infer(parts, columns=["events.watch_ratio=Numeric"]).adapt(parts)
    with pytest.raises(ValueError, match=r"takes interactions as Interactions: .*from_parquet"):
        SDM.default_features(parts)


def test_objectives_are_those_of_all_parts(tmp_path):
    log = pd.DataFrame({"user_id": np.arange(40), "item_id": 1, "rating": np.arange(40) % 7 / 2})
    log = log.assign(event_type=np.where(log["user_id"] % 3, "click", "like"))
    for number, events in enumerate((log, log.drop(columns="event_type"))):
        events.to_parquet(tmp_path / f"{number}.parquet")
        parts = part_events(tmp_path / f"{number}.parquet", tmp_path / f"{number}", parts=3)
        assert objectives_of(parts) == objectives_of(Interactions(events))
