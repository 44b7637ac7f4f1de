"""A training run: early stopping, what is timed, what is recorded."""

import dataclasses
import gc
import time
import types
import weakref

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.evaluation.conftest import Known
from tfrec_recall.advice import Evidence, advise
from tfrec_recall.cli.runs import deadline as of_deadline
from tfrec_recall.cli.runs import training, validation
from tfrec_recall.cli.runs.long_run import LongRun
from tfrec_recall.cli.runs.training import Unsuitable, train_model
from tfrec_recall.cli.runs.training_progress import Stopwatch
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.evaluation import RatingsOnValidation, RecallOnValidation
from tfrec_recall.features import Categorical, Features, Rows
from tfrec_recall.models.published import Published
from tfrec_recall.training.run_state import kept_of, put_back

pytestmark = pytest.mark.usefixtures("only_its_own")

QUALITY = (0.0, 0.1, 0.2, 0.8, 0.5, 0.5, 0.5, 0.5)  # after each epoch
STEPS = 3
SETTINGS = {"epochs": 7, "patience": 2, "batch_size": 16}


class Toy(tf.keras.Model):
    """Finds a share of the validation targets that grows, and then falls, with its steps."""

    split = None  # set by the test
    stops_early = True
    learns_ratings = False
    recommended_steps = 1
    can_compile = False
    optimizer_class = tf.keras.optimizers.Adam
    reads_columns = True
    scores_pairs = False

    def __init__(self, features, width=(2, 1), **kwargs):
        super().__init__(**kwargs)
        self.features = features
        self.width = list(width)
        self.done = self.add_weight(name="done", shape=(), initializer="zeros")

    @classmethod
    def default_features(cls, interactions, columns=None):
        return Features(user=[], item=[Categorical("item_id")])

    def optimizer_for(self, batch_size):
        return self.optimizer_class

    def training_data(self, train, batch_size, seed):
        self.asked = (batch_size, seed)
        return tf.data.Dataset.from_tensors(tf.zeros([1, 1])).repeat(STEPS)

    def call(self, inputs):
        return inputs + self.done

    def train_step(self, data):
        self.done.assign_add(1.0)
        return {"loss": 10.0 - self.done}

    def retriever(self, items, index=None, k=100):
        wanted = self.split.validation.targets
        quality = QUALITY[int(self.done.numpy()) // STEPS]
        found = wanted.groupby("user_id").head(round(5 * quality))
        users = self.split.interactions.users["user_id"].to_numpy(dtype=object)
        names = items["item_id"].to_numpy(dtype=object)
        scores = np.random.default_rng(0).permutation(len(users) * len(names)).astype(float)
        table = pd.DataFrame(scores.reshape(len(users), -1), index=users, columns=names)
        for user, item in zip(wanted["user_id"], wanted["item_id"], strict=True):
            table.loc[user, item] = -1.0
        for user, item in zip(found["user_id"], found["item_id"], strict=True):
            table.loc[user, item] = 1e6
        return Known(table, answers=lambda ranked: ranked[:5])


@pytest.fixture
def entry(split, monkeypatch):
    monkeypatch.setattr(Toy, "split", split)
    return types.SimpleNamespace(name="toy", load=lambda: Toy)


def test_training_stops_after_patience_and_goes_back_to_the_best_epoch(entry, split, capsys):
    trained = train_model(entry, split, SETTINGS, seed=5)
    assert float(trained.model.done.numpy()) == 3 * STEPS
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("epoch")]
    assert len(lines) == 5
    assert ["best" in line for line in lines] == [True, True, True, False, False]
    assert "loss 7.0000" in lines[0]
    assert trained.model.asked == (16, 5)
    assert (trained.best_epoch, trained.by_trial) == (3, False)
    assert 0 < trained.seconds_to_best < trained.seconds


def test_that_the_epochs_ran_out_is_said(entry, split, capsys):
    train_model(entry, split, {"epochs": 3, "patience": 2}, seed=0)
    assert "The last of 3 epochs is the best: more may be better" in capsys.readouterr().err
    train_model(entry, split, {"epochs": 4, "patience": 2}, seed=0)
    assert "may be better" not in capsys.readouterr().err


def test_of_many_users_some_are_measured_after_an_epoch(entry, split, capsys, monkeypatch):
    monkeypatch.setattr(validation, "MEASURED_USERS", 5)
    measured = []
    monkeypatch.setattr(
        validation,
        "RecallOnValidation",
        lambda *arguments, **options: (
            measured.append(options["users"]) or RecallOnValidation(*arguments, **options)
        ),
    )
    train_model(entry, split, {"epochs": 1}, seed=0)
    assert measured == [5]
    assert "5 drawn at random are measured after each epoch" in capsys.readouterr().err


def test_of_many_users_ratings_of_some_are_measured(entry, split, capsys, monkeypatch):
    asked = []

    class Rated(RatingsOnValidation):
        def on_epoch_end(self, epoch, logs=None):
            asked.append(self.split.validation.targets["user_id"].nunique())
            logs[training.RATED] = 1.0

    monkeypatch.setattr(validation, "MEASURED_USERS", 5)
    monkeypatch.setattr(validation, "RatingsOnValidation", Rated)
    monkeypatch.setattr(Toy, "learns_ratings", True)
    train_model(entry, split, {"epochs": 2}, seed=0)
    assert asked == [5, 5]
    assert "5 drawn at random are measured after each epoch" in capsys.readouterr().err


def test_settings_reach_vocabularies_and_choose_the_optimizer(entry, split):
    settings = {"epochs": 1, "min_count": {"item_id": 6}, "optimizer": "RowWiseAdagrad"}
    trained = train_model(entry, split, settings, seed=0)
    events = split.train.events["item_id"].value_counts()
    known = len(trained.model.features.item_vocabulary) - FIRST_KNOWN
    assert 0 < known == (events >= 6).sum() < len(events)
    assert trained.settings["min_count"] == {"item_id": 6}
    assert trained.settings["optimizer"] == "RowWiseAdagrad"
    assert trained.settings["learning_rate"] == 0.05  # Adam's would be too low
    with pytest.raises(Unsuitable, match="min_count of brand"):
        train_model(entry, split, {"min_count": {"brand": 2}}, seed=0)


class Rebuying(Toy):
    """Learns what comes again, where it is told."""

    def __init__(self, features, repeats=False, **kwargs):
        super().__init__(features, **kwargs)
        self.repeats = repeats

    @classmethod
    def default_features(cls, interactions, columns=None, repeats=False):
        cls.told = repeats
        return super().default_features(interactions, columns)


@pytest.mark.parametrize(
    ("given", "repeats", "expected"),
    [({}, True, True), ({}, False, False), ({"repeats": False}, True, False)],
)
def test_what_is_ranked_is_learnt(given, repeats, expected, entry, split):
    entry.load = lambda: Rebuying
    trained = train_model(entry, split, {"epochs": 1, **given}, seed=0, repeats=repeats)
    assert trained.model.repeats == trained.settings["repeats"] == Rebuying.told == expected


def test_a_model_that_counts_all_events_is_not_told_of_repeats(entry, split):
    assert "repeats" not in train_model(entry, split, {"epochs": 1}, 0, repeats=True).settings


def test_the_record_holds_every_setting(entry, split):
    trained = train_model(entry, split, {"epochs": 1, "width": [3]}, seed=0)
    assert trained.settings["width"] == [3]
    assert trained.settings["epochs"] == 1
    assert {"batch_size", "learning_rate", "patience"} < set(trained.settings)
    examples = STEPS * trained.settings["batch_size"]
    # The seconds are told in thousandths.
    assert examples / trained.examples_per_second == pytest.approx(trained.seconds, abs=6e-4)


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        (Published("KDD 2018"), "SGD"),
        (Published("KDD 2018", optimizer=tf.keras.optimizers.Adagrad), "Adagrad"),
    ],
)
def test_where_a_paper_names_no_optimizer_it_is_the_models_own(
    plain, expected, entry, split, monkeypatch
):
    monkeypatch.setattr(Toy, "optimizer_class", tf.keras.optimizers.SGD)
    monkeypatch.setattr(Toy, "plain_form", lambda: plain, raising=False)
    monkeypatch.setattr(Toy, "UNREAD", {}, raising=False)
    trained = train_model(entry, split, {"epochs": 1}, seed=0, published=True)
    assert trained.settings["optimizer"] == expected


@pytest.mark.parametrize(
    ("scores_pairs", "items", "users"),
    [(False, 10**6, 10_000), (True, 3_665, 10_000), (True, 50_000, 2_000), (True, 10**6, 1_000)],
)
def test_fewer_users_are_measured_where_a_network_scores_pairs(scores_pairs, items, users):
    model = types.SimpleNamespace(scores_pairs=scores_pairs)
    assert validation.measured_users(model, items) == users


def without_validation(split):
    nobody = dataclasses.replace(split.validation, targets=split.validation.targets.iloc[:0])
    return dataclasses.replace(split, validation=nobody)


def test_without_validation_a_trial_on_held_back_events_finds_the_epochs(
    entry, split, capsys, monkeypatch
):
    trials = []

    def hold_back(train, seed):
        trials.append(train)
        return split  # the toy knows the answers to its validation

    monkeypatch.setattr(training, "hold_back", hold_back)
    clocks, fit = [], training._fit

    def timed(*arguments):
        found = fit(*arguments)
        clocks.append(found[0])
        return found

    monkeypatch.setattr(training, "_fit", timed)
    settings = {"epochs": 7, "patience": 2}
    trained = train_model(entry, without_validation(split), settings, seed=0)
    of_trial, last = clocks
    assert trained.seconds == pytest.approx(of_trial.seconds + last.seconds, abs=1e-3)
    examples = last.steps * trained.settings["batch_size"]
    assert trained.examples_per_second == pytest.approx(examples / last.seconds, rel=1e-3)
    assert float(trained.model.done.numpy()) == 3 * STEPS
    assert trained.settings["epochs"] == 3
    assert trials == [split.train]
    assert (trained.best_epoch, trained.by_trial) == (3, True)
    assert trained.seconds_to_best == pytest.approx(of_trial.seconds_after[2], abs=1e-3)
    shown = capsys.readouterr().err
    assert "held back" in shown
    assert "3 epochs are best" in shown


class Passing(tf.keras.callbacks.Callback):
    """Time that passes only at the end of epochs: of those of each training, so many seconds."""

    def __init__(self, *seconds):
        super().__init__()
        self.now, self.seconds, self.training = 0, seconds, -1

    def on_train_begin(self, logs=None):
        self.training += 1

    def on_epoch_end(self, epoch, logs=None):
        self.now += self.seconds[self.training]


@pytest.fixture
def within(entry, split, monkeypatch):
    """Trains without validation on a toy that gets better in each of 5 epochs, within 8 seconds."""
    monkeypatch.setattr(f"{__name__}.QUALITY", (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0))
    monkeypatch.setattr(training, "hold_back", lambda train, seed: split)

    def trained(*seconds, epochs=7):
        clock = Passing(*seconds)
        monkeypatch.setattr(of_deadline, "time", types.SimpleNamespace(monotonic=lambda: clock.now))
        ends = of_deadline.Deadline(8)
        settings = {"epochs": epochs, "patience": 2}
        watching = [clock, ends]
        made = train_model(entry, without_validation(split), settings, seed=0, watching=watching)
        return made, ends

    return trained


def test_a_budget_leaves_as_much_for_learning_as_for_the_trial_before_it(within):
    trained, ends = within(1, 1)
    assert float(trained.model.done.numpy()) == 4 * STEPS
    assert (trained.settings["epochs"], len(trained.curve)) == (4, 4)
    assert ends.reached  # with more time, the trial would have found more epochs


def test_the_epochs_that_are_told_are_those_that_were_learnt(within):
    trained, ends = within(1, 2)
    assert float(trained.model.done.numpy()) == 2 * STEPS
    assert (trained.settings["epochs"], len(trained.curve)) == (2, 4)
    assert ends.reached
    row = {"model": "toy", "epochs": list(trained.curve), "settings": trained.settings}
    (said,) = advise(Evidence.of({**row, "stopped": [0]}, None))
    assert said.figure == "the budget ended its training after epoch 2."


def test_a_training_that_ends_by_itself_is_not_ended_by_the_budget(within):
    trained, ends = within(1, 1.5, epochs=3)
    assert float(trained.model.done.numpy()) == 3 * STEPS
    assert not ends.reached  # though another epoch would have come too late


def test_of_models_there_is_one_at_a_time_and_features_of_train_are_made_once(
    entry, split, monkeypatch
):
    there, counts, made = weakref.WeakSet(), [], []
    data, features = Toy.training_data, Toy.default_features.__func__

    def training_data(self, *arguments, **options):
        there.add(self)
        gc.collect()
        counts.append(len(there))
        return data(self, *arguments, **options)

    def default_features(cls, interactions, columns=None):
        made.append(len(interactions.events))
        return features(cls, interactions, columns)

    monkeypatch.setattr(Toy, "training_data", training_data)
    monkeypatch.setattr(Toy, "default_features", classmethod(default_features))
    monkeypatch.setattr(training, "hold_back", lambda train, seed: split)
    trained = train_model(entry, without_validation(split), {"epochs": 2}, seed=0)
    assert counts == [1, 1, 1]  # whether train suits, the trial, and all of train
    assert len(made) == 2
    assert trained.model in there


def test_large_tables_are_told_once_before_examples_are_made(entry, split, capsys, monkeypatch):
    rows = Rows(tf.Variable(tf.zeros([300_000, 4])), "item_id")
    monkeypatch.setattr(Toy, "all_feature_rows", lambda self: [rows], raising=False)
    monkeypatch.setattr(training, "hold_back", lambda train, seed: split)
    train_model(entry, without_validation(split), {"epochs": 1}, seed=0)
    shown = capsys.readouterr().err
    assert shown.count("Table of item_id: 300,000 rows × 4 numbers, 5 MiB.") == 1
    assert shown.index("Table of item_id") < shown.index("Memory beside the data")


def test_rates_that_a_trial_found_best_are_repeated(entry, split, capsys, monkeypatch):
    monkeypatch.setattr(training, "hold_back", lambda train, seed: split)
    monkeypatch.setattr(training.RateDrops, "pieces", [(2, 0.1), (1, 0.01)])
    trained = train_model(entry, without_validation(split), {"epochs": 2}, seed=0)
    assert trained.settings["epochs"] == 3
    assert float(trained.model.done.numpy()) == 3 * STEPS
    assert float(trained.model.optimizer.learning_rate.numpy()) == pytest.approx(0.1)  # afterwards
    shown = capsys.readouterr().err
    assert "2 epochs at the rate 0.1 and 1 at 0.01 are best; now all of train" in shown


def test_before_it_stops_training_goes_on_from_the_best_epoch(entry, split, capsys):
    settings = {"epochs": 9, "patience": 2, "learning_rate": 0.5, "rate_drops": 1}
    trained = train_model(entry, split, settings, seed=0)
    assert trained.best_epoch == 3
    assert float(trained.model.optimizer.learning_rate.numpy()) == pytest.approx(0.5)  # afterwards
    shown = capsys.readouterr().err
    assert "back to epoch 3, and on from there at the learning rate 0.1" in shown


def test_rates_drop_by_default_where_events_have_no_times(entry, split):
    assert train_model(entry, split, {"epochs": 1}, seed=0).settings["rate_drops"] == 0
    without = split.train.with_events(split.train.events.drop(columns="timestamp"))
    sets = dataclasses.replace(split, train=without)
    assert train_model(entry, sets, {"epochs": 1}, seed=0).settings["rate_drops"] == 2
    settings = {"epochs": 1, "rate_drops": 0}
    assert train_model(entry, sets, settings, seed=0).settings["rate_drops"] == 0


def test_a_papers_rate_does_not_drop(entry, split, monkeypatch):
    plain = Published("KDD 2018", epochs=1)
    monkeypatch.setattr(Toy, "plain_form", lambda: plain, raising=False)
    monkeypatch.setattr(Toy, "UNREAD", {}, raising=False)
    without = split.train.with_events(split.train.events.drop(columns="timestamp"))
    sets = dataclasses.replace(split, train=without)
    settings = train_model(entry, sets, {}, seed=0, published=True).settings
    assert (settings["epochs"], settings["rate_drops"]) == (1, 0)


def test_settings_of_drops_that_would_have_no_effect_are_refused(entry, split, monkeypatch):
    with pytest.raises(ValueError, match="rate_factor is of rates that drop"):
        train_model(entry, split, {"rate_factor": 0.5}, seed=0)
    monkeypatch.setattr(Toy, "stops_early", False)
    without = split.train.with_events(split.train.events.drop(columns="timestamp"))
    sets = dataclasses.replace(split, train=without)
    trained = train_model(entry, sets, {"epochs": 1}, seed=0)
    assert not {"patience", "rate_drops", "rate_factor"} & set(trained.settings)


@pytest.mark.parametrize(
    ("settings", "steps", "best"), [({}, 3, 1), ({}, 13, 4), ({"patience": 1}, 13, 1)]
)
def test_a_trial_is_patient_for_some_steps(settings, steps, best, entry, split, monkeypatch):
    """Quality stays as it is for an epoch, which a patience of 1 does not survive."""
    monkeypatch.setattr(f"{__name__}.QUALITY", (0.2, 0.2, 0.2, 0.2, 0.8, 0.8, 0.8, 0.8))
    monkeypatch.setattr(training, "PATIENCE", 1)
    monkeypatch.setattr(training, "PATIENT_STEPS", steps)
    monkeypatch.setattr(training, "hold_back", lambda train, seed: split)
    trained = train_model(entry, without_validation(split), {"epochs": 6, **settings}, seed=0)
    assert trained.settings["epochs"] == best


def test_a_trial_is_of_the_features_that_all_of_train_has(entry, split, monkeypatch):
    chosen, default = [], Toy.default_features

    def features(interactions, columns=None):
        chosen.append(len(interactions.events))
        return default(interactions, columns)

    monkeypatch.setattr(Toy, "default_features", features)
    trial = dataclasses.replace(split, train=split.train.take(np.arange(60)))
    monkeypatch.setattr(training, "hold_back", lambda train, seed: trial)
    train_model(entry, without_validation(split), {"epochs": 2}, seed=0)
    assert set(chosen) == {len(split.train.events)} != {60}


def test_epochs_that_are_over_before_the_rate_has_dropped_are_told(entry, split, capsys):
    settings = {"patience": 2, "rate_drops": 2}
    train_model(entry, split, {**settings, "epochs": 4}, seed=0)
    assert "4 epochs were over before the learning rate had dropped 2" in capsys.readouterr().err
    train_model(entry, split, {**settings, "epochs": 1}, seed=0)
    assert "dropped" not in capsys.readouterr().err


@pytest.mark.parametrize("fits", [True, False])
def test_batches_of_too_many_logits_are_not_compiled(fits, entry, split, monkeypatch, capsys):
    asked, compile_ = [], Toy.compile

    def compiled(self, *arguments, jit_compile, steps_per_execution):
        asked.append((jit_compile, steps_per_execution))
        return compile_(self, *arguments)

    monkeypatch.setattr(Toy, "can_compile", True)
    monkeypatch.setattr(Toy, "recommended_steps", 5)
    monkeypatch.setattr(
        Toy, "compiles_batches_of", lambda self, size: fits or size != 65_536, raising=False
    )
    monkeypatch.setattr(Toy, "compile", compiled)
    train_model(entry, split, {"epochs": 1, "batch_size": 65_536}, seed=0)
    assert asked == [(fits, 5 if fits else 1)]
    assert ("Batches of 65,536 have more logits" in capsys.readouterr().err) != fits


def test_without_validation_and_anybody_to_ask_all_epochs_are_trained(entry, split, monkeypatch):
    monkeypatch.setattr(training, "hold_back", lambda train, seed: None)
    settings = {"epochs": 4, "patience": 1}
    trained = train_model(entry, without_validation(split), settings, seed=0)
    assert float(trained.model.done.numpy()) == 4 * STEPS


def test_a_model_on_a_schedule_goes_to_its_end(entry, split, monkeypatch):
    monkeypatch.setattr(Toy, "stops_early", False)
    monkeypatch.setattr(training, "PATIENCE", 1)
    trained = train_model(entry, split, {"epochs": 7}, seed=0)
    assert float(trained.model.done.numpy()) == 7 * STEPS


def test_the_stopwatch_leaves_out_what_comes_after_an_epoch(entry, split):
    class Slow(tf.keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            time.sleep(0.5)

    clock = Stopwatch()
    model = Toy(None)
    model.compile()
    begin = time.perf_counter()
    batches = model.training_data(None, 1, 0)
    model.fit(batches, epochs=2, verbose=0, callbacks=[clock, Slow()])
    assert clock.steps == 2 * STEPS
    assert 0 < clock.seconds < time.perf_counter() - begin - 2 * 0.45


def test_the_stopwatch_counts_steps_that_end_together():
    clock = Stopwatch()
    for ends in ([15, 31, 35], [15, 35]):  # the last step of each execution
        clock.on_epoch_begin(0)
        for first, last in zip([0, *(end + 1 for end in ends)], ends, strict=False):
            clock.on_train_batch_begin(first)
            clock.on_train_batch_end(last)
    assert clock.steps == 2 * 36


def test_the_stopwatch_goes_on_within_an_epoch():
    killed, clock = Stopwatch(), Stopwatch()
    killed.on_epoch_begin(0)
    killed.on_train_batch_begin(0)
    time.sleep(0.01)
    killed.on_train_batch_end(499)
    put_back(clock, kept_of(killed))
    assert (clock.steps, clock.seconds >= 0.01) == (500, True)
    clock.on_epoch_begin(0)
    clock.on_train_batch_begin(500)
    clock.on_train_batch_end(509)
    clock.on_epoch_end(0)
    assert clock.steps == 510
    assert clock.seconds_after == [clock.seconds]


def test_a_model_that_learns_in_one_pass_has_its_own_settings_only(split, tmp_path, capsys):
    from tfrec_recall.cli.discovery import entry

    long_run = LongRun(tmp_path)
    settings = {"half_life_days": 3.0}
    trained = train_model(entry("popular"), split, settings, seed=0, long_run=long_run)
    assert "popular learns in one pass: no checkpoints are written" in capsys.readouterr().err
    assert trained.settings == {"half_life_days": 3.0}
    assert trained.examples_per_second > 0
