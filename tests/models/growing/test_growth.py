"""What a grown model has learnt: the optimiser's state, and numbers that were given up."""

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.contract.model_cases import BATCH, built, its_features, the_board
from tests.contract.test_growth import NEW_ITEMS, since
from tfrec_recall import models
from tfrec_recall.data import Interactions
from tfrec_recall.features import Categorical, Features, History, Numeric, Start, Words
from tfrec_recall.models.growing.growth import owners_of
from tfrec_recall.optimizers import LazyAdam, RowWiseAdagrad

DAY = 24 * 3600


def begun_with(optimizer, steps=2):
    """A tower after some steps, and two batches it learns from next."""
    model = built(models.TwoTower)
    model.compile(optimizer=optimizer, run_eagerly=True)
    data = model.training_data(the_board(), batch_size=BATCH)
    model.fit(data.take(steps), verbose=0)
    return model, list(data.skip(steps).take(2))


@pytest.mark.parametrize(
    "optimizer",
    [tf.keras.optimizers.Adam, LazyAdam, RowWiseAdagrad, tf.keras.optimizers.Adagrad],
)
def test_a_grown_model_goes_on_as_the_one_before(optimizer):
    model, data = begun_with(optimizer(0.05))
    grown = model.grow(its_features().grow(since()))
    assert float(grown.optimizer.learning_rate) == pytest.approx(0.05)
    for each in (model, grown):
        for batch in data:
            each.train_step(batch)
    owners = owners_of(grown.optimizer, grown.trainable_variables)
    assert sum(owner is not None for owner in owners) >= len(model.trainable_variables)
    for before, after in zip(
        [*model.weights, *model.optimizer.variables],
        [*grown.weights, *grown.optimizer.variables],
        strict=True,
    ):
        shape = tuple(slice(size) for size in before.shape)
        np.testing.assert_allclose(after.numpy()[shape], before.numpy(), atol=1e-5, rtol=1e-4)


def test_state_of_rows_and_of_columns_grows_each_in_its_way():
    """Adafactor keeps a number a row and one a column of a table."""
    model, (batch, _) = begun_with(tf.keras.optimizers.Adafactor(0.05))
    grown = model.grow(its_features().grow(since()))
    rows = {tuple(rows.weight.shape) for rows in grown.all_feature_rows()}
    owners = owners_of(grown.optimizer, grown.trainable_variables)
    tables = [owner for owner in owners if owner is not None and tuple(owner.shape) in rows]
    assert len(tables) % 3 == 0  # the third is as the table
    for before, after in zip(model.optimizer.variables, grown.optimizer.variables, strict=True):
        there = tuple(slice(size) for size in before.shape)
        found = after.numpy()
        np.testing.assert_array_equal(found[there], before.numpy())
        if found.shape != before.shape:
            assert not found[len(before.numpy()) :].any()
    grown.train_step(batch)


class Unnamed(tf.keras.optimizers.SGD):
    """One that says nothing of what it keeps."""

    def build(self, var_list):
        super().build(var_list)
        if not hasattr(self, "kept"):
            self.kept = [self.add_variable(variable.shape) for variable in var_list]


def test_an_optimizer_that_does_not_say_whose_state_it_has_is_named():
    model, _ = begun_with(Unnamed(0.05), steps=1)
    with pytest.raises(ValueError, match=r"Unnamed does not say which weight.*compile.*Received"):
        model.grow(its_features().grow(since()))
    model.compile(Unnamed(0.05))
    model.grow(its_features().grow(since()))


def test_frozen_layers_stay_frozen_in_a_grown_model():
    model = built(models.TwoTower)
    model.candidate_model.trainable = False
    model.compile(LazyAdam(0.05), run_eagerly=True)
    data = model.training_data(the_board(), batch_size=BATCH).take(1)
    model.fit(data, verbose=0)
    grown = model.grow(its_features().grow(since()))
    flags, flags_then = ([one._trainable for one in m._flatten_layers()] for m in (grown, model))
    assert flags == flags_then
    assert int(grown.optimizer.iterations) == 1
    before = grown.candidate_model.get_weights()
    grown.fit(data, verbose=0)
    for weight, old in zip(grown.candidate_model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)


@pytest.mark.parametrize(("optimizer", "initial"), [(LazyAdam, 0.0), (RowWiseAdagrad, 0.1)])
def test_new_rows_have_no_state_and_begin_as_unknown(optimizer, initial):
    model, _ = begun_with(optimizer(0.05))
    grown = model.grow(its_features().grow(since()))
    tables = [rows for rows in grown.all_feature_rows() if rows.start is Start.unknown]
    of_items = {id(rows.weight) for rows in tables if rows.feature == "item_id"}
    assert of_items
    for rows in tables:
        if rows.feature == "item_id":
            values = rows.weight.numpy()
            np.testing.assert_array_equal(values[-len(NEW_ITEMS) :], values[[1] * len(NEW_ITEMS)])
    (tags,) = [r.weight.numpy() for r in grown.all_feature_rows() if r.feature == "tags"]
    known = its_features().encodings["tags"].size
    assert len(tags) == known + 1  # one that was absent, as unknown ones are
    assert tags.any(axis=1).tolist() == [True] * known + [False]
    owners = owners_of(grown.optimizer, grown.trainable_variables)
    for owner, state in zip(owners, grown.optimizer.variables, strict=True):
        if id(owner) in of_items:
            np.testing.assert_allclose(state.numpy()[-len(NEW_ITEMS) :], initial)


def later(rows, days=400):
    """Events of these pairs, long after the board's."""
    events = pd.DataFrame(rows, columns=["user_id", "item_id"])
    events["timestamp"] = days * DAY + np.arange(len(events))
    events["rating"] = 3.0
    board = the_board()
    items = pd.DataFrame({"item_id": events["item_id"].unique()})
    items = items[~items["item_id"].isin(board.items["item_id"])]
    return Interactions(events, board.users, pd.concat([board.items, items.assign(tags=None)]))


def test_numbers_of_what_was_not_seen_for_long_are_given_to_new_items():
    board, features = the_board(), its_features()
    users, items = board.users["user_id"].tolist(), board.items["item_id"].tolist()
    month = features.grow(later([(users[0], item) for item in items[:20]]))
    assert month.item_vocabulary.ids.tolist() == features.item_vocabulary.ids.tolist()
    day = later([(users[0], "new a"), (users[1], "new b"), (users[1], items[0])], days=440)
    kept = month.grow(day, unseen_days=450)
    assert len(kept.item_vocabulary) == len(features.item_vocabulary) + 2
    grown = month.grow(day, unseen_days=30)
    assert len(grown.item_vocabulary) == len(features.item_vocabulary)
    gone = set(features.item_vocabulary.ids) - set(grown.item_vocabulary.ids)
    assert len(gone) == 2
    new = grown.item_vocabulary.encode(["new a", "new b"])
    assert set(features.item_vocabulary.decode(new)) == gone

    item_cf = built(models.ItemCF)
    item_cf.fit(the_board())
    ids = item_cf.grow(grown).neighbour_ids.numpy()
    assert not np.isin(ids, new).any()
    assert (ids[new] == -1).all()
    for other in np.setdiff1d(np.arange(len(ids)), new):
        before = item_cf.neighbour_ids.numpy()[other]
        np.testing.assert_array_equal(np.where(np.isin(before, new), -1, before), ids[other])

    tower, _ = begun_with(LazyAdam(0.05))
    grown_tower = tower.grow(grown)
    for old, rows in zip(tower.all_feature_rows(), grown_tower.all_feature_rows(), strict=True):
        if rows.feature == "item_id" and rows.start is Start.unknown:
            values = rows.weight.numpy()
            np.testing.assert_array_equal(values[new], values[[1, 1]])
            same = np.setdiff1d(np.arange(len(values)), new)
            np.testing.assert_array_equal(values[same], old.weight.numpy()[same])


def test_seldom_seen_ids_go_first_and_counts_go_on():
    events = pd.DataFrame(
        {"user_id": list("uuuuuuv"), "item_id": list("aaabbcc"), "timestamp": range(7)}
    )
    features = Features(
        [Categorical("user_id"), History()], [Categorical("item_id", min_count=2)]
    ).adapt(Interactions(events))
    assert features.item_counts.tolist() == [0, 0, 3, 2, 2]
    more = pd.DataFrame({"user_id": ["w"] * 4, "item_id": list("daed"), "timestamp": range(9, 13)})
    grown = features.grow(Interactions(more), minimum_count=3)
    ids = grown.item_vocabulary.ids.tolist()
    assert "d" in ids
    assert "e" not in ids
    assert sorted(ids)[0] == "a"
    assert len(ids) == 3  # d has the number of b or of c
    again = grown.grow(Interactions(more.iloc[[2]].assign(timestamp=99)))
    assert "e" in again.item_vocabulary.ids  # once in each growth
    assert again.item_counts.sum() == len(events) + len(more) + 1
    (gone,) = grown.given_up
    assert {gone, *ids} == set("abcd")
    assert Features.from_config(grown.get_config()).given_up.tolist() == [gone]
    back = pd.DataFrame({"user_id": ["w"] * 2, "item_id": [gone] * 2, "timestamp": [99, 100]})
    assert not len(grown.grow(Interactions(back)).given_up)


def test_values_words_and_buckets_grow_and_are_kept_in_a_config():
    generator = np.random.default_rng(1)
    ids = [f"i{n}" for n in range(40)]
    events = pd.DataFrame({"user_id": generator.choice(["u", "v"], 40), "item_id": ids})
    events["timestamp"] = np.arange(40)
    items = pd.DataFrame({"item_id": ids, "price": np.arange(40.0), "title": ["red tea"] * 40})
    features = Features(
        [History()],
        [
            *(Categorical("item_id"), Numeric("price", buckets=4)),
            *(Numeric("price", "plain"), Words("title", min_count=2)),
        ],
    ).adapt(Interactions(events, items=items))
    new = pd.DataFrame({"item_id": ["n0", "n1", "n2"], "price": [50.0, 60.0, 70.0]})
    new["title"] = ["blue tea", "blue cup", "tea"]
    more = pd.DataFrame(
        {"user_id": ["u"] * 3, "item_id": new["item_id"], "timestamp": range(50, 53)}
    )
    grown = features.grow(Interactions(more, items=new))
    words = grown.encodings["title"].vocabulary
    assert words.ids.tolist() == [*features.encodings["title"].vocabulary.ids, "blue"]
    assert dict(zip(words.ids, words.counts[2:], strict=True)) == {"red": 40, "tea": 42, "blue": 2}
    assert grown.encodings["price"].size == features.encodings["price"].size + 1
    dearest = grown.item_vocabulary.encode(["n2"])[0]
    assert grown.item_table["price"][dearest] == grown.encodings["price"].size - 1
    np.testing.assert_array_equal(
        grown.item_table["price"][: len(ids) + 2], features.item_table["price"]
    )
    assert grown.encodings["plain"] == features.encodings["plain"]
    again = Features.from_config(json.loads(json.dumps(grown.get_config())))
    assert again.waiting["title"].to_dict() == {"cup": 1}
    np.testing.assert_array_equal(again.last_seen["item_id"], grown.last_seen["item_id"])


def test_the_context_of_requests_grows_by_events():
    rows = pd.DataFrame({"user_id": ["u", "v"] * 20, "item_id": ["a", "b"] * 20})
    rows["timestamp"] = np.arange(40)
    rows["device"], rows["degrees"] = "phone", np.arange(40.0)
    context = [Categorical("device"), Numeric("degrees", buckets=3), Numeric("degrees", "plain")]
    features = Features([Categorical("user_id"), *context, History()], [Categorical("item_id")])
    features.adapt(Interactions(rows))
    more = rows.assign(timestamp=np.arange(50, 90), degrees=np.arange(30.0, 70.0), device="desk")
    grown = features.grow(Interactions(more))
    assert grown.encodings["device"].vocabulary.ids.tolist() == ["phone", "desk"]
    assert grown.encodings["degrees"].size == features.encodings["degrees"].size + 1
    hottest = grown.encode_requests(more.tail(1))["degrees"]
    assert hottest.tolist() == [grown.encodings["degrees"].size - 1]
    assert grown.encodings["plain"] == features.encodings["plain"]


def test_what_does_not_fit_is_an_error():
    model = built(models.TwoTower)
    other = Features([Categorical("user_id"), History()], [Categorical("item_id")])
    with pytest.raises(ValueError, match=r"have the same names: .*Received: item_id"):
        model.grow(other.adapt(the_board()))
    board = the_board()
    fewer = board.with_events(board.events.iloc[:30])
    with pytest.raises(ValueError, match=r"model\.features\.grow\(interactions\)"):
        model.grow(
            Features(
                [Categorical("user_id"), Categorical("country"), its_features().history],
                its_features().item,
            ).adapt(fewer)
        )
    untimed = Interactions(board.events[["user_id", "item_id"]], board.users, board.items)
    with pytest.raises(ValueError, match="needs to know which event came first"):
        its_features().grow(untimed)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        (
            "code",
            2.5,
            r"Categorical\('code'\) cannot grow by what the items have there: .* \[2\.5\]",
        ),
        ("price", "dear", r"Numeric\('price'\) cannot grow by what the items have there: .*'dear'"),
    ],
)
def test_a_column_that_does_not_fit_is_named(column, value, said):
    log = pd.DataFrame({"user_id": ["u", "v"], "item_id": ["a", "b"], "timestamp": [1, 2]})
    items = pd.DataFrame({"item_id": ["a", "b"], "code": [1.0, 2.0], "price": [3.0, 4.0]})
    item = [Categorical("item_id"), Categorical("code"), Numeric("price", buckets=2)]
    features = Features([History()], item).adapt(Interactions(log, items=items))
    day = pd.DataFrame({"user_id": ["u"], "item_id": ["c"], "timestamp": [3]})
    new = pd.DataFrame({"item_id": ["c"], "code": [3.0], "price": [9.0]}).assign(**{column: value})
    with pytest.raises(ValueError, match=said):
        features.grow(Interactions(day, items=new))
