import sys

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.two_replicas import strategy
from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.models import SamplingBiasCorrectedTwoTower
from tfrec_recall.models.towers.sampling_bias_corrected_two_tower import (
    CANDIDATES,
    LOG_PROBABILITY,
)
from tfrec_recall.sampling import InBatch

DAY = 24 * 3600
SMALL = {"dim": 8, "hidden": (16,), "dropout": 0.0, "buckets": 1000, "negatives": 0}


@pytest.fixture(scope="module")
def interactions():
    generator = np.random.default_rng(0)
    weight = 1 / np.arange(1, 21)
    events = pd.DataFrame(
        {
            "user_id": generator.choice([f"u{n}" for n in range(9)], 400),
            "item_id": generator.choice([f"i{n}" for n in range(20)], 400, p=weight / weight.sum()),
            "timestamp": generator.permutation(400) * 3600,
        }
    )
    events["weight"] = 1.0 + events.index % 3
    return Interactions(events)


@pytest.fixture(scope="module")
def features(interactions):
    return Features(
        user=[Categorical("user_id"), History(length=6)], item=[Categorical("item_id")]
    ).adapt(interactions)


def built(features, **options):
    tf.keras.utils.set_random_seed(0)
    model = SamplingBiasCorrectedTwoTower(features, **{**SMALL, **options})
    model.compile(optimizer="adam")
    return model


@pytest.mark.parametrize("uniform", [0, 7])
def test_the_loss_is_the_papers_over_the_distinct_items(features, interactions, uniform):
    model = built(features, temperature=0.3, rate=0.2, negatives=uniform)
    batches = list(model.training_data(interactions, batch_size=8))
    for batch in batches[:20]:
        model.compute_loss(batch, training=True)  # the estimator learns
    batch = batches[20]
    tf.random.set_seed(5)
    extra = model.softmax.draw().numpy()
    tf.random.set_seed(5)
    loss = float(model.compute_loss(batch))

    own, rewards = batch["item_id"].numpy(), batch["sample_weight"].numpy()
    taken = batch["own_items"].numpy()  # the target among them
    ids = np.concatenate([own, extra])
    query = model.query(batch).numpy()
    items = model.candidate_model(model.items(tf.constant(ids))).numpy()
    probability = model.frequency(tf.constant(ids)).numpy()
    assert len(np.unique(own)) < len(own)  # else another batch should be taken
    assert len(np.unique(probability)) > 3
    logits = query @ items.T / 0.3 - np.log(probability + uniform / 20)
    losses = []
    for row in range(len(own)):
        once = {other: column for column, other in enumerate(own)}.values()
        columns = [c for c in (*once, *range(len(own), len(ids))) if ids[c] not in taken[row]]
        every = np.exp([logits[row, row], *logits[row, columns]])
        losses.append(-rewards[row] * np.log(every[0] / every.sum()))
    assert loss == pytest.approx(np.mean(losses), rel=1e-4)


def test_rewards_are_the_weights_of_the_events(features, interactions):
    batch = next(iter(built(features).training_data(interactions, batch_size=32)))
    assert len(np.unique(batch["sample_weight"])) == 3


def test_the_estimator_learns_in_training_alone(features, interactions):
    model = built(features)
    batch = next(iter(model.training_data(interactions, batch_size=32)))
    model.compute_loss(batch)
    assert int(model.frequency.step) == 0
    model.compute_loss(batch, training=True)
    assert int(model.frequency.step) == 1


def test_negatives_that_were_drawn_are_not_counted(features, interactions):
    model = built(features, negatives=500)  # all of the 20 items
    batch = next(iter(model.training_data(interactions, batch_size=4)))
    model.compute_loss(batch, training=True)
    assert np.sum(model.frequency.last_step) == 2 * len(np.unique(batch["item_id"]))  # two hashes


@pytest.mark.parametrize("across", [True, False])
def test_candidates_of_one_replica_are_corrected_as_its_own_batch(features, across):
    """An item in every other step of two replicas is in a batch of one with 1 - 1 / sqrt(2)."""
    with strategy().scope():
        model = built(features, negatives=[InBatch(across_replicas=across)], rate=1.0)
    batches = [[[2, 3], [4, 5, 5]], [[2, 2], [6, 5]], [[2, 3], [4, 5]]]  # by step and replica
    for step in batches:

        def drawn(step=step):
            number = tf.distribute.get_replica_context().replica_id_in_sync_group
            found = model.drawn({"item_id": tf.constant(step[number])}, training=True)
            return found[CANDIDATES], found[LOG_PROBABILITY]

        found = strategy().run(drawn)
    wanted = {2: 1.0, 3: 0.5, 4: 0.5, 5: 1.0}
    for ids, log in zip(*map(strategy().experimental_local_results, found), strict=True):
        assert len(ids) == (4 if across else 2)
        p = np.array([wanted[one] for one in ids.numpy()])
        np.testing.assert_allclose(np.exp(log), p if across else 1 - np.sqrt(1 - p), rtol=1e-5)


def test_frequent_items_get_a_larger_probability(features, interactions):
    model = built(features, span_days=None)
    model.fit(model.training_data(interactions, batch_size=16), epochs=4, verbose=0)
    encode = features.encodings["item_id"].encode
    ids = encode(pd.Series([f"i{n}" for n in range(20)]))
    probability = model.frequency(tf.constant(ids)).numpy()
    order = np.corrcoef(np.log(probability), np.log(features.item_counts[ids]))[0, 1]
    assert order > 0.9


def test_batches_are_a_stream_of_days_and_mixed_within_them(features, interactions):
    times = dict(zip(interactions.events["timestamp"], interactions.events.index, strict=True))
    newest = max(times)

    def days(data):
        return np.concatenate([(newest - b["example_age"].numpy()) // DAY for b in data])

    stream = built(features, span_days=1.0).training_data(interactions, batch_size=16)
    assert (np.diff(days(stream)) >= 0).all()
    ages = np.concatenate([batch["example_age"] for batch in stream])
    assert (np.diff(ages) > 0).any()  # not in order within a day
    np.testing.assert_array_equal(days(stream), days(stream))
    mixed = built(features, span_days=None).training_data(interactions, batch_size=16)
    assert (np.diff(days(mixed)) < 0).any()
    assert sorted(days(mixed)) == sorted(days(stream))


@pytest.mark.parametrize("latest", [1, 2])
def test_the_seed_is_the_latest_event_or_the_mean_of_the_latest(features, latest):
    """With the tower silenced, what goes around it is half the seed and both means."""
    model = built(features, normalize=False, seed_events=latest)
    history = tf.constant([[5, 9, 4, 0, 0, 0], [7, 0, 0, 0, 0, 0], [0] * 6, [2, 3, 4, 5, 6, 7]])
    for layer in model.query_model.layers:
        if layer.name.startswith("tower"):
            layer.set_weights([np.zeros(weight.shape) for weight in layer.get_weights()])
    query = model({"user_id": tf.constant([2, 3, 4, 5]), "history": history}).numpy()
    item = model.item_model(model.items(tf.range(22))).numpy()
    rows = [[5, 9, 4], [7], [0], [2, 3, 4, 5, 6, 7]]
    mean = np.array([item[row].mean(axis=0) for row in rows])
    seed = np.array([item[row[-latest:]].mean(axis=0) for row in rows])
    # No recency weighs more before it is learnt, so both means are even.
    np.testing.assert_allclose(query, 2 * mean + 0.5 * seed, rtol=1e-4, atol=1e-6)


def test_in_baskets_no_event_is_the_latest(features, interactions):
    assert built(features).seed_events == 1
    events = interactions.events.assign(session_id=0, timestamp=0)
    baskets = Interactions(events.drop_duplicates(["user_id", "item_id"]))
    of_baskets = Features(
        user=[Categorical("user_id"), History(length=6)], item=[Categorical("item_id")]
    ).adapt(baskets)
    assert of_baskets.has_baskets
    assert built(of_baskets).seed_events == 20
    assert built(of_baskets, seed_events=1).seed_events == 1


def test_a_seed_has_an_event(features):
    with pytest.raises(ValueError, match="seed_events=0"):
        built(features, seed_events=0)


def test_normalisation_and_correction_can_be_left_out(features, interactions):
    model = built(features, normalize=False, correct=False, buckets=None)
    assert model.frequency is None
    model.fit(model.training_data(interactions, batch_size=32), verbose=0)
    lengths = np.linalg.norm(model.embed_items(interactions.items), axis=1)
    assert np.ptp(lengths) > 1e-3
    unit = built(features).embed_items(interactions.items)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-5)


def test_a_span_of_no_time_is_refused(features):
    with pytest.raises(ValueError, match=r"span_days as a number above 0.*Received: span_days=0"):
        built(features, span_days=0)


def test_buckets_follow_the_items_and_new_items_begin_at_their_step(interactions, monkeypatch):
    module = sys.modules[SamplingBiasCorrectedTwoTower.__module__]
    monkeypatch.setattr(module, "FEWEST", 16)
    features = SamplingBiasCorrectedTwoTower.default_features(interactions)
    features = features.adapt(interactions)
    model = SamplingBiasCorrectedTwoTower(features, dim=4)
    count, items = model.frequency.bucket_count, len(features.item_vocabulary)
    assert 4 * items <= count < 8 * items
    loaded = type(model).from_config(model.get_config())
    assert loaded.frequency.bucket_count == count
    known = np.arange(2, items)
    for _ in range(50):
        model.frequency(tf.constant(known), training=True)
    last = interactions.events["timestamp"].max()
    ids = [f"later {number}" for number in range(3 * items)]
    events = pd.DataFrame({"user_id": "u1", "item_id": ids, "timestamp": last + 1})
    few, many = (model.grow(features.grow(Interactions(events[:size]))) for size in (1, len(ids)))
    assert few.frequency.bucket_count == count < many.frequency.bucket_count
    for grown in (few, many):
        new = np.arange(items, len(grown.features.item_vocabulary))
        estimated = grown.frequency(tf.constant(np.append(known, new)), training=True).numpy()
        np.testing.assert_array_equal(estimated, 1.0)
    fixed = SamplingBiasCorrectedTwoTower(features, dim=4, buckets=9)
    assert fixed.grow(many.features).frequency.bucket_count == 9
    plain = SamplingBiasCorrectedTwoTower(features, dim=4, correct=False)
    assert plain.grow(few.features).frequency is None
