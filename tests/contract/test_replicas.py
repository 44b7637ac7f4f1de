"""Every model on two logical devices learns what it learns on one, and serves it."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.contract import test_context
from tests.contract.model_cases import (
    BATCH,
    OF_WINDOWS,
    ONE_OF_A_KIND,
    ORIGINAL,
    asked,
    built,
    its_features,
    learnt_after,
    learnt_by,
    requests,
    the_board,
    trained,
)
from tests.two_replicas import strategy
from tfrec_recall import models
from tfrec_recall.export import export, load
from tfrec_recall.models.fitting import one_batch
from tfrec_recall.models.learning.candidate_softmax import CandidateSoftmax
from tfrec_recall.sampling import InBatch

EPOCHS = 2
# All measure by one step, whatever it counts: rows, pairs of windows, or places of sessions.
EVALUATED = [*(c for c in ONE_OF_A_KIND if c in ORIGINAL), models.SDM]
SERVED = [
    models.EGES,
    models.FunkSVD,
    models.NeuralCF,
    models.SDM,
    models.SamplingBiasCorrectedTwoTower,
]
# Each replica draws for its own rows: which hard negatives, and which neighbours of its nodes.
OWN_DRAWS = {models.PinSAGE, models.GraphSAGE}


@functools.cache
def by_two(model_class):
    """A model that two replicas have trained, and its losses."""
    with strategy().scope():
        model = built(model_class)
    data = model.training_data(the_board(), batch_size=BATCH)
    return model, model.fit(data, epochs=EPOCHS, verbose=0).history["loss"]


def in_order(model):
    return model.training_data(the_board(), batch_size=BATCH, seed=None)


def few(model, count):
    """A batch with fewer examples than there are replicas."""
    batch = in_order(model).take(1)
    return batch.map(lambda columns: {name: values[:count] for name, values in columns.items()})


@pytest.mark.parametrize("model_class", ORIGINAL)
def test_two_replicas_learn_as_one(model_class):
    two, found = by_two(model_class)
    losses = trained(model_class)[1]["loss"][:EPOCHS]
    close = 0.1 if model_class in OWN_DRAWS else 1e-3
    np.testing.assert_allclose(found, losses, rtol=close)
    for weight, alone in zip(learnt_by(two), learnt_after(model_class, EPOCHS), strict=True):
        if weight.trainable:
            sizes = [np.sum(np.abs(each), dtype="float64") for each in (weight, alone)]
            np.testing.assert_allclose(*sizes, rtol=10 * close, atol=1e-3, err_msg=weight.name)


@pytest.mark.parametrize("model_class", EVALUATED)
def test_two_replicas_measure_as_one(model_class):
    two, _ = by_two(model_class)
    one = built(model_class)
    one.run_eagerly = model_class not in OF_WINDOWS  # one evaluation is quicker than a graph of it
    for weight, learnt in zip(learnt_by(one), learnt_by(two), strict=True):
        weight.assign(learnt.numpy())
    evaluated = [
        model.evaluate(in_order(model), verbose=0, return_dict=True)["loss"] for model in (two, one)
    ]
    np.testing.assert_allclose(*evaluated, rtol=0.1 if model_class in OWN_DRAWS else 1e-4)


@pytest.mark.parametrize("model_class", ORIGINAL)
def test_a_batch_smaller_than_the_number_of_replicas_is_learnt(model_class):
    model, _ = by_two(model_class)
    loss = model.fit(few(model, 1), verbose=0).history["loss"]
    assert np.isfinite(loss).all()
    assert all(np.isfinite(weight.numpy()).all() for weight in model.weights)
    before = [weight.numpy() for weight in model.trainable_variables]
    assert model.fit(few(model, 0), verbose=0).history["loss"] == [0]  # empty on both
    for weight, old in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(weight, old)


@pytest.mark.parametrize("model_class", [models.TwoTower])
def test_a_batch_alone_is_refused_as_by_fit(model_class, monkeypatch):
    with strategy().scope():
        model = built(model_class)
        model.compile("sgd", jit_compile=True)
    batch = next(iter(in_order(model)))
    with pytest.raises(ValueError, match=r"XLA compiles no step whose.*without jit_compile under"):
        model.train_on_batch(batch)
    monkeypatch.setattr(one_batch, "is_far", lambda strategy: True)
    with pytest.raises(ValueError, match=r"the worker that asks for one: learn by fit"):
        model.test_on_batch(batch)


@pytest.mark.parametrize("model_class", SERVED)
def test_what_two_replicas_learnt_is_served(model_class, tmp_path):
    retriever = by_two(model_class)[0].retriever(the_board().items, k=7)
    queries = requests(the_board())
    _, scores = asked(retriever, queries, k=7, exclude=queries["history"])
    assert np.isfinite(scores[:, :2]).all()  # of the 30 items, 8 are left out
    loaded = load(export(retriever, tmp_path))
    _, served = asked(loaded, queries, k=7, exclude=queries["history"])
    np.testing.assert_allclose(served, scores, rtol=1e-5)


def test_the_context_of_requests_is_learnt_on_two_replicas():
    """By SDM, whose places of a session each have the context of their own request."""
    with strategy().scope():
        model = test_context.built(models.SDM)
    alone = test_context.built(models.SDM)
    alone.run_eagerly = True  # a few steps of it are quicker than their graph
    losses, expected = (
        each.fit(
            each.training_data(test_context.the_split().train, batch_size=128),
            epochs=EPOCHS,
            verbose=0,
        ).history["loss"]
        for each in (model, alone)
    )
    np.testing.assert_allclose(losses, expected, rtol=1e-3)


@pytest.mark.parametrize("across", [True, False])
def test_negatives_are_those_of_all_replicas_or_of_each_alone(across):
    counts = tf.ones([len(its_features().item_vocabulary)])
    kinds = [InBatch(across_replicas=across)]
    softmax = CandidateSoftmax("A model", its_features(), counts, kinds, correct=False)
    parts = [[2, 3, 4], [5, 6]]

    def step():
        own = parts[tf.distribute.get_replica_context().replica_id_in_sync_group]
        return softmax.candidates(tf.constant(own)).ids

    found = strategy().experimental_local_results(strategy().run(step))
    first, second = parts
    expected = [first + second, second + first] if across else parts
    assert [ids.numpy().tolist() for ids in found] == expected
