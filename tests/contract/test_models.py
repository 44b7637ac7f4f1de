"""One suite over every model: a new one is checked by being listed in CASES."""

import inspect

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfrec_recall import models
from tfrec_recall.data import Interactions, Vocabulary
from tfrec_recall.export import export, load
from tfrec_recall.features import Categorical, Features, History, MultiValued
from tfrec_recall.models import RecallModel

GROUPS, USERS, ITEMS, SEEN = 3, 24, 30, 8

# Small steps on few events: 1,000 of them are no more than two of the default.
WINDOWS = {"dim": 8, "rate": 0.3, "negatives": 2, "block": 2, "lanes": 1}

WALKS = {**WINDOWS, "walks": 4, "length": 8, "reach": 2}

# A model's settings for a small board, without randomness in training where it can be had.
CASES: dict[type, dict] = {
    models.AirbnbListing: {**WINDOWS, "gap": 1e9},
    models.AirbnbType: {
        **{**WINDOWS, "window": 8, "negatives": 5, "power": 0.0, "rate": 0.1},
        **{"user_type": ("user_id",), "item_type": ("item_id",)},
    },
    models.BGE: {**WALKS},
    models.EGES: {**WALKS},
    models.GES: {**WALKS},
    models.GraphSAGE: {"dim": 8, "sizes": (4, 3), "shared": 20, "last": None},
    models.Item2Vec: {**WINDOWS, "threshold": None},
    models.ItemCF: {"neighbours": 12},
    models.MIND: {
        **{"dim": 8, "interests": 2, "hidden": (16,), "dropout": 0.0, "uniform_negatives": 0},
        "deviation": 0.0,
    },
    models.PinSAGE: {"dim": 8, "neighbours": 4, "run": None, "easy": 20, "last": None},
    models.Popular: {"half_life": 3.0},
    models.SDM: {
        **{"dim": 8, "heads": 2, "session_events": 4, "dropout": 0.0},
        "uniform_negatives": 0,
    },
    models.TwoTower: {"dim": 8, "user_hidden": (16,), "dropout": 0.0, "uniform_negatives": 0},
    models.MultiObjectiveTwoTower: {
        "dim": 8,
        "user_hidden": (16,),
        "dropout": 0.0,
        "uniform_negatives": 0,
        "objectives": [{"name": "any"}, {"name": "liked", "column": "rating", "at_least": 3}],
        "learn_weights": True,
        "blend": [2.0, 1.0],
    },
    models.SamplingBiasCorrectedTwoTower: {
        "dim": 8,
        "user_hidden": (16,),
        "dropout": 0.0,
        "uniform_negatives": 0,
        "buckets": 100,
    },
    models.SENetTwoTower: {
        "dim": 8,
        "user_hidden": (16,),
        "item_hidden": (8,),
        "dropout": 0.0,
        "uniform_negatives": 0,
        "channels": 2,
    },
    models.YouTubeDNN: {"dim": 8, "hidden": (16,), "dropout": 0, "negatives": 0, "in_batch": True},
    models.UserCF: {"neighbours": 5},
    models.FMRecall: {"dim": 8, "half_life": 2.0, "dropout": 0.0, "uniform_negatives": 0},
    models.FunkSVD: {"dim": 4, "l2": 0.01},
    models.NeuralCF: {"factors": 8, "negatives": 2},
}
IN_ONE_PASS = {models.ItemCF, models.Popular, models.UserCF}
RATES = {models.FunkSVD}  # all of the board is rated alike: which group is no matter
IMPERSONAL = {models.Popular} | RATES


def public_models():
    found = {getattr(models, name) for name in models.__all__}
    return {c for c in found if inspect.isclass(c) and issubclass(c, RecallModel)} - {RecallModel}


def test_every_public_model_has_a_case():
    assert set(CASES) == public_models()


def board(seed=0):
    """Users and items in groups: users have seen most of their group's items and nothing else.

    There are more items than users and another number of each, and ids do not sort by group.
    """
    generator = np.random.default_rng(seed)
    item_names = [f"item {name}" for name in generator.permutation(ITEMS)]
    user_names = [f"user {name}" for name in generator.permutation(USERS)]
    rows = []
    for user in range(USERS):
        own = np.arange(user % GROUPS, ITEMS, GROUPS)
        for place, item in enumerate(generator.permutation(own)[:SEEN]):
            rows.append((user_names[user], item_names[item], place * 1_000 + user))
    events = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    events["rating"] = 1.0 + np.arange(len(events)) % 5
    users = pd.DataFrame({"user_id": user_names, "country": ["fr", "uk"] * (USERS // 2)})
    tags = [["red"], ["red", "blue"], []]
    items = pd.DataFrame({"item_id": item_names, "tags": tags * (ITEMS // 3)})
    return Interactions(events, users, items, name="board")


@pytest.fixture(scope="module")
def interactions():
    return board()


@pytest.fixture(scope="module")
def features(interactions):
    return Features(
        user=[Categorical("user_id"), Categorical("country"), History(length=SEEN)],
        item=[Categorical("item_id"), MultiValued("tags")],
    ).adapt(interactions)


def built(model_class, features, seed=1):
    tf.keras.utils.set_random_seed(seed)
    model = model_class(features, **CASES[model_class])
    model.compile(optimizer=tf.keras.optimizers.Adam(0.02))
    return model


def trained(model_class, features, interactions, epochs):
    model = built(model_class, features)
    history = model.fit(model.training_data(interactions, batch_size=32), epochs=epochs, verbose=0)
    return model, history.history


def requests(interactions):
    """Of each user: everything known, in raw form; then a stranger with nothing."""
    events = interactions.events.sort_values("timestamp")
    seen = events.groupby("user_id")["item_id"].agg(list)
    users = interactions.users
    history = [seen[user] for user in users["user_id"]] + [[""] * SEEN]
    return {
        "user_id": [*users["user_id"], "nobody"],
        "country": [*users["country"], ""],
        "history": history,
    }


def asked(retriever, queries, k, exclude=None):
    open_wish = {"objective": [""] * len(queries["history"])}  # of several, the blend
    wanted = {name: {**open_wish, **queries}[name] for name in retriever.inputs}
    ids, scores = retriever(wanted, k=k, exclude=exclude)
    return np.char.decode(ids.numpy().astype(bytes)), scores.numpy()


GRADIENT_MODELS = [c for c in CASES if c not in IN_ONE_PASS]


HISTORY_IS_ENOUGH = [
    c for c in GRADIENT_MODELS if set(c.needs) <= {"item_id", "history"} and c != models.AirbnbType
]  # the types of users and items there are made of their features


@pytest.mark.parametrize("model_class", HISTORY_IS_ENOUGH)
def test_a_history_is_enough_to_know_of_a_user(model_class, interactions):
    item = [Categorical("item_id"), MultiValued("tags")]
    features = Features(user=[History(length=SEEN)], item=item).adapt(interactions)
    history = np.full((2, SEEN), 2, "int32")
    for found in tf.nest.flatten(built(model_class, features).query_model({"history": history})):
        assert len(found) == 2
        assert np.isfinite(found).all()


@pytest.mark.parametrize("model_class", GRADIENT_MODELS)
def test_fit_lowers_the_loss(model_class, features, interactions):
    _, history = trained(model_class, features, interactions, epochs=6)
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("model_class", [c for c in CASES if c not in IMPERSONAL])
def test_what_is_left_of_a_users_group_comes_first(model_class, features, interactions):
    model, _ = trained(model_class, features, interactions, epochs=6)
    queries = requests(interactions)
    retriever = model.retriever(interactions.items, k=ITEMS)
    left = ITEMS // GROUPS - SEEN
    ids, _ = asked(retriever, queries, k=left, exclude=queries["history"])
    group = interactions.events.drop_duplicates("user_id").set_index("user_id")["item_id"]
    position = {item: row % GROUPS for row, item in enumerate(interactions.items["item_id"])}
    right = [
        position[item] == position[group[user]]
        for user, found in zip(queries["user_id"][:-1], ids[:-1], strict=True)
        for item in found
    ]
    assert np.mean(right) > 0.9


@pytest.mark.parametrize("model_class", GRADIENT_MODELS)
def test_a_resumed_run_continues_as_if_uninterrupted(model_class, features, interactions, tmp_path):
    through, _ = trained(model_class, features, interactions, epochs=2)

    first, _ = trained(model_class, features, interactions, epochs=1)
    tf.train.Checkpoint(model=first, optimizer=first.optimizer).write(str(tmp_path / "state"))
    second = built(model_class, features, seed=99)
    second.fit(second.training_data(interactions, batch_size=32).take(1), verbose=0)  # builds all
    checkpoint = tf.train.Checkpoint(model=second, optimizer=second.optimizer)
    checkpoint.read(str(tmp_path / "state")).assert_existing_objects_matched()
    data = second.training_data(interactions, batch_size=32, first_epoch=1)
    second.fit(data, initial_epoch=1, epochs=2, verbose=0)

    for ours, theirs in zip(second.get_weights(), through.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("model_class", [c for c in GRADIENT_MODELS if c.compiles])
def test_compiled_steps_are_the_steps(model_class, features, interactions):
    plain, compiled = built(model_class, features), built(model_class, features)
    adam = tf.keras.optimizers.Adam(0.02)
    compiled.compile(optimizer=adam, jit_compile=True, steps_per_execution=3)
    losses = []
    for model in (plain, compiled):
        data = model.training_data(interactions, batch_size=32).take(3)
        losses.append(model.fit(data, epochs=2, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-4)
    for ours, theirs in zip(compiled.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-3)


@pytest.mark.parametrize("model_class", [c for c in GRADIENT_MODELS if c.compiles])
def test_a_compiled_run_repeats_itself(model_class, features, interactions):
    """With dropout and samples: a seed decides them, though XLA's own random numbers have none."""
    settings = dict(CASES[model_class])
    settings["dropout"] = 0.3
    settings |= {n: 5 for n in ("uniform_negatives", "negatives") if n in settings}
    losses = []
    for seed in (1, 1, 2):
        tf.keras.utils.set_random_seed(seed)
        model = model_class(features, **settings)
        model.compile(optimizer=tf.keras.optimizers.Adam(0.02), jit_compile=True)
        data = model.training_data(interactions, batch_size=64).take(2)  # of the same size
        losses.append(model.fit(data, verbose=0).history["loss"])
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("model_class", [c for c in GRADIENT_MODELS if not c.compiles])
def test_a_model_that_xla_does_not_compile_says_so(model_class, features):
    with pytest.raises(ValueError, match=f"{model_class.__name__} .*jit_compile"):
        built(model_class, features).compile(jit_compile=True)


@pytest.mark.parametrize("model_class", CASES)
def test_the_export_equals_the_model(model_class, features, interactions, tmp_path):
    model, _ = trained(model_class, features, interactions, epochs=2)
    retriever = model.retriever(interactions.items, k=7)
    version = export(retriever, tmp_path / "model")
    queries = requests(interactions)
    ids, scores = asked(retriever, queries, k=7, exclude=queries["history"])
    served_ids, served_scores = asked(load(version), queries, k=7, exclude=queries["history"])
    np.testing.assert_array_equal(served_ids, ids)
    np.testing.assert_allclose(served_scores, scores, rtol=1e-5)


@pytest.mark.parametrize("model_class", CASES)
def test_strangers_are_ordinary_requests(model_class, features, interactions):
    """An unknown user, unknown items, an empty history of width 0, a batch of one."""
    model, _ = trained(model_class, features, interactions, epochs=1)
    retriever = model.retriever(interactions.items, k=5)
    for history in ([["never", ""]], np.empty((1, 0), dtype=object)):
        queries = {"user_id": ["nobody"], "country": [""], "history": history}
        ids, scores = asked(retriever, queries, k=5, exclude=[["never"]])
        assert len(set(ids[0])) == 5
        assert np.isfinite(scores).all()


@pytest.mark.parametrize("model_class", CASES)
def test_an_answer_does_not_depend_on_the_others_in_the_batch(model_class, features, interactions):
    model, _ = trained(model_class, features, interactions, epochs=1)
    retriever = model.retriever(interactions.items, k=5)
    queries = requests(interactions)
    _, together = asked(retriever, queries, k=5)
    for row in (0, 5, USERS):
        _, alone = asked(
            retriever, {name: values[row : row + 1] for name, values in queries.items()}, k=5
        )
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("model_class", CASES)
def test_items_that_training_never_saw_can_be_ranked(model_class, features, interactions):
    model, _ = trained(model_class, features, interactions, epochs=1)
    new = pd.DataFrame({"item_id": ["brand new"], "tags": [["red"]]})
    items = pd.concat([interactions.items, new], ignore_index=True)
    assert "brand new" not in set(features.item_vocabulary.ids)
    ids, scores = asked(model.retriever(items, k=ITEMS + 1), requests(interactions), k=ITEMS + 1)
    assert (ids == "brand new").sum(axis=1).tolist() == [1] * (USERS + 1)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("model_class", CASES)
def test_what_a_model_needs_is_named(model_class, features):
    lacking = Features(user=[], item=[Categorical("item_id")])
    lacking.encodings = {"item_id": features.encodings["item_id"]}
    missing = [name for name in model_class.needs if name != "item_id"]
    if missing:
        with pytest.raises(ValueError, match=f"{model_class.__name__} needs .*{missing[0]}"):
            model_class(lacking, **CASES[model_class])


def test_the_board_is_what_it_says(interactions):
    vocabulary = Vocabulary.build(interactions.events["item_id"])
    assert len(vocabulary) - 2 == ITEMS
    assert not interactions.events.duplicated(["user_id", "item_id"]).any()
