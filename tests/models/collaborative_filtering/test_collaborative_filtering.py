"""ItemCF and UserCF against their definitions in loops."""

import re

import numpy as np
import pandas as pd
import pytest

from tests.references import collaborative_filtering as reference
from tests.references import similarity as alike
from tfrec_recall.data import Interactions
from tfrec_recall.export import export, load
from tfrec_recall.graph import CoCount, Cosine, Jaccard, Pearson
from tfrec_recall.models import ItemCF, UserCF

pytestmark = pytest.mark.usefixtures("untraced")

ITEMS = [f"i{n}" for n in range(11)]
USERS = [f"u{n}" for n in range(8)]


def board():
    """8 users by 11 items: u6 has one event, u7 rates all alike, i10 nobody else's."""
    random = np.random.default_rng(3)
    ratings = {}
    for user in USERS[:6]:
        taken = random.permutation(10)[: random.integers(4, 8)]
        ratings[user] = {ITEMS[i]: float(random.integers(1, 6)) for i in taken}
    ratings["u6"] = {"i10": 2.0}
    ratings["u7"] = {"i1": 3.0, "i2": 3.0, "i4": 3.0}
    return ratings


RATINGS = board()
BY_ITEM = reference.transposed(RATINGS)


@pytest.fixture(scope="module")
def train():
    rows = [
        (user, item, rating, place)
        for user, row in RATINGS.items()
        for place, (item, rating) in enumerate(row.items())
    ]
    columns = ["user_id", "item_id", "rating", "timestamp"]
    items = pd.DataFrame({"item_id": ITEMS})
    return Interactions(pd.DataFrame(rows, columns=columns), items=items)


def fitted(model_class, train, **settings):
    features = model_class.default_features(train).adapt(train)
    if model_class is ItemCF:  # all of a user's events count, as in the references
        settings = {"nearby": None, **settings}
    model = model_class(features, **settings)
    model.fit(train)
    return model


def scores_of(retriever, queries):
    """{item: score} of the first query, where there is evidence."""
    ids, scores = retriever(queries, k=len(ITEMS))
    names = [raw.decode() for raw in ids.numpy()[0]]
    assert sorted(names) == sorted(ITEMS)  # every item, once
    assert (np.diff(scores.numpy()[0]) <= 0).all()
    return {name: s for name, s in zip(names, scores.numpy()[0], strict=True) if s > 0}


def assert_same(found, expected):
    expected = {item: score for item, score in expected.items() if score > 1e-9}
    assert set(found) == set(expected)
    for item, score in expected.items():
        assert found[item] == pytest.approx(score, rel=1e-5)


@pytest.mark.parametrize("half_life", [None, 2.0])
@pytest.mark.parametrize("normalize", [None, max, sum])
@pytest.mark.parametrize(
    ("settings", "formula"),
    [
        ({"alpha": 0.3, "active_penalty": False}, lambda x, y: alike.overlap(x, y, 0.3)),
        (
            {"alpha": 0.6, "active_penalty": 0.7},
            lambda x, y: alike.overlap(x, y, 0.6, {u: len(row) for u, row in RATINGS.items()}, 0.7),
        ),
        ({"similarity": Jaccard()}, alike.jaccard),
        ({"similarity": Cosine(), "ratings": True}, alike.cosine),
    ],
)
def test_item_cf_sums_the_neighbours_of_the_history(train, settings, formula, normalize, half_life):
    divided = {"normalize": normalize is not None, "by_sum": normalize is sum}
    model = fitted(ItemCF, train, neighbours=9, half_life=half_life, **divided, **settings)
    history = ["i3", "never seen", "i1", "i7", "i3", "", ""]  # i3 twice, padding behind
    expected = reference.item_cf_scores(BY_ITEM, history[:5], formula, 9, half_life, normalize)
    assert_same(scores_of(model.retriever(train.items), {"history": [history]}), expected)


@pytest.mark.parametrize("user", ["u2", "a stranger"])
@pytest.mark.parametrize(
    ("settings", "formula"),
    [
        ({"alpha": 0.7, "active_penalty": False}, lambda x, y: alike.overlap(x, y, 0.7)),
        ({}, lambda x, y: alike.overlap(x, y, 0.5, {i: len(u) for i, u in BY_ITEM.items()}, 0.5)),
        (
            {"alpha": 0.7, "active_penalty": True},
            lambda x, y: alike.overlap(x, y, 0.7, {i: len(u) for i, u in BY_ITEM.items()}),
        ),
        ({"similarity": Jaccard(shrinkage=2.0)}, None),
    ],
)
def test_user_cf_asks_the_users_nearest_to_the_history(train, settings, formula, user):
    if formula is None:

        def formula(x, y):
            return alike.shrunk(alike.jaccard(x, y), x, y, 2.0)

    model = fitted(UserCF, train, neighbours=7, half_life=None, **settings)
    history = ["", "i0", "i4", "i5", "i9"]
    ones = {u: dict.fromkeys(row, 1.0) for u, row in RATINGS.items()}
    expected = reference.user_cf_scores(ones, user, dict.fromkeys(history[1:], 1.0), formula, 7)
    queries = {"user_id": [user], "history": [history]}
    assert_same(scores_of(model.retriever(train.items), queries), expected)


@pytest.mark.parametrize("similarity", [None, Jaccard()])
def test_near_users_and_items_that_few_took_weigh_more(train, similarity):
    settings = {"amplification": 1.5, "popularity": -0.4, "similarity": similarity}
    model = fitted(UserCF, train, neighbours=7, half_life=None, **settings)
    sizes = {i: len(users) for i, users in BY_ITEM.items()}

    def amplified(x, y):
        plain = alike.jaccard(x, y) if similarity else alike.overlap(x, y, 0.5, sizes, 0.5)
        return plain**1.5

    history = ["i0", "i4", "i5", "i9"]
    ones = {u: dict.fromkeys(row, 1.0) for u, row in RATINGS.items()}
    sums = reference.user_cf_scores(ones, "x", dict.fromkeys(history, 1.0), amplified, 7)
    expected = {item: score * sizes[item] ** -0.4 for item, score in sums.items()}
    queries = {"user_id": ["x"], "history": [history]}
    assert_same(scores_of(model.retriever(train.items), queries), expected)


@pytest.mark.parametrize(
    ("similarity", "formula"),
    [(Pearson(2), lambda x, y: alike.pearson(x, y, 2)), (Cosine(), alike.cosine)],
)
def test_user_cf_serves_ratings_of_strangers(train, similarity, formula):
    model = fitted(UserCF, train, similarity=similarity, ratings=True, neighbours=7, half_life=None)
    sent = {"i0": 5.0, "i4": 1.0, "i5": 2.0, "i9": 4.0, "i2": 3.0}
    expected = reference.user_cf_scores(RATINGS, "stranger", sent, formula, 7)
    queries = {
        "user_id": ["stranger"],
        "history": [[*sent, ""]],
        "history_rating": [[*sent.values(), np.nan]],
    }
    assert_same(scores_of(model.retriever(train.items), queries), expected)


def grouplens(train):
    model = UserCF.published(UserCF.default_features(train).adapt(train))
    model.fit(train)
    return model


def correlation(x, y):
    return alike.pearson(x, y, 2)


def test_the_plain_form_foretells_ratings_by_all_who_agree_or_do_not(train):
    pairs = pd.DataFrame([(u, i) for u in USERS for i in ITEMS], columns=["user_id", "item_id"])
    expected = [reference.grouplens(RATINGS, *pair, correlation) for pair in pairs.to_numpy()]
    assert min(correlation(RATINGS[u], RATINGS[v]) for u in USERS[:6] for v in USERS[:6]) < -0.5
    model = grouplens(train)
    assert model.neighbour_ids.shape[0] == 0  # no table of users by users
    found = model.predict_ratings(pairs)
    np.testing.assert_allclose(found, np.clip(expected, 1, 5), rtol=1e-5)
    shuffled = np.random.default_rng(0).permutation(len(pairs))[:40]
    np.testing.assert_array_equal(model.predict_ratings(pairs.iloc[shuffled]), found[shuffled])
    table = UserCF.published(model.features, neighbours=len(USERS) - 1)
    table.fit(train)
    np.testing.assert_allclose(table.predict_ratings(pairs), found, rtol=1e-5)


def test_the_plain_form_lists_by_the_ratings_that_it_foretells(train):
    model = grouplens(train)
    sent = {"i0": 5.0, "i4": 1.0, "i5": 2.0, "i9": 4.0, "i2": 3.0}
    query = {
        "user_id": ["stranger"],
        "history": [[*sent, ""]],
        "history_rating": [[*sent.values(), np.nan]],
    }
    rows = {**RATINGS, "stranger": sent}
    expected = {i: reference.grouplens(rows, "stranger", i, correlation) for i in ITEMS}
    retriever = model.retriever(train.items)
    ids, scores = retriever(query, k=len(ITEMS))
    names = [raw.decode() for raw in ids.numpy()[0]]
    likes = {user: correlation(sent, row) for user, row in RATINGS.items()}
    told = {i for i in ITEMS if any(i in RATINGS[user] and r for user, r in likes.items())}
    assert set(names[: len(told)]) == told  # of the others nobody who is like or unlike says a word
    assert "i10" not in told
    first = [expected[i] for i in names[: len(told)]]
    np.testing.assert_allclose(scores[0, : len(told)], first, rtol=1e-4)
    rating = retriever.predict_rating(query, [ITEMS]).numpy()[0]
    np.testing.assert_allclose(rating, np.clip([expected[i] for i in ITEMS], 1, 5), rtol=1e-4)


def test_the_form_of_www_2001_is_what_the_docstring_says(train):
    said = re.search(r"`(ItemCF\(features, [^`]*\))`", " ".join(ItemCF.__doc__.split()))[1]
    features = ItemCF.default_features(train).adapt(train)
    model = eval(said, {"ItemCF": ItemCF, "Pearson": Pearson, "features": features})
    model.fit(train)
    for user in USERS[:6]:
        expected = {i: reference.weighted_sum(RATINGS, user, i, correlation, 30) for i in BY_ITEM}
        told = {item: value for item, value in expected.items() if value is not None}
        pairs = pd.DataFrame({"user_id": user, "item_id": list(told)})
        np.testing.assert_allclose(model.predict_ratings(pairs), list(told.values()), rtol=1e-5)
        own = RATINGS[user]
        query = {"history": [list(own)], "history_rating": [list(own.values())]}
        ids, scores = model.retriever(train.items)(query, k=len(told))
        names = [raw.decode() for raw in ids.numpy()[0]]
        assert set(names) == set(told)
        np.testing.assert_allclose(scores[0], [told[name] for name in names], rtol=1e-4)


def test_the_plain_form_of_item_cf_sums_what_the_20_nearest_say(train):
    """TOIS 2004 of sets: cosines, each item's divided by their sum."""
    model = ItemCF.published(ItemCF.default_features(train).adapt(train))
    model.fit(train)
    history = ["i3", "i1", "i7"]

    def formula(x, y):
        return alike.overlap(x, y, 0.5)

    expected = reference.item_cf_scores(BY_ITEM, history, formula, 20, normalize=sum)
    assert_same(scores_of(model.retriever(train.items), {"history": [history]}), expected)


@pytest.mark.parametrize("settings", [{"neighbours": None}, {"neighbours": 2}])
def test_who_rates_the_opposite_counts_the_other_way_around(settings):
    rows = {"u": {"a": 1.0, "b": 5.0}, "s": {"a": 5.0, "b": 1.0, "x": 4.0}}
    events = [(user, item, value, 1) for user, row in rows.items() for item, value in row.items()]
    train = Interactions(
        pd.DataFrame(events, columns=["user_id", "item_id", "rating", "timestamp"])
    )
    model = UserCF.published(UserCF.default_features(train).adapt(train), **settings)
    model.fit(train)
    pair = pd.DataFrame({"user_id": ["u"], "item_id": ["x"]})
    assert model.predict_ratings(pair)[0] == pytest.approx(3 - (4 - 3))
    assert model.predict_ratings(pair, centred=False)[0] == 1  # -4, which is no rating


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize(
    ("similarity", "formula"),
    [(Pearson(2), lambda x, y: alike.pearson(x, y, 2)), (Cosine(), alike.cosine)],
)
@pytest.mark.parametrize("neighbours", [7, None])
def test_ratings_are_weighted_means_of_the_neighbours(
    train, similarity, formula, centred, neighbours
):
    pairs = pd.DataFrame([(u, i) for u in USERS for i in ITEMS], columns=["user_id", "item_id"])
    settings = {"similarity": similarity, "ratings": True, "neighbours": neighbours}

    def amplified(x, y):
        return max(formula(x, y), 0) ** 2

    by_user = fitted(UserCF, train, amplification=2, **settings).predict_ratings(pairs, centred)
    by_item = fitted(ItemCF, train, **settings | {"neighbours": 10}).predict_ratings(pairs, centred)
    overall = np.mean([r for row in RATINGS.values() for r in row.values()])
    for row, (user, item) in enumerate(pairs.itertuples(index=False)):
        expected = reference.rating(RATINGS, user, item, amplified, 7, centred)
        assert by_user[row] == pytest.approx(np.clip(expected, 1, 5), rel=1e-5)
        expected = overall  # of an item that nobody has rated
        if item in BY_ITEM:
            expected = reference.rating(BY_ITEM, item, user, formula, 10, centred)
        assert by_item[row] == pytest.approx(np.clip(expected, 1, 5), rel=1e-5)


def test_what_is_similar_leaves_out_the_item_and_what_is_given(train):
    model = fitted(ItemCF, train, alpha=0.0, active_penalty=False, normalize=False)
    retriever = model.retriever(train.items)
    expected = dict(reference.nearest(BY_ITEM, "i4", alike.overlap, 100))
    dropped = max(expected, key=expected.get)
    ids, scores = retriever.similar_items(["i4", "never"], k=12, exclude=[[dropped], [""]])
    found = {i.decode(): s for i, s in zip(ids.numpy()[0], scores.numpy()[0], strict=True) if i}
    del expected[dropped]
    assert not {"i4", dropped} & {*found}
    assert {item: s for item, s in found.items() if s > 0} == pytest.approx(expected)
    assert set(ids.numpy()[1]) == {b""}


@pytest.mark.parametrize("model_class", [ItemCF, UserCF])
def test_without_evidence_the_popular_come_first(train, model_class):
    retriever = fitted(model_class, train).retriever(train.items, k=4)
    queries = {"user_id": ["nobody", "u6"], "history": [["", ""], ["never", ""]]}
    ids, scores = retriever({name: queries[name] for name in retriever.inputs})
    counts = {item: len(users) for item, users in BY_ITEM.items()}
    best = sorted(counts.values(), reverse=True)[:4]
    for row in range(2):
        assert [counts[raw.decode()] for raw in ids.numpy()[row]] == best
    assert (scores.numpy() < 0).all()


@pytest.mark.parametrize("model_class", [ItemCF, UserCF])
def test_blocks_of_queries_change_nothing(train, model_class, monkeypatch):
    model = fitted(model_class, train)
    queries = {"user_id": USERS, "history": [list(RATINGS[user]) for user in USERS]}
    whole = model.retriever(train.items, k=5)
    queries = {name: queries[name] for name in whole.inputs}
    module = type(whole).__module__
    monkeypatch.setattr(f"{module}.CELLS_AT_A_TIME", 1)
    apart = model.retriever(train.items, k=5)
    for one, other in zip(whole(queries), apart(queries), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("settings", [{"similarity": Pearson(2), "ratings": True}, {}])
@pytest.mark.parametrize("model_class", [ItemCF, UserCF])
@pytest.mark.usefixtures("traced")
def test_the_export_answers_as_the_model_does(train, model_class, settings, tmp_path):
    retriever = fitted(model_class, train, **settings).retriever(train.items, k=6)
    queries = {
        "user_id": ["u1", "stranger"],
        "history": [["i1", "i2", "i8"], ["i0", "never", ""]],
        "history_rating": np.array([[3.0, 5.0, 1.0], [4.0, 2.0, np.nan]], "float32"),
    }
    queries = {name: queries[name] for name in retriever.inputs}
    again = load(export(retriever, tmp_path / "model"))
    for one, other in zip(retriever(queries), again(queries), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("model_class", [ItemCF, UserCF])
def test_ratings_have_to_be_there(train, model_class):
    bare = Interactions(train.events.drop(columns="rating"))
    with pytest.raises(ValueError, match="needs the event column 'rating'"):
        fitted(model_class, bare, ratings=True)
    with pytest.raises(ValueError, match="ratings=True"):
        fitted(model_class, bare).predict_ratings(train.events)


@pytest.mark.parametrize("model_class", [ItemCF, UserCF])
def test_the_order_of_rows_is_never_taken_for_time(model_class):
    """Without timestamps all of a history counts alike, in whatever order it comes."""
    rng = np.random.default_rng(4)
    pairs = pd.DataFrame(
        {"user_id": rng.integers(20, size=300), "item_id": rng.integers(30, size=300)}
    )
    timeless = Interactions(pairs.drop_duplicates())
    features = model_class.default_features(timeless).adapt(timeless)
    for setting in ({"half_life": 1.0}, {"last": 2}):
        with pytest.raises(ValueError, match="no timestamps"):
            model_class(features, **setting)
    model = model_class(features)
    model.fit(timeless)
    retriever = model.retriever(timeless.items, k=10)
    history = [[1, 2, 3, 4, 5, 6]]
    there, back = (
        retriever({"user_id": [99], "history": h}) for h in (history, [history[0][::-1]])
    )
    np.testing.assert_allclose(there[1], back[1], rtol=1e-6)
    with_time = timeless.with_events(timeless.events.assign(timestamp=range(len(timeless.events))))
    model = model_class(
        model_class.default_features(with_time).adapt(with_time), half_life=1.0, last=2
    )
    assert (model.last, model.half_life) == (2, 1.0)


def weights_of(model, train):
    """{(item, neighbour): weight} by raw ids."""
    names = {model.features.item_vocabulary.encode([item])[0]: item for item in ITEMS}
    ids, weights = model.neighbour_ids.numpy(), model.neighbour_weights.numpy()
    rows, columns = np.nonzero(ids >= 0)
    return {
        (names[row], names[ids[row, column]]): weights[row, column]
        for row, column in zip(rows, columns, strict=True)
    }


def test_items_are_alike_that_are_taken_near_each_other(train):
    model = fitted(ItemCF, train, neighbours=10, nearby=1.5, alpha=0.3)
    expected = {}
    for row in RATINGS.values():
        taken = list(row)  # in the order of time
        for a, one in enumerate(taken):
            for b, other in enumerate(taken):
                if a != b:
                    near = 0.5 ** (abs(a - b) / 1.5) / np.log(1 + len(taken))
                    size = len(BY_ITEM[one]) ** 0.7 * len(BY_ITEM[other]) ** 0.3
                    expected[one, other] = expected.get((one, other), 0.0) + near / size
    assert weights_of(model, train) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("events", ["without time", "baskets", "values"])
def test_where_there_is_no_distance_all_events_count(train, events):
    table, settings = train.events, {}
    if events == "without time":
        table = table.drop(columns="timestamp")
    elif events == "baskets":
        table = table.assign(session_id=table["user_id"], timestamp=7)
    else:
        settings = {"similarity": Cosine(), "ratings": True}
    data = train.with_events(table)
    by_default, whole = (fitted(ItemCF, data, nearby=n, **settings) for n in ("auto", None))
    assert weights_of(by_default, data) == weights_of(whole, data)
    with pytest.raises(ValueError, match=r"near each other in time for a co-count.*nearby=1.5"):
        fitted(ItemCF, data, nearby=1.5, **settings)


def test_another_similarity_is_itself_by_default(train):
    """Users who met a pair again and again, and who have it in the order of time."""
    events = pd.concat([train.events, train.events.assign(timestamp=train.events["timestamp"] + 9)])
    repeated = train.with_events(events.reset_index(drop=True))
    features = ItemCF.default_features(repeated).adapt(repeated)
    model = ItemCF(features, neighbours=10, similarity=Jaccard())
    model.fit(repeated)
    found = weights_of(model, repeated)
    assert found
    for (one, other), weight in found.items():
        assert weight == pytest.approx(alike.jaccard(BY_ITEM[one], BY_ITEM[other]), rel=1e-5)


def test_a_user_counts_once_for_two_items(train):
    """However often they repeat, items that the same users took are alike by at most 1."""
    taken = ["a", "b"] * 6 + ["c"]
    rows = [(f"u{u}", item, 100 * u + n) for u in range(4) for n, item in enumerate(taken)]
    data = Interactions(pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]))
    model = ItemCF(ItemCF.default_features(data).adapt(data), neighbours=2, active_penalty=False)
    model.fit(data)
    weights = model.neighbour_weights.numpy()
    assert weights.max() == pytest.approx(0.5 ** (1 / 5))  # one event apart


@pytest.mark.parametrize("model_class", [ItemCF, UserCF])
@pytest.mark.parametrize("own", [{"alpha": 0.1}, {"shrinkage": 3.0}, {"active_penalty": 1}])
def test_what_belongs_to_the_co_count_is_refused_beside_another(model_class, own, train):
    with pytest.raises(ValueError, match="for its co-count alone"):
        fitted(model_class, train, similarity=Jaccard(), **own)


@pytest.mark.parametrize("model_class", [ItemCF, UserCF])
def test_pairs_to_foretell_are_a_table_of_users_and_items(train, model_class):
    model, name = (
        fitted(model_class, train, ratings=True),
        f"{model_class.__name__}.predict_ratings",
    )
    with pytest.raises(ValueError, match=rf"{name} takes pairs of the columns .*: user_id\."):
        model.predict_ratings(train.events[["user_id"]])
    with pytest.raises(TypeError, match=rf"{name} takes pairs as DataFrame: .*of the kind list"):
        model.predict_ratings([("a", "b")])


@pytest.mark.parametrize("model_class", [ItemCF, UserCF])
def test_what_has_learnt_nothing_says_so(model_class, train):
    model = model_class(model_class.default_features(train).adapt(train), ratings=True)
    with pytest.raises(ValueError, match="has learnt nothing yet"):
        model.retriever(train.items)
    with pytest.raises(ValueError, match="has learnt nothing yet"):
        model.predict_ratings(train.events)


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize(
    ("model_class", "rows_of"), [(UserCF, lambda: RATINGS), (ItemCF, lambda: BY_ITEM)]
)
def test_lists_are_ranked_by_the_rating_foretold(model_class, rows_of, centred, train):
    settings = {"similarity": Cosine(), "ratings": True, "half_life": None, "neighbours": 4}
    model = fitted(model_class, train, by_rating=True, centred=centred, **settings)
    rows = rows_of()
    for user in ("u1", "u4"):
        own = RATINGS[user]
        query = {
            "user_id": [user],
            "history": [[*own, "never", ""]],
            "history_rating": [[*own.values(), 5.0, np.nan]],
        }
        retriever = model.retriever(train.items)
        ids, scores = retriever({n: query[n] for n in retriever.inputs}, k=len(ITEMS))
        names = [raw.decode() for raw in ids.numpy()[0]]
        expected, without = {}, []
        for item in ITEMS:
            one, other = (user, item) if model_class is UserCF else (item, user)
            near = reference.nearest(rows, one, alike.cosine, 4)
            if any(other in rows[name] for name, _ in near):
                arguments = (rows, one, other, alike.cosine, 4, centred)
                expected[item] = reference.rating(*arguments)
            else:
                without.append(item)
        found = dict(zip(names, scores.numpy()[0], strict=True))
        assert {item: found[item] for item in expected} == pytest.approx(expected, rel=1e-4)
        assert set(names[len(expected) :]) == set(without)
        foretold = model.predict_ratings(pd.DataFrame({"user_id": user, "item_id": [*expected]}))
        clipped = np.clip(list(expected.values()), 1.0, 5.0)  # within the range of the ratings
        np.testing.assert_allclose(foretold, clipped, rtol=1e-4)


@pytest.mark.parametrize("shift", [0.0, 2000.0, -50.0])
def test_a_number_added_to_all_ratings_changes_no_correlation(shift, train):
    moved = train.with_events(train.events.assign(rating=train.events["rating"] + shift))
    settings = {"similarity": Pearson(2), "ratings": True, "neighbours": 7, "half_life": None}
    found = weights_of(fitted(ItemCF, moved, **settings), moved)
    assert len(found) > 10
    for (one, other), weight in found.items():
        expected = alike.pearson(BY_ITEM[one], BY_ITEM[other], 2)
        assert weight == pytest.approx(expected, abs=1e-5)
    sent = {"i0": 5.0, "i4": 1.0, "i5": 2.0, "i9": 4.0, "i2": 3.0}
    query = {"user_id": ["stranger"], "history": [[*sent]]}
    query["history_rating"] = [[value + shift for value in sent.values()]]
    retriever = fitted(UserCF, moved, by_rating=True, **settings).retriever(train.items)
    scores = scores_of(retriever, query) if shift >= 0 else None
    if scores is not None:
        plain = {**query, "history_rating": [list(sent.values())]}
        unmoved = fitted(UserCF, train, by_rating=True, **settings).retriever(train.items)
        for item, score in scores_of(unmoved, plain).items():
            assert scores[item] - shift == pytest.approx(score, abs=1e-2)


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize(
    "settings", [{}, {"half_life": None}, {"half_life": None, "last": 2}, {"neighbours": 2}]
)
def test_lists_for_all_users_are_those_of_calls(train, settings, shuffled, monkeypatch):
    """Users of one event, of nearly all items, and with too few neighbours for the list."""
    monkeypatch.setattr("tfrec_recall.retrieval.neighbour_lists.QUERIES_AT_A_TIME", 3)
    retriever = fitted(ItemCF, train, **settings).retriever(train.items[:-2], k=7)
    events = train.events.sample(frac=1, random_state=5) if shuffled else train.events
    users, ids, scores = retriever.recommend_all(train.with_events(events))
    assert sorted(users) == sorted(USERS)
    for user, listed, found in zip(users, ids, scores, strict=True):
        history = [list(RATINGS[user])]
        expected, score = retriever({"history": history}, exclude=history)
        np.testing.assert_allclose(found, score.numpy()[0], rtol=1e-5)
        names = [name.decode() for name in expected.numpy()[0]]
        # Equal scores may come in another order, and the last of them be another item.
        higher = found > found.min() * (1 + 1e-5) if np.isfinite(found).all() else found > -np.inf
        assert set(listed[higher]) == set(np.array(names, object)[higher])
        assert not set(listed) & set(history[0])


def test_lists_for_all_users_take_what_training_did_not_see(train):
    retriever = fitted(ItemCF, train).retriever(train.items, k=12)
    strange = pd.DataFrame(
        {"user_id": ["new", "new", "odd"], "item_id": ["i3", "never", "never"], "timestamp": 0}
    )
    users, ids, scores = retriever.recommend_all(Interactions(strange))
    assert users.tolist() == ["new", "odd"]
    counts = {item: len(taken) for item, taken in BY_ITEM.items()}
    assert counts[ids[1, 0]] == max(counts.values())  # without evidence the popular come first
    assert (scores[1][:11] < 0).all()
    assert (ids[1, 11], scores[1, 11]) == ("", -np.inf)  # there are 11 items
    assert scores[0, 0] > 0
    assert "i3" not in ids[0]
    assert ids[0, 10:].tolist() == ["", ""]


def asks(model):
    return model.neighbour_ids.shape[1], model.similarity, model.half_life, model.nearby


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("events", (200, CoCount(0.3, True), 3.0, 5.0)),
        ("sets", (400, CoCount(0.3, 0.5), None, None)),
        ("baskets", (25, CoCount(0.5, True), 30.0, None)),
    ],
)
def test_defaults_of_item_cf_follow_the_kind_of_data(train, kind, expected):
    table = train.events
    if kind == "baskets":
        table = table.assign(session_id=table["user_id"], timestamp=7)
    if kind == "sets":
        table = table.drop(columns="timestamp")
    data = train.with_events(table)
    features = ItemCF.default_features(data).adapt(data)
    assert asks(ItemCF(features)) == expected
    given = ItemCF(features, neighbours=3, alpha=0.1, active_penalty=False, half_life=None)
    assert asks(given) == (3, CoCount(0.1, False), None, expected[3])


@pytest.mark.parametrize(("users", "expected"), [(5, 1), (100, 5), (9000, 300)])
def test_user_cf_asks_a_twentieth_of_the_users_and_no_more_than_300(users, expected):
    events = pd.DataFrame({"user_id": range(users), "item_id": 0, "timestamp": 0})
    data = Interactions(events)
    assert UserCF(UserCF.default_features(data).adapt(data)).neighbours == expected


@pytest.mark.parametrize(("events", "expected"), [(15, (1.25, -0.2)), (14, (1.0, 0.0))])
def test_what_user_cf_weighs_more_follows_how_many_events_users_have(events, expected):
    data = Interactions(pd.DataFrame({"user_id": np.repeat(range(4), events), "item_id": 0}))
    features = UserCF.default_features(data).adapt(data)
    model = UserCF(features)
    assert (model.amplification, model.popularity) == expected
    plain = UserCF(features, amplification=1, popularity=0)
    assert (plain.amplification, plain.popularity) == (1, 0)


def test_a_rating_foretold_has_no_popularity(train):
    with pytest.raises(ValueError, match="popularity has no effect with by_rating"):
        fitted(UserCF, train, ratings=True, by_rating=True, popularity=-0.1)
