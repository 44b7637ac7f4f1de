import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.data import Interactions, recent
from tfrec_recall.features import Categorical, Features, History, MultiValued
from tfrec_recall.models import YouTubeDNN
from tfrec_recall.sampling import Hard, InBatch, LogUniform, Popularity

SMALL = {"dim": 8, "hidden": (16,), "dropout": 0.0, "negatives": Popularity(12, power=0.5)}


@pytest.fixture(scope="module")
def interactions():
    generator = np.random.default_rng(0)
    events = pd.DataFrame(
        {
            "user_id": generator.choice([f"u{n}" for n in range(9)], 200),
            "item_id": generator.choice([f"i{n}" for n in range(20)], 200),
            "timestamp": generator.permutation(200) * 60,
            "watched": np.arange(200) % 5 / 4,
            "query": generator.choice(["cats", "dogs", "birds"], 200),
        }
    )
    users = pd.DataFrame(
        {"user_id": [f"u{n}" for n in range(9)], "tokens": [["a", "b"], [], ["b"]] * 3}
    )
    return Interactions(events, users)


@pytest.fixture(scope="module")
def features(interactions):
    return Features(
        user=[MultiValued("tokens"), History(length=6), History("query", name="queries", length=6)],
        item=[Categorical("item_id")],
    ).adapt(interactions)


def built(features, **settings):
    tf.keras.utils.set_random_seed(0)
    model = YouTubeDNN(features, **{**SMALL, **settings})
    model.compile(optimizer="adam")
    return model


def one_batch(model, interactions, size=16):
    return next(iter(model.training_data(interactions, batch_size=size)))


@pytest.mark.parametrize("kind", [Popularity(12, power=0.5), LogUniform(12)])
@pytest.mark.parametrize("correct", [True, False])
def test_the_loss_is_the_sampled_softmax(features, interactions, kind, correct):
    model = built(features, correct=correct, negatives=kind)
    batch = one_batch(model, interactions)
    tf.random.set_seed(5)
    drawn = model.softmax.draw().numpy()
    tf.random.set_seed(5)
    loss = float(model.compute_loss(batch))

    ids = batch["item_id"].numpy()
    query = model.query(batch).numpy()
    items = model.candidate_model({"item_id": np.arange(len(features.item_counts))}).numpy()
    counts = features.item_counts[2:].astype("float64")
    if isinstance(kind, LogUniform):
        rank = np.argsort(np.argsort(-counts, kind="stable"))
        proposal = np.log((rank + 2) / (rank + 1)) / np.log(len(counts) + 1)
    else:
        proposal = np.sqrt(counts) / np.sqrt(counts).sum()
    log_q = np.concatenate([[0, 0], np.log(proposal)]) * correct
    expected = []
    for row, positive in enumerate(ids):
        logits = items @ query[row] / 0.2 - log_q
        others = [logits[n] for n in drawn if n != positive]
        expected.append(np.log(np.exp([logits[positive], *others]).sum()) - logits[positive])
    assert loss == pytest.approx(np.mean(batch["sample_weight"].numpy() * expected), rel=1e-4)


def test_both_sides_share_one_table_and_every_weight_learns(features, interactions):
    model = built(features, example_age=True)
    names = [variable.name for variable in model.trainable_variables]
    assert sum("item_id" in name for name in names) == 1
    batch = one_batch(model, interactions, 64)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(batch, training=True)
    gradients = tape.gradient(loss, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.name
        assert np.abs(tf.convert_to_tensor(gradient)).max() > 0, variable.name


def test_an_update_measures_ages_as_training_did(features, interactions, monkeypatch):
    model = built(features, example_age=True)
    model.training_data(interactions)
    span, newest = float(model.time_span), interactions.events["timestamp"].max()
    late = interactions.events.tail(9).assign(timestamp=newest + 1 + np.arange(9))
    new = recent(interactions, interactions.with_events(late), model.history_needed, replay=0)
    spans = []
    monkeypatch.setattr(model, "learn_on", lambda *_: spans.append(float(model.time_span)))
    model.update(new)
    assert spans == [span]
    model.training_data(new.to_learn)  # another training has another span
    assert float(model.time_span) < 10


def test_the_age_is_a_share_of_the_time_in_training_and_zero_in_serving(features, interactions):
    model = built(features, example_age=True)
    batch = one_batch(model, interactions)
    newest = interactions.events["timestamp"].max()
    assert float(model.time_span) <= newest
    tf.random.set_seed(5)
    aged = float(model.compute_loss(batch))
    tf.random.set_seed(5)
    fresh = float(model.compute_loss({**batch, "example_age": batch["example_age"] * 0}))
    assert aged != fresh
    twin = built(features, example_age=True)  # which has its time span as a weight
    twin.set_weights(model.get_weights())
    tf.random.set_seed(5)
    assert float(twin.compute_loss(batch)) == pytest.approx(aged)
    inputs = {name: batch[name] for name in model.query_model.input_names}
    now = model.aged_query({**inputs, "example_age": tf.zeros([16])})
    np.testing.assert_allclose(model.query(batch), now, rtol=1e-6)


def test_without_an_age_it_does_not_matter(features, interactions):
    model = built(features)
    batch = one_batch(model, interactions)
    tf.random.set_seed(5)
    aged = float(model.compute_loss(batch))
    tf.random.set_seed(5)
    assert float(model.compute_loss({**batch, "example_age": batch["example_age"] * 0})) == aged


def test_bags_of_tokens_and_other_histories_reach_the_vector(features, interactions):
    model = built(features)
    batch = one_batch(model, interactions, 4)
    inputs = {name: batch[name] for name in model.query_model.input_names}
    assert set(inputs) == {"tokens", "history", "queries"}
    before = model(inputs).numpy()
    for name in ("tokens", "queries"):
        other = tf.where(inputs[name] == 2, 3, 2)
        assert np.abs(model({**inputs, name: other}).numpy() - before).max() > 1e-5


def test_given_items_are_where_vectors_begin(features, interactions):
    ids = [f"i{n}" for n in range(20)][::-1]
    given = pd.DataFrame(np.random.default_rng(1).normal(size=(20, 8)), index=ids)
    for freeze in (False, True):
        model = built(features, item_vectors=given, freeze_items=freeze, normalize=False)
        items = pd.DataFrame({"item_id": ids})
        np.testing.assert_allclose(model.embed_items(items), given, rtol=1e-5)
        model.fit(model.training_data(interactions), epochs=2, verbose=0)
        moved = np.abs(model.embed_items(items) - given.to_numpy("float32")).max()
        assert moved == 0 if freeze else moved > 1e-4


@pytest.mark.parametrize("integers", [False, True])
def test_frozen_items_grow_by_items_without_vectors(interactions, integers):
    events = interactions.events[["user_id", "item_id", "timestamp"]]
    if integers:
        events = events.assign(item_id=events["item_id"].str[1:].astype(int))
    known = events["item_id"].unique()
    fresh = 99 if integers else "fresh"
    features = Features([History(length=6)], [Categorical("item_id")]).adapt(Interactions(events))
    given = pd.DataFrame(np.random.default_rng(1).normal(size=(len(known), 8)), index=known)
    settings = {"item_vectors": given.astype("float32"), "freeze_items": True, "normalize": False}
    model = built(features, **settings)
    model.has_learnt.assign(tf.ones_like(model.has_learnt))
    day = pd.DataFrame({"user_id": ["u1"], "item_id": [fresh], "timestamp": [10**9]})
    grown = model.grow(features.grow(Interactions(day)))
    again = grown.grow(grown.features.grow(Interactions(day.assign(item_id=fresh * 2))))
    for one in (grown, again):
        vectors = one.embed_items(pd.DataFrame({"item_id": known}))
        np.testing.assert_allclose(vectors, given, rtol=1e-5)
        unknown = model.embed_items(pd.DataFrame({"item_id": [fresh]}))
        new = one.embed_items(pd.DataFrame({"item_id": [fresh]}))
        np.testing.assert_array_equal(new, unknown)
    loaded = YouTubeDNN.from_config(again.get_config())
    assert len(loaded.made_with["item_vectors"]) == len(known) + 2


def test_given_items_have_to_fit(features):
    given = pd.DataFrame(np.zeros((2, 3)), index=["i1", "i2"])
    with pytest.raises(ValueError, match=r"8 finite numbers each.*Received: \(2, 3\)"):
        built(features, item_vectors=given)
    with pytest.raises(ValueError, match="pass item_vectors"):
        built(features, freeze_items=True)
    one = pd.DataFrame(np.ones((1, 8)), index=["i1"])
    with pytest.raises(ValueError, match="Received: none for 19 of them"):
        built(features, item_vectors=one, freeze_items=True)
    with pytest.raises(ValueError, match=r"a row an item. Received: more of 'i1'"):
        built(features, item_vectors=pd.concat([one, one]))


def test_only_what_was_watched_enough_is_a_target_but_all_is_history(features, interactions):
    everything = built(features).examples(interactions)
    model = built(features, engagement="watched", minimum_engagement=0.75)
    chosen = model.examples(interactions)
    watched = everything.events["watched"].to_numpy()
    assert (watched[chosen.target] >= 0.75).all()
    assert len(chosen) == (watched[everything.target] >= 0.75).sum() < len(everything)
    same = np.isin(everything.target, chosen.target)
    np.testing.assert_array_equal(chosen.history_start, everything.history_start[same])
    for column, wrong in (
        ("liked", "column 'liked'"),
        ("item_id", r"compares the event column 'item_id' with a number: .*such as 'i\d+'"),
        (
            "watched",
            r"no event has 7\.5 of 'watched' or more, .*Received: .* events with at most 1",
        ),
    ):
        with pytest.raises(ValueError, match=wrong):
            built(features, engagement=column, minimum_engagement=7.5).examples(interactions)
    with pytest.raises(ValueError, match="both or neither"):
        built(features, minimum_engagement=1.0)


def test_caps_and_weights_are_those_of_the_engaged_targets(features, interactions):
    """A user with few engaged events among many has as many examples as the cap allows."""
    settings = {"engagement": "watched", "minimum_engagement": 0.75}
    everyone = built(features, **settings).examples(interactions)
    who = everyone.events["user_id"].to_numpy()
    have = pd.Series(who[everyone.target]).value_counts()
    capped = built(features, per_user=3, **settings).examples(interactions)
    found = pd.Series(who[capped.target]).value_counts()
    pd.testing.assert_series_equal(found.sort_index(), have.clip(upper=3).sort_index())
    equal = built(features, user_weight_power=-1.0, **settings).examples(interactions)
    sums = pd.Series(equal.weight).groupby(who[equal.target]).sum()
    np.testing.assert_allclose(sums, sums.iloc[0], rtol=1e-5)
    assert equal.weight.mean() == pytest.approx(1.0)


def test_caps_and_weights_are_those_of_known_targets(features, interactions):
    """A user with rare items among others has as many examples as the cap allows."""
    item = [Categorical("item_id", min_count=11)]
    fewer = Features(user=[History(length=6)], item=item).adapt(interactions)
    everyone = built(fewer).examples(interactions)
    assert (fewer.ids("item_id").encode(everyone.events["item_id"])[everyone.target] > 1).all()
    every = built(features).examples(interactions)
    same = np.isin(every.target, everyone.target)
    assert 20 < len(everyone) == same.sum() < len(every)
    np.testing.assert_array_equal(everyone.history_start, every.history_start[same])
    who = everyone.events["user_id"].to_numpy()
    have = pd.Series(who[everyone.target]).value_counts()
    capped = built(fewer, per_user=3).examples(interactions)
    found = pd.Series(who[capped.target]).value_counts()
    pd.testing.assert_series_equal(found.sort_index(), have.clip(upper=3).sort_index())
    equal = built(fewer, user_weight_power=-1.0).examples(interactions)
    sums = pd.Series(equal.weight).groupby(who[equal.target]).sum()
    np.testing.assert_allclose(sums, sums.iloc[0], rtol=1e-5)


def test_a_users_examples_are_capped_and_weighed(features, interactions):
    capped = built(features, per_user=4).examples(interactions)
    user = capped.events["user_id"].to_numpy()[capped.target]
    assert pd.Series(user).value_counts().max() == 4
    equal = built(features, user_weight_power=-1.0).examples(interactions)
    user = equal.events["user_id"].to_numpy()[equal.target]
    sums = pd.Series(equal.weight).groupby(user).sum()
    np.testing.assert_allclose(sums, sums.iloc[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("power", "users"), [(-1.0, ("a", "b")), (-0.5, ("a", "b")), (-1.0, (2**62, -3))]
)
def test_users_of_baskets_are_weighed_together_with_their_baskets(power, users):
    """A user of one basket of 9 and one of 2, and one of two baskets of one, each after another."""
    baskets = dict(zip(users, ([1, 9, 2], [1, 1, 1]), strict=True))
    rows = [
        (user, f"{user}{visit}{n}", f"{user}{visit}", visit)
        for user, sizes in baskets.items()
        for visit, size in enumerate(sizes)
        for n in range(size)
    ]
    columns = ["user_id", "item_id", "session_id", "timestamp"]
    train = Interactions(pd.DataFrame(rows, columns=columns))
    features = YouTubeDNN.default_features(train).adapt(train)
    examples = YouTubeDNN(features, user_weight_power=power).examples(train)
    user = examples.events["user_id"].to_numpy()[examples.target]
    sums = [examples.weight[user == name].sum() for name in baskets]
    expected = [(9**0.5 + 2**0.5) ** (1 + power), 2 ** (1 + power)]
    assert sums[0] / sums[1] == pytest.approx(expected[0] / expected[1], rel=1e-5)
    of_a = examples.weight[user == users[0]]
    assert of_a[0] / of_a[-1] == pytest.approx((2 / 9) ** 0.5, rel=1e-5)
    assert examples.weight.mean() == pytest.approx(1.0)


def test_popular_targets_count_less(features, interactions):
    model = built(features, positive_threshold=0.04)
    counts = features.item_counts[2:]
    expected = np.minimum(1, np.sqrt(0.04 / (counts / counts.sum())))
    np.testing.assert_allclose(model.keep[2:], expected, rtol=1e-5)
    batch = one_batch(model, interactions)
    tf.random.set_seed(5)
    loss = float(model.compute_loss(batch))
    weight = batch["sample_weight"] * tf.gather(model.keep, batch["item_id"])
    tf.random.set_seed(5)
    plain = built(features)
    plain.set_weights(model.get_weights())
    tf.random.set_seed(5)
    assert float(plain.compute_loss({**batch, "sample_weight": weight})) == pytest.approx(loss)


def test_a_history_is_needed(interactions):
    features = Features(user=[MultiValued("tokens")], item=[Categorical("item_id")])
    with pytest.raises(ValueError, match="YouTubeDNN needs the feature history"):
        YouTubeDNN(features.adapt(interactions))


def test_hard_negatives_are_mined_from_the_model_and_learnt_from(features, interactions):
    kinds = [Popularity(12, power=0.5), Hard(3, window=(0, 4), every=1)]
    model = built(features, negatives=kinds)
    data = model.training_data(interactions, batch_size=32)
    batch = next(iter(data))
    (mining,) = model.mining
    assert not mining.negatives.table.numpy().any()  # the first epoch is without
    model.fit(data, epochs=2, verbose=0)

    users = interactions.users["user_id"].tolist()
    seen = interactions.events.groupby("user_id")["item_id"].agg(set)
    ids = np.array(["", "?", *features.item_vocabulary.ids])
    mined = {
        user: {*ids[row]} - {""}
        for user, row in zip(users, mining.negatives.table.numpy(), strict=True)
    }
    assert any(mined.values())
    for user, items in mined.items():
        assert len(items) <= 4
        assert not items & seen[user]

    batch = {name: values[:4] for name, values in batch.items()}
    tf.random.set_seed(1)
    drawn = model.softmax.candidates(batch["item_id"], batch["user_row"]).own.numpy()
    there = tf.gather(mining.negatives.table, batch["user_row"]).numpy()
    assert any({*own} & {*row} - {0} for own, row in zip(drawn, there, strict=True))
    tf.random.set_seed(1)
    with_hard = float(model.compute_loss(batch))
    mining.negatives.table.assign(tf.zeros_like(mining.negatives.table))
    tf.random.set_seed(1)
    assert float(model.compute_loss(batch)) != pytest.approx(with_hard)  # easy ones instead


def test_epochs_one_by_one_learn_from_hard_negatives(features, interactions):
    model = built(features, negatives=[Popularity(12, power=0.5), Hard(3, window=(0, 4))])
    model.run_eagerly = True
    data = model.training_data(interactions, batch_size=64)
    filled = []
    for _ in range(2):
        model.fit(data, verbose=0)
        filled.append(model.mining[0].negatives.table.numpy().any())
    assert filled == [False, True]
    model.fit(model.training_data(interactions, batch_size=64), verbose=0)  # as `update` does
    assert model.mining[0].negatives.table.numpy().any()


def test_hard_negatives_are_not_compiled_and_wait_for_their_own_batches(features, interactions):
    model = built(features, negatives=[InBatch(), Hard(2, window=(0, 4))])
    with pytest.raises(ValueError, match="jit_compile"):
        model.compile(jit_compile=True)
    others = built(features).training_data(interactions, batch_size=8)
    with pytest.raises(ValueError, match="its own training_data"):
        model.fit(others, verbose=0)
    with pytest.raises(ValueError, match="ages as a share"):
        built(features, example_age=True).fit(others, verbose=0)


def test_a_window_that_the_catalogue_does_not_have_is_refused(features):
    message = r"YouTubeDNN's Hard.* a catalogue of 20 items.*window=\(100, 500\)"
    with pytest.raises(ValueError, match=message):
        built(features, negatives=[InBatch(), Hard(2)])
