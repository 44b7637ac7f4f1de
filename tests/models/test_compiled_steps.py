"""Executions of several compiled steps: the same batches in the same order, however they end."""

import functools

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.models import SamplingBiasCorrectedTwoTower, TwoTower

BATCH = 8  # of 52 examples; the last batch has 4


@pytest.fixture(scope="module")
def interactions():
    items = np.random.default_rng(0).integers(20, size=65)
    users = np.repeat(np.arange(13), 5)
    return Interactions(pd.DataFrame({"user_id": users, "item_id": items, "timestamp": range(65)}))


def as_they_are(data):
    return data


@pytest.fixture(scope="module")
def one_by_one(interactions):
    """What is learnt in single steps, once of the same batches."""
    return functools.cache(
        lambda change, per_epoch: learnt(interactions, 1, change, steps_per_epoch=per_epoch)[:2]
    )


def learnt(interactions, steps, change, model_class=TwoTower, **fit):
    """A model, the losses of two epochs, and the batches after which callbacks were called."""
    tf.keras.utils.set_random_seed(0)
    features = Features(user=[History(length=4)], item=[Categorical("item_id")])
    settings = {"dim": 4, "hidden": (4,), "dropout": 0.0, "negatives": 0}
    model = model_class(features.adapt(interactions), **settings)
    adam = tf.keras.optimizers.Adam(0.02)
    model.compile(adam, jit_compile=steps > 1, steps_per_execution=steps)
    model.run_eagerly = steps == 1  # quicker than a graph for a few steps
    ends = []
    noted = tf.keras.callbacks.LambdaCallback(on_train_batch_end=lambda n, _: ends.append(n))
    data = change(model.training_data(interactions, BATCH))
    history = model.fit(data, epochs=2, verbose=0, callbacks=[noted], **fit)
    return model, history.history["loss"], ends


def several_sizes(data):
    """A smaller batch in front as well."""
    small = data.take(1).map(lambda batch: {name: rows[:3] for name, rows in batch.items()})
    return small.concatenate(data.skip(1))


@pytest.mark.parametrize(
    ("steps", "change", "fit", "ends"),
    [
        (3, as_they_are, {}, [2, 5, 6]),  # the last one, smaller, is alone
        (16, as_they_are, {}, [6]),  # and here it is the last of an execution
        (4, several_sizes, {}, [3, 6]),
        (2, tf.data.Dataset.repeat, {"steps_per_epoch": 5}, [1, 3, 4]),
    ],
)
def test_no_batch_is_lost_or_learnt_twice(interactions, one_by_one, steps, change, fit, ends):
    model, losses, found = learnt(interactions, steps, change, **fit)
    plain, expected = one_by_one(change, fit.get("steps_per_epoch"))
    assert found == [*ends, *ends]
    assert int(model.optimizer.iterations) == int(plain.optimizer.iterations)
    assert int(model._train_counter) == int(plain._train_counter)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    for ours, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_a_batch_is_counted_once_where_it_is_learnt(interactions):
    model, *_ = learnt(interactions, 16, as_they_are, SamplingBiasCorrectedTwoTower)
    assert int(model.frequency.step) == int(model.optimizer.iterations) == 14


def under(strategy, interactions, **options):
    """A model that is compiled in the scope of a strategy, and two batches."""
    features = TwoTower.default_features(interactions).adapt(interactions)
    with strategy.scope():
        model = TwoTower(features, dim=4, hidden=(8,), negatives=0)
        model.compile("adam", jit_compile=True, **options)
    return model, model.training_data(interactions, BATCH).take(2)


def test_a_compiled_step_is_refused_where_variables_are_mirrored(interactions):
    model, data = under(tf.distribute.MirroredStrategy(["CPU:0"]), interactions)
    wrong = "compile without jit_compile under MirroredStrategy.*Received: jit_compile=True"
    with pytest.raises(ValueError, match=wrong):
        model.fit(data, verbose=0)


def test_compiled_steps_run_under_a_strategy_of_one_device(interactions):
    here = tf.distribute.OneDeviceStrategy("/cpu:0")
    model, data = under(here, interactions, steps_per_execution=2)
    model.fit(data, verbose=0)
    assert int(model.optimizer.iterations) == 2
