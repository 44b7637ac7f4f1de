"""A few steps of learning: compiled by XLA and in half precision as in float32, step by step."""

import functools
import inspect

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.layer_cases import CASES, LAYERS, make, some, tensors
from tfrec_recall import layers

STEPS, RATE = 3, 0.02
# How far a loss may lie from that of float32: the bits that a number keeps.
NEAR = {"float32": 1e-4, "mixed_float16": 1e-2, "mixed_bfloat16": 5e-2}
OTHERWISE = {layers.Tower: {"dropout": 0.0, "normalization": "batch"}}  # random; as by the batch
BY_OPERATIONS_OF_ITS_OWN = {layers.FusedLSTM}  # of which XLA has none
DRAWN_ANEW = {layers.CapsuleRouting, layers.LSTMAggregator}  # in each step of training
every = pytest.mark.parametrize("cls", CASES, ids=lambda cls: cls.__name__)


def learning(cls, policy="float32", **options):
    """A step of plain gradient descent on all weights and float inputs, which returns the loss."""
    tf.keras.utils.set_random_seed(3)
    case = CASES[cls]
    layer = make(cls, dtype=policy, **OTHERWISE.get(cls, {}))
    given = tensors({"inputs": case.inputs, "call": case.call})
    flat = [tf.Variable(p) if p.dtype.is_floating else p for p in tf.nest.flatten(given)]
    inputs = tf.nest.pack_sequence_as(given, flat)["inputs"]
    learnt = [part for part in tf.nest.flatten(inputs) if isinstance(part, tf.Variable)]
    takes_it = "training" in inspect.signature(cls.call).parameters
    training = {"training": True} if takes_it else {}

    @tf.function(**options)
    def step():
        with tf.GradientTape() as tape:
            values = tf.nest.map_structure(tf.convert_to_tensor, inputs)
            output = tf.cast(layer(values, **given["call"], **training), tf.float32)
            if cls in LAYERS:  # towards other numbers
                output = tf.reduce_mean(tf.square(output - some(*output.shape, 1)[..., 0]))
        sources = [*learnt, *layer.trainable_variables]
        for source, gradient in zip(sources, tape.gradient(output, sources), strict=True):
            if gradient is not None:
                source.assign_sub(RATE * tf.cast(tf.convert_to_tensor(gradient), tf.float32))
        return output

    return step, layer, bool(learnt)


@functools.cache
def in_float32(cls):
    """The losses, operation by operation, and what the layer holds afterwards."""
    step, layer, learns = learning(cls)
    losses = [float(step.python_function()) for _ in range(STEPS)]
    assert np.isfinite(losses).all()
    if learns:
        assert losses[-1] < losses[0]
    return losses, [np.array(weight) for weight in layer.weights]


@every
def test_xla_learns_step_by_step_the_same(cls):
    if cls in BY_OPERATIONS_OF_ITS_OWN:
        pytest.skip("the documentation says so")
    step, layer, _ = learning(cls, jit_compile=True)
    losses, weights = in_float32(cls)
    found = [step() for _ in range(STEPS)]
    if cls in DRAWN_ANEW:
        np.testing.assert_allclose(found, losses, rtol=NEAR["mixed_bfloat16"])
        return
    np.testing.assert_allclose(found, losses, rtol=NEAR["float32"])
    for weight, other in zip(layer.weights, weights, strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-3, atol=1e-4)


@every
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_learns_nearly_the_same(cls, policy):
    step, _, _ = learning(cls, policy)
    found = [float(step.python_function()) for _ in range(STEPS)]
    near = NEAR["mixed_bfloat16" if cls in DRAWN_ANEW else policy]
    np.testing.assert_allclose(found, in_float32(cls)[0], rtol=near)
