"""A batch of nothing costs nothing: loss 0, no gradients, the state as it was.

An idle replica has one, and so has a filtered stream.
"""

import inspect
import itertools

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.layer_cases import CASES, LAYERS, make, tensors

LOSSES = [case for case in CASES if case not in LAYERS]


def variants(cls):
    """The case's arguments, and those with the other values of what decides how it is summed."""
    ways = {"reduction": ["sum", "mean"], "whole": [False, True]}
    names = [name for name in ways if name in CASES[cls].arguments]
    for values in itertools.product(*(ways[name] for name in names)):
        yield {**CASES[cls].arguments, **dict(zip(names, values, strict=True))}


def step(layer, options):
    """A function of the case's tensors that returns the output and all gradients."""

    def output_and_gradients(given):
        inputs = [part for part in tf.nest.flatten(given) if part.dtype.is_floating]
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output = layer(given["inputs"], **given["call"], **options)
            total = tf.reduce_sum(tf.cast(output, tf.float32))
        sources = inputs + layer.trainable_variables
        found = tape.gradient(total, sources)  # None is none as well
        return output, [tf.convert_to_tensor(part) for part in found if part is not None]

    return output_and_gradients


@pytest.mark.parametrize("graph", [False, True], ids=["eager", "graph"])
@pytest.mark.parametrize("cls", LOSSES, ids=lambda cls: cls.__name__)
def test_a_loss_of_nothing_is_zero_and_teaches_nothing(cls, graph):
    case = CASES[cls]
    given = {"inputs": case.inputs, "call": case.call}
    for arguments in variants(cls):
        run = step(cls(**arguments), {})
        if graph:
            signature = tf.nest.map_structure(
                lambda value: tf.TensorSpec([None, *value.shape[1:]], value.dtype), given
            )
            run = tf.function(run, input_signature=[signature])
        loss, gradients = run(tensors(given, slice(0)))
        assert float(loss) == 0.0, arguments
        for gradient in gradients:
            np.testing.assert_array_equal(gradient, np.zeros(gradient.shape), str(arguments))
        if graph:  # and the same trace goes on with what is there
            loss, gradients = run(tensors(given))
            assert float(loss) > 0
            assert any(np.any(gradient) for gradient in gradients)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("cls", LAYERS, ids=lambda cls: cls.__name__)
def test_a_layer_of_nothing_returns_nothing_and_stays(cls, training):
    layer, case = make(cls), CASES[cls]
    whole = layer(tensors(case.inputs), **tensors(case.call))
    before = [np.array(weight) for weight in layer.weights]
    given = tensors({"inputs": case.inputs, "call": case.call}, slice(0))
    takes_it = "training" in inspect.signature(cls.call).parameters
    nothing, gradients = step(layer, {"training": training} if takes_it else {})(given)
    assert nothing.shape == (0, *whole.shape[1:])
    for gradient in gradients:
        np.testing.assert_array_equal(gradient, np.zeros(gradient.shape))
    for weight, old in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)
