"""FusedAdam moves everything as Keras' Adam does."""

import numpy as np
import pytest
import tensorflow as tf

from tests.two_replicas import strategy
from tfrec_recall.optimizers import FusedAdam

ROWS, DIM, STEPS = 7, 3, 5
KERAS = tf.keras.optimizers.Adam


def gradients(kind="float32"):
    """Of a table, whose last row is in no batch and some are twice in one, and of a vector."""
    draw = np.random.default_rng(0)
    for _ in range(STEPS):
        values, rows = draw.normal(size=(5, DIM)).astype(kind), draw.integers(ROWS - 1, size=5)
        of_table = tf.IndexedSlices(
            tf.constant(values), tf.constant(rows), tf.constant([ROWS, DIM])
        )
        yield of_table, tf.constant(draw.normal(size=DIM).astype(kind))


def learnt(cls, graph=False, kind="float32", **options):
    draw = np.random.default_rng(1)
    variables = [tf.Variable(draw.normal(size=size).astype(kind)) for size in ((ROWS, DIM), DIM)]
    optimizer = cls(0.05, **options)
    optimizer.build(variables)

    def step(*given):
        optimizer.apply_gradients(zip(given, variables, strict=True))

    step = tf.function(step) if graph else step
    for given in gradients(kind):
        step(*given)
    return [*variables, *optimizer.variables[1:]]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"graph": True},
        {"kind": "float64"},
        {"amsgrad": True},
        {"adaptive_epsilon": True, "epsilon": 0.1},
        {"beta_1": 0.5, "beta_2": 0.75},
        {"weight_decay": 0.1},
        {"global_clipnorm": 0.5},
        {"use_ema": True},
    ],
    ids=str,
)
def test_it_is_adam(options):
    for own, other in zip(learnt(FusedAdam, **options), learnt(KERAS, **options), strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-6)


def test_it_is_adam_in_a_step_that_xla_compiles():
    variables = [tf.Variable(tf.ones([ROWS, DIM])) for _ in range(2)]

    def step(cls, variable):
        optimizer = cls(0.05)
        optimizer.build([variable])
        apply = tf.function(
            lambda gradient: optimizer.apply_gradients([(gradient, variable)]), jit_compile=True
        )
        for of_table, _ in gradients():
            apply(tf.convert_to_tensor(of_table))

    for cls, variable in zip((FusedAdam, KERAS), variables, strict=True):
        step(cls, variable)
    np.testing.assert_allclose(*variables, rtol=1e-4)


def test_replicas_move_as_one():
    def moved(cls):
        with strategy().scope():
            table = tf.Variable(tf.ones([ROWS, DIM]))
            optimizer = cls(0.05)
            optimizer.build([table])

        def learn(values, rows):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(values * tf.gather(table, rows))
            optimizer.minimize(loss, [table], tape)

        step = tf.function(lambda *given: strategy().run(learn, given))
        for gradient, _ in gradients():
            step(gradient.values, gradient.indices)
        return [part.numpy() for part in table.values]

    own, others = moved(FusedAdam), moved(KERAS)
    np.testing.assert_array_equal(*own)
    np.testing.assert_allclose(own, others, rtol=1e-4)


def test_a_checkpoint_of_adam_goes_on():
    def fresh(cls):
        table, optimizer = tf.Variable(tf.ones([ROWS, DIM])), cls(0.05)
        optimizer.build([table])
        return table, optimizer, tf.train.Checkpoint(table=table, optimizer=optimizer)

    (table, adam, saved), (own, fused, restored) = fresh(KERAS), fresh(FusedAdam)
    first, *later = [of_table for of_table, _ in gradients()]
    adam.apply_gradients([(first, table)])
    path = saved.save("ram://fused/adam")
    restored.restore(path).assert_existing_objects_matched()
    for gradient in later:
        adam.apply_gradients([(gradient, table)])
        fused.apply_gradients([(gradient, own)])
    np.testing.assert_allclose(own, table, rtol=1e-4)
