"""Every model on two logical devices learns what it learns on one, and serves it."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tests.contract.model_cases import (
    BATCH,
    GRADIENT_MODELS,
    built,
    learnt_after,
    learnt_by,
    the_board,
    trained,
)
from tests.contract.test_context import made
from tests.contract.two_replicas import CONTEXT, EPOCHS
from tfrec_recall import models

ROOT = pathlib.Path(__file__).parents[2]
# Each replica draws for its own rows: which hard negatives, and which neighbours of its nodes.
OWN_DRAWS = {models.PinSAGE, models.GraphSAGE}


@pytest.fixture(scope="module")
def by_two(tmp_path_factory):
    """What each model came to: devices are divided when TensorFlow starts, in another process."""
    path = tmp_path_factory.mktemp("replicas") / "results.json"
    command = [sys.executable, "-m", "tests.contract.two_replicas", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return json.loads(path.read_text())


@pytest.mark.parametrize("model_class", GRADIENT_MODELS)
def test_two_replicas_learn_as_one(model_class, by_two):
    found = by_two[model_class.__name__]
    assert "error" not in found, found["error"]
    losses = trained(model_class)[1]["loss"][:EPOCHS]
    close = 0.1 if model_class in OWN_DRAWS else 1e-3
    np.testing.assert_allclose(found["losses"], losses, rtol=close)
    one = built(model_class)
    for weight, learnt in zip(learnt_by(one), learnt_after(model_class, EPOCHS), strict=True):
        weight.assign(learnt)
    data = one.training_data(the_board(), batch_size=BATCH, seed=None)
    evaluated = one.evaluate(data, verbose=0, return_dict=True)["loss"]
    np.testing.assert_allclose(found["evaluated"], evaluated, rtol=10 * close)
    sizes = [np.sum(np.abs(weight), dtype="float64") for weight in one.trainable_variables]
    np.testing.assert_allclose(found["weights"], sizes, rtol=10 * close, atol=1e-3)


@pytest.mark.parametrize("model_class", GRADIENT_MODELS)
def test_a_batch_smaller_than_the_number_of_replicas_is_learnt_and_all_is_served(
    model_class, by_two
):
    found = by_two[model_class.__name__]
    assert "error" not in found, found["error"]
    assert found["finite"]
    assert found["nothing"] == [0, 0]  # a batch that is empty on both
    assert found["lists"]


def test_the_context_of_requests_is_learnt_on_two_replicas(by_two):
    assert "error" not in by_two[CONTEXT], by_two[CONTEXT]["error"]
    model, data = made(models.SDM)
    alone = model.fit(data, epochs=EPOCHS, verbose=0).history["loss"]
    np.testing.assert_allclose(by_two[CONTEXT]["losses"], alone, rtol=1e-3)
