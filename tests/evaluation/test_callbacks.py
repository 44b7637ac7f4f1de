"""Early stopping on validation recall, with a model whose quality an epoch is known."""

import logging

import numpy as np
import pytest
import tensorflow as tf

from tests.evaluation.conftest import Known
from tfrec_recall.evaluation import RecallOnValidation, evaluate
from tfrec_recall.training.run_state import RunState, kept_of, put_back

QUALITY = (0.0, 0.2, 0.7, 0.5, 0.4, 0.3)  # of the model in each epoch


class Improving(tf.keras.Model):
    """Finds a share of the validation targets that its only weight says."""

    def __init__(self, split, scores):
        super().__init__()
        self.split, self.scores = split, scores
        self.quality = self.add_weight(name="quality", shape=(), initializer="zeros")
        self.asked_for = []

    def call(self, inputs):
        return inputs * self.quality

    def train_step(self, data):
        return {"loss": tf.constant(1.0)}

    def retriever(self, items, index=None, k=100):
        self.asked_for.append(k)
        table = self.scores.copy()
        wanted = self.split.validation.targets
        found = wanted.iloc[: round(len(wanted) * float(self.quality.numpy()))]
        for user, item in zip(found["user_id"], found["item_id"], strict=True):
            table.loc[user, item] += 1e6
        return Known(table[items["item_id"]])


class SetQuality(tf.keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.quality.assign(QUALITY[epoch])


@pytest.fixture
def model(split, scores):
    model = Improving(split, scores)
    model.compile()
    return model


def fit(model, *callbacks, epochs=6, begin=0):
    data = tf.data.Dataset.from_tensors(tf.zeros([2, 1]))
    callbacks = [SetQuality(), *callbacks]
    return model.fit(data, epochs=epochs, initial_epoch=begin, verbose=0, callbacks=callbacks)


def test_history_holds_the_recall_of_the_validation_part(model, split, scores):
    history = fit(model, RecallOnValidation(split, cuts=(1, 5), metrics=("recall", "ndcg")))
    assert {"val_recall@1", "val_recall@5", "val_ndcg@1", "val_ndcg@5"} <= set(history.history)
    measured = history.history["val_recall@5"]
    assert int(np.argmax(measured)) == 2
    model.quality.assign(QUALITY[4])
    again = model.retriever(split.interactions.items)
    expected = evaluate(again, split, on="validation", cuts=(5,)).metrics["recall@5"]
    assert measured[4] == pytest.approx(expected)
    assert set(model.asked_for[:-1]) == {5}


def test_early_stopping_restores_the_best_epoch(model, split):
    recall = RecallOnValidation(split, cuts=(5,))
    stop = tf.keras.callbacks.EarlyStopping(
        "val_recall@5", mode="max", patience=2, restore_best_weights=True
    )
    history = fit(model, recall, stop)
    assert len(history.epoch) == 5
    assert float(model.quality.numpy()) == pytest.approx(QUALITY[2])


def test_between_measurements_the_last_figures_stay(model, split, caplog):
    recall = RecallOnValidation(split, every=3, cuts=(5,))
    stop = tf.keras.callbacks.EarlyStopping("val_recall@5", mode="max", patience=9)
    with caplog.at_level(logging.WARNING):
        measured = fit(model, recall, stop, epochs=5).history["val_recall@5"]
    assert len(model.asked_for) == 3  # epochs 0, 3 and the last
    assert measured[0] == measured[1] == measured[2]
    assert len({measured[0], measured[3], measured[4]}) == 3
    assert "not available" not in caplog.text


def test_a_retriever_of_no_more_use_goes_before_the_next_is_made(model, split, monkeypatch):
    recall, held, make = RecallOnValidation(split, cuts=(5,)), [], model.retriever

    def watched(items, k):
        held.append(recall._retriever)
        return make(items, k=k)

    monkeypatch.setattr(model, "retriever", watched)
    fit(model, recall, epochs=3)
    assert held == [None] * 3


def test_another_run_begins_without_the_figures_of_the_one_before(model, split):
    recall = RecallOnValidation(split, every=4, cuts=(5,))
    fit(model, recall, epochs=1)
    measured = len(model.asked_for)
    fit(model, recall, epochs=3, begin=1)
    assert len(model.asked_for) == measured + 2  # its first epoch and the last


def test_they_stay_over_an_interruption(model, split):
    class Killed(tf.keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise InterruptedError

    through = fit(model, RecallOnValidation(split, every=3, cuts=(5,))).history["val_recall@5"]
    first, second = (RecallOnValidation(split, every=3, cuts=(5,)) for _ in range(2))
    with pytest.raises(InterruptedError):
        fit(model, first, Killed())
    state = RunState.from_bytes(RunState(callbacks=[kept_of(first)]).to_bytes())
    restore = tf.keras.callbacks.LambdaCallback(  # as `Checkpoints`, which stands behind the others
        on_train_begin=lambda logs: put_back(second, state.callbacks[0])
    )
    assert fit(model, second, restore, begin=2).history["val_recall@5"] == through[2:]
    assert second.report.metrics["recall@5"] == through[-1]


def test_a_sample_of_users_is_drawn_once_and_by_the_seed(model, split):
    one, same, other = (RecallOnValidation(split, users=9, seed=seed) for seed in (1, 1, 2))
    fit(model, one, epochs=2)
    users = one.report.per_user.index.tolist()
    assert len(users) == 9
    chosen = [sorted(each.split.validation.targets["user_id"].unique()) for each in (same, other)]
    assert chosen[0] == users
    assert chosen[1] != users
    assert split.validation.targets["user_id"].nunique() == 24


@pytest.mark.parametrize("argument", ["every", "users"])
def test_nothing_is_no_number_of_epochs_or_users(argument, split):
    with pytest.raises(ValueError, match=r"Received: .*0"):
        RecallOnValidation(split, **{argument: 0})
