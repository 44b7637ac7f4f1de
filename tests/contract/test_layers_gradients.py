"""Gradients stay bounded where vectors are zeros, as those of padding and of new items are."""

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.layer_cases import BATCH, CASES, make, some, tensors
from tfrec_recall import layers

LARGEST = 100.0  # of a gradient whose upstream is about 1


def zeros(values):
    return tf.nest.map_structure(
        lambda value: tf.zeros_like(value) if value.dtype.is_floating else value, tensors(values)
    )


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("cls", CASES, ids=lambda cls: cls.__name__)
def test_zero_vectors_have_bounded_gradients(cls, policy):
    case = CASES[cls]
    layer = make(cls, dtype=policy)
    inputs = zeros(case.inputs)
    sources = [part for part in tf.nest.flatten(inputs) if part.dtype.is_floating]
    if not sources:
        pytest.skip("takes no vectors")
    with tf.GradientTape() as tape:
        tape.watch(sources)
        result = tf.cast(layer(inputs, **tensors(case.call)), tf.float32)
        total = tf.reduce_sum(result * some(*result.shape, 1)[..., 0])
    for gradient in tape.gradient(total, [*sources, *layer.trainable_variables]):
        if gradient is not None:
            assert (
                np.abs(tf.cast(tf.convert_to_tensor(gradient), tf.float32)).max(initial=0) < LARGEST
            )


@pytest.mark.parametrize("options", [{}, {"epsilon": 1e-38}])
@pytest.mark.parametrize("cls", [layers.L2Normalization, layers.PinSAGEConvolution])
def test_a_zero_vector_stays_one_and_gets_no_gradient(cls, options):
    if cls is layers.PinSAGEConvolution:
        options = {**options, "units": 2, "pool_units": 3, "activation": "linear"}
    layer = cls(**options)
    own, near = tf.Variable(tf.zeros([BATCH, 3])), tf.zeros([BATCH, 2, 3])
    with tf.GradientTape() as tape:
        call = {} if cls is layers.L2Normalization else {"importance": tf.ones([BATCH, 2])}
        result = layer((own, near) if call else own, **call)
        total = tf.reduce_sum(result * some(*result.shape))
    assert not np.any(result)
    assert not np.any(tape.gradient(total, own))


def test_a_candidate_of_zeros_is_like_nothing_and_gets_no_gradient():
    candidate = tf.Variable(
        np.concatenate([np.zeros((2, 1, 3)), some(2, 1, 3)], 1, dtype="float32")
    )
    with tf.GradientTape() as tape:
        result = layers.SessionSimilarity()((candidate, some(2, 4, 3)))
    gradient = tape.gradient(result, candidate).numpy()
    assert not np.any(result[:, 0])
    assert not gradient[:, 0].any()
    assert 0 < np.abs(gradient[:, 1]).max() < 10


def test_a_half_that_overflows_on_its_way_back_shows_in_all_numbers():
    """A scaled loss skips such a step, but may miss one number beside finite ones."""
    vectors = tf.constant([[1e-3, 1e-3], [1.0, 2.0]], tf.float16)
    for scale, finite in ((1.0, True), (2.0**15, False)):
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            unit = layers.L2Normalization(dtype="mixed_float16")(vectors)
            loss = tf.reduce_sum(tf.cast(unit, tf.float32) * [[1.0, -1.0], [1.0, 1.0]]) * scale
        found = np.isfinite(tape.gradient(loss, vectors).numpy())
        assert found.all() if finite else not found.any()


@pytest.mark.parametrize("cls", [layers.SessionSimilarity, layers.CosineLogits])
def test_so_it_does_in_layers_of_cosines(cls):
    short, long = tf.constant([1e-3, -1e-3, 2e-3]), tf.constant([1.0, 2.0, 4.0])
    vectors = tf.cast(tf.stack([short, long]), tf.float16)
    vectors = vectors[tf.newaxis] if cls is layers.SessionSimilarity else vectors
    for scale, finite in ((1.0, True), (2.0**15, False)):
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            other = tf.ones_like(vectors)
            cosines = cls(dtype="mixed_float16")((vectors, other))
            loss = tf.reduce_sum(tf.cast(cosines, tf.float32)) * scale
        found = np.isfinite(tape.gradient(loss, vectors).numpy())
        assert found.all() if finite else not found.any()
