"""A run that is killed goes on from its last checkpoint to the losses that it would have had."""

import functools
import os
import signal

import numpy as np
import pytest
import tensorflow as tf

from tests.contract.model_cases import BATCH, built, learnt_by, the_board
from tfrec_recall import models
from tfrec_recall.data import batches
from tfrec_recall.layers import draws
from tfrec_recall.models.fitting.learner import Learner
from tfrec_recall.sampling import Hard, InBatch
from tfrec_recall.training import Checkpoints, Preempted, is_over

EPOCHS = 4
PLACE = {"Item2Vec": 0}  # of the batch that is not learnt; its epoch has but one


class Killed(tf.keras.callbacks.Callback):
    """What happens before a batch of an epoch, counted from 0."""

    def __init__(self, happens, epoch, batch):
        super().__init__()
        self.happens, self.place, self.epoch = happens, (epoch, batch), 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        if (self.epoch, batch) == self.place:
            self.happens()


def crash():
    raise InterruptedError


def sigterm():
    os.kill(os.getpid(), signal.SIGTERM)


class Line(Learner):
    """The least that learns, and draws at random while it does."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.slope = tf.Variable(tf.random.uniform([3]), name="slope")

    def compute_loss(self, batch, training=False):
        number = tf.cast(batch["item_id"], tf.float32)[:, tf.newaxis]
        return tf.reduce_mean(tf.square(number * self.slope - draws.uniform([1, 3])))

    def training_data(self, interactions, batch_size, seed):
        del interactions, batch_size
        return batches(11, 4, lambda rows: {"item_id": rows}, seed)


def line(seed):
    tf.keras.utils.set_random_seed(seed)
    model = Line()
    model.compile(tf.keras.optimizers.Adam(0.02))
    return model


CASES = {
    "Line": line,
    "TwoTower": functools.partial(
        built, models.TwoTower, dropout=0.3, negatives=[InBatch(), Hard(2, (1, 6), kept=4)]
    ),
    "SamplingBiasCorrectedTwoTower": functools.partial(
        built, models.SamplingBiasCorrectedTwoTower, negatives=5
    ),
    "Item2Vec": functools.partial(built, models.Item2Vec, decay_epochs=None),
}


def stopping():
    """What stops after the second epoch, and goes back to the first's weights."""
    return tf.keras.callbacks.EarlyStopping(
        "loss", mode="max", patience=1, restore_best_weights=True
    )


def run(name, *callbacks, seed=1, epochs=EPOCHS, order=0):
    model = CASES[name](seed=seed)
    model.run_eagerly = name not in ("Line", "Item2Vec")  # these few steps: no graph pays
    data = model.training_data(the_board(), batch_size=2 * BATCH, seed=order)
    told = model.fit(data, epochs=epochs, callbacks=list(callbacks), verbose=0)
    return model, told.history["loss"]


@functools.cache
def through(name):
    """What a run that nobody kills comes to."""
    model, losses = run(name, stopping())
    return losses, [weight.numpy() for weight in learnt_by(model)]


@pytest.mark.parametrize("name", CASES)
def test_a_killed_run_comes_to_the_losses_of_one_that_was_not(name, tmp_path):
    with pytest.raises(InterruptedError):
        run(name, stopping(), Checkpoints(tmp_path, every=1), Killed(crash, 1, PLACE.get(name, 1)))
    model, losses = run(name, Checkpoints(tmp_path, every=1), stopping(), seed=99)
    expected, weights = through(name)
    assert len(losses) == len(expected) == 2  # the patience was kept, too
    np.testing.assert_allclose(losses, expected, rtol=1e-6)
    for own, other in zip(learnt_by(model), weights, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-5, atol=1e-6)


def test_sigterm_ends_the_step_writes_and_ends_the_process(tmp_path):
    name, before = "Line", signal.getsignal(signal.SIGTERM)
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(Preempted) as ended:
        run(name, stopping(), checkpoints, Killed(sigterm, 1, 1))
    assert ended.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == before
    assert (checkpoints.state.epoch, checkpoints.state.step) == (1, 2)
    _, losses = run(name, stopping(), Checkpoints(tmp_path), seed=99)
    np.testing.assert_allclose(losses, through(name)[0], rtol=1e-6)


def test_a_run_that_is_over_stays_so_until_it_is_given_more_epochs(tmp_path):
    name = "Line"
    _, losses = run(name, Checkpoints(tmp_path), epochs=1)
    assert losses == pytest.approx(through(name)[0][:1])
    with pytest.warns(UserWarning, match="is over: nothing more is learnt"):
        _, again = run(name, Checkpoints(tmp_path), epochs=1, seed=99)
    assert again == losses
    _, more = run(name, Checkpoints(tmp_path), epochs=2, seed=99)
    assert more == pytest.approx(through(name)[0])
    assert len(list(tmp_path.glob("*.index"))) == 2


def test_a_run_that_was_given_more_epochs_is_not_over(tmp_path):
    run("Line", Checkpoints(tmp_path), epochs=1)
    assert is_over(tmp_path)
    with pytest.raises(InterruptedError):
        run("Line", Checkpoints(tmp_path, every=1), Killed(crash, 1, 1), epochs=3)
    assert not is_over(tmp_path)


def test_passes_before_a_run_stay_before_it(tmp_path):
    def run_after_two_epochs(*callbacks):
        model = line(seed=1)
        data = model.training_data(the_board(), batch_size=4, seed=0)
        model.fit(data, epochs=2, verbose=0)
        return model.fit(data, epochs=EPOCHS, callbacks=callbacks, verbose=0).history["loss"]

    with pytest.raises(InterruptedError):
        run_after_two_epochs(Checkpoints(tmp_path, every=1), Killed(crash, 1, 1))
    losses = run_after_two_epochs(Checkpoints(tmp_path, every=1))
    np.testing.assert_allclose(losses, run_after_two_epochs(), rtol=1e-6)


def test_logs_that_are_no_numbers_are_left_out(tmp_path):
    def more(epoch, logs):
        logs.update(clock="0:12", each=np.ones(3), rate=np.float32(0.5))

    checkpoints = Checkpoints(tmp_path)
    run("Line", tf.keras.callbacks.LambdaCallback(on_epoch_end=more), checkpoints, epochs=1)
    (kept,) = checkpoints.state.logs
    assert (kept["rate"], kept["epoch"]) == (0.5, 0)
    assert not {"clock", "each"} & set(kept)
    assert len(run("Line", Checkpoints(tmp_path), epochs=2)[1]) == 2


def test_other_data_are_refused(tmp_path):
    run("Line", Checkpoints(tmp_path), epochs=1)
    with pytest.raises(ValueError, match=r"the seed of the order was \[0\].*Received: \[7\]"):
        run("Line", Checkpoints(tmp_path), order=7)


def test_another_optimizer_is_refused(tmp_path):
    run("Line", Checkpoints(tmp_path), epochs=1)
    other = line(7)
    other.compile(tf.keras.optimizers.Adagrad(0.02))
    told = "the optimizer was Adam: compile with Adam, .*Received: Adagrad"
    with pytest.raises(ValueError, match=told):
        other.fit(other.training_data(the_board(), BATCH, 0), callbacks=[Checkpoints(tmp_path)])


def test_what_was_being_written_is_not_read(tmp_path):
    with pytest.raises(InterruptedError):
        run("Line", Checkpoints(tmp_path), Killed(crash, 1, 1))
    (tmp_path / "ckpt-2.index").write_bytes(b"half")
    (tmp_path / "ckpt-2.data-00000-of-00001.tempstate1").write_bytes(b"half")
    _, losses = run("Line", Checkpoints(tmp_path), epochs=2, seed=99)
    assert losses == pytest.approx(through("Line")[0][:2])


def test_a_model_that_says_nothing_of_its_run_is_refused(tmp_path):
    before, checkpoints = signal.getsignal(signal.SIGTERM), Checkpoints(tmp_path)
    run("Line", checkpoints, epochs=1)  # of whose callbacks nothing is known in the next run
    plain = tf.keras.Sequential([tf.keras.layers.Dense(1)])
    plain.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"Checkpoints goes with .*Received: .* Sequential"):
        plain.fit(np.ones((2, 1)), np.ones((2, 1)), callbacks=[checkpoints], verbose=0)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_handler_that_python_has_not_installed_leaves_the_signal_to_the_system(
    tmp_path, monkeypatch
):
    installed = []
    monkeypatch.setattr(signal, "signal", lambda number, handler: installed.append(handler))
    run("Line", Checkpoints(tmp_path), epochs=1)
    assert len(installed) == 2
    assert installed[-1] == signal.SIG_DFL


def test_settings_are_refused_by_name():
    with pytest.raises(ValueError, match=r"Checkpoints takes every as a whole number from 1 up"):
        Checkpoints("runs", every=0)
