"""`fit` and `evaluate` of every model as in Keras: means, callbacks, epochs, interruptions."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.model_cases import (
    BATCH,
    CASES,
    GRADIENT_MODELS,
    IN_ONE_PASS,
    OF_WINDOWS,
    ONE_OF_A_KIND,
    ORIGINAL,
    built,
    learnt_after,
    learnt_by,
    the_board,
    trained,
)
from tfrec_recall import models
from tfrec_recall.data.notices import ReadingNotice
from tfrec_recall.models.fitting.keras_arguments import naming_columns
from tfrec_recall.training import RateDrops

callbacks = tf.keras.callbacks
of_windows = [c for c in GRADIENT_MODELS if c in OF_WINDOWS]
by_descent = [c for c in GRADIENT_MODELS if c not in OF_WINDOWS]
weighted = [c for c in by_descent if c not in (models.FunkSVD, models.GraphSAGE, models.PinSAGE)]


def new(model_class, **settings):
    """A model for a few steps, which take less time than to make a graph of them."""
    model = built(model_class, **settings)
    model.run_eagerly = model_class in by_descent
    return model


@functools.cache
def batches_of(model_class):
    """Some batches in order, the last with fewer examples: the model's own, as numbers."""
    data = trained(model_class)[0].training_data(the_board(), BATCH, seed=None)
    whole = list(data.take(2))
    return [*whole, cut(whole[0])]


def cut(batch):
    """Fewer of the examples of a batch."""
    if "places" in batch:  # SDM: a few passes and all of their targets
        width, rows = batch["places"].shape[1], 2
        own = batch["place"] < rows * width
        return {
            n: v[own] if n in ("item_id", "place", "sample_weight") else v[:rows]
            for n, v in batch.items()
        }
    return {name: values[:7] for name, values in batch.items()}


def as_dataset(batches):
    """A dataset of ready batches, whatever the sizes of each."""
    spec = {n: tf.TensorSpec([None, *v.shape[1:]], v.dtype) for n, v in batches[0].items()}
    return tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=spec).apply(
        tf.data.experimental.assert_cardinality(len(batches))
    )


def mean_by_hand(model, batches):
    """The mean of what `compute_loss` says of each batch, as often as this has examples."""
    losses = [float(model.compute_loss(batch, training=False)) for batch in batches]
    return np.average(losses, weights=[len(batch["item_id"]) for batch in batches])


def losses_of(model, batches):
    return model.evaluate(as_dataset(batches), verbose=0, return_dict=True)


@pytest.mark.parametrize("model_class", GRADIENT_MODELS)
def test_evaluation_is_the_mean_over_examples(model_class):
    """Examples are pairs where a model learns pairs."""
    model, batches = trained(model_class)[0], batches_of(model_class)
    before = [weight.numpy() for weight in learnt_by(model)]
    found = losses_of(model, batches)
    if model_class in OF_WINDOWS:
        last = float(model.compute_loss(batches[-1], training=False))
        alone = [
            (losses_of(model, [batch])["loss"], float(model.mean_loss.count)) for batch in batches
        ]
        assert alone[-1][0] == pytest.approx(last, rel=1e-4)
        losses, pairs = zip(*alone, strict=True)
        expected = np.average(losses, weights=pairs)
        assert len(set(pairs)) > 1
    else:
        expected = mean_by_hand(model, batches)
    assert found["loss"] == found["total_loss"] == pytest.approx(expected, rel=1e-4)
    assert found["regularization_loss"] == 0
    for weight, old in zip(learnt_by(model), before, strict=True):  # whoever measures only looks
        np.testing.assert_array_equal(weight, old, err_msg=weight.name)


@pytest.mark.parametrize("jit", [False, True])
def test_training_and_validation_report_the_mean_over_examples(jit):
    model = built(models.TwoTower)
    model.compile(tf.keras.optimizers.SGD(0.0), jit_compile=jit, steps_per_execution=2)
    batches = batches_of(models.TwoTower)
    expected = mean_by_hand(model, batches)
    data = as_dataset(batches)
    logs = model.fit(data, validation_data=data, verbose=0).history
    assert logs["loss"] == pytest.approx([expected], rel=1e-4)
    assert logs["val_loss"] == pytest.approx([expected], rel=1e-4)


@pytest.mark.parametrize("model_class", weighted)
def test_a_weight_multiplies_the_loss_of_its_example_and_counts_as_one(model_class):
    model = trained(model_class)[0]
    batch = batches_of(model_class)[0]
    once = {**batch, "sample_weight": tf.zeros_like(batch["sample_weight"])}
    nothing = float(model.compute_loss(once))
    one, three = (
        float(model.compute_loss({**batch, "sample_weight": factor * batch["sample_weight"]}))
        for factor in (1.0, 3.0)
    )
    assert three - nothing == pytest.approx(3 * (one - nothing), rel=1e-4)


@pytest.mark.parametrize("model_class", ORIGINAL)
def test_a_batch_without_examples_costs_and_changes_nothing(model_class):
    model = new(model_class)
    some = batches_of(model_class)[-1]
    empty = {name: values[:0] for name, values in some.items()}
    with tf.GradientTape() as tape:
        loss = model.compute_loss(empty, training=model_class not in of_windows)
    gradients = [g for g in tape.gradient(loss, model.trainable_variables) if g is not None]
    assert float(loss) == 0
    assert all((tf.convert_to_tensor(gradient).numpy() == 0).all() for gradient in gradients)

    model.fit(as_dataset([some]), verbose=0)  # so that the optimiser has momentum
    before = [weight.numpy() for weight in learnt_by(model)]
    logs = model.fit(as_dataset([empty, empty]), verbose=0).history
    assert logs["loss"] == [0]
    own = [getattr(model, name, None) for name in ("training", "steps")]  # where fit begins
    schedule = {id(weight) for part in own for weight in getattr(part, "weights", ())}
    for weight, old in zip(learnt_by(model), before, strict=True):
        if id(weight) not in schedule:
            np.testing.assert_array_equal(weight, old)
    assert model.evaluate(as_dataset([empty]), verbose=0, return_dict=True)["loss"] == 0


class Crash(callbacks.Callback):
    """An interruption of the third epoch's beginning, or before a batch of the second."""

    def __init__(self, epoch, batch=None):
        super().__init__()
        self.epoch, self.batch, self.now = epoch, batch, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch
        if epoch == self.epoch and self.batch is None:
            raise InterruptedError

    def on_train_batch_begin(self, batch, logs=None):
        if self.now == self.epoch and batch == self.batch:
            raise InterruptedError


def assert_learnt(model, expected):
    for own, other in zip(learnt_by(model), expected, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-4)  # eager and graph


def learnt(model, epochs, *others, data=None, **options):
    data = data or model.training_data(the_board(), batch_size=BATCH)
    return model.fit(data, epochs=epochs, callbacks=list(others), verbose=0, **options)


@pytest.mark.parametrize("model_class", GRADIENT_MODELS)
def test_nobody_waits_for_batches_that_are_not_read(model_class):
    data = trained(model_class)[0].training_data(the_board(), batch_size=BATCH)
    assert data.options().autotune.enabled is False


@pytest.mark.parametrize("model_class", [c for c in ONE_OF_A_KIND if c in ORIGINAL])
def test_a_run_after_a_crash_ends_as_the_uninterrupted_one(model_class, tmp_path):
    with pytest.raises(InterruptedError):
        learnt(new(model_class), 2, callbacks.BackupAndRestore(tmp_path / "state"), Crash(1))
    second = new(model_class, seed=99)
    history = learnt(second, 2, callbacks.BackupAndRestore(tmp_path / "state"))
    assert history.epoch == [1]
    assert_learnt(second, learnt_after(model_class, epochs=2))


@pytest.mark.parametrize("model_class", ORIGINAL)
def test_a_run_that_is_restored_ends_as_the_uninterrupted_one(model_class, tmp_path):
    """From what is kept after an epoch, whatever comes then."""

    def data(**options):  # two batches, or little more
        return first.training_data(the_board(), batch_size=3 * BATCH, **options)

    first, second = new(model_class), new(model_class, seed=99)
    kept = callbacks.BackupAndRestore(tmp_path / "state", delete_checkpoint=False)
    learnt(first, 1, kept, data=data())
    learnt(first, 2, data=data(first_epoch=1), initial_epoch=1)
    history = learnt(second, 2, callbacks.BackupAndRestore(tmp_path / "state"), data=data())
    assert history.epoch == [1]
    assert_learnt(second, learnt_by(first))


def with_chance(model_class):
    """Settings by which a step draws numbers."""
    chance = {"dropout": 0.3, "negatives": 5, "uniform_negatives": 5, "deviation": 1.0}
    return {name: value for name, value in chance.items() if name in CASES[model_class]}


@pytest.mark.parametrize("model_class", [models.TwoTower, models.MIND, models.SDM])
def test_a_run_goes_on_within_an_epoch_and_draws_what_it_would_have_drawn(model_class, tmp_path):
    """The second crash also has `repeat`, in whose endless data the epochs are short.

    It comes before the last batch of a pass, which the epoch that it interrupts goes beyond.
    """
    options = with_chance(model_class)
    for endless in (False, True)[: 2 if model_class is models.TwoTower else 1]:
        folder = tmp_path / f"state {endless}"

        def learns(model, *others, endless=endless):
            data = model.training_data(the_board(), batch_size=2 * BATCH)  # three batches
            if not endless:
                return learnt(model, 2, *others, data=data)
            return learnt(model, 2, *others, data=data.repeat(), steps_per_epoch=2)

        through = new(model_class, **options)
        learns(through)
        backup = functools.partial(callbacks.BackupAndRestore, folder, save_freq=1)
        first = new(model_class, **options)
        with pytest.raises(InterruptedError):
            learns(first, backup(), Crash(1, batch=0 if endless else 1))
        second = new(model_class, seed=99, **options)
        learns(second, backup())
        assert int(second.optimizer.iterations) == int(through.optimizer.iterations)
        assert_learnt(second, learnt_by(through))


def test_an_order_that_is_not_known_is_said_when_a_run_is_restored(tmp_path):
    foreign = as_dataset(batches_of(models.TwoTower))
    first, second = new(models.TwoTower), new(models.TwoTower)
    with pytest.raises(InterruptedError):
        learnt(first, 2, callbacks.BackupAndRestore(tmp_path), Crash(1), data=foreign)
    with pytest.warns(UserWarning, match="how its batches were ordered is not known"):
        learnt(second, 2, callbacks.BackupAndRestore(tmp_path), data=foreign)


@pytest.mark.parametrize("model_class", GRADIENT_MODELS)
def test_weights_are_all_there_before_the_first_batch(model_class, tmp_path):
    first, second = built(model_class), built(model_class, seed=5)
    path = str(tmp_path / "at once.weights.h5")
    first.save_weights(path)
    second.load_weights(path)
    assert len(first.get_weights()) == len(trained(model_class)[0].get_weights())
    for ours, theirs in zip(second.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("model_class", [models.EGES, models.YouTubeDNN])
def test_callbacks_come_alone_in_lists_and_as_keras_lists(model_class):
    model = new(model_class)
    data = as_dataset(batches_of(model_class))
    seen = []
    one = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(epoch))
    kept = callbacks.CallbackList([one], add_history=True, model=model)
    those = list(kept.callbacks)
    for given in (one, [one], kept, kept):
        model.fit(data, epochs=3, initial_epoch=2, callbacks=given, verbose=0)
    assert seen == [2, 2, 2, 2]
    assert kept.callbacks == those


def test_a_dictionary_is_one_batch():
    """Which Keras would cut into batches of 32, in another order."""
    once, fitted = new(models.TwoTower), new(models.TwoTower)
    data = new(models.TwoTower).training_data(the_board(), batch_size=64, seed=None)
    (batch,) = ({name: np.array(v) for name, v in one.items()} for one in data.take(1))
    whole = losses_of(once, [batch])["loss"]
    measure = functools.partial(fitted.evaluate, batch, verbose=0, return_dict=True)
    assert measure()["loss"] == pytest.approx(whole, rel=1e-6)
    assert measure(batch_size=16)["loss"] < whole  # of fewer negatives
    once.train_on_batch(batch)
    logs = fitted.fit(batch, validation_data=batch, verbose=0).history
    assert int(fitted.optimizer.iterations) == 1
    assert_learnt(fitted, [weight.numpy() for weight in learnt_by(once)])
    assert logs["val_loss"] == [pytest.approx(losses_of(once, [batch])["loss"], rel=1e-5)]


@pytest.mark.parametrize("model_class", [c for c in CASES if c not in IN_ONE_PASS])
def test_what_fit_does_not_take_is_refused(model_class):
    model, data = trained(model_class)[0], as_dataset(batches_of(model_class))
    given = {"class_weight": {0: 1.0, 1: 2.0}, "batch_size": 8, "validation_batch_size": 8}
    for name, value in given.items():
        with pytest.raises(ValueError, match=f"{model_class.__name__}.fit takes no {name}: .*Rec"):
            model.fit(data, **{name: value})


@pytest.mark.parametrize("model_class", of_windows)
def test_a_rate_that_a_model_keeps_follows_fit(model_class):
    model = built(model_class, decay_epochs=None)
    data = as_dataset(batches_of(model_class))
    rates = []
    see = callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: rates.append(float(model.training._rate(0)))
    )
    start = model.training.rate
    learnt(model, 4, see, data=data)
    learnt(model, 4, see, data=data.repeat(), steps_per_epoch=2, initial_epoch=2)
    expected = [1, 0.75, 0.5, 0.25, 0.5, 0.25]
    np.testing.assert_allclose(rates, start * np.array(expected), rtol=1e-5)
    assert float(model.training._rate(0)) == pytest.approx(start * 1e-3)


@pytest.mark.parametrize("model_class", [*of_windows, models.PinSAGE])
def test_what_follows_the_length_of_training_needs_to_know_it(model_class):
    model = new(model_class)
    unknown = as_dataset(batches_of(model_class)).filter(lambda batch: True)
    with pytest.raises(ValueError, match=r"pass steps_per_epoch to fit.*unknown length"):
        model.fit(unknown, epochs=2, verbose=0)
    model.fit(unknown.repeat(), epochs=1, steps_per_epoch=1, verbose=0)


def test_hard_negatives_of_pinsage_follow_the_epochs_of_fit():
    model = new(models.PinSAGE)
    data = as_dataset(batches_of(models.PinSAGE))
    learnt(model, 3, data=data.repeat(), steps_per_epoch=2, initial_epoch=2)
    assert int(model.steps.epoch) == 3


@pytest.mark.parametrize("model_class", GRADIENT_MODELS)
def test_a_loss_or_metrics_that_compile_would_pass_over_are_refused(model_class):
    model = trained(model_class)[0]
    given = {"loss": "mse", "loss_weights": 5.0, "metrics": ["mae"], "weighted_metrics": ["mae"]}
    for name, value in given.items():
        with pytest.raises(ValueError, match=f"{model_class.__name__}.compile takes no {name}: "):
            model.compile(model.optimizer, **{name: value})
    with pytest.raises(ValueError, match=r"takes no loss: .*Received: loss='mse'"):
        model.compile(model.optimizer, "mse")


@pytest.mark.parametrize("model_class", of_windows)
def test_an_optimizer_that_is_not_followed_is_told_of(model_class, recwarn):
    model = built(model_class)
    twin = model_class.from_config(model.get_config())
    twin.compile_from_config(model.get_compile_config())
    assert not [one for one in recwarn if one.category is ReadingNotice]
    with pytest.warns(ReadingNotice, match=f"{model_class.__name__} .*does not follow the optim"):
        model.compile(tf.keras.optimizers.Adam(0.02))


def test_no_loss_and_no_metrics_are_what_compile_has():
    built(models.TwoTower).compile("adam", loss=None, metrics=[], loss_weights=None)


@pytest.mark.parametrize("given", ["interactions", "frame", "list", "nothing"])
def test_what_is_no_batches_is_refused_with_the_way_to_them(given):
    model, batches = trained(models.TwoTower)[0], batches_of(models.TwoTower)
    data = {"interactions": the_board(), "frame": the_board().events, "list": batches}.get(given)
    learnt, measured = (
        rf"goes through batches: give it model\.{made_by}, batch_size\).*Received: "
        for made_by in (r"training_data\(train", r"validation_data\(interactions")
    )
    with pytest.raises(ValueError, match=rf"^TwoTower\.fit {learnt}"):
        model.fit(data)
    with pytest.raises(ValueError, match=rf"^TwoTower\.evaluate {measured}"):
        model.evaluate(data)
    if data is not None:
        with pytest.raises(ValueError, match=rf"^The validation of TwoTower\.fit {measured}"):
            model.fit(as_dataset(batches), validation_data=data)


@pytest.mark.parametrize("model_class", [c for c in ORIGINAL if c not in of_windows])
def test_a_batch_alone_is_learnt_and_measured_as_in_a_dataset(model_class):
    batch = batches_of(model_class)[0]
    one, other = new(model_class), new(model_class)
    for model in (one, other):  # the graphs of those that have one, and what samplers know
        model.training_data(the_board(), BATCH)
    told = other.fit(as_dataset([batch]), verbose=0).history
    assert one.train_on_batch(batch)[0] == pytest.approx(told["loss"][0], rel=1e-5)
    for own, weight in zip(one.trainable_variables, other.trainable_variables, strict=True):
        np.testing.assert_allclose(own, weight, atol=1e-4, err_msg=weight.name)
    measured = losses_of(other, [batch])["loss"]
    assert one.test_on_batch(batch, return_dict=True)["loss"] == pytest.approx(measured, rel=1e-4)


def test_what_is_returned_of_a_batch_alone_is_as_in_keras():
    model, (first, *_, last) = trained(models.TwoTower)[0], batches_of(models.TwoTower)
    alone = [model.test_on_batch(batch) for batch in (first, last)]
    assert model.metrics_names == ["loss", "regularization_loss"]
    assert alone[1] == [pytest.approx(mean_by_hand(model, [last]), rel=1e-4), 0.0, alone[1][0]]
    model.test_on_batch(first)
    both = model.test_on_batch(last, reset_metrics=False)
    assert both[0] == pytest.approx(mean_by_hand(model, [first, last]), rel=1e-4)
    with pytest.raises(ValueError, match=r"A batch is a dictionary.*Received: list of 1"):
        model.train_on_batch([first])


@pytest.mark.parametrize("column", ["item_id", "sample_weight", "country"])
@pytest.mark.parametrize("jit", [False, True])
def test_a_column_that_a_batch_lacks_is_named(column, jit):
    model, batches = built(models.TwoTower), batches_of(models.TwoTower)
    model.compile("sgd", jit_compile=jit, steps_per_execution=1 + jit, run_eagerly=not jit)
    data = as_dataset(batches).map(lambda batch: {n: batch[n] for n in batch if n != column})
    said = rf"TwoTower reads the column '{column}', which the batch lacks.*Received: .*history"
    with pytest.raises(ValueError, match=said):
        model.fit(data, verbose=0)
    with pytest.raises(ValueError, match=said):
        model.evaluate(data, verbose=0)
    assert tf.compat.v1.get_variable_scope().caching_device is None  # else strategies have no scope


def test_a_key_that_a_batch_has_is_not_taken_for_a_column_that_lacks():
    with pytest.raises(KeyError, match="country"), naming_columns("Mine", {"country": 1}):
        {}["country"]
    with pytest.raises(KeyError, match="3"), naming_columns("Mine", {}):
        {}[3]


def test_targets_beside_a_batch_are_refused():
    model, batch = new(models.TwoTower), batches_of(models.TwoTower)[0]
    pairs = as_dataset([batch]).map(lambda columns: (columns, columns["item_id"]))
    with pytest.raises(ValueError, match=r"A batch is a dictionary.*Received: tuple of 2"):
        model.evaluate(pairs, verbose=0)


@pytest.mark.parametrize("model_class", [models.TwoTower, *of_windows[:1]])
def test_weights_beside_a_batch_are_refused(model_class):
    """Keras leaves weights out where there are no targets."""
    model, batch = trained(model_class)[0], batches_of(model_class)[0]
    weight = np.ones(len(batch["item_id"]))
    asked = {"y": weight, "sample_weight": weight, "class_weight": {0: 1.0}}  # the last to learn
    for call, names in (
        (model.train_on_batch, list(asked)),
        (model.test_on_batch, list(asked)[:2]),
        (functools.partial(model.evaluate, batch_size=4), list(asked)[:2]),
    ):
        for name in names:
            said = rf"^{model_class.__name__}\.\w+ takes no {name}: .*Received: {name}"
            with pytest.raises(ValueError, match=said):
                call(batch, **{name: asked[name]})


def test_batches_in_tuples_of_one_are_learnt_by_compiled_steps_too():
    model = built(models.TwoTower)
    model.compile("adam", jit_compile=True, steps_per_execution=2)
    batch = batches_of(models.TwoTower)[0]
    model.fit(as_dataset([batch, batch]).map(lambda columns: (columns,)), verbose=0)
    assert int(model.optimizer.iterations) == 2


@pytest.mark.parametrize("model_class", sorted(IN_ONE_PASS, key=lambda c: c.__name__))
def test_one_pass_takes_interactions_and_refuses_what_it_would_pass_over(model_class, tmp_path):
    model, board, name = built(model_class), the_board(), model_class.__name__
    for data in (board.events, as_dataset(batches_of(models.TwoTower))):
        with pytest.raises(ValueError, match=rf"^{name}\.fit takes interactions .*Received: "):
            model.fit(data)
    with pytest.raises(ValueError, match=rf"{name}\.fit takes no validation_data: .*evaluate"):
        model.fit(board, validation_data=board)
    with pytest.raises(ValueError, match=f"{name} has no loss: .*evaluate"):
        model.evaluate(board)
    saving = callbacks.ModelCheckpoint(str(tmp_path / "model.keras"))
    with pytest.warns(UserWarning, match=rf"{name}\.fit .* no callback .*Received: .*ModelCheck"):
        model.fit(board, callbacks=[saving], validation_data=None)
    model.retriever(board.items)  # refused of one that has learnt nothing


@pytest.mark.parametrize("model_class", [models.Item2Vec, models.GraphSAGE, models.FunkSVD])
def test_predict_names_the_columns_that_batches_for_training_lack(model_class):
    data = as_dataset(batches_of(model_class))
    lacking = rf"a call of {model_class.__name__} return.*Missing: (user_id, )?country.*Received: "
    with pytest.raises(ValueError, match=lacking):
        trained(model_class)[0].predict(data, verbose=0)


def test_raw_columns_are_not_taken_for_encoded_ones():
    model = trained(models.TwoTower)[0]
    raw = {name: np.array(["a"]) for name in model.query_model.input_names}
    said = (
        "take encoded user features.*model.query_embedder.. takes raw ones.*Received: 'country' as"
    )
    for given in (raw, {name: ["a"] for name in raw}):
        for ask in (model, model.predict):
            with pytest.raises(ValueError, match=said):
                ask(given)


@pytest.mark.parametrize("model_class", [models.ItemCF, models.NeuralCF, models.UserCF])
def test_a_model_without_vectors_of_queries_says_what_it_has(model_class):
    data = as_dataset(batches_of(models.NeuralCF))
    without = f"{model_class.__name__} has no vectors of queries.*model.retriever.*Received: dict"
    with pytest.raises(ValueError, match=without):
        built(model_class).predict(data, verbose=0)


def test_a_tower_that_is_frozen_stays_so_and_is_no_longer_learnt_once_compiled():
    """Until then, as in Keras, `fit` follows what was frozen when the model was compiled."""
    model, data = new(models.TwoTower), as_dataset(batches_of(models.TwoTower))
    model.candidate_model.trainable = False
    wanted = {layer.name: layer.trainable for layer in model._flatten_layers()}
    before = model.candidate_model.get_weights()
    model.fit(data, verbose=0)
    assert {layer.name: layer.trainable for layer in model._flatten_layers()} == wanted
    learnt = model.candidate_model.get_weights()
    assert any((old != now).any() for old, now in zip(before, learnt, strict=True))
    model.compile("adam", run_eagerly=True)
    model.fit(data, verbose=0)
    for old, now in zip(learnt, model.candidate_model.get_weights(), strict=True):
        np.testing.assert_array_equal(now, old)


@pytest.mark.parametrize("model_class", of_windows)
def test_a_model_with_steps_of_its_own_refuses_what_they_would_pass_over(model_class):
    model, data = built(model_class), as_dataset(batches_of(model_class))
    name = model_class.__name__
    for moves in (
        callbacks.LearningRateScheduler(lambda epoch: 0.0),
        callbacks.ReduceLROnPlateau("loss"),
        RateDrops("loss"),
    ):
        wrong = (
            rf"{name} .* set rate= and decay_epochs= .*Received: callbacks={type(moves).__name__}"
        )
        with pytest.raises(ValueError, match=wrong):
            model.fit(data, callbacks=moves, verbose=0)
    model.check_fit([RateDrops("loss", drops=0)])
    model.trainable = False
    with pytest.raises(ValueError, match=rf"{name} .*whatever is frozen.*Received: .*_vectors"):
        model.fit(data, verbose=0)
    model.trainable = True
    model.candidate_model.trainable = False
    if any(weight.trainable for weight in model.candidate_model.weights):
        with pytest.raises(ValueError, match=rf"{name} .*Received: trainable=False of "):
            model.fit(data, verbose=0)


@pytest.mark.parametrize("model_class", [models.TwoTower, models.NeuralCF])
def test_steps_per_execution_are_those_of_the_compiled_model_as_in_keras(model_class):
    model = built(model_class)
    assert model.recommended_steps > 1
    model.compile("adam", steps_per_execution=3)
    assert int(model.steps_per_execution) == 3
    model.steps_per_execution = 2
    assert int(model._steps_per_execution) == 2
