"""Optimizers of rows: the formulas, what they leave alone, and what is kept of them."""

import json

import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall import optimizers

ROWS, DIM, STEPS = 7, 3, 6
BATCHES = [[0, 2, 2], [2, 5, 0], [1, 1, 1], [0, 4, 2], [2, 2, 5], [3, 0, 0]]  # 6 is in none
MADE = {name: getattr(optimizers, name) for name in optimizers.__all__}


def a_table(seed=0):
    return tf.Variable(np.random.default_rng(seed).normal(size=(ROWS, DIM)).astype("float32"))


def gradients(seed=1):
    draw = np.random.default_rng(seed)
    return [draw.normal(size=(3, DIM)).astype("float32") for _ in BATCHES]


def slices(values, rows):
    return tf.IndexedSlices(tf.convert_to_tensor(values), tf.convert_to_tensor(rows), (ROWS, DIM))


def summed(values, rows):
    dense = np.zeros((ROWS, DIM), "float32")
    np.add.at(dense, rows, values)
    return dense


def adam_by_rows(table, rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7, decay=0.0):
    """Algorithm 1 of each row by itself, over the steps in which it has a gradient."""
    mean, square, steps = np.zeros_like(table), np.zeros_like(table), np.zeros(ROWS)
    for rows, values in zip(BATCHES, gradients(), strict=True):
        dense = summed(values, rows)
        for row in set(rows):
            steps[row] += 1
            table[row] -= rate * decay * table[row]
            mean[row] = beta_1 * mean[row] + (1 - beta_1) * dense[row]
            square[row] = beta_2 * square[row] + (1 - beta_2) * dense[row] ** 2
            unbias = np.sqrt(1 - beta_2 ** steps[row])
            step = mean[row] / (1 - beta_1 ** steps[row]) * unbias
            table[row] -= rate * step / (np.sqrt(square[row]) + epsilon)
    return table


def adagrad_by_rows(table, rate, initial=0.1, epsilon=1e-7, decay=0.0):
    sums = np.full(ROWS, initial)
    for rows, values in zip(BATCHES, gradients(), strict=True):
        dense = summed(values, rows)
        for row in set(rows):
            table[row] -= rate * decay * table[row]
            sums[row] += np.mean(dense[row] ** 2)
            table[row] -= rate * dense[row] / np.sqrt(sums[row] + epsilon)
    return table


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("decay", [None, 0.1])
@pytest.mark.parametrize(
    ("cls", "reference"),
    [(optimizers.LazyAdam, adam_by_rows), (optimizers.RowWiseAdagrad, adagrad_by_rows)],
)
def test_each_row_is_updated_as_if_it_were_alone(cls, reference, decay, graph):
    table, optimizer = a_table(), cls(0.05, weight_decay=decay)
    optimizer.build([table])

    def step(values, rows):
        optimizer.apply_gradients([(slices(values, rows), table)])

    if graph:
        step = tf.function(step)
    for rows, values in zip(BATCHES, gradients(), strict=True):
        step(tf.constant(values), tf.constant(rows))
    expected = reference(a_table().numpy(), 0.05, decay=decay or 0.0)
    np.testing.assert_allclose(table, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(table[6], a_table()[6])


@pytest.mark.parametrize("cls", MADE.values())
def test_where_every_row_has_a_gradient_it_is_the_dense_optimizer(cls):
    """Of Adam: Keras' own. Rows in another order, or some twice, are the same gradient."""
    tables = [a_table() for _ in range(3)]
    kept = [cls(0.05), cls(0.05), tf.keras.optimizers.Adam(0.05)]
    draw = np.random.default_rng(3)
    for _ in range(STEPS):
        dense = draw.normal(size=(ROWS, DIM)).astype("float32")
        order = draw.permutation(ROWS)
        twice = np.concatenate([order, order])
        halves = slices(np.concatenate([0.25 * dense[order], 0.75 * dense[order]]), twice)
        for optimizer, gradient, table in zip(kept, (halves, dense, dense), tables, strict=True):
            given = gradient if gradient is halves else tf.convert_to_tensor(gradient)
            optimizer.apply_gradients([(given, table)])
    np.testing.assert_allclose(tables[0], tables[1], rtol=1e-4, atol=1e-6)
    if cls is optimizers.LazyAdam:
        np.testing.assert_allclose(tables[0], tables[2], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("cls", MADE.values())
def test_a_checkpoint_and_a_saved_model_go_on_as_the_run_would_have(cls, tmp_path):
    def fresh():
        embedding = tf.keras.layers.Embedding(ROWS, DIM)
        model = tf.keras.Sequential([embedding, tf.keras.layers.Dense(1)])
        model.build([None, 2])
        model.set_weights([np.full(w.shape, 0.3, "float32") for w in model.get_weights()])
        model.compile(cls(0.05), "mse")
        return model

    x, y = np.array([[0, 2], [2, 5], [1, 1], [4, 3]]), np.arange(4.0)
    run = {"batch_size": 2, "shuffle": False, "verbose": 0}
    model = fresh()
    model.fit(x, y, epochs=2, **run)
    path = tf.train.Checkpoint(model=model, optimizer=model.optimizer).save(tmp_path / "state")
    model.save(tmp_path / "whole.keras")
    model.fit(x, y, **run)

    restored = fresh()
    checkpoint = tf.train.Checkpoint(model=restored, optimizer=restored.optimizer)
    restored.optimizer.build(restored.trainable_variables)
    checkpoint.restore(path).assert_consumed()
    loaded = tf.keras.models.load_model(tmp_path / "whole.keras")
    assert type(loaded.optimizer) is cls
    for other in (restored, loaded):
        other.fit(x, y, **run)
        for ours, theirs in zip(other.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_the_state_of_a_row_is_one_number_with_adagrad():
    optimizer = optimizers.RowWiseAdagrad()
    optimizer.build([a_table()])
    assert [tuple(v.shape) for v in optimizer.variables[-1:]] == [(ROWS,)]
    assert sum(np.prod(v.shape) for v in optimizer.variables) == ROWS + 1  # and the step


@pytest.mark.parametrize("cls", MADE.values())
def test_a_scalar_and_a_step_without_rows(cls):
    """The first step of either is one of the rate, but for what Adagrad begins with."""
    scalar, table, optimizer = tf.Variable(2.0), a_table(), cls(0.1)
    nobody = tf.IndexedSlices(tf.zeros([0, DIM]), tf.zeros([0], tf.int32), (ROWS, DIM))
    optimizer.apply_gradients([(tf.constant(1.0), scalar), (nobody, table)])
    expected = 2 - 0.1 / (1.1**0.5 if cls is optimizers.RowWiseAdagrad else 1)
    np.testing.assert_allclose(scalar, expected, rtol=1e-5)
    np.testing.assert_array_equal(table, a_table())


@pytest.mark.parametrize("sparse", [False, True])
def test_a_row_without_any_gradient_yet_stays_where_it_is(sparse):
    table = a_table()
    optimizer = optimizers.RowWiseAdagrad(0.1, initial=0.0, epsilon=0.0)
    nothing = tf.zeros([2, DIM]) if sparse else tf.zeros([ROWS, DIM])
    optimizer.apply_gradients([(slices(nothing, [0, 1]) if sparse else nothing, table)])
    np.testing.assert_array_equal(table, a_table())


def test_what_has_no_meaning_is_refused():
    with pytest.raises(ValueError, match=r"LazyAdam keeps no greatest moment.*amsgrad=True"):
        optimizers.LazyAdam(amsgrad=True)
    with pytest.raises(
        ValueError, match=r"RowWiseAdagrad takes initial as .*at least 0.*initial=-1"
    ):
        optimizers.RowWiseAdagrad(initial=-1)
    with pytest.raises(ValueError, match=r"RowWiseAdagrad takes epsilon as .*at least 0.*=True"):
        optimizers.RowWiseAdagrad(epsilon=True)
    for cls in MADE.values():
        said = f"{cls.__name__} takes learning_rate as a number .*at least 0, or a schedule"
        none = (-0.1, np.float32(-1), np.nan, float("inf"), [0.1], True, np.True_, "0.1", None, str)
        for rate in none:
            with pytest.raises(ValueError, match=rf"{said}\. Received: learning_rate="):
                cls(rate)
        schedule = tf.keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)
        for rate in (0, np.float32(0.5), np.int64(1), schedule, lambda: 0.1):
            cls(rate).build([a_table()])
        again = cls.from_config(cls(schedule).get_config())
        assert again.get_config()["learning_rate"]["class_name"] == "ExponentialDecay"


@pytest.mark.parametrize("cls", MADE.values())
def test_the_config_is_plain_whatever_the_numbers_are(cls):
    numbers = {"learning_rate": np.float32(0.25), "weight_decay": np.float64(0.5)}
    config = json.loads(json.dumps(cls(**numbers, epsilon=np.float32(0.125)).get_config()))
    assert (config["learning_rate"], config["weight_decay"]) == (0.25, 0.5)
    assert config["epsilon"] == 0.125
    assert cls.from_config(config).get_config() == config


@pytest.mark.parametrize("name", MADE)
def test_tables_may_have_doubles_and_no_halves(name):
    found = {}
    for kind in ("float32", "float64"):
        table, optimizer = tf.Variable(tf.cast(a_table(), kind)), MADE[name](0.1)
        for rows, values in zip(BATCHES, gradients(), strict=True):
            optimizer.apply_gradients([(slices(values.astype(kind), rows), table)])
        found[kind] = table.numpy()
    assert found["float64"].dtype == "float64"
    np.testing.assert_allclose(found["float64"], found["float32"], rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match=r"a half is too coarse.*of bfloat16"):
        MADE[name](0.1).build([tf.Variable(tf.zeros([3, 2], "bfloat16"))])
