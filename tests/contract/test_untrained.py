"""A model that descends says that it has learnt nothing, until it has, or is given what one has."""

import warnings

import pytest
import tensorflow as tf

from tests.contract.model_cases import (
    IN_ONE_PASS,
    ORIGINAL,
    built,
    its_features,
    the_board,
    trained,
)
from tfrec_recall import models
from tfrec_recall.models.fitting.learner import LearntNothing


def told(model):
    """What is said of a model while its retriever is made, by warnings or by the error."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        try:
            model.retriever(the_board().items, k=3)
        except ValueError as refusal:
            return [str(refusal)]
    return [str(one.message) for one in found if issubclass(one.category, LearntNothing)]


@pytest.mark.parametrize("model_class", ORIGINAL)
def test_who_has_learnt_nothing_says_so(model_class):
    model = built(model_class)
    (said,) = told(model)
    assert said.startswith(f"{model_class.__name__} has learnt nothing yet")
    model.set_weights(trained(model_class)[0].get_weights())
    assert told(model) == []


@pytest.mark.parametrize("model_class", sorted(IN_ONE_PASS, key=lambda c: c.__name__))
def test_one_pass_is_learning(model_class):
    assert told(trained(model_class)[0]) == []


def test_weights_and_models_that_are_loaded_have_learnt(tmp_path):
    model = trained(models.TwoTower)[0]
    model.save(tmp_path / "whole.keras")
    assert told(tf.keras.models.load_model(tmp_path / "whole.keras")) == []
    for name in ("of.weights.h5", "checkpoint"):
        model.save_weights(tmp_path / name)
        other = built(models.TwoTower)
        other.load_weights(tmp_path / name)
        assert told(other) == []


def test_measuring_is_not_learning():
    model = built(models.TwoTower)
    batches = model.training_data(the_board(), batch_size=32).take(1)
    model.evaluate(batches, verbose=0)
    assert len(told(model)) == 1
    model.fit(batches.map(lambda batch: {n: v[:0] for n, v in batch.items()}), verbose=0)
    assert len(told(model)) == 1  # no examples


def test_several_compiled_steps_are_learnt_from():
    model = built(models.TwoTower)
    model.compile("adam", jit_compile=True, steps_per_execution=2)
    model.fit(model.training_data(the_board(), batch_size=32).take(2), verbose=0)
    assert int(model.has_learnt) == 1


class OwnStep(models.TwoTower):
    def train_step(self, batch):
        with tf.GradientTape() as tape:
            loss = self.compute_loss(batch, training=True)
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        return {"loss": loss}


def test_a_step_of_ones_own_is_learning():
    model = OwnStep(its_features(), dim=4, hidden=())
    model.compile("sgd", run_eagerly=True)
    batches = model.training_data(the_board(), batch_size=32).take(1)
    model.fit(batches, initial_epoch=1, verbose=0)
    (said,) = told(model)
    assert "by a loop of your own, model.has_learnt.assign(1) says so" in said
    model.fit(batches, verbose=0)
    assert told(model) == []


def test_what_begins_with_trained_branches_has_learnt():
    branches = [
        built(models.NeuralCF, product=product, tower=not product) for product in (True, False)
    ]
    whole = built(models.NeuralCF)
    whole.begin_with(*branches)
    assert int(whole.has_learnt) == 0
    branches[0].has_learnt.assign(1)
    whole.begin_with(*branches)
    assert int(whole.has_learnt) == 1


def test_a_model_that_knows_the_ratings_and_no_factors_says_so():
    model = built(models.FunkSVD)
    with pytest.raises(ValueError, match="FunkSVD has learnt nothing yet"):
        model.retriever(the_board().items)
    model.training_data(the_board())  # which finds their range
    with pytest.warns(LearntNothing, match="FunkSVD has learnt nothing yet"):
        model.retriever(the_board().items)
