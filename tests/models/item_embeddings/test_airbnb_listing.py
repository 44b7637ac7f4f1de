"""Directions are measured on a simulated marketplace, whose truth is known, over several seeds."""

import warnings

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall.data import Interactions, recent
from tfrec_recall.data.datasets.simulated import simulate
from tfrec_recall.data.examples import NoExample
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.features import Categorical, Features, History, Numeric
from tfrec_recall.models import AirbnbListing
from tfrec_recall.models.item_embeddings.window_pairs import group_noise_weights

SEEDS = (0, 1, 2)


def trained(interactions, epochs=4, **settings):
    features = AirbnbListing.default_features(interactions).adapt(interactions)
    tf.keras.utils.set_random_seed(0)
    model = AirbnbListing(features, decay_epochs=epochs, **settings)
    model.compile()
    model.fit(model.training_data(interactions, batch_size=256), epochs=epochs, verbose=0)
    return model


def same_topic_wins(vectors, simulation, least=10):
    """How often a listing of the own topic is nearer than one of another, within the market."""
    items, topic = simulation.interactions.items, simulation.truth.items["topic"].to_numpy()
    counts = simulation.interactions.events["item_id"].value_counts()
    warm = counts.reindex(items["item_id"]).fillna(0).to_numpy() >= least
    cosines = vectors @ vectors.T
    market = items["market"].to_numpy()
    wins = []
    for row in np.flatnonzero(warm):
        others = warm & (market == market[row]) & (np.arange(len(items)) != row)
        near = cosines[row, others & (topic == topic[row])]
        far = cosines[row, others & (topic != topic[row])]
        if len(near) and len(far):
            wins.append((near[:, np.newaxis] > far).mean())
    return np.mean(wins)


@pytest.mark.parametrize("seed", SEEDS)
def test_market_negatives_tell_topics_of_a_market_apart(seed):
    # What is shown is of the market, not of the topic: clicks alone tell markets apart.
    simulation = simulate(
        20_000,
        items=400,
        topics=6,
        markets=16,
        explore=1.0,
        seed=seed,
        event_types=("click", "booking"),
    )
    without = trained(simulation.interactions)
    within = trained(simulation.interactions, market="market", market_negatives=2.0)
    items = simulation.interactions.items
    assert same_topic_wins(within.embed_items(items), simulation) > same_topic_wins(
        without.embed_items(items), simulation
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_global_context_moves_clicks_toward_the_booked(seed):
    interactions = simulate(
        12_000,
        items=300,
        topics=5,
        markets=4,
        booking=0.6,
        seed=seed,
        event_types=("click", "booking"),
    ).interactions
    events = interactions.events
    booked = events[events["event_type"] == "booking"].groupby("session_id")["item_id"].last()
    clicks = events[(events["event_type"] == "click") & events["session_id"].isin(booked.index)]
    booked = booked.loc[clicks["session_id"]].to_numpy()
    other = clicks["item_id"].to_numpy() != booked

    def score(model):  # what Eq. 4 raises: the click's vector times the booked one's as a context
        code = model.features.encodings["item_id"].encode
        u = model.tables.input_vectors.numpy()[code(clicks["item_id"])[other]]
        v = model.tables.output_vectors.numpy()[code(pd.Series(booked))[other]]
        return (u * v).sum(axis=1).mean()

    with_context = trained(interactions, window=2)
    without = trained(interactions, window=2, global_context=False)
    assert score(with_context) > score(without)


@pytest.mark.parametrize("seed", SEEDS)
def test_cold_listings_beat_random_and_popularity(seed):
    """The listings most like a held-out one, by the truth, among those of a ranking's first 20."""
    simulation = simulate(
        20_000, items=300, topics=5, markets=4, seed=seed, event_types=("click", "booking")
    )
    generator = np.random.default_rng(seed)
    items, truth = simulation.interactions.items, simulation.truth.item_vectors
    cold = generator.choice(len(items), 40, replace=False)
    events = simulation.interactions.events
    known = events[~events["item_id"].isin(items["item_id"].to_numpy()[cold])]
    warm_train = Interactions(known, simulation.interactions.users, items)
    model = trained(warm_train, alike_by=("category", "brand", "market", "price"))
    counts = known["item_id"].value_counts().reindex(items["item_id"]).fillna(0).to_numpy()
    warm = np.flatnonzero(counts > 0)
    vectors = model.embed_items(items)
    assert (np.linalg.norm(vectors[cold], axis=1) > 0.99).all()
    market = items["market"].to_numpy()

    def quality(ranking):  # how like the first 20 are in truth, and how many are of the market
        first = [ranking(row)[:20] for row in cold]
        alike = [
            (truth[found] @ truth[row]).mean() + (market[found] == market[row]).mean()
            for found, row in zip(first, cold, strict=True)
        ]
        return np.mean(alike)

    ours = quality(lambda row: warm[np.argsort(-(vectors[warm] @ vectors[row]))])
    popular = quality(lambda row: warm[np.argsort(-counts[warm])])
    random = quality(lambda row: generator.permutation(warm))
    assert ours > popular + 0.2
    assert ours > random + 0.2


def test_a_cold_listing_is_the_mean_of_the_nearest_three():
    events = pd.DataFrame(
        [(f"u{u}", f"i{(u + step) % 5}", 60 * step) for u in range(20) for step in range(3)],
        columns=["user_id", "item_id", "timestamp"],
    )
    items = pd.DataFrame(
        {
            "item_id": [*[f"i{n}" for n in range(5)], "new"],
            "room": ["flat", "flat", "house", "flat", "house", "flat"],
            "price": [10.0, 20.0, 31.0, 500.0, 700.0, 25.0],
        }
    )
    interactions = Interactions(events, items=items)
    features = Features(
        user=[History()], item=[Categorical("item_id"), Categorical("room"), Numeric("price")]
    ).adapt(interactions)
    model = AirbnbListing(features, dim=4, alike_by=("room", "price"))
    model.tables.learnt.assign([0, 0, *[1] * 5])
    vectors = model.embed_items(items)
    price = items["price"][:5].to_numpy()
    distance = abs(price - 25.0) / price.std() + (items["room"][:5] != "flat")
    mean = vectors[np.argsort(distance.to_numpy())[:3]].mean(axis=0)
    np.testing.assert_allclose(vectors[5], mean / np.linalg.norm(mean), rtol=1e-4, atol=1e-5)


def test_listings_without_a_price_are_not_near_the_cheapest():
    items = pd.DataFrame(
        {
            "item_id": [f"i{n}" for n in range(6)],
            "price": [np.nan, 400.0, 500.0, 10.0, 200.0, 300.0],
        }
    )
    rows = [(f"u{user}", f"i{item}", item) for user in range(4) for item in range(6)]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    interactions = Interactions(events, items=items)
    features = Features(
        user=[History()], item=[Categorical("item_id"), Numeric("price", buckets=4)]
    ).adapt(interactions)
    model = AirbnbListing(features, dim=4, nearest=2)
    code = features.ids("item_id").encode(items["item_id"])
    model.tables.learnt.assign(np.isin(np.arange(model.tables.size), code[:3]))
    vectors = model.embed_items(items)
    mean = vectors[1:3].mean(axis=0)  # three buckets away, where the first has none
    np.testing.assert_allclose(vectors[3], mean / np.linalg.norm(mean), rtol=1e-4, atol=1e-5)


def test_sessions_are_cut_by_the_pause_and_know_their_booking():
    kinds = ["click", "impression", "click", "booking", "click", "rejection", "click"]
    times = [0, 5, 10, 20, 1821, 1830, 1840]
    events = pd.DataFrame(
        {
            "user_id": "a",
            "item_id": [f"i{n}" for n in range(7)],
            "timestamp": times,
            "event_type": kinds,
        }
    )
    interactions = Interactions(events)
    features = AirbnbListing.default_features(interactions).adapt(interactions)
    model = AirbnbListing(features, dim=4)
    batch = next(iter(model.training_data(interactions, batch_size=9, seed=None)))
    raw = features.item_vocabulary.decode
    assert raw(batch["item_id"].numpy()).tolist() == ["i0", "i2", "i3", "i4", "i6"]
    assert batch["session"].numpy().tolist() == [0, 0, 0, 1, 1]
    assert raw(batch["booked"].numpy()).tolist() == ["i3", "i3", "i3", "", ""]


def test_a_booking_ends_its_session():
    kinds = ["click", "booking", "click", "click", "booking", "click"]
    events = pd.DataFrame(
        {
            "user_id": "a",
            "item_id": [f"i{n}" for n in range(6)],
            "timestamp": range(0, 60, 10),
            "event_type": kinds,
        }
    )
    interactions = Interactions(events.sample(frac=1, random_state=0))
    features = AirbnbListing.default_features(interactions).adapt(interactions)
    model = AirbnbListing(features, dim=4)
    batch = next(iter(model.training_data(interactions, batch_size=9, seed=None)))
    raw = features.item_vocabulary.decode
    assert raw(batch["item_id"].numpy()).tolist() == ["i0", "i1", "i2", "i3", "i4", "i5"]
    assert batch["session"].numpy().tolist() == [0, 0, 1, 1, 1, 2]
    assert raw(batch["booked"].numpy()).tolist() == ["i1", "i1", "i4", "i4", "i4", ""]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, ["i0 i2 i4", "i1", "i3", "i5"]),
        ({"gap": 250.0}, ["i0", "i1", "i2 i4", "i3", "i5"]),
        ({"by_session": False}, ["i0 i1", "i2 i3 i4", "i5"]),
    ],
)
def test_an_id_ends_a_session(settings, expected):
    """Of two that run side by side, and one soon after; a booking ends one as well."""
    events = pd.DataFrame(
        {
            "user_id": "a",
            "item_id": [f"i{n}" for n in range(6)],
            "timestamp": [0, 10, 300, 310, 320, 330],
            "session_id": ["s", "t", "s", "t", "s", "u"],
            "event_type": ["click", "booking", "click", "click", "booking", "click"],
        }
    )
    interactions = Interactions(events.sample(frac=1, random_state=0))
    features = AirbnbListing.default_features(interactions).adapt(interactions)
    model = AirbnbListing(features, dim=4, **settings)
    batch = next(iter(model.training_data(interactions, batch_size=9, seed=None)))
    raw, session = features.item_vocabulary.decode, batch["session"].numpy()
    found = [raw(batch["item_id"].numpy()[session == n]) for n in range(session.max() + 1)]
    assert [" ".join(items) for items in found] == expected


def test_dates_with_ids_need_no_pause():
    days = with_pauses(86_400)
    ids = Interactions(days.events.assign(session_id=np.arange(80) // 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ReadingNotice)
        model, number = sessions_of(ids)
    assert (number, float(model.pause.numpy())) == (20, 0.0)
    assert len(list(model.validation_data(ids))) == 1


def test_event_types_that_never_occur_are_refused():
    events = pd.DataFrame(
        {"user_id": "a", "item_id": list("xyz"), "timestamp": range(3), "event_type": "click"}
    )
    interactions = Interactions(events)
    features = AirbnbListing.default_features(interactions).adapt(interactions)
    for wrong in ({}, {"booked": "sale"}, {"booked": (), "clicked": ["click", "view"]}):
        with pytest.raises(ValueError, match=r"No event is of the type '\w+' that .* has 'click'"):
            AirbnbListing(features, **wrong).training_data(interactions)
    with pytest.raises(ValueError, match="booked names event types, one or several"):
        AirbnbListing(features, booked=3.0)
    with pytest.raises(ValueError, match="give one of both"):
        AirbnbListing(features, clicked="click", left_out="view")
    with pytest.raises(ValueError, match="No click is left to learn from"):
        AirbnbListing(features, booked=(), left_out="click").training_data(interactions)
    assert AirbnbListing(features, booked=()).training_data(interactions)


def test_days_without_a_booking_or_a_click_are_ordinary():
    rows = [
        (user, (user + step) % 6, 60 * step, "booking" if step == 3 else "click")
        for user in range(12)
        for step in range(4)
    ]
    columns = ["user_id", "item_id", "timestamp", "event_type"]
    first = Interactions(pd.DataFrame(rows, columns=columns))
    model = trained(first, epochs=1, dim=4, clicked="click")

    def since(kind):  # a user who is new, so that nothing of before is learnt again
        rows = {"user_id": 99, "item_id": [1, 2, 3], "timestamp": [10**9, 10**9 + 60, 10**9 + 90]}
        return Interactions(pd.DataFrame(rows).assign(event_type=kind))

    model = model.grow(model.features.grow(since("click")))
    before = model.tables.input_vectors.numpy()
    model.update(recent(first, since("click"), replay=0), epochs=1)
    assert (model.tables.input_vectors.numpy() != before).any()
    with pytest.warns(ReadingNotice, match="nothing to learn .*No click is left to learn from"):
        model.update(recent(first, since("impression"), replay=0), epochs=1)


def test_market_noise_is_of_the_centres_market():
    noise, noise_group = tf.constant([[4, 5, 0]]), tf.constant([[1, 2, 1]])
    centre, centre_group = tf.constant([[7, 5, 8, 9]]), tf.constant([[1, 2, -1, 2]])
    pairs = tf.constant([[3.0, 3.0, 3.0, 2.0]])
    weights = group_noise_weights(noise, noise_group, centre, centre_group, pairs, 2.0)
    expected = [[[6, 0, 0], [0, 0, 0], [0, 0, 0], [0, 4, 0]]]  # 5 is no noise of itself
    np.testing.assert_allclose(weights, expected)


def test_a_market_is_a_categorical_feature():
    interactions = simulate(500, items=100, topics=3, markets=2).interactions
    features = AirbnbListing.default_features(interactions).adapt(interactions)
    with pytest.raises(ValueError, match=r"market names a Categorical.*Received: 'city'"):
        AirbnbListing(features, market="city")
    with pytest.raises(ValueError, match=r"alike_by names features.*Received: city"):
        AirbnbListing(features, alike_by=("city",))


def with_pauses(seconds):
    """Ten users, each with eight of twenty items, so far apart."""
    number = np.arange(80)
    events = {"user_id": number // 8, "item_id": number * 7 % 20, "timestamp": number * seconds}
    return Interactions(pd.DataFrame(events))


def sessions_of(interactions, **settings):
    features = AirbnbListing.default_features(interactions).adapt(interactions)
    model = AirbnbListing(features, **settings)
    (batch,) = model.training_data(interactions, seed=None)
    return model, len(np.unique(batch["session"]))


def test_half_an_hour_ends_a_session():
    assert sessions_of(with_pauses(1_800))[1] == 10
    frame = with_pauses(1_000).events
    late = frame.assign(timestamp=frame["timestamp"] + 100_000 * (np.arange(80) % 8 > 3))
    assert sessions_of(Interactions(late))[1] == 20


def test_all_events_of_a_user_are_one_session_where_few_would_be_together():
    days = with_pauses(86_400)
    with pytest.warns(ReadingNotice, match="within half an hour, 0 of 80 stand beside another"):
        model, number = sessions_of(days)
    assert number == 10
    # What was chosen stands, whatever the events that come later are like.
    model.training_data(with_pauses(1_000), seed=None)
    assert np.isinf(model.pause.numpy())
    with pytest.raises(NoExample, match="longer gap="):
        sessions_of(days, gap=1_800.0)


def test_a_grown_model_goes_on_with_its_sessions():
    days = with_pauses(86_400)
    with pytest.warns(ReadingNotice):
        model, _ = sessions_of(days)
    assert np.isinf(model.grow(model.features.grow(days)).pause.numpy())


def test_an_epoch_has_sessions_with_a_booking_as_often_as_asked_for():
    kinds = ["click", "booking", "click", "click", "click", "booking"]
    events = pd.DataFrame({"user_id": list("aabbcc"), "item_id": list("xyxzyz")})
    interactions = Interactions(events.assign(timestamp=range(6), event_type=kinds))
    features = AirbnbListing.default_features(interactions).adapt(interactions)

    def learnt(**settings):
        model = AirbnbListing(features, dim=4, **settings)
        (batch,) = model.training_data(interactions, batch_size=99, seed=None)
        item = features.item_vocabulary.decode(batch["item_id"].numpy())
        return ["".join(one) for _, one in pd.Series(item).groupby(batch["session"].numpy())]

    assert learnt() == ["xy", "xz", "yz"]
    assert learnt(booked_repeats=3) == ["xy", "xz", "yz", "xy", "yz", "xy", "yz"]
    with pytest.raises(ValueError, match=r"where booked names types.*booked_repeats=2"):
        learnt(booked=(), booked_repeats=2)
