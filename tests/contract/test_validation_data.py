"""Batches that are measured change nothing of a model: it stays what its training data made it."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.model_cases import (
    BATCH,
    GRADIENT_MODELS,
    IN_ONE_PASS,
    OF_WINDOWS,
    ORIGINAL,
    begun,
    built,
    its_features,
    learnt_by,
    the_board,
)
from tfrec_recall import models
from tfrec_recall.data import Interactions, recent
from tfrec_recall.data.examples import NoExample

WITH_TARGETS = [c for c in GRADIENT_MODELS if c not in OF_WINDOWS]


@functools.cache
def measured():
    """Later events of some users, rated as none of the board are, and what came before them."""
    board = the_board()
    events = board.events[board.events["user_id"].isin(board.users["user_id"][:7])]
    later = events.assign(timestamp=events["timestamp"] + 100_000, rating=9.0)
    return recent(board, board.with_events(later), replay=0).to_learn


def as_numbers(batches):
    return [{name: values.numpy() for name, values in batch.items()} for batch in batches]


def assert_same(ours, theirs):
    for own, other in zip(ours, theirs, strict=True):
        assert own.keys() == other.keys()
        for name, values in own.items():
            np.testing.assert_array_equal(values, other[name], err_msg=name)


@pytest.mark.parametrize("model_class", GRADIENT_MODELS)
def test_batches_to_measure_leave_the_model_as_it_is(model_class):
    model = begun(model_class)
    before = [weight.numpy() for weight in learnt_by(model)]
    data = model.validation_data(measured(), batch_size=BATCH)
    first = as_numbers(data)
    assert_same(as_numbers(data), first)  # each pass is alike, also what is drawn for it
    if model_class in WITH_TARGETS:
        assert np.isfinite(model.compute_loss(next(iter(data)), training=False))
    elif model_class in ORIGINAL:
        assert np.isfinite(model.evaluate(data, verbose=0, return_dict=True)["loss"])
    for weight, old in zip(learnt_by(model), before, strict=True):
        np.testing.assert_array_equal(weight, old, err_msg=weight.name)


@pytest.mark.parametrize("model_class", [models.GraphSAGE, models.PinSAGE])
def test_events_of_no_known_item_join_nothing(model_class):
    model, board = begun(model_class), the_board()
    unknown = np.resize(["stranger", "other"], len(board.events))
    strangers = Interactions(board.events.assign(item_id=unknown), users=board.users)
    with pytest.raises(NoExample, match="No example is left to learn from: the graph joins no two"):
        model.validation_data(strangers, batch_size=BATCH)
    if model_class is models.PinSAGE:
        before = [weight.numpy() for weight in model.weights]
        model.add_neighbours(strangers)  # there are none
        for weight, old in zip(model.weights, before, strict=True):
            np.testing.assert_array_equal(weight, old, err_msg=weight.name)


@pytest.mark.parametrize("model_class", GRADIENT_MODELS)
def test_they_are_made_as_what_is_learnt(model_class):
    """Of the same events, which a model takes once more without a change."""
    model = begun(model_class)
    data = model.training_data(the_board(), BATCH, seed=None)
    own = model.validation_data(the_board(), batch_size=BATCH)
    assert int(own.cardinality()) == int(data.cardinality())
    assert_same(as_numbers(own.take(2)), as_numbers(data.take(2)))


@pytest.mark.parametrize("model_class", [models.FunkSVD, models.TwoTower, models.SDM])
def test_what_came_before_is_no_target(model_class):
    data = begun(model_class).validation_data(measured())
    targets = sum(len(batch["item_id"]) for batch in data)
    assert targets == (~measured().events["history_only"]).sum() > 0


@pytest.mark.parametrize("model_class", [models.NeuralCF, models.TwoTower])
def test_fit_measures_them_after_each_epoch(model_class):
    model = built(model_class)
    model.compile(tf.keras.optimizers.SGD(0.0), run_eagerly=True)
    data = model.training_data(the_board(), batch_size=BATCH).take(1)
    held = model.validation_data(measured())
    losses = model.fit(data, validation_data=held, epochs=2, verbose=0).history["val_loss"]
    assert losses[0] == losses[1] > 0


@pytest.mark.parametrize("model_class", [models.FMRecall, models.TwoTower])
def test_the_plain_form_is_measured_by_what_is_drawn_for_its_users(model_class):
    tf.keras.utils.set_random_seed(1)
    model = model_class.published(its_features(), dim=4)
    model.compile(tf.keras.optimizers.SGD(0.0), run_eagerly=True)
    model.training_data(the_board(), BATCH)
    data = model.validation_data(measured(), batch_size=BATCH)
    losses = [model.evaluate(data, verbose=0, return_dict=True)["loss"] for _ in range(2)]
    assert losses[0] == losses[1] > 0.1


def test_what_follows_from_training_data_has_to_be_there():
    types = built(models.AirbnbType)
    listing = built(models.AirbnbListing, gap=None)
    for model, lacks in ((types, "takes its types"), (listing, "finds the pause")):
        with pytest.raises(ValueError, match=rf"{lacks}.*call training_data\(train\) first"):
            model.validation_data(measured())


@pytest.mark.parametrize("model_class", [models.AirbnbListing, models.AirbnbType])
def test_what_is_measured_may_lack_a_type_of_events(model_class):
    board = the_board()
    kinds = np.where(np.arange(len(board.events)) % 3, "click", "booking")
    train = board.with_events(board.events.assign(event_type=kinds))
    later = measured().events.assign(event_type="click").iloc[:20]
    later.loc[later.index[:4], "event_type"] = "rejection"
    model = built(model_class)
    model.training_data(train, BATCH)
    model.validation_data(board.with_events(later))  # before anything is learnt


@pytest.mark.parametrize("model_class", sorted(IN_ONE_PASS, key=lambda c: c.__name__))
def test_a_model_without_a_loss_has_nothing_to_measure(model_class):
    with pytest.raises(ValueError, match=f"{model_class.__name__} has no loss: .*evaluate"):
        built(model_class).validation_data(the_board())
