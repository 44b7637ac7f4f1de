"""Half precision: what is learnt is that of whole precision, and what is served is float32."""

import contextlib
import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.model_cases import (
    BATCH,
    EPOCHS,
    GRADIENT_MODELS,
    GROUPS,
    IMPERSONAL,
    ITEMS,
    OF_WINDOWS,
    ORIGINAL,
    SEEN,
    USERS,
    asked,
    built,
    requests,
    the_board,
    trained,
)
from tfrec_recall.models import EGES, NeuralCF, PinSAGE, TwoTower

NEAR = 0.05  # how far a loss may lie from that of float32: seeds differ by more
FIRST_NEAR = 0.02  # of the same weights
FEW_NEAR = 0.2  # two negatives a positive, drawn anew each epoch: seeds differ by a half

# What changes tables row by row, by a step of its own, does so in float32 under every policy.
ROW_BY_ROW = [c for c in GRADIENT_MODELS if "train_step" in vars(c) or issubclass(c, EGES)]
POLICIES = {"mixed_float16": ORIGINAL}
POLICIES["mixed_bfloat16"] = [c for c in ORIGINAL if c not in ROW_BY_ROW]
LEARNING = [(policy, model_class) for policy, some in POLICIES.items() for model_class in some]


@contextlib.contextmanager
def under(policy):
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(policy)
    yield
    tf.keras.mixed_precision.set_global_policy(before)


@functools.cache
def halved(model_class, policy):
    """A model made and trained under the policy, and the loss of each epoch.

    With float16 the first steps are left out, until the scale of the loss no longer overflows:
    from its own beginning of 32,768 that is more than an epoch of these few steps. With bfloat16
    there is no scale, and one epoch tells.
    """
    with under(policy):
        model = built(model_class)
        if policy == "mixed_float16":
            rule = tf.keras.optimizers.Adam(0.02)
            model.compile(tf.keras.mixed_precision.LossScaleOptimizer(rule, initial_scale=256))
        data = model.training_data(the_board(), batch_size=BATCH)
        epochs = EPOCHS if policy == "mixed_float16" else 1
        model.run_eagerly = epochs == 1  # quicker than a graph for a few steps
        return model, model.fit(data, epochs=epochs, verbose=0).history["loss"]


def of_first_step(model_class, policy):
    """The loss before anything is learnt."""
    with under(policy):
        model = built(model_class)
        data = model.training_data(the_board(), batch_size=BATCH)
        return model.fit(data.take(1), verbose=0).history["loss"][0]


@functools.cache
def halved_retriever(model_class, policy):
    """Over the board's items, as many at a time as a user has left of a group."""
    model, _ = halved(model_class, policy)
    return model.retriever(the_board().items, k=ITEMS // GROUPS - SEEN)


@pytest.mark.parametrize(("policy", "model_class"), LEARNING)
def test_it_learns_as_in_float32(policy, model_class):
    model, losses = halved(model_class, policy)
    whole = trained(model_class)[1]["loss"][: len(losses)]
    near = FEW_NEAR if model_class is NeuralCF else NEAR
    if policy == "mixed_bfloat16" and model_class is PinSAGE:
        # The epoch of its few steps goes by chance, a third from one seed to another.
        losses, whole = ([of_first_step(model_class, one)] for one in (policy, "float32"))
        near = FIRST_NEAR
    np.testing.assert_allclose(losses[-1], whole[-1], rtol=near)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.parametrize(("policy", "model_class"), LEARNING)
def test_what_is_searched_is_float32(policy, model_class):
    model, _ = halved(model_class, policy)
    for side in ("query_model", "candidate_model"):
        tower = getattr(model, side, None)
        if tower is not None:
            floats = {output.dtype for output in tower.outputs if output.dtype.is_floating}
            assert floats == {tf.float32}
    if policy != "mixed_float16":
        return  # an index sees only what the towers put out
    retriever = halved_retriever(model_class, policy)
    queries = {**requests(the_board()), "objective": [""] * (USERS + 1)}
    asked_one = {name: queries[name][:1] for name in retriever.inputs}
    assert retriever(asked_one)[1].dtype == tf.float32


@pytest.mark.parametrize("model_class", ORIGINAL)
def test_it_learns_and_is_asked_where_keras_is_set_to_doubles(model_class):
    with under("float64"):
        model = built(model_class)
        data = model.training_data(the_board(), batch_size=BATCH).take(1)
        model.run_eagerly = model_class not in OF_WINDOWS
        assert np.isfinite(model.fit(data, verbose=0).history["loss"]).all()
        retriever, queries = model.retriever(the_board().items, k=5), requests(the_board())
    queries["objective"] = [""] * (USERS + 1)
    _, score = retriever({name: queries[name] for name in retriever.inputs})
    assert score.dtype == tf.float32


@pytest.mark.parametrize("model_class", [c for c in ORIGINAL if c not in IMPERSONAL])
def test_it_finds_what_is_left_of_a_users_group(model_class):
    queries, items = requests(the_board()), the_board().items
    retriever, left = halved_retriever(model_class, "mixed_float16"), ITEMS // GROUPS - SEEN
    ids, _ = asked(retriever, queries, k=left, exclude=queries["history"])
    place = {item: row % GROUPS for row, item in enumerate(items["item_id"])}
    group = the_board().events.drop_duplicates("user_id").set_index("user_id")["item_id"]
    right = [
        place[item] == place[group[user]]
        for user, found in zip(queries["user_id"][:-1], ids[:-1], strict=True)
        for item in found
    ]
    assert np.mean(right) > 0.9


def test_gradients_too_small_for_halves_are_learnt_by_a_scaled_loss():
    """Below 6e-8 a half is 0: only what is scaled before the gradient and after it is the same."""
    steps = []
    for policy in ("float32", "mixed_float16"):
        with under(policy):
            model = built(TwoTower)
            model.compile(tf.keras.optimizers.SGD(1e8))
        weights = [weight.numpy() for weight in model.trainable_weights]
        batch = next(iter(model.training_data(the_board(), batch_size=32)))
        faint = {**batch, "sample_weight": 1e-8 * tf.cast(batch["sample_weight"], tf.float32)}
        model.train_step(faint)
        steps.append([w - old for w, old in zip(model.trainable_weights, weights, strict=True)])
    for half, whole in zip(steps[1], steps[0], strict=True):
        np.testing.assert_allclose(half, whole, atol=0.02 * np.abs(whole).max())
    assert isinstance(model.optimizer, tf.keras.mixed_precision.LossScaleOptimizer)


def test_a_model_is_loaded_under_the_policy_it_was_made_under(tmp_path):
    model, _ = halved(TwoTower, "mixed_float16")
    model.save(tmp_path / "half.keras")
    loaded = tf.keras.models.load_model(tmp_path / "half.keras")
    assert tf.keras.mixed_precision.global_policy().name == "float32"
    assert int(loaded.optimizer.iterations) == int(model.optimizer.iterations) > 0
    queries, items = requests(the_board()), the_board().items
    answers = [asked(each.retriever(items, k=5), queries, k=5) for each in (model, loaded)]
    np.testing.assert_array_equal(answers[1][0], answers[0][0])
    np.testing.assert_allclose(answers[1][1], answers[0][1], rtol=1e-6)
