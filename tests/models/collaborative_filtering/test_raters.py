"""Ratings that retrievers foretell: those of the models, for strangers, and from an export."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.references import similarity as alike
from tests.references.collaborative_filtering import mean, rating, transposed
from tfrec_recall.data import Interactions, random_events_out
from tfrec_recall.evaluation import evaluate_ratings
from tfrec_recall.export import export, load
from tfrec_recall.graph import Cosine, Pearson
from tfrec_recall.models import FunkSVD, ItemCF, Popular, UserCF

pytestmark = pytest.mark.usefixtures("untraced")

USERS, ITEMS = 12, 17
PEARSON = {"similarity": Pearson(2), "ratings": True}
CASES = {
    UserCF: {**PEARSON, "neighbours": 6},
    ItemCF: {**PEARSON, "neighbours": 9},
    FunkSVD: {"dim": 3, "l2": 0.05},
}


@pytest.fixture(scope="module")
def data():
    """Ratings 1 to 5, a few of 0 and below, and some events without one."""
    random = np.random.default_rng(4)
    pairs = [(f"u{u}", f"i{i}") for u in range(USERS) for i in random.permutation(ITEMS)[:8]]
    events = pd.DataFrame(pairs, columns=["user_id", "item_id"])
    events["rating"] = random.integers(-1, 6, len(events)).astype(float)
    events["timestamp"] = 1_600_000_000 + np.arange(len(events))
    events.loc[[5, 30, 31, 60], "rating"] = np.nan
    return Interactions(events)


def fitted(model_class, train, **settings):
    tf.keras.utils.set_random_seed(3)
    features = model_class.default_features(train).adapt(train)
    model = model_class(features, **{**CASES[model_class], **settings})
    model.compile(optimizer=tf.keras.optimizers.Adam(0.05))
    model.fit(
        model.training_data(train, batch_size=32),
        **({"epochs": 3} if model_class is FunkSVD else {}),
    )
    return model


@pytest.fixture(scope="module")
def models(data):
    return {model_class: fitted(model_class, data) for model_class in CASES}


def sent(data, users):
    """The requests of users who send all that they have done."""
    mine = [data.events[data.events["user_id"] == user] for user in users]
    return {
        "user_id": list(users),
        "history": [rows["item_id"].tolist() for rows in mine],
        "history_rating": [rows["rating"].tolist() for rows in mine],
    }


def rated(retriever, queries, items):
    chosen = {name: queries[name] for name in retriever.rating_inputs}
    return retriever.predict_rating(chosen, items).numpy()


@pytest.mark.parametrize(
    ("model_class", "settings"),
    [
        *((model_class, {}) for model_class in CASES),
        (UserCF, {"centred": False}),
        (UserCF, {"common_means": True}),
        (UserCF, {"common_means": True, "by_rating": True, "unlike": True, "neighbours": None}),
        (ItemCF, {"centred": False}),
        (ItemCF, {"centred": False, "by_rating": True, "half_life": None}),  # WWW 2001
    ],
)
def test_known_users_get_the_ratings_that_the_model_foretells(model_class, settings, data, models):
    """Events without a rating take part in nothing, and nothing is NaN."""
    users, items = data.users["user_id"].tolist(), data.items["item_id"].tolist()
    model = fitted(model_class, data, **settings) if settings else models[model_class]
    found = rated(model.retriever(data.items), sent(data, users), [items] * USERS)
    pairs = pd.DataFrame([(u, i) for u in users for i in items], columns=["user_id", "item_id"])
    expected = model.predict_ratings(pairs).reshape(USERS, ITEMS)
    assert np.isfinite(found).all()
    assert found.std() > 0.3
    assert -1 <= found.min() <= found.max() <= 5
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_strangers_are_foretold_by_what_they_send(data, models):
    ratings = {}
    for row in data.events.dropna().itertuples():
        ratings.setdefault(row.user_id, {})[row.item_id] = row.rating
    own = {"i1": 5.0, "i4": 0.0, "i9": 3.0, "i2": 1.0}
    queries = {
        "user_id": ["stranger"],
        "history": [[*own, "i7", "never", ""]],
        "history_rating": [[*own.values(), np.nan, 2.0, np.nan]],
    }
    items = data.items["item_id"].tolist()

    def formula(x, y):
        return alike.pearson(x, y, 2)

    with_own = {**ratings, "stranger": own}
    found = rated(models[UserCF].retriever(data.items), queries, [items])[0]
    for item, value in zip(items, found, strict=True):
        expected = rating(with_own, "stranger", item, formula, 6, True)
        assert value == pytest.approx(np.clip(expected, -1, 5), abs=1e-4)

    # The items' neighbours and means are those of training, which did not know the stranger.
    by_item = transposed(ratings)
    found = rated(models[ItemCF].retriever(data.items), queries, [items])[0]
    for item, value in zip(items, found, strict=True):
        near = sorted(
            ((formula(by_item[item], by_item[j]), j) for j in by_item if j != item), reverse=True
        )[:9]
        parts = [(w, own[j] - mean(by_item[j])) for w, j in near if w > 1e-9 and j in own]
        expected = mean(by_item[item])
        if parts:
            expected += sum(w * d for w, d in parts) / sum(w for w, _ in parts)
        assert value == pytest.approx(np.clip(expected, -1, 5), abs=1e-4)


@pytest.mark.parametrize("model_class", CASES)
@pytest.mark.usefixtures("traced")
def test_the_export_foretells_the_same_also_of_nobody_and_of_new_items(
    model_class, data, models, tmp_path
):
    retriever = models[model_class].retriever(data.items)
    queries = sent(data, ["u1", "u4"])
    queries = {
        "user_id": [*queries["user_id"], "nobody"],
        "history": [*queries["history"], []],
        "history_rating": [*queries["history_rating"], []],
    }
    items = [["i1", "i2", "new"], ["i3"], ["i1", "new"]]
    again = load(export(retriever, tmp_path / "model"))
    found = rated(again, queries, items)
    np.testing.assert_array_equal(found, rated(retriever, queries, items))
    assert found.shape == (3, 3)
    assert np.isfinite(found).all()
    assert "rating" in again.card["signatures"]["predict_rating"]["outputs"]


def test_folded_in_users_get_ratings_of_their_factors(data, models):
    model = models[FunkSVD]
    retriever = model.fold_in_retriever(data.items)
    queries = sent(data, ["u2", "u7"])
    found = rated(retriever, queries, [["i3", "i5"], ["i0", "i1"]])
    encode = model.features.ids("item_id").encode
    for row, items in enumerate((["i3", "i5"], ["i0", "i1"])):
        given = tf.constant([encode(pd.Series(queries["history"][row]))])
        p, bias = model.fold_in(given, tf.constant([queries["history_rating"][row]]))
        q, of_item = model.items(tf.constant(encode(pd.Series(items))))
        expected = model.mean + bias + of_item + tf.linalg.matvec(q, p[0])
        np.testing.assert_allclose(found[row], np.clip(expected, -1, 5), rtol=1e-4)


@pytest.mark.parametrize("model_class", CASES)
def test_errors_are_those_of_the_targets_with_a_rating(model_class, data):
    split = random_events_out(data, 0.25, 0.1)
    model = fitted(model_class, split.train)
    report = evaluate_ratings(model.retriever(data.items), split, batch_size=5)
    targets = split.test.targets.dropna(subset="rating")
    assert report.metrics["ratings"] == len(targets) < len(split.test.targets)
    assert report.errors[["user_id", "item_id"]].to_numpy().tolist() == (
        targets[["user_id", "item_id"]].to_numpy().tolist()
    )
    error = report.errors["rating"] - report.errors["foretold"]
    assert report.metrics["rmse"] == pytest.approx(np.sqrt((error**2).mean()))
    assert report.metrics["mae"] == pytest.approx(error.abs().mean())
    of_mean = targets["rating"] - split.train.events["rating"].mean()
    assert report.metrics["rmse_of_mean"] == pytest.approx(np.sqrt((of_mean**2).mean()))
    low, high = report.interval("rmse")
    assert low < report.metrics["rmse"] < high
    assert "targets have no rating" in str(report)
    if model_class is FunkSVD:  # which knows nothing of the validation events
        expected = model.predict_ratings(targets)
        np.testing.assert_allclose(report.errors["foretold"], expected, rtol=1e-4)


def test_what_cannot_be_measured_is_refused(data, models):
    split = random_events_out(data)
    popular = Popular(Popular.default_features(data).adapt(data))
    popular.fit(data)
    with pytest.raises(ValueError, match=r"foretells no ratings: FunkSVD's does.*Received"):
        evaluate_ratings(popular.retriever(data.items), split)
    retriever = models[FunkSVD].retriever(data.items)
    bare = Interactions(data.events.drop(columns="rating"))
    with pytest.raises(ValueError, match="need the event column 'rating'"):
        evaluate_ratings(retriever, random_events_out(bare))
    empty = Interactions(data.events.assign(rating=np.nan))
    with pytest.raises(ValueError, match="No test target has a rating"):
        evaluate_ratings(retriever, random_events_out(empty))
    for model_class in (UserCF, ItemCF):
        with pytest.raises(ValueError, match=r"with a rating\. Received: missing values in all 96"):
            fitted(model_class, empty)


def test_a_missing_rating_in_a_request_changes_no_list(data, models):
    retriever = models[UserCF].retriever(data.items)
    with_none = {
        "user_id": ["x"],
        "history": [["i1", "i3", "i8"]],
        "history_rating": [[4.0, np.nan, 2.0]],
    }
    without = {"user_id": ["x"], "history": [["i1", "i8"]], "history_rating": [[4.0, 2.0]]}
    cosine = UserCF(models[UserCF].features, similarity=Cosine(), ratings=True)
    cosine.fit(data)
    for one in (retriever, cosine.retriever(data.items)):
        ids, scores = one(with_none)
        assert not np.isnan(scores).any()
        np.testing.assert_array_equal(ids, one(without)[0])
