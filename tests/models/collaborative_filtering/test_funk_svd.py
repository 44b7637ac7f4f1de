"""FunkSVD against its equations, one rating at a time."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from tensorflow.python.distribute.sharded_variable import ShardedVariable

from tests.references import funk_svd as reference
from tfrec_recall.data import Interactions, recent
from tfrec_recall.export import export, load
from tfrec_recall.layers.tables import rows_of
from tfrec_recall.models import FunkSVD
from tfrec_recall.models.collaborative_filtering import factors_and_bias, funk_svd

USERS, ITEMS, DIM = 9, 13, 3


@pytest.fixture(scope="module")
def train():
    """Among others a user who rates all alike, and one whose only item nobody shares."""
    random = np.random.default_rng(5)
    pairs = [(f"u{u}", f"i{i}") for u in range(USERS) for i in random.permutation(ITEMS)[:5]]
    events = pd.DataFrame(pairs, columns=["user_id", "item_id"])
    events["rating"] = random.integers(1, 6, len(events)).astype(float)
    odd = {"user_id": ["flat"] * 3 + ["lone"], "item_id": ["i0", "i3", "i7", "i99"], "rating": 4.0}
    return Interactions(pd.concat([events, pd.DataFrame(odd)], ignore_index=True))


def built(train, **settings):
    tf.keras.utils.set_random_seed(2)
    features = FunkSVD.default_features(train).adapt(train)
    model = FunkSVD(features, dim=DIM, **settings)
    model.adapt(train)
    return model


def with_distinct_weights(train, **settings):
    model = built(train, **settings)
    random = np.random.default_rng(7)
    for part in (model.users, model.items):
        part.factors.assign(random.normal(size=part.factors.shape))
        part.bias.assign(random.normal(size=part.bias.shape))
    return model


def encoded(model, train):
    user = model.features.encodings["user_id"].encode(train.events["user_id"])
    item = model.features.encodings["item_id"].encode(train.events["item_id"])
    return user, item, train.events["rating"].to_numpy()


def test_loss_and_ratings_equal_the_equations(train):
    model = with_distinct_weights(train, l2=0.3)
    user, item, rating = encoded(model, train)
    batch = {"user_id": user, "item_id": item, "rating": rating.astype("float32")}
    weights = [w.numpy() for w in (model.users.bias, model.items.bias)]
    weights += [w.numpy() for w in (model.users.factors, model.items.factors)]
    expected = reference.loss(
        list(zip(*encoded(model, train), strict=True)), rating.mean(), *weights, 0.3
    )
    loss = model.compute_loss({name: tf.constant(values) for name, values in batch.items()})
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    of_user, of_item, p, q = weights
    for row in range(len(user)):
        u, i = user[row], item[row]
        expected = reference.rating(rating.mean(), of_user[u], of_item[i], p[u], q[i])
        found = model.predict_ratings(train.events.iloc[row : row + 1])[0]
        assert found == pytest.approx(np.clip(expected, rating.min(), rating.max()), rel=1e-5)


def test_the_plain_form_learns_by_the_papers_steps(train):
    """Computer 2009, "stochastic gradient descent": b += γ (e - λ b), q += γ (e p - λ q), p alike,
    from one rating at a time; γ = .005 of half the squared error."""
    features = FunkSVD.default_features(train).adapt(train)
    model = FunkSVD.published(features, dim=DIM)
    plain = FunkSVD.PUBLISHED
    model.compile(plain.optimizer(plain.learning_rate), run_eagerly=True)
    data = model.training_data(train, plain.batch_size, seed=None).take(3)
    random = np.random.default_rng(7)
    for part in (model.users, model.items):
        part.factors.assign(random.normal(size=part.factors.shape))
        part.bias.assign(random.normal(size=part.bias.shape))
    tables = (model.users.bias, model.items.bias, model.users.factors, model.items.factors)
    weights = [table.numpy().astype("float64") for table in tables]
    losses = []
    for user, item, rating in list(zip(*encoded(model, train), strict=True))[:3]:
        arguments = [(user, item, rating)], float(model.mean), *weights, 0.02
        losses.append(reference.loss(*arguments))
        weights = reference.step(*arguments[0][0], float(model.mean), *weights, 0.005, 0.02)
    history = model.fit(data, verbose=0).history
    assert history["loss"][0] == pytest.approx(np.mean(losses), rel=1e-4)
    for table, expected in zip(tables, weights, strict=True):
        np.testing.assert_allclose(table, expected, rtol=1e-4, atol=1e-6)


def test_what_has_learnt_nothing_says_so(train):
    model = FunkSVD(FunkSVD.default_features(train).adapt(train), dim=DIM)
    for asked in (model.retriever, model.fold_in_retriever, model.predict_ratings):
        with pytest.raises(ValueError, match="FunkSVD has learnt nothing yet"):
            asked(train.events)


def test_one_that_grew_before_it_had_learnt_begins_as_any(train):
    features = FunkSVD.default_features(train).adapt(train)
    grown = FunkSVD(features, dim=DIM).grow(features.grow(train))
    grown.training_data(train)
    assert not grown.is_blank


def test_vectors_rank_exactly_as_ratings_do(train):
    model = with_distinct_weights(train)
    retriever = model.retriever(train.items, k=len(train.items))
    ids, scores = retriever({"user_id": ["u0", "u4"]})
    vocabulary, rows = model.features.item_vocabulary, range(2)
    users = model.features.encodings["user_id"].encode(pd.Series(["u0", "u4"]))
    for row in rows:
        items = vocabulary.encode([raw.decode() for raw in ids.numpy()[row]])
        ratings = model.rating(tf.fill([len(train.items)], users[row]), tf.constant(items)).numpy()
        assert (np.diff(ratings) <= 1e-6).all()
        np.testing.assert_allclose(ratings - ratings[0], scores[row] - scores[row, 0], atol=1e-5)


def test_new_items_come_after_all_others(train):
    """Their score would be 0, and of the others some have less."""
    model = with_distinct_weights(train)
    model.items.bias.assign(model.items.bias - 3.0)
    known = train.items["item_id"].tolist()
    items = pd.DataFrame({"item_id": ["new", *known, "newer"]})
    ids, _ = model.retriever(items, k=len(known))({"user_id": ["u0", "u4", "stranger"]})
    raw = {"history": [["i3", "i7"]], "history_rating": [[1.0, 5.0]]}
    folded, _ = model.fold_in_retriever(items, k=len(known))(raw)
    for listed in [*ids.numpy(), *folded.numpy()]:
        assert sorted(one.decode() for one in listed) == sorted(known)
    vectors = model.retriever(items).embed_item({"item_id": ["new", "i3"]})
    asked = pd.DataFrame({"item_id": ["new", "i3"]})
    np.testing.assert_allclose(vectors, model.embed_items(asked), rtol=1e-6)


def test_who_and_what_has_no_rating_is_as_if_unknown(train):
    mute = {"user_id": ["u0", "mute"], "item_id": ["mute", "i3"], "rating": np.nan}
    events = pd.concat([train.events, pd.DataFrame(mute)], ignore_index=True)
    data = Interactions(events.assign(timestamp=range(len(events))))
    model = built(data)
    user, item = (model.features.ids(name) for name in ("user_id", "item_id"))
    (who,), (what,) = user.encode(pd.Series(["mute"])), item.encode(pd.Series(["mute"]))
    for side, row in ((model.users, who), (model.items, what)):
        factors = side.factors.numpy()
        np.testing.assert_array_equal(np.flatnonzero(~factors.any(axis=1)), [0, 1, row])
    model.has_learnt.assign(1)
    count = len(data.items)
    retriever = model.retriever(data.items, k=count)
    ids, _ = retriever({"user_id": ["u0", "mute", "stranger"]})
    assert ids[0, -1] == b"mute"
    np.testing.assert_array_equal(ids[1], ids[2])  # what is popular

    before = model.users.factors.numpy()
    model.has_learnt.assign(0)
    model.adapt(Interactions(events.fillna({"rating": 2.0})))  # by now they are rated
    for side, row in ((model.users, who), (model.items, what)):
        assert side.factors.numpy()[row].any()
    others = np.arange(len(before)) != who
    np.testing.assert_array_equal(model.users.factors.numpy()[others], before[others])

    model = built(data)
    model.compile(tf.keras.optimizers.SGD(0.0), run_eagerly=True)
    rated = pd.DataFrame({"user_id": ["mute"], "item_id": ["i5"], "rating": [1.0]})
    new = Interactions(rated.assign(timestamp=1000))
    model.update(recent(data, new, length=model.history_needed, replay=0), epochs=1)
    assert model.users.factors.numpy()[who].any()


def with_mute(train):
    """A user and an item that are known and have no rating: data, a model and the two's ids."""
    mute = {"user_id": ["u0", "mute"], "item_id": ["mute", "i3"], "rating": np.nan}
    events = pd.concat([train.events, pd.DataFrame(mute)], ignore_index=True)
    data = Interactions(events.assign(timestamp=range(len(events))))
    model = built(data)
    model.has_learnt.assign(1)
    rows = [model.features.ids(n).encode(pd.Series(["mute"])) for n in ("user_id", "item_id")]
    return data, model, *rows


@pytest.mark.parametrize("by", ["update", "adapt"])
def test_two_that_have_rated_each_other_alone_learn(train, by):
    """Neither can be folded in by the other, and zeros beside zeros have no gradient."""
    data, model, who, what = with_mute(train)
    model.compile(tf.keras.optimizers.SGD(0.1), run_eagerly=True)
    rated = {"user_id": ["mute"], "item_id": ["mute"], "rating": [1.0], "timestamp": [1000]}
    new = Interactions(pd.DataFrame(rated))
    if by == "update":
        model.update(recent(data, new, length=model.history_needed, replay=0), epochs=1)
    else:
        model.adapt(new)
    for side, row in ((model.users, who), (model.items, what)):
        assert side.factors.numpy()[row].any()
        np.testing.assert_array_equal(np.flatnonzero(side.are_zeros(np.arange(side.size))), [0, 1])


def test_who_has_rated_only_what_is_new_is_folded_in_by_it(train):
    data, model, who, what = with_mute(train)
    model.compile(tf.keras.optimizers.SGD(0.0), run_eagerly=True)
    rated = {"user_id": ["mute", "u3", "u4"], "item_id": "mute", "rating": [1.0, 5.0, 4.0]}
    new = Interactions(pd.DataFrame(rated).assign(timestamp=1000))
    model.update(recent(data, new, length=model.history_needed, replay=0), epochs=1)
    assert model.items.factors.numpy()[what].any()
    p, bias = model.fold_in(tf.constant(what[np.newaxis]), tf.constant([[1.0]]))
    np.testing.assert_allclose(model.users.factors.numpy()[who], p, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(model.users.bias.numpy()[who], bias, rtol=1e-4, atol=1e-6)


class InParts(ShardedVariable):
    """A table on parameter servers, which is not sent whole."""

    def assign(self, *_, **__):
        raise AssertionError("The whole table is written.")


def test_who_has_no_rating_is_made_zeros_some_rows_at_a_time(monkeypatch):
    begin = np.random.default_rng(3).normal(size=(9, DIM)).astype("float32")
    begin[[4, 6]] = 0
    side, read = factors_and_bias.FactorsAndBias(9, DIM, train_bias=True), []

    def seen(table, ids):
        read.append(len(ids))
        return rows_of(table, ids)

    monkeypatch.setattr(side, "factors", InParts([tf.Variable(begin[:5]), tf.Variable(begin[5:])]))
    monkeypatch.setattr(factors_and_bias, "NUMBERS_AT_A_TIME", 2 * DIM)
    monkeypatch.setattr(factors_and_bias, "rows_of", seen)
    side.begin(np.array([8, 4, 2, 8, 4]))
    found = np.concatenate([part.numpy() for part in side.factors.variables])
    np.testing.assert_array_equal(found[[2, 8]], begin[[2, 8]])
    np.testing.assert_array_equal(np.flatnonzero(found.any(axis=1)), [2, 4, 8])
    assert read == [2, 1]
    np.testing.assert_array_equal(
        side.are_zeros(np.array([6, 4, 6, 8])), [True, False, True, False]
    )


def test_a_new_user_is_the_least_of_his_part_of_the_loss(train):
    model = with_distinct_weights(train, l2=0.2)
    items = np.array([[4, 9, 2, 6, 0, 1], [0, 0, 0, 0, 0, 0]], "int32")  # padding, unknown
    values = np.array([[5, 3, 1, 4, np.nan, 2], [1, 1, 1, 1, 1, 1]], "float32")
    p, bias = model.fold_in(tf.constant(items), tf.constant(values))
    known = items[0, :4]
    expected_p, expected_bias = reference.fold_in(
        values[0, :4],
        float(model.mean),
        model.items.bias.numpy()[known],
        model.items.factors.numpy()[known],
        0.2,
    )
    np.testing.assert_allclose(p[0], expected_p, rtol=1e-3, atol=1e-4)
    assert float(bias[0]) == pytest.approx(expected_bias, rel=1e-3, abs=1e-4)
    np.testing.assert_array_equal(p[1], np.zeros(DIM))


def test_rows_are_folded_in_some_at_a_time(train, monkeypatch):
    model = with_distinct_weights(train, l2=0.2)
    counts = {3: 7, 4: 1, 5: 2, 6: 2}  # ratings of users
    factors = model.users.factors.numpy()
    factors[list(counts)] = 0
    model.users.factors.assign(factors)
    user = np.repeat(list(counts), list(counts.values()))
    item = np.concatenate([2 + np.arange(count) for count in counts.values()])
    random = np.random.default_rng(1)
    rating = random.uniform(1, 5, len(user))
    sizes, system = [], model._system

    def seen(side, items, ratings):
        sizes.append(tuple(items.shape))
        return system(side, items, ratings)

    monkeypatch.setattr(funk_svd, "NUMBERS_AT_A_TIME", 4 * (DIM + 1))
    monkeypatch.setattr(model, "_system", seen)
    order = random.permutation(len(user))
    model._fold_in_rows(model.users, model.items, user[order], item[order], rating[order])
    assert sizes == [(2, 2), (1, 2), (1, 4), (1, 3)]
    for row in counts:
        own = user == row
        alone = item[own][np.newaxis], rating[own][np.newaxis].astype("float32")
        p, bias = model.fold_in(*map(tf.constant, alone))
        np.testing.assert_allclose(model.users.factors[row], p[0], rtol=1e-3, atol=1e-4)
        assert float(model.users.bias[row]) == pytest.approx(float(bias[0]), rel=1e-3, abs=1e-4)


def test_a_user_folded_in_is_near_the_trained_one(train, tmp_path):
    model = built(train, l2=0.05)
    model.compile(optimizer=tf.keras.optimizers.Adam(0.05))
    data = model.training_data(train, batch_size=len(train.events))
    model.fit(data.repeat(), steps_per_epoch=300, verbose=0)
    row = train.events[train.events["user_id"] == "u3"]
    sent = {
        "history": [row["item_id"].tolist()],
        "history_rating": row["rating"].to_numpy("float32")[np.newaxis],
    }
    folded = model.fold_in_retriever(train.items, k=len(train.items))
    trained = model.retriever(train.items, k=len(train.items))
    np.testing.assert_allclose(
        folded.embed_query(sent), trained.embed_query({"user_id": ["u3"]}), atol=0.02
    )
    again = load(export(folded, tmp_path / "model"))
    np.testing.assert_array_equal(again(sent)[0], folded(sent)[0])


def test_factors_begin_at_one_over_the_root_of_their_number(train):
    features = FunkSVD.default_features(train).adapt(train)
    factors = FunkSVD(features, dim=400).users.factors.numpy()
    assert factors.std() == pytest.approx(1 / 20, rel=0.05)


@pytest.mark.parametrize("in_turn", [False, True])
def test_fixed_biases_stay_at_the_means(train, in_turn):
    model = built(train, train_biases=False, in_turn=in_turn)
    model.compile(optimizer="adam")
    model.fit(model.training_data(train), epochs=2, verbose=0)
    user, item, rating = encoded(model, train)
    for one in np.unique(item):
        expected = (rating[item == one] - rating.mean()).mean()
        assert model.items.bias.numpy()[one] == pytest.approx(expected, abs=1e-5)
    left = rating - rating.mean() - in_turn * model.items.bias.numpy()[item]
    for one in np.unique(user):
        assert model.users.bias.numpy()[one] == pytest.approx(left[user == one].mean(), abs=1e-5)


def test_ratings_have_to_be_there(train):
    bare = Interactions(train.events.drop(columns="rating"))
    with pytest.raises(ValueError, match="FunkSVD with ratings needs the event column 'rating'"):
        built(train).training_data(bare)
