import numpy as np
import pytest
import tensorflow as tf

from tests.references.interests import behaviour_to_interest
from tfrec_recall.layers import CapsuleRouting

RANDOM = np.random.default_rng(4)
HISTORY = RANDOM.normal(size=(5, 9, 3)).astype("float32")
PRESENT = RANDOM.random((5, 9)) < 0.6
PRESENT[0], PRESENT[1] = True, np.arange(9) == 4  # nine behaviours, and one
BILINEAR = RANDOM.normal(size=(3, 2)).astype("float32")
FACTORS = np.array([2.0, 0.3, 1.4])  # by recency; older events share the last


def routing(**options):
    layer = CapsuleRouting(**{"interests": 3, "dim": 2, **options})
    layer(HISTORY)
    layer.bilinear.assign(BILINEAR)
    return layer


def by_hand(layer, history=HISTORY, present=PRESENT, factor=None):
    """The paper's algorithm, with the layer's fixed draw by recency."""
    draw = np.random.default_rng(layer.seed).normal(size=(layer.positions, layer.interests))
    users = []
    for row in range(len(history)):
        ages = np.arange(present[row].sum())[::-1] % layer.positions
        logits = layer.deviation * draw[ages]
        users.append(
            behaviour_to_interest(
                history[row],
                present[row],
                layer.bilinear.numpy(),
                logits,
                layer.interests,
                layer.iterations,
                factor,
            )
        )
    return (np.array(part) for part in zip(*users, strict=True))


@pytest.mark.parametrize("iterations", [1, 2, 3, 5])
@pytest.mark.parametrize("interests", [1, 2, 4])
def test_equals_the_papers_algorithm(iterations, interests):
    layer = routing(interests=interests, iterations=iterations, deviation=0.7, seed=3)
    expected, there = by_hand(layer)
    np.testing.assert_allclose(layer(HISTORY, mask=PRESENT), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(layer.compute_mask(tf.constant(HISTORY), PRESENT), there)


@pytest.mark.parametrize("stop", [False, True])
def test_gradients_pass_through_all_iterations_unless_they_stop(stop):
    layer = routing(stop_gradient=stop)
    toward = np.random.default_rng(8).normal(size=(5, 3, 2))

    def value(bilinear):
        layer.bilinear.assign(bilinear)
        return tf.reduce_sum(layer(HISTORY, mask=PRESENT) * toward)

    step, numeric = 1e-2, np.zeros((3, 2))
    for cell in np.ndindex(3, 2):
        moved = np.zeros((3, 2), "float32")
        moved[cell] = step
        numeric[cell] = (value(BILINEAR + moved) - value(BILINEAR - moved)) / (2 * step)
    with tf.GradientTape() as tape:
        loss = value(BILINEAR)
    apart = np.abs(tape.gradient(loss, layer.bilinear) - numeric).max()
    assert apart > 0.05 if stop else apart < 0.01


def test_recency_multiplies_what_an_event_adds():
    layer = routing(recency=True, positions=3)
    before = layer(HISTORY, mask=PRESENT)
    np.testing.assert_allclose(before, routing(positions=3)(HISTORY, mask=PRESENT), rtol=1e-5)
    layer.log_factors.assign(np.log(FACTORS))
    expected, _ = by_hand(layer, factor=lambda age: FACTORS[min(age, 2)])
    np.testing.assert_allclose(layer(HISTORY, mask=PRESENT), expected, rtol=1e-4, atol=1e-5)


def test_a_given_draw_is_what_the_logits_start_as():
    layer = routing(deviation=0.7, seed=3)
    draw = RANDOM.normal(size=(5, 9, 3))
    expected = []
    for row in range(5):
        start = 0.7 * draw[row, PRESENT[row]]
        expected.append(behaviour_to_interest(HISTORY[row], PRESENT[row], BILINEAR, start, 3, 3)[0])
    for training in (True, False):
        result = layer(HISTORY, mask=PRESENT, draw=draw, training=training)
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)
    age = np.cumsum(PRESENT[:, ::-1], axis=1)[:, ::-1] - PRESENT
    served = layer(HISTORY, mask=PRESENT, draw=layer.fixed_draw(age), training=True)
    np.testing.assert_allclose(served, layer(HISTORY, mask=PRESENT), rtol=1e-6)


@pytest.mark.parametrize("adaptive", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_short_histories_have_fewer_interests(training, adaptive):
    layer = CapsuleRouting(interests=5, adaptive=adaptive)
    lengths = [0, 1, 2, 3, 4, 7, 8, 9, 31, 32, 33, 64, 100]
    history = RANDOM.normal(size=(len(lengths), 100, 2)).astype("float32")
    present = np.arange(100) < np.array(lengths)[:, np.newaxis]
    result = layer(history, mask=present, training=training).numpy()
    if adaptive:
        expected = [max(1, min(5, int(np.log2(n)))) if n else 1 for n in lengths]
        np.testing.assert_array_equal(expected, [1, 1, 1, 1, 2, 2, 3, 3, 4, 5, 5, 5, 5])
    else:
        expected = [5] * len(lengths)
    mask = layer.compute_mask(tf.constant(history), tf.constant(present)).numpy()
    np.testing.assert_array_equal(mask.sum(1), expected)
    lengths_of = np.linalg.norm(result, axis=2)
    np.testing.assert_array_equal(lengths_of[1:] > 0, mask[1:])  # what is not there is zeros
    assert not lengths_of[0].any()


@pytest.mark.parametrize(("left", "right"), [(1, 0), (0, 1), (3, 40)])
def test_padding_is_inert(left, right):
    padded = np.pad(HISTORY, [(0, 0), (left, right), (0, 0)], constant_values=np.nan)
    padded[:, left : left + 9][~PRESENT] = np.nan
    mask = np.pad(PRESENT, [(0, 0), (left, right)])
    layer, history = routing(recency=True), tf.Variable(padded)
    with tf.GradientTape() as tape:
        result = layer(history, mask=mask)
        total = tf.reduce_sum(result**2)
    np.testing.assert_allclose(result, layer(HISTORY, mask=PRESENT), rtol=1e-5, atol=1e-6)
    for gradient in tape.gradient(total, [history, *layer.trainable_variables]):
        assert np.isfinite(tf.convert_to_tensor(gradient)).all()


def test_serving_is_the_same_each_time_and_whoever_else_is_asked():
    layer = routing()
    first = layer(HISTORY, mask=PRESENT, training=False).numpy()
    layer(HISTORY, mask=PRESENT, training=True)  # training leaves nothing behind
    np.testing.assert_array_equal(layer(HISTORY, mask=PRESENT, training=False), first)
    order = [3, 0, 4, 1, 2]
    others = layer(HISTORY[order], mask=PRESENT[order], training=False)
    np.testing.assert_allclose(others, first[order], rtol=1e-6)
    np.testing.assert_allclose(
        layer(HISTORY[2:3], mask=PRESENT[2:3], training=False), first[2:3], rtol=1e-6
    )
    assert not any("logit" in weight.name for weight in layer.weights)


def test_training_draws_anew_for_each_example():
    layer, same = routing(), np.repeat(HISTORY[:1], 6, axis=0)
    first, second = (layer(same, training=True).numpy() for _ in range(2))
    assert np.abs(first - second).max() > 1e-3
    assert np.abs(first[1:] - first[:1]).max(axis=(1, 2)).min() > 1e-3
    np.testing.assert_array_equal(*[routing(deviation=0.0)(same, training=t) for t in (0, 1)])


def test_the_draw_is_gaussian_and_of_the_deviation():
    layer = routing(deviation=2.0)
    draw = layer._first_logits(tf.zeros([300, 50], tf.int32), training=True).numpy()
    assert draw.mean() == pytest.approx(0, abs=0.05)
    assert draw.std() == pytest.approx(2, abs=0.05)
    fourth = ((draw - draw.mean()) ** 4).mean() / draw.var() ** 2
    assert fourth == pytest.approx(3, abs=0.1)  # of a uniform draw it is 1.8
    assert np.unique(draw).size > 0.99 * draw.size


def test_training_may_be_a_tensor():
    layer = routing()
    serving = layer(HISTORY, mask=PRESENT, training=tf.constant(False))
    np.testing.assert_array_equal(serving, layer(HISTORY, mask=PRESENT))
    assert np.abs(layer(HISTORY, mask=PRESENT, training=tf.constant(True)) - serving).max() > 1e-3


def test_gradients_pass_through_the_last_iteration_alone():
    """As if its logits were constants: the derivative of squash(Σ w S e) at fixed w."""
    layer, history = routing(iterations=3, interests=2), tf.Variable(HISTORY)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(history, mask=PRESENT) * [1.0, 3.0])
    ours = tape.gradient(total, [history, layer.bilinear])

    logits = layer._first_logits(tf.constant(np.cumsum(PRESENT[:, ::-1], 1)[:, ::-1] - 1), False)
    there = layer.compute_mask(tf.constant(HISTORY), tf.constant(PRESENT))
    logits = logits.numpy()
    present = PRESENT[:, :, np.newaxis]
    for _ in range(2):
        mapped = np.where(present, HISTORY, 0) @ BILINEAR
        shares = _shares(logits, there) * present
        sums = np.einsum("bhk,bhd->bkd", shares, mapped)
        squared = (sums**2).sum(-1, keepdims=True)
        capsules = sums * np.sqrt(squared) / (1 + squared)
        logits = logits + np.einsum("bkd,bhd->bhk", capsules, mapped)
    shares = tf.constant(_shares(logits, there) * present, tf.float32)
    bilinear = tf.Variable(BILINEAR)
    with tf.GradientTape() as tape:
        mapped = tf.where(present, history, 0.0) @ bilinear
        sums = tf.einsum("bhk,bhd->bkd", shares, mapped)
        squared = tf.reduce_sum(sums**2, -1, keepdims=True) + 1e-12
        total = tf.reduce_sum(sums * tf.sqrt(squared) / (1 + squared) * [1.0, 3.0])
    for one, other in zip(ours, tape.gradient(total, [history, bilinear]), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def _shares(logits, there):
    exponentials = np.where(there.numpy()[:, np.newaxis], np.exp(logits), 0)
    return exponentials / exponentials.sum(-1, keepdims=True)


def test_a_long_history_in_half_precision():
    history = tf.cast(tf.fill([1, 4000, 1], 8.0), tf.float16)
    result = CapsuleRouting(interests=1, identity=True, dtype="mixed_float16")(history)
    np.testing.assert_allclose(result, [[[1.0]]])


def test_the_mask_goes_on_to_the_next_layer():
    ids = tf.constant([[3, 1, 2, 1, 2, 0], [0, 0, 0, 3, 0, 0]])
    embedded = tf.keras.layers.Embedding(4, 2, mask_zero=True)(ids)
    interests = CapsuleRouting(interests=2)(embedded)
    np.testing.assert_array_equal(interests._keras_mask, [[True, True], [True, False]])


def test_impossible_settings_and_shapes_are_refused():
    with pytest.raises(ValueError, match=r"from 1 up\. Received: interests=0"):
        CapsuleRouting(interests=0)
    with pytest.raises(ValueError, match=r"at least 0\. Received: deviation=-1"):
        CapsuleRouting(deviation=-1)
    with pytest.raises(ValueError, match=r"\[batch, history, dim\].*Received: .*\(5, 9\)"):
        CapsuleRouting()(HISTORY[:, :, 0])
