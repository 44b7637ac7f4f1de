import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.data import Interactions, recent
from tfrec_recall.data.datasets.simulated import simulate
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.features import Categorical, Features, Numeric
from tfrec_recall.models import AirbnbType
from tfrec_recall.models.fitting.run import Run
from tfrec_recall.models.item_embeddings.types import TypeRule


def trained(interactions, features, epochs=10, **settings):
    tf.keras.utils.set_random_seed(0)
    model = AirbnbType(features, decay_epochs=epochs, **settings)
    model.compile()
    model.fit(model.training_data(interactions, batch_size=256), epochs=epochs, verbose=0)
    return model


def scores(model, interactions):
    """The score of every user's type and every item's."""
    encoded = model.features.encode_users(interactions.users)
    users = model.query_model({name: encoded[name] for name in model.query_model.input_names})
    return users.numpy() @ model.embed_items(interactions.items).T


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_rejections_lower_the_score_of_rejecting_pairs(seed):
    simulation = simulate(
        15_000,
        items=300,
        topics=4,
        markets=4,
        booking=0.6,
        seed=seed,
        event_types=("click", "booking", "rejection"),
    )
    interactions = simulation.interactions
    features = AirbnbType.default_features(interactions).adapt(interactions)
    types = {"user_type": ("age", "device"), "item_type": ("category", "price")}
    events = interactions.events
    user = pd.Index(interactions.users["user_id"]).get_indexer(events["user_id"])
    item = pd.Index(interactions.items["item_id"]).get_indexer(events["item_id"])
    kind = events["event_type"].to_numpy()

    def lead(weight):  # of the requests that were booked over those that were rejected
        model = trained(interactions, features, rejection_weight=weight, **types)
        found = scores(model, interactions)[user, item]
        return found[kind == "booking"].mean() - found[kind == "rejection"].mean()

    assert lead(5.0) > lead(0.0)


def small():
    """Two kinds of users and of listings; young take flats, old take houses."""
    rows = []
    for user in range(40):
        for step in range(4):
            listing = 2 * ((user + step) % 5) + user % 2
            rows.append((f"u{user}", f"i{listing}", 100 * step, "booking"))
        rows.append((f"u{user}", f"i{1 - user % 2}", 900, "rejection"))
    columns = ["user_id", "item_id", "timestamp", "event_type"]
    users = pd.DataFrame({"user_id": [f"u{n}" for n in range(40)], "age": ["young", "old"] * 20})
    items = pd.DataFrame({"item_id": [f"i{n}" for n in range(10)], "room": ["flat", "house"] * 5})
    return Interactions(pd.DataFrame(rows, columns=columns), users, items)


def test_types_that_book_each_other_are_near():
    interactions = small()
    features = AirbnbType.default_features(interactions).adapt(interactions)
    model = trained(
        interactions, features, epochs=20, dim=4, block=2, lanes=1, negatives=1, power=0.0
    )
    found = scores(model, interactions)[:2, :2]
    assert np.diag(found).min() > max(found[0, 1], found[1, 0])
    ids, _ = model.retriever(interactions.items)({"user_id": ["nobody"], "age": ["young"]}, k=5)
    assert set(ids.numpy()[0].astype(str)) == {"i0", "i2", "i4", "i6", "i8"}


@pytest.mark.parametrize("power", [1.0, 0.5])
def test_scores_are_the_log_ratio_of_bookings(power):
    """Of vectors at the optimum of both directions: once, and not their sum, which is twice it."""
    interactions, booked = small(), np.array([[40.0, 10.0], [5.0, 70.0]])
    features = AirbnbType.default_features(interactions).adapt(interactions)
    model = AirbnbType(features, dim=4, power=power)
    model.training_data(interactions, 99)  # counts the types
    of_user, of_listing = booked.sum(axis=1, keepdims=True), booked.sum(axis=0)
    encoded = features.encode_users(interactions.users), features.encode_items(interactions.items)
    rules = model.user_type, model.item_type
    user, listing = (rule(of).numpy()[:2] for rule, of in zip(rules, encoded, strict=True))
    inputs, outputs = (np.zeros((len(model.types), 4), "float32") for _ in range(2))
    inputs[user, [0, 1]] = inputs[listing, [2, 3]] = 1
    outputs[listing, :2] = np.log(booked / of_user / of_listing**power).T  # noise by count^power
    outputs[user, 2:] = np.log(booked / of_listing / of_user**power)
    model.tables.input_vectors.assign(inputs)
    model.tables.output_vectors.assign(outputs)
    found = scores(model, interactions)[:2, :2]
    ratio = np.log(booked / of_user) - (1 + power) / 2 * np.log(of_listing)
    np.testing.assert_allclose(np.diff(found), np.diff(ratio), rtol=1e-4)


def test_bookings_need_their_order():
    timed = small()
    timeless = timed.with_events(timed.events.drop(columns="timestamp"))
    model = AirbnbType(AirbnbType.default_features(timeless).adapt(timeless))
    with pytest.raises(
        ValueError, match=r"^AirbnbType needs to know which .* came first"
    ) as raised:
        model.training_data(timeless)
    assert "window" not in str(raised.value)


def test_a_rejected_request_is_nobodys_context():
    interactions = small()
    features = AirbnbType.default_features(interactions).adapt(interactions)
    model = AirbnbType(features, dim=4, block=50, lanes=1, window=50, rejection_weight=3.0)
    seen = []

    def learn(centre, context, positive, noise, negative, rate, refused):
        seen.append([part.numpy() for part in (centre, context, positive, refused)])
        return tf.constant(0.0)

    model.tables.learn = learn
    one = interactions.with_events(interactions.events.iloc[:5])
    batch = next(iter(model.training_data(one, batch_size=1, seed=None)))
    assert batch["rejected"].numpy().tolist() == [0] * 8 + [1] * 2
    tf.config.run_functions_eagerly(True)
    try:
        model.begin(Run(epochs=1, steps=2))
        model.train_step(batch)
    finally:
        tf.config.run_functions_eagerly(False)
    centre, context, positive, refused = (part[0] for part in seen[0])
    first = 100  # contexts begin a window (of both halves) before the first event
    assert positive[8:].sum() == 0
    assert positive[:, first + 8 : first + 10].sum() == 0
    at = np.argwhere(refused > 0)
    assert at.tolist() == [[8, first + 9], [9, first + 8]]  # both directions
    assert refused.max() == 3.0
    assert centre[8] == context[first + 8]


def test_a_type_is_a_number_for_each_combination():
    rule = TypeRule({"a": 3, "b": 4, "c": 2}, first=5, most=24)
    grid = np.stack(np.meshgrid(range(3), range(4), range(2), indexing="ij")).reshape(3, -1)
    numbers = rule(dict(zip("abc", grid, strict=True)))
    assert sorted(numbers) == list(range(5, 5 + 24))
    assert rule.count == 24


def test_of_too_many_combinations_the_frequent_are_kept_and_the_others_share():
    rule = TypeRule({"a": 5000, "b": 5000, "c": 5000, "d": 2**40}, first=7, most=3)
    assert rule.combinations > 2**63
    rows = {name: np.arange(10) * (n + 1) for n, name in enumerate("abcd")}
    assert (rule(rows).numpy() >= 7 + 3).all()  # nothing is known yet
    rule.keep(rows, events=np.array([1, 9, 0, 5, 1, 7, 1, 1, 1, 1]))
    found = rule(rows).numpy()
    assert sorted(found[[1, 3, 5]]) == [7, 8, 9]
    others = np.delete(found, [1, 3, 5])
    assert (others >= 10).all()
    assert (others < 7 + rule.count).all()
    assert len(set(others)) > 4  # spread by a hash
    changed = {**rows, "a": rows["a"][::-1]}
    assert not set(rule(changed).numpy()) & {7, 8, 9}  # every feature counts


def test_events_are_bookings_by_one_type_or_several():
    interactions = small()
    features = AirbnbType.default_features(interactions).adapt(interactions)

    def learnt(**settings):
        data = AirbnbType(features, dim=4, **settings).training_data(interactions, 99, seed=None)
        return [batch["rejected"].numpy().tolist() for batch in data]

    assert learnt(booked="booking") == learnt(booked=["booking"]) == learnt()
    assert sum(np.concatenate(learnt()) == 0) == 2 * 160
    for wrong in ({"booked": "bookings"}, {"rejected": ("no",)}, {"booked": ("booking", "sale")}):
        with pytest.raises(ValueError, match=r"No event is of the type .*'booking', 'rejection'"):
            learnt(**wrong)


def test_days_without_a_booking_are_ordinary():
    interactions = small()
    features = AirbnbType.default_features(interactions).adapt(interactions)
    model = trained(interactions, features, epochs=1, dim=4, rejected="rejection")

    def since(kind):
        rows = {"user_id": ["u0", "u1"], "item_id": ["i0", "i1"], "timestamp": 10**9}
        rows = pd.DataFrame(rows).assign(event_type=kind)
        return Interactions(rows, interactions.users, interactions.items)

    model = model.grow(model.features.grow(since("click")))
    check_sums(model)
    counts = model.types.counts.numpy()
    with pytest.warns(ReadingNotice, match=r"nothing to learn from the new .*: 2 other events"):
        model.update(recent(interactions, since("click")), epochs=1)
    np.testing.assert_array_equal(model.types.counts, counts)
    model.update(recent(interactions, since("rejection")), epochs=1)
    assert model.types.counts.numpy().sum() == counts.sum() + 4
    check_sums(model)


def check_sums(model):
    """Draws look up the sums of the counts as they are now."""
    counts = model.types.counts.numpy()
    mass = np.where(counts > 0, counts.astype("float64") ** model.types.power, 0.0)
    assert mass.any()
    np.testing.assert_allclose(model.types.upper, np.cumsum(mass))


def test_noise_is_drawn_by_the_counts_without_summing_them_anew():
    interactions = small()
    features = AirbnbType.default_features(interactions).adapt(interactions)
    model = AirbnbType(features, dim=4)
    model.training_data(interactions, 99)
    check_sums(model)
    sample = tf.function(model.types.sample).get_concrete_function([4000], tf.constant([1, 2]))
    assert not [op for op in sample.graph.get_operations() if "Cumsum" in op.type]
    drawn = np.bincount(sample(tf.constant([1, 2])), minlength=len(model.types)) / 4000
    share = np.diff(model.types.upper.numpy(), prepend=0) / model.types.upper.numpy()[-1]
    np.testing.assert_allclose(drawn, share, atol=0.05)


def test_few_types_in_large_blocks_learn_more_than_chance():
    """Four types, of which every block holds each more than a hundred times."""
    interactions = small()
    features = AirbnbType.default_features(interactions).adapt(interactions)
    tf.keras.utils.set_random_seed(0)
    model = AirbnbType(features, decay_epochs=10)
    model.compile()
    data = model.training_data(interactions, batch_size=256)
    loss = model.fit(data, epochs=10, verbose=0).history["loss"]
    assert loss[-1] < loss[0] <= 1.01 * (1 + 5) * np.log(2)


@pytest.mark.parametrize("alone", [False, True])
def test_contexts_may_be_of_the_other_kind_alone(alone):
    interactions = small()
    features = AirbnbType.default_features(interactions).adapt(interactions)
    settings = {"dim": 4, "block": 8, "lanes": 1, "window": 2, "item_type": ("item_id",)}
    model = AirbnbType(features, other_kind_only=alone, **settings)
    pairs = []

    def learn(centre, context, positive, *others, **more):
        first = model.item_type.first
        same = (centre >= first)[:, :, None] == (context >= first)[:, None]
        pairs.append([float(tf.reduce_sum(tf.where(s, positive, 0.0))) for s in (same, ~same)])
        return tf.constant(0.0)

    model.tables.learn = learn
    tf.config.run_functions_eagerly(True)
    try:
        model.compute_loss(next(iter(model.training_data(interactions, 4, seed=None))))
    finally:
        tf.config.run_functions_eagerly(False)
    of_its_kind, of_the_other = np.sum(pairs, axis=0)
    assert of_the_other > 50
    assert (of_its_kind == 0) == alone


def test_types_are_made_of_categories_and_buckets():
    interactions = small()
    features = Features(
        user=[Categorical("user_id"), Categorical("age")], item=[Categorical("item_id")]
    ).adapt(interactions)
    with pytest.raises(ValueError, match=r"A type of the item is made of.*Received: none"):
        AirbnbType(features)
    with pytest.raises(ValueError, match=r"A type of the user.*Received: income"):
        AirbnbType(features, user_type=("income",), item_type=("item_id",))


def test_types_never_booked_have_no_vector():
    interactions = small()
    items = pd.concat(
        [interactions.items, pd.DataFrame({"item_id": ["new"], "room": ["boat"]})],
        ignore_index=True,
    )
    features = AirbnbType.default_features(interactions).adapt(interactions)
    model = trained(interactions, features, epochs=1)
    assert (model.embed_items(items)[-1] == 0).all()
    same_type = pd.DataFrame({"item_id": ["also new"], "room": ["flat"]})
    np.testing.assert_allclose(
        model.embed_items(same_type)[0], model.embed_items(items)[0], rtol=1e-5
    )


@pytest.mark.parametrize("popularity", [0.0, 1.0])
@pytest.mark.parametrize("by_cosine", [False, True])
def test_items_without_a_vector_come_after_all_others(by_cosine, popularity):
    """Also where all listings are as unlike what the user books as they can be."""
    interactions = small()
    new = pd.DataFrame({"item_id": ["new", "newer"], "room": ["boat", "tent"]})
    items = pd.concat([new, interactions.items], ignore_index=True)
    features = AirbnbType.default_features(interactions).adapt(interactions)
    model = AirbnbType(features, dim=4, by_cosine=by_cosine, popularity=popularity)
    model.training_data(interactions, 99)  # counts the types
    of_listing = np.arange(len(model.types)) >= model.item_type.first
    for table in (model.tables.input_vectors, model.tables.output_vectors):
        table.assign(np.where(of_listing, -3.0, 3.0)[:, np.newaxis] * np.ones(4))
    ids, found = model.retriever(items)({"user_id": ["nobody"], "age": ["young"]}, k=12)
    assert set(ids.numpy()[0, 10:].astype(str)) == {"new", "newer"}
    assert found.numpy()[0, 9] > found.numpy()[0, 10]
    assert (model.bias_of(interactions.items) is None) == (not popularity)  # all have a vector


def test_among_items_of_a_type_what_many_took_leads():
    interactions = small()
    features = AirbnbType.default_features(interactions).adapt(interactions)
    booked = interactions.events[interactions.events["event_type"] == "booking"]
    taken = booked["item_id"].value_counts()
    taken = taken.reindex(interactions.items["item_id"], fill_value=0).to_numpy()
    for popularity in (1.0, 0.0):
        model = trained(interactions, features, epochs=1, popularity=popularity)
        retriever = model.retriever(interactions.items, k=10)
        asked = {"user_id": ["nobody"], "age": ["young"]}
        ids, found = (part.numpy()[0] for part in retriever(asked))
        vector = retriever.embed_query(asked).numpy()[0]
        expected = model.embed_items(interactions.items) @ vector + popularity * np.log1p(taken)
        by_id = dict(zip(interactions.items["item_id"], expected, strict=True))
        given = [one.decode() if isinstance(one, bytes) else one for one in ids]
        np.testing.assert_allclose(found, [by_id[one] for one in given], rtol=1e-4, atol=1e-5)
        assert (np.diff(found) <= 1e-6).all()


def test_numbers_are_bucketised():
    interactions = small()
    priced = interactions.items.assign(price=np.arange(10.0))
    interactions = Interactions(interactions.events, interactions.users, priced)
    features = Features(
        user=[Categorical("age")], item=[Categorical("item_id"), Numeric("price", buckets=3)]
    ).adapt(interactions)
    model = trained(interactions, features, epochs=1, dim=3)
    assert len(np.unique(model.embed_items(priced).round(5), axis=0)) == 3
