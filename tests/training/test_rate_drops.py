"""A model whose weight grows by the learning rate each epoch, and figures that are given."""

import tracemalloc
import warnings

import numpy as np
import pytest
import tensorflow as tf

from tfrec_recall.training import Checkpoints, RateDrops, RunIsOver
from tfrec_recall.training.rate_drops import in_pieces
from tfrec_recall.training.run_state import RunState


class Growing(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.grown = self.add_weight(name="grown", shape=(), initializer="zeros")

    def call(self, inputs):
        return self.grown + 0 * inputs

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        return -self.grown


class Figures(tf.keras.callbacks.Callback):
    def __init__(self, figures):
        super().__init__()
        self.figures = figures

    def on_epoch_end(self, epoch, logs=None):
        logs["val_recall"] = self.figures[epoch]


class Cut(tf.keras.callbacks.Callback):
    """Ends the process, as it were, when an epoch begins."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def fitted(figures, *more, rate=1.0, before=None, **settings):
    model = Growing()
    model.compile(optimizer=tf.keras.optimizers.SGD(rate))
    drops = RateDrops("val_recall", "max", patience=2, **settings)
    one_step = tf.data.Dataset.from_tensors(np.zeros((1, 1), "float32"))
    callbacks = [Figures(figures), *([before] if before else []), drops, *more]
    for callback in more:
        if isinstance(callback, Checkpoints):
            callback.stand_beside(callbacks[:2], [])
    told = model.fit(one_step, epochs=len(figures), verbose=0, callbacks=callbacks)
    return float(model.grown.numpy()), drops, len(told.epoch)


def rates(model):
    """The learning rate of now, and that of what is saved."""
    saved = model.get_compile_config()["optimizer"]["config"]["learning_rate"]
    return float(model.optimizer.learning_rate.numpy()), pytest.approx(float(saved))


def test_it_goes_on_from_the_best_epoch_at_a_lower_rate():
    said = []
    grown, drops, epochs = fitted((0.1, 0.3, 0.2, 0.2, 0.4, 0.3, 0.3, 0.9), tell=said.append)
    assert (grown, epochs) == (pytest.approx(2.1), 7)
    assert list(drops.pieces) == [(2, 1.0), (1, 0.1)]
    assert said == [
        "No better for 2 epochs: back to epoch 2, and on from there at the learning rate 0.1."
    ]


def test_the_best_weights_are_held_once(monkeypatch):
    held, get_weights = [], Growing.get_weights

    def watched(model):
        held.append(drops.best_weights)
        return get_weights(model)

    monkeypatch.setattr(Growing, "get_weights", watched)
    model = Growing()
    model.compile(optimizer=tf.keras.optimizers.SGD(1.0))
    one_step = tf.data.Dataset.from_tensors(np.zeros((1, 1), "float32"))
    figures = Figures((0.1, 0.3, 0.2))
    drops = RateDrops("val_recall", "max", patience=2)
    model.fit(one_step, epochs=3, verbose=0, callbacks=[figures, drops])
    assert held == [[], []]  # one copy for each better epoch, and none beside it
    assert float(model.grown.numpy()) == 2


def test_the_state_of_a_run_is_written_without_another_copy():
    state = RunState(callbacks=[{"best_weights": [np.zeros(2**23), np.ones(3)], "best": 0.5}])
    tracemalloc.start()  # NumPy writes arrays by 16 MiB
    try:
        data = state.to_bytes()
        assert tracemalloc.get_traced_memory()[1] < 1.5 * len(data)
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(RunState.from_bytes(data).callbacks[0]["best_weights"][1], 1)


def test_a_drop_that_brings_nothing_leaves_what_was_best():
    grown, drops, epochs = fitted((0.1, 0.3, 0.2, 0.2, 0.1, 0.1, 0.9), factor=0.5)
    assert (grown, epochs) == (2, 6)
    assert list(drops.pieces) == [(2, 1.0)]


def test_without_drops_it_stops_early():
    grown, drops, epochs = fitted((0.1, 0.3, 0.2, 0.2, 0.9), drops=0)
    assert (grown, epochs) == (2, 4)
    assert list(drops.pieces) == [(2, 1.0)]


def test_of_two_drops_one_may_bring_nothing():
    figures = (0.3, 0.2, 0.2, 0.1, 0.1, 0.4, 0.5, 0.1, 0.1)
    grown, drops, epochs = fitted(figures, drops=2)
    assert (grown, epochs) == (pytest.approx(1.02), 9)
    assert list(drops.pieces) == [(1, 1.0), (2, pytest.approx(0.01))]


def test_another_callback_may_end_the_run():
    class End(tf.keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 2

    figures = (0.3, 0.2, 0.2, 0.4, 0.5)
    assert fitted(figures, End())[2] == 3
    grown, drops, epochs = fitted((0.1, 0.2, 0.3, 0.4, 0.5), before=End())
    assert (grown, drops.best_epoch, epochs) == (3, 2, 3)  # its last epoch counts


def test_pieces_are_repeated_by_a_schedule_of_rates():
    model = Growing()
    model.compile(optimizer=tf.keras.optimizers.SGD(1.0))
    one_step = tf.data.Dataset.from_tensors(np.zeros((1, 1), "float32"))
    model.fit(one_step, epochs=3, verbose=0, callbacks=[in_pieces([(2, 1.0), (1, 0.1)])])
    assert float(model.grown.numpy()) == pytest.approx(2.1)
    assert rates(model) == (1, 1)


def test_what_is_learnt_later_begins_at_the_first_rate():
    _, drops, _ = fitted((0.1, 0.3, 0.2, 0.2, 0.4, 0.3, 0.3))
    assert drops.over  # it was lower
    assert rates(drops.model) == (1, 1)
    one_step = tf.data.Dataset.from_tensors(np.zeros((1, 1), "float32"))
    drops.model.fit(one_step, epochs=1, verbose=0, callbacks=[Figures((0.1,)), drops])
    assert (drops.first_rate, list(drops.pieces)) == (1, [(1, 1.0)])
    assert fitted((0.1, 0.2), drops=0)[1].over == []


@pytest.mark.parametrize("epochs", [7, 4])  # it stops, or all epochs are over
def test_a_run_that_is_over_has_the_first_rate_again(tmp_path, epochs):
    figures = (0.1, 0.3, 0.2, 0.2, 0.4, 0.3, 0.3)[:epochs]
    for _ in range(2):  # the second only reads what the first has written
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RunIsOver)
            _, drops, _ = fitted(figures, Checkpoints(tmp_path))
        assert rates(drops.model) == (1, 1)


def test_a_rate_that_follows_a_schedule_is_refused():
    rate = tf.keras.optimizers.schedules.ExponentialDecay(1.0, 10, 0.5)
    with pytest.raises(ValueError, match="takes from a schedule"):
        fitted((0.1, 0.2), rate=rate)
    assert fitted((0.1, 0.2), rate=rate, drops=0)[2] == 2  # as `EarlyStopping`


@pytest.mark.parametrize("settings", [{"drops": -1}, {"factor": 1.0}, {"factor": 0}])
def test_arguments_are_checked(settings):
    with pytest.raises(ValueError, match="RateDrops"):
        RateDrops("val_recall", **settings)


@pytest.mark.parametrize("cut", [3, 4, 5])
def test_a_run_that_goes_on_from_a_checkpoint_has_the_rate_that_it_had(tmp_path, cut):
    figures = (0.1, 0.3, 0.2, 0.2, 0.4, 0.3, 0.3)
    with pytest.raises(KeyboardInterrupt):
        fitted(figures, Cut(cut), Checkpoints(tmp_path))
    grown, drops, _ = fitted(figures, Checkpoints(tmp_path))
    assert grown == pytest.approx(2.1)
    assert list(drops.pieces) == [(2, 1.0), (1, 0.1)]


def test_a_scaled_loss_has_the_rate_of_its_optimizer():
    model = Growing()
    model.compile(tf.keras.mixed_precision.LossScaleOptimizer(tf.keras.optimizers.SGD(0.5)))
    drops = RateDrops("val_recall", "max", patience=1)
    one_step = tf.data.Dataset.from_tensors(np.zeros((1, 1), "float32"))
    model.fit(one_step, epochs=2, verbose=0, callbacks=[Figures((0.2, 0.1)), drops])
    assert float(model.optimizer.learning_rate.numpy()) == pytest.approx(0.5)
    assert drops.rate == pytest.approx(0.05)
