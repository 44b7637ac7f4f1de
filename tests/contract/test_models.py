"""One suite over every model: a new one is checked by being listed in CASES."""

import inspect

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.contract.model_cases import (
    CASES,
    GRADIENT_MODELS,
    GROUPS,
    IMPERSONAL,
    ITEMS,
    ORIGINAL,
    SEEN,
    USERS,
    asked,
    built,
    its_features,
    requests,
    retrieving,
    the_board,
    trained,
)
from tfrec_recall import models
from tfrec_recall.data import Vocabulary
from tfrec_recall.features import Categorical, Features, History, MultiValued
from tfrec_recall.models import RecallModel


def public_models():
    found = {getattr(models, name) for name in models.__all__}
    return {c for c in found if inspect.isclass(c) and issubclass(c, RecallModel)} - {RecallModel}


def test_every_public_model_has_a_case():
    assert set(CASES) == public_models()


@pytest.fixture(scope="module")
def interactions():
    return the_board()


@pytest.fixture(scope="module")
def features():
    return its_features()


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
def test_fit_lowers_the_loss(model_class):
    _, history = trained(model_class)
    assert np.isfinite(history["loss"]).all()
    assert history["loss"][-1] < history["loss"][0]


@pytest.mark.parametrize("model_class", [c for c in CASES if c not in IMPERSONAL])
def test_what_is_left_of_a_users_group_comes_first(model_class, interactions):
    queries = requests(interactions)
    retriever = retrieving(model_class)
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


@pytest.mark.parametrize("model_class", [c for c in ORIGINAL if c.compiles])
def test_compiled_steps_are_the_steps(model_class, interactions):
    plain, compiled = built(model_class), built(model_class)
    plain.run_eagerly = True  # quicker than a graph for a few steps
    adam = tf.keras.optimizers.Adam(0.02)
    compiled.compile(optimizer=adam, jit_compile=True, steps_per_execution=3)
    losses = []
    for model in (plain, compiled):
        data = model.training_data(interactions, batch_size=32).take(3)
        losses.append(model.fit(data, epochs=2, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-4)
    for ours, theirs in zip(compiled.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-3)


@pytest.mark.parametrize("model_class", [c for c in ORIGINAL if c.compiles])
def test_a_compiled_run_repeats_itself(model_class, interactions):
    """With dropout and samples: a seed decides them, though XLA's own random numbers have none."""
    model = built(model_class, dropout=0.3, negatives=5)
    model.compile(tf.keras.optimizers.SGD(0.0), jit_compile=True)
    start, losses = model.get_weights(), []
    for begin, seed in ((0, 7), (0, 7), (2, 7), (0, 8)):
        model.set_weights(start)  # also what counts along with the steps
        model.optimizer.iterations.assign(begin)
        model.random_seed.assign(seed)
        data = model.training_data(interactions, batch_size=64).take(2)  # of the same size
        losses.append(model.fit(data, verbose=0).history["loss"][0])
    assert losses[0] == losses[1]
    assert len(set(losses)) == 3  # other steps, and other seeds, draw others


def test_the_seed_of_a_run_follows_keras():
    seeds = [int(built(models.TwoTower, seed=seed).random_seed) for seed in (1, 1, 2)]
    assert seeds[0] == seeds[1] != seeds[2]


@pytest.mark.parametrize("model_class", [c for c in GRADIENT_MODELS if not c.compiles])
def test_a_model_that_xla_does_not_compile_says_so(model_class):
    with pytest.raises(ValueError, match=f"{model_class.__name__}: .*jit_compile"):
        built(model_class).compile(jit_compile=True)


def test_steps_are_compiled_or_run_eagerly():
    with pytest.raises(ValueError, match=r"leave one out\. Received: .*run_eagerly=True"):
        built(models.TwoTower).compile(jit_compile=True, run_eagerly=True)


@pytest.mark.parametrize("model_class", CASES)
def test_strangers_are_ordinary_requests(model_class):
    """An unknown user, unknown items, an empty history of width 0, a batch of one."""
    retriever = retrieving(model_class)
    for history in ([["never", ""]], np.empty((1, 0), dtype=object)):
        queries = {"user_id": ["nobody"], "country": [""], "history": history}
        ids, scores = asked(retriever, queries, k=5, exclude=[["never"]])
        assert len(set(ids[0])) == 5
        assert np.isfinite(scores).all()


@pytest.mark.parametrize("model_class", CASES)
def test_an_answer_does_not_depend_on_the_others_in_the_batch(model_class, interactions):
    retriever = retrieving(model_class)
    queries = requests(interactions)
    _, together = asked(retriever, queries, k=5)
    for row in (0, 5, USERS):
        _, alone = asked(
            retriever, {name: values[row : row + 1] for name, values in queries.items()}, k=5
        )
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("model_class", CASES)
def test_items_that_training_never_saw_can_be_ranked(model_class, features, interactions):
    model, _ = trained(model_class)
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
