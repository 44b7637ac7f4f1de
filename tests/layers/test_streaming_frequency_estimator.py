import itertools
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tests.references.streaming_frequency import Estimator, bucket
from tfrec_recall.layers import StreamingFrequencyEstimator

RANDOM = np.random.default_rng(0)
NAMES = [f"item {number}" for number in range(12)]


def batches(steps=60, items=12, size=5):
    weight = 1 / np.arange(1, items + 1)
    return RANDOM.choice(items, (steps, size), p=weight / weight.sum())


def reference(layer, ids):
    """The reference with this layer's buckets, for these ids by number."""
    places = layer.places(tf.constant(ids)).numpy() % layer.bucket_count
    return Estimator(dict(enumerate(places)), layer.bucket_count, layer.rate, layer.initial_gap)


def learnt(layer, stream):
    signature = [tf.TensorSpec([None], tf.int64)]
    step = tf.function(lambda batch: layer(batch, training=True), input_signature=signature)
    for batch in stream:
        step(tf.constant(batch, tf.int64))
    return layer


@pytest.mark.parametrize("ids", [np.array(NAMES), np.arange(12) * 7 - 30])
@pytest.mark.parametrize("options", [{}, {"initial_gap": 8.0}, {"hashes": 3, "rate": 0.3}])
def test_equals_the_reference_with_collisions(ids, options):
    layer = StreamingFrequencyEstimator(**{"buckets": 7, "rate": 0.1, **options})
    expected = reference(layer, ids)
    for batch in batches():
        expected.update(batch)
        result = layer(tf.constant(ids[batch]), training=True)
        wanted = [expected.probability(item) for item in batch]
        np.testing.assert_allclose(result, wanted, rtol=1e-5)
    np.testing.assert_array_equal(layer.last_step, expected.A.ravel())
    np.testing.assert_allclose(layer.mean_gap, expected.B.ravel(), rtol=1e-5)
    assert int(layer.step) == 60


def test_an_item_counts_once_a_step():
    once, often = (StreamingFrequencyEstimator(buckets=50) for _ in range(2))
    for batch in batches():
        once(tf.constant(np.unique(batch)), training=True)
        often(tf.constant(np.repeat(batch, 3)), training=True)
    np.testing.assert_array_equal(once.mean_gap, often.mean_gap)


def test_first_seen_items_are_well_defined():
    layer = StreamingFrequencyEstimator(buckets=1000)
    assert layer(tf.constant([5])).numpy() == [1.0]  # nothing is known: in each batch
    learnt(layer, [[1]] * 9)
    np.testing.assert_allclose(layer(tf.constant([1, 5])), [1.0, 1 / 10])
    at_once = layer(tf.constant([5]), training=True)
    np.testing.assert_allclose(at_once, [1 / 10])  # the gap from the start
    known = StreamingFrequencyEstimator(buckets=1000, initial_gap=40)
    np.testing.assert_allclose(known(tf.constant([5])), [1 / 40])


def test_the_first_gap_taken_whole_is_unbiased_from_the_start():
    """E[B] is 1 / p after any number of meetings; with any B_0 it comes there only in the end."""
    p, streams = 0.2, 4000
    layer = StreamingFrequencyEstimator(buckets=10**6, rate=0.1)
    met = RANDOM.random((80, streams)) < p
    for step in met:  # each item is a stream of its own
        layer(tf.constant(np.flatnonzero(step)), training=True)
    place = layer.places(tf.range(streams)).numpy()[:, 0]
    value, count = np.unique(place, return_counts=True)
    gaps = np.array(layer.mean_gap)[value[count == 1]]  # of items without collision
    assert gaps.mean() == pytest.approx(1 / p, rel=0.03)


@pytest.mark.parametrize("options", [{}, {"initial_gap": 8.0}, {"hashes": 2}])
@pytest.mark.parametrize("buckets", [9, 40])
def test_ids_that_come_later_begin_at_their_step(options, buckets):
    ids, old = np.arange(12), StreamingFrequencyEstimator(buckets=9, rate=0.1, **options)
    new = StreamingFrequencyEstimator(buckets=buckets, rate=0.1, **options)
    expected, is_known = reference(old, ids[:9]), ids < 9
    is_known[4] = False  # whose number another item has by now
    for batch in batches(items=9):
        expected.update(batch)
        old(tf.constant(batch), training=True)
    new.go_on_from(old, is_known)
    places = dict(enumerate(new.places(tf.constant(ids)).numpy() % buckets))
    if buckets == 9:
        expected.bucket_of = places
    else:
        del expected.bucket_of[4]
        moved = expected.moved({id: places[id] for id in expected.bucket_of}, buckets)
        expected, moved.bucket_of = moved, places
    expected.begin(np.flatnonzero(~is_known))
    for batch in batches(steps=5):
        wanted = [expected.probability(item) for item in ids]
        np.testing.assert_allclose(new(tf.constant(ids)), np.minimum(wanted, 1), rtol=1e-5)
        expected.update(batch)
        new(tf.constant(batch), training=True)


def test_a_late_item_is_as_frequent_as_it_is():
    old, late = learnt(StreamingFrequencyEstimator(buckets=1000), [[1]] * 1000), [[1, 2]] * 3
    unaware = learnt(StreamingFrequencyEstimator(buckets=1000), [[1]] * 1000)
    new = StreamingFrequencyEstimator(buckets=4000)
    new.go_on_from(old, np.array([True, True, False]))
    np.testing.assert_array_equal(learnt(new, late)(tf.constant([1, 2])), [1.0, 1.0])
    assert learnt(unaware, late)(tf.constant([2])).numpy() < 1 / 900


def test_ids_of_any_kind_have_estimates_of_their_shape():
    layer = StreamingFrequencyEstimator(buckets=100, hashes=2)
    for ids in ([[1, 2, 1], [3, 4, 5]], [["a", "b"]], np.array([2**40, -1]), np.int32([3])):
        assert layer(tf.constant(ids)).shape == np.shape(ids)
    with pytest.raises(TypeError, match=r"integers or strings.*Received: ids of float32"):
        layer(tf.constant([1.5]))
    np.testing.assert_array_equal(
        layer.places(tf.constant([7, -7], tf.int32)), layer.places(tf.constant([7, -7], tf.int64))
    )


def test_masked_ids_are_not_counted():
    masked, without = (StreamingFrequencyEstimator(buckets=100) for _ in range(2))
    masked(tf.constant([4, 9, 4]), training=True, mask=tf.constant([True, False, True]))
    without(tf.constant([4]), training=True)
    np.testing.assert_array_equal(masked.last_step, without.last_step)


def test_only_training_changes_it():
    layer = learnt(StreamingFrequencyEstimator(buckets=10), batches())
    before = [np.array(weight) for weight in layer.weights]
    layer(tf.constant([1, 2]))
    layer(tf.constant([1, 2]), training=False)
    layer.trainable = False  # as Keras' BatchNormalization keeps its moving means then
    layer(tf.constant([1, 2]), training=True)
    for weight, old in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(weight, old)
    assert not layer.trainable_weights


def test_steps_past_the_integers_of_float32_are_told_apart():
    layer = learnt(StreamingFrequencyEstimator(buckets=10, rate=1.0), [[1]])
    layer.step.assign(2**24)
    layer.last_step.assign(np.full(10, 2**24))
    assert layer(tf.constant([1]), training=True).numpy() == [1.0]
    assert int(layer.step) == 2**24 + 1


def test_the_hashes_are_those_of_the_definition():
    layer = StreamingFrequencyEstimator(buckets=1_009, hashes=3)
    numbers = [0, 1, 2, -1, 2**40 + 3, -(2**62)]
    expected = [[bucket(n, h, 1_009) + 1_009 * h for h in range(3)] for n in numbers]
    for places in (layer.places, tf.function(layer.places)):  # eager, and rewritten by Grappler
        np.testing.assert_array_equal(places(tf.constant(numbers, tf.int64)), expected)


@pytest.mark.parametrize("ids", [np.arange(20_000), np.arange(20_000).astype(str)])
def test_hashes_spread_evenly_and_apart_from_each_other(ids):
    layer = StreamingFrequencyEstimator(buckets=100, hashes=2)
    first, second = layer.places(tf.constant(ids)).numpy().T - [[0], [100]]
    for buckets in (first, second):
        expected = len(ids) / 100
        statistic = ((np.bincount(buckets, minlength=100) - expected) ** 2 / expected).sum()
        assert statistic < 160  # chi squared of 99 degrees: P < 1e-4
    joint = np.bincount(first * 100 + second, minlength=10_000)
    assert ((joint - 2) ** 2 / 2).sum() < 9_999 + 5 * np.sqrt(2 * 9_999)


def test_a_resumed_run_goes_on_as_if_uninterrupted(tmp_path):
    stream = batches()
    through = learnt(StreamingFrequencyEstimator(buckets=20, hashes=2), stream)
    first = learnt(StreamingFrequencyEstimator(buckets=20, hashes=2), stream[:30])
    inputs = tf.keras.Input((), dtype="int64")
    tf.keras.Model(inputs, first(inputs)).save(tmp_path / "half.keras")
    model = tf.keras.models.load_model(tmp_path / "half.keras")
    second = learnt(model.layers[-1], stream[30:])
    for ours, theirs in zip(second.weights, through.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_it_is_exported_with_its_state(tmp_path):
    layer = learnt(StreamingFrequencyEstimator(buckets=20), batches())
    module = tf.Module()
    module.state = [w if isinstance(w, tf.Variable) else w.value for w in layer.weights]
    module.ask = tf.function(layer, input_signature=[tf.TensorSpec([None], tf.int64)])
    tf.saved_model.save(module, str(tmp_path))
    ids = tf.constant([1, 5, 11], tf.int64)
    loaded = tf.saved_model.load(str(tmp_path))
    np.testing.assert_array_equal(loaded.ask(ids), layer(ids))


def stream_of(probability, steps, seed):
    """Each item is in a step's batch with its own probability."""
    random = np.random.default_rng(seed)
    for row in random.random((steps, len(probability))) < probability:
        yield np.flatnonzero(row)


def error(layer, probability):
    """The mean relative error of the mean gap."""
    estimate = layer(tf.range(len(probability))).numpy()
    return np.abs(probability / estimate - 1).mean()


def zipf(items, most=0.5):
    return np.maximum(most / np.arange(1, items + 1), 0.05)


@pytest.mark.parametrize("probability", [np.full(40, 0.1), zipf(40)], ids=["uniform", "zipf"])
def test_small_rates_are_accurate_in_the_end(probability):
    errors = []
    for rate in (0.3, 0.05):
        layer = StreamingFrequencyEstimator(buckets=10**5, rate=rate)
        errors.append(error(learnt(layer, stream_of(probability, 1500, 1)), probability))
    assert errors[1] < 0.6 * errors[0]
    assert errors[1] < 0.2


def test_large_rates_follow_a_shift_sooner():
    before = zipf(40)
    after, errors = before[::-1], []
    for rate in (0.3, 0.05):
        layer = StreamingFrequencyEstimator(buckets=10**5, rate=rate)
        learnt(layer, itertools.chain(stream_of(before, 600, 2), stream_of(after, 60, 3)))
        errors.append(error(layer, after))
    assert errors[0] < 0.8 * errors[1]


def test_more_hashes_lower_the_error_of_collisions():
    probability = zipf(60)
    errors = []
    for hashes in (1, 2, 4):
        layer = StreamingFrequencyEstimator(buckets=60, hashes=hashes, rate=0.05)
        errors.append(error(learnt(layer, stream_of(probability, 600, 4)), probability))
    assert errors[0] > errors[1] > errors[2]


def test_settings_out_of_range_are_refused():
    for settings in ({"buckets": 0}, {"hashes": 0}, {"rate": 0.0}, {"rate": 1.1}):
        with pytest.raises(ValueError, match=r"takes .*Received: .*(=0|=1\.1)"):
            StreamingFrequencyEstimator(**settings)
    with pytest.raises(ValueError, match=r"Received: .*initial_gap=0\.5"):
        StreamingFrequencyEstimator(initial_gap=0.5)


REPLICAS = """
import numpy as np
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
from tfrec_recall.layers import StreamingFrequencyEstimator

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    shared = StreamingFrequencyEstimator(buckets=9, hashes=2)
alone = StreamingFrequencyEstimator(buckets=9, hashes=2)
stream = [*np.random.default_rng(0).integers(0, 20, (40, 6)), np.array([7])]  # one has none of it
data = tf.data.Dataset.from_tensor_slices(np.concatenate(stream)).batch(6)


@tf.function
def step(ids):
    return strategy.run(lambda part: shared(part, training=True), args=(ids,))


for whole, parts in zip(stream, strategy.experimental_distribute_dataset(data)):
    expected = alone(tf.constant(whole), training=True)
    found = strategy.experimental_local_results(step(parts))
    assert [len(part) for part in found] == ([3, 3] if len(whole) == 6 else [1, 0])
    np.testing.assert_array_equal(np.concatenate(found), expected)
for ours, theirs in zip(shared.weights, alone.weights):
    ours = ours if isinstance(ours, tf.Variable) else ours.value
    for copy in strategy.experimental_local_results(ours):
        np.testing.assert_array_equal(copy, np.array(theirs))
print("merged")
"""


def test_replicas_are_merged_into_one_step():
    """In a process of its own, as the number of devices is settled before TensorFlow starts."""
    root = pathlib.Path(__file__).resolve().parents[2]
    run = subprocess.run(
        [sys.executable, "-c", REPLICAS], capture_output=True, text=True, cwd=root, check=False
    )
    assert run.stdout.strip().endswith("merged"), run.stderr[-2000:]
