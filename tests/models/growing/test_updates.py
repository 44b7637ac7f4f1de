"""Counts that new events are added to, against a full run over all events."""

import contextlib
import re

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from tests.contract.model_cases import board
from tfrec_recall import models
from tfrec_recall.data import Interactions, recent
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.data.vocabulary_growth import kept
from tfrec_recall.features import Categorical, Features, History
from tfrec_recall.graph import CoCount, Cosine, Jaccard, Pearson, interaction_matrix
from tfrec_recall.models.collaborative_filtering.co_counts import CoCounts
from tfrec_recall.models.collaborative_filtering.counted import Counted, number_of
from tfrec_recall.models.collaborative_filtering.neighbour_ratings import RatedPairs


def parts(timed=True, count=3, seed=5):
    """Users who come again and again, with items that are new in each part."""
    generator = np.random.default_rng(seed)
    found = []
    for part in range(count):
        users = generator.integers(0, 12 + 3 * part, 60)
        items = generator.integers(0, 15 + 5 * part, 60)
        events = pd.DataFrame({"user_id": users, "item_id": items})
        events["rating"] = generator.integers(0, 6, 60).astype("float64")
        if timed:
            events["timestamp"] = 1_000_000 * part + generator.permutation(60) * 10_000
        found.append(Interactions(events))
    return found


def both_ways(model_class, events, min_count=1, **settings):
    """A model that was updated with one part after the other, and one of all events at once."""
    first, *others = events
    user, item = (Categorical(name, min_count=min_count) for name in ("user_id", "item_id"))
    features = Features([user, History()], [item]).adapt(first)
    model = model_class(features, **settings)
    model.fit(first)
    model.keep_state(first)
    so_far = first
    for more in others:
        model = model.grow(model.features.grow(more))
        model.update(recent(so_far, more, length=model.history_needed, replay=0))
        every = pd.concat([so_far.events, more.events], ignore_index=True)
        so_far = Interactions(every)
    whole = model_class(model.features, **{**settings, **model.growth_arguments(model.features)})
    whole.fit(so_far)
    return model, whole


def same_neighbours(found, expected):
    """Ids may differ where weights are the same but for rounding."""
    weights, expected_weights = (m.neighbour_weights.numpy() for m in (found, expected))
    np.testing.assert_allclose(weights, expected_weights, rtol=2e-5, atol=1e-6)
    ids, expected_ids = (m.neighbour_ids.numpy() for m in (found, expected))
    for row, (left, right) in enumerate(zip(ids, expected_ids, strict=True)):
        for weight in np.unique(np.round(expected_weights[row], 4)):
            near = np.abs(expected_weights[row] - weight) < 2e-4
            if near[-1]:  # the list may end among equals
                continue
            assert set(left[near]) == set(right[near])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"nearby": 1.0, "half_life": None},
        {"nearby": None},
        {"similarity": Jaccard(shrinkage=2.0)},
        {"similarity": Cosine()},
        {"similarity": CoCount(0.5, 0.7, 1.0), "nearby": None},
    ],
    ids=str,
)
def test_co_counts_come_to_those_of_all_events(settings):
    found, expected = both_ways(models.ItemCF, parts(), neighbours=6, **settings)
    np.testing.assert_array_equal(found.popularity, expected.popularity)
    same_neighbours(found, expected)


def test_co_counts_of_sets_come_to_those_of_all_events():
    found, expected = both_ways(models.ItemCF, parts(timed=False), neighbours=6)
    same_neighbours(found, expected)


@pytest.mark.parametrize("similarity", [Cosine(), Pearson(2), CoCount(0.5, True)], ids=str)
def test_item_similarities_of_ratings_come_to_those_of_all_events(similarity):
    settings = {"ratings": True, "similarity": similarity}
    found, expected = both_ways(models.ItemCF, parts(), neighbours=6, **settings)
    same_neighbours(found, expected)
    np.testing.assert_array_equal(found.popularity, expected.popularity)
    pairs = found.ratings.matrix().toarray(), expected.ratings.matrix().toarray()
    np.testing.assert_allclose(*pairs, rtol=1e-6)
    asked = parts()[2].events[["user_id", "item_id"]]
    np.testing.assert_allclose(
        found.predict_ratings(asked), expected.predict_ratings(asked), rtol=1e-4
    )


@pytest.mark.parametrize("nearby", [None, 2.0])
def test_events_count_that_came_while_their_item_or_user_was_unknown(nearby):
    """Once only, and when their user comes again, which may be after others made the item known."""
    generator = np.random.default_rng(2)
    found, users = [], [np.repeat(range(12), [7] * 6 + [2] * 6), np.repeat(range(6), 9)]
    for part, user in enumerate([*users, np.repeat(range(12), 5)]):
        events = pd.DataFrame({"user_id": user, "item_id": generator.integers(0, 30, len(user))})
        time = 1_000_000 * part + generator.permutation(len(user)) * 10_000
        found.append(Interactions(events.assign(timestamp=time)))
    settings = {"neighbours": 6, "nearby": nearby, "active_penalty": True}
    model, whole = both_ways(models.ItemCF, found, min_count=3, **settings)
    assert len(model.features.item_vocabulary) > 15
    same_neighbours(model, whole)
    np.testing.assert_array_equal(model.popularity, whole.popularity)


@pytest.mark.parametrize("nearby", [None, 2.0])
def test_places_are_narrow_where_they_fit(tmp_path, nearby):
    """They are half of the memory of what items have in common, and of its file."""
    user, item, is_new = one_log(np.random.default_rng(1), interleaved=False)
    user, item = user.astype("int64"), item.astype("int64")
    counts = CoCounts.of(user[~is_new], item[~is_new], 12, CoCount(0.5), nearby)
    counts = counts.with_change(CoCounts.added(user, item, is_new, 12, CoCount(0.5), nearby))
    counted = Counted.of(number_of(pd.Series(user)), item, 12).and_of(
        number_of(pd.Series(user)), item
    )
    wide = counted.items
    for matrix in (counts.sums.whole(), wide):
        assert matrix.indices.dtype == matrix.indptr.dtype == "int32"
    counts.save(tmp_path)
    wide.indices, wide.indptr = wide.indices.astype("int64"), wide.indptr.astype("int64")
    counted.save(tmp_path)  # as a state of an earlier version is
    for matrix in (CoCounts.load(tmp_path).sums.whole(), Counted.load(tmp_path).items):
        assert matrix.indices.dtype == matrix.indptr.dtype == "int32"


def test_what_is_counted_is_told_by_the_ids_of_users():
    user = number_of(pd.Series(["a", "b", "a"]))
    counted = Counted.of(user, np.array([2, 2, 4]), 5)
    asked = number_of(pd.Series(["a", "b", "c", "a", "b"])), np.array([4, 4, 2, 2, 2])
    assert counted.has(*asked).tolist() == [True, False, False, True, True]
    grown = counted.grown(np.array([True, True, False, True, True, False]))
    assert grown.has(*asked).tolist() == [True, False, False, False, False]
    more = grown.and_of(number_of(pd.Series(["c", "a", "c"])), np.array([2, 4, 5]))
    assert more.has(*asked).tolist() == [True, False, True, False, False]
    assert more.items.shape == (3, 6)


def one_log(generator, interleaved):
    """Encoded events by user and time, many of them again, and which of them are new."""
    user = np.sort(generator.integers(0, 9, 90))
    item = generator.integers(0, 12, 90)
    is_new = generator.random(90) < 0.2
    if not interleaved:
        later = np.lexsort((is_new, user))
        user, item, is_new = user[later], item[later], is_new[later]
    return user, item, is_new


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("nearby", [None, 0.4, 2.0])
@pytest.mark.parametrize("similarity", [CoCount(0.5, True), CoCount(0.5), Jaccard()], ids=str)
def test_what_new_events_add_is_what_all_have_more_than_the_old(interleaved, nearby, similarity):
    for seed in range(4):
        user, item, is_new = one_log(np.random.default_rng(seed), interleaved)
        every, old = (
            CoCounts.of(user[some], item[some], 12, similarity, nearby)
            for some in (np.ones(90, bool), ~is_new)
        )
        added = CoCounts.added(user, item, is_new, 12, similarity, nearby)
        expected = every.sums.whole().toarray() - old.sums.whole().toarray()
        np.testing.assert_allclose(added.sums.whole().toarray(), expected, atol=1e-12)
        np.testing.assert_array_equal(added.sizes, every.sizes - old.sizes)
        np.testing.assert_allclose(
            old.with_change(added).sums.whole().toarray(), every.sums.whole().toarray(), atol=1e-12
        )


def apart(groups=6):
    """Groups of users and items that have nothing in common."""
    events = [(10 * g + u, 10 * g + i, 9 * u + i) for g in range(groups) for u, i in GROUP]
    return Interactions(pd.DataFrame(events, columns=["user_id", "item_id", "timestamp"]))


GROUP = [(u, i) for u in range(5) for i in range(5) if (u + i) % 3]


def test_only_what_moved_is_ranked_again(monkeypatch):
    events = apart()
    new = Interactions(pd.DataFrame({"user_id": [20], "item_id": [20], "timestamp": [99]}))
    ranked = []
    of = CoCounts.neighbours

    def neighbours(self, similarity, count, rows=None):
        ranked.append(rows)
        return of(self, similarity, count, rows)

    monkeypatch.setattr(CoCounts, "neighbours", neighbours)
    found, expected = both_ways(models.ItemCF, [events, new], neighbours=3)
    same_neighbours(found, expected)
    items = found.features.item_vocabulary.encode(pd.Series(range(20, 25)))
    np.testing.assert_array_equal(np.concatenate(ranked), np.sort(items))


def test_rows_that_lost_a_neighbour_are_ranked_again():
    first = apart(2)
    features = Features([Categorical("user_id"), History()], [Categorical("item_id")])
    model = models.ItemCF(features.adapt(first), neighbours=3)
    model.fit(first)
    model.keep_state(first)
    before = model.neighbour_ids.numpy()
    users = [30, 31] * 3
    new = pd.DataFrame({"user_id": users, "item_id": [30, 30, 31, 31, 32, 32]})
    new = Interactions(new.assign(timestamp=np.arange(100, 106)))
    rare = first.events["item_id"].value_counts().min() + 1
    grown = model.grow(model.features.grow(new, minimum_count=int(rare)))
    same = kept(model.features.item_vocabulary, grown.features.item_vocabulary)
    assert not same[: len(before)].all()  # some number is another item's by now
    grown.update(recent(first, new, length=None, replay=0))
    counts = grown.co_counts
    expected = counts.neighbours(grown.similarity, 3)
    # A row that has kept all of its other neighbours has a gap where one was.
    weights = np.sort(grown.neighbour_weights), np.sort(expected.weights)
    np.testing.assert_allclose(*weights, rtol=1e-5)
    np.testing.assert_array_equal(np.sort(grown.neighbour_ids), np.sort(expected.ids))


def test_co_counts_travel(tmp_path):
    first = parts()[0]
    features = Features([Categorical("user_id"), History()], [Categorical("item_id")]).adapt(first)
    model, other = models.ItemCF(features), models.ItemCF(features)
    model.fit(first)
    with pytest.raises(ValueError, match=r"call keep_state\(train\)"):
        model.update(recent(first, first))
    model.keep_state(first)
    model.write_state(tmp_path)
    other.read_state(tmp_path)
    found, expected = (one.co_counts.sums.whole().toarray() for one in (other, model))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(other.co_counts.sizes, model.co_counts.sizes)
    np.testing.assert_array_equal(other.counted.users, model.counted.users)
    np.testing.assert_array_equal(other.counted.items.toarray(), model.counted.items.toarray())
    whole = model.co_counts.sums.whole() + sp.eye_array(expected.shape[0], format="csr")
    for path in tmp_path.glob("co_counts*"):
        path.unlink()
    sp.save_npz(tmp_path / "co_counts.npz", whole)  # as of an earlier version
    sp.save_npz(tmp_path / "sizes_co_counts.npz", sp.csr_array(model.co_counts.sizes[np.newaxis]))
    other.read_state(tmp_path)
    np.testing.assert_array_equal(other.co_counts.sums.whole().toarray(), expected)
    (tmp_path / "counted.npz").unlink()
    other.read_state(tmp_path)  # as of an earlier version
    assert other.counted is None
    other.update(recent(first, parts()[0]))


def test_pairs_come_to_those_that_are_there():
    """In their order; a user's stay beside those that come, or give way to them."""
    generator = np.random.default_rng(4)
    old, new = (generator.integers(0, 4, (5, 7)) * 1.0 for _ in range(2))
    new[3] = 0
    some, others = (
        interaction_matrix(*one.nonzero(), one.shape, one[one > 0]) for one in (old, new)
    )
    pairs = RatedPairs()
    for change, expected in (
        ("add", np.where(old > 0, old, new)),
        ("replace", np.where(new.any(axis=1, keepdims=True), new, old)),
    ):
        pairs.assign(some)
        getattr(pairs, change)(others)
        np.testing.assert_array_equal(pairs.matrix().toarray(), expected)
        assert (np.diff(pairs.keys) > 0).all()
        assert pairs.range.numpy().tolist() == [1, 3]
    pairs.assign(interaction_matrix([], [], old.shape))
    pairs.add(some)
    np.testing.assert_array_equal(pairs.matrix().toarray(), old)


@pytest.mark.parametrize("ratings", [False, True])
def test_who_has_what_is_what_all_events_say(ratings):
    settings = {"ratings": True, "similarity": Pearson(2)} if ratings else {}
    found, expected = both_ways(models.UserCF, parts(), neighbours=4, **settings)
    for name in ("keys", "values", "shape", "range"):
        ours, theirs = (getattr(m.pairs, name).numpy() for m in (found, expected))
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    if ratings:  # of those who came last
        last = found.features.ids("user_id").encode(parts()[-1].events["user_id"].unique())
        for name in ("neighbour_ids", "neighbour_weights"):
            ours, theirs = (getattr(m, name).numpy()[last] for m in (found, expected))
            np.testing.assert_allclose(ours, theirs, atol=1e-6)


UNRATED = {
    models.FunkSVD: {"dim": 3},
    models.UserCF: {"ratings": True, "similarity": Pearson(2), "neighbours": 4},
    models.ItemCF: {"ratings": True, "similarity": Pearson(2), "neighbours": 4},
}


@pytest.mark.parametrize("model_class", UNRATED)
@pytest.mark.parametrize("earlier", ["rated", "unrated"])
def test_new_events_without_a_rating_change_nothing(model_class, earlier):
    data = board()
    user = data.events["user_id"].iloc[0]
    if earlier == "unrated":  # those of the user who comes again
        mute = data.events["user_id"] == user
        data = data.with_events(data.events.assign(rating=data.events["rating"].mask(mute)))
    model = model_class(model_class.default_features(data).adapt(data), **UNRATED[model_class])
    model.adapt(data)
    model.compile("adam", run_eagerly=True)
    new = {"user_id": [user], "item_id": data.items["item_id"][:1], "rating": np.nan}
    new = Interactions(pd.DataFrame(new).assign(timestamp=10**6))
    told = model_class is models.FunkSVD or earlier == "unrated"
    before = [weight.numpy() for weight in model.weights]
    with pytest.warns(ReadingNotice) if told else contextlib.nullcontext() as found:
        model.update(recent(data, new, length=model.history_needed, replay=0))
    if told:
        message = f"{model_class.__name__} has nothing to learn from the new events: .* rating"
        assert any(re.match(message, str(one.message)) for one in found)
    for weight, as_it_was in zip(model.weights, before, strict=True):
        np.testing.assert_allclose(weight, as_it_was, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("half_life_days", [None, 5.0])
def test_popularity_is_that_of_all_events(half_life_days):
    found, expected = both_ways(models.Popular, parts(), half_life_days=half_life_days)
    np.testing.assert_allclose(found.popularity.scores, expected.popularity.scores, rtol=1e-5)


@pytest.mark.parametrize("train_biases", [True, False])
def test_new_users_and_items_are_folded_in(train_biases):
    """By the same ridge that fold_in solves, and not by random numbers."""
    data = board()
    users = data.users["user_id"].tolist()
    features = models.FunkSVD.default_features(data).adapt(data)
    model = models.FunkSVD(features, dim=3, l2=0.05, train_biases=train_biases)
    model.compile("adam", run_eagerly=True)
    model.fit(model.training_data(data, batch_size=64).take(3), verbose=0)
    rows = [("new", data.items["item_id"][n], 1.0 + n % 5) for n in range(6)]
    rows += [(user, "thing", 1.0 + n % 4) for n, user in enumerate(users[:5])]
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "rating"])
    more = Interactions(events.assign(timestamp=10**6 + np.arange(len(events))))
    grown = model.grow(features.grow(more))
    grown.optimizer.learning_rate.assign(0.0)  # what is folded in is not moved on
    grown.update(recent(data, more, length=20), epochs=1)
    row = grown.features.ids("user_id").vocabulary.encode(["new"])
    items = grown.features.ids("item_id").encode(events["item_id"][:6])
    p, bias = model.fold_in(items[None], events["rating"][:6].to_numpy("float32")[None])
    np.testing.assert_allclose(grown.users.factors.numpy()[row], p, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(grown.users.bias.numpy()[row], bias, rtol=1e-4, atol=1e-6)
    assert abs(bias[0]) > 0.01
    assert grown.items.factors.numpy()[grown.features.item_vocabulary.encode(["thing"])].any()
