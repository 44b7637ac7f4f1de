"""A training run: features, model, batches, early stopping, and what it all took."""

from __future__ import annotations

import dataclasses
import gc
import json
import pathlib
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfrec_recall.cli.arguments.settings import Training, of_features, separate
from tfrec_recall.cli.arguments.source import telling
from tfrec_recall.cli.console import say, waiting
from tfrec_recall.cli.discovery import Entry
from tfrec_recall.cli.feature_report import tell_features
from tfrec_recall.cli.field_weights import Weights, field_weights
from tfrec_recall.cli.runs.deadline import Deadline
from tfrec_recall.cli.runs.followed import (
    drops_of,
    require_effect,
    with_epochs_of_drops,
    without_effect,
)
from tfrec_recall.cli.runs.long_run import TRAINING, LongRun
from tfrec_recall.cli.runs.tensorboard import epochs_to
from tfrec_recall.cli.runs.training_progress import EpochLines, Stopwatch, bars
from tfrec_recall.cli.runs.validation import (
    MONITORED,
    RATED,
    RecallOnSchedule,
    on_validation,
)
from tfrec_recall.cli.runs.vocabularies import with_vocabularies
from tfrec_recall.data import Interactions, Split
from tfrec_recall.data.splits.of_parts import hold_back, learnt_of
from tfrec_recall.features import Features, Wanted
from tfrec_recall.features.specification import WITHOUT_TIMES
from tfrec_recall.layers.tables import is_far
from tfrec_recall.models import RecallModel
from tfrec_recall.models.fitting.memory import TrainingMemory, tell_of_all_rows
from tfrec_recall.models.item_embeddings.window_model import WindowModel
from tfrec_recall.models.one_pass_model import OnePassModel
from tfrec_recall.models.published import left_out
from tfrec_recall.models.recall_model import BATCH_SIZE
from tfrec_recall.optimizers import FusedAdam, LazyAdam, RowWiseAdagrad
from tfrec_recall.training import RateDrops, RunIsOver, on_one_device
from tfrec_recall.training.copies import Copies
from tfrec_recall.training.rate_drops import Piece, in_pieces

Optimizer = Callable[..., tf.keras.optimizers.Optimizer]

PATIENCE = 4
PATIENT_STEPS = 1000  # of a trial
BY_NAME: Mapping[str, Optimizer] = {
    "Adam": tf.keras.optimizers.Adam,
    "FusedAdam": FusedAdam,
    "LazyAdam": LazyAdam,
    "RowWiseAdagrad": RowWiseAdagrad,
}
ROW_WISE_RATE = 0.05  # of RowWiseAdagrad, whose steps fall as their squares add up


class Unsuitable(ValueError):
    """The data are not such that this model can learn from them with these settings."""


@dataclasses.dataclass(frozen=True)
class Trained:
    """A trained model, and the figures of its training.

    Args:
        seconds: of learning alone, without the measurements on validation in between, and with
            those of a trial that found the number of epochs.
        examples_per_second: of the learning that made the model, without the trial.
        best_epoch: the number of the one that validation found best; None where it did not choose.
            Where events were held back to find the number of epochs, that of the trial.
        seconds_to_best: of learning, until this epoch was over.
        settings: all that the model follows, defaults included, and of those that follow the data
            what they came to; an object as it writes itself.
        curve: what each epoch came to: `epoch`, `loss`, `seconds` of learning until its end, and,
            where it was measured, the figure on validation by its name. With a trial, its epochs.
        by_trial: whether events were held back at first, so that the epochs of `curve` are not
            those that made the model.
        field_weights: what SENet lets through of each feature, of models that have it.
    """

    model: RecallModel
    seconds: float
    examples_per_second: float
    settings: dict[str, Any]
    best_epoch: int | None = None
    seconds_to_best: float | None = None
    curve: tuple[dict[str, float], ...] = ()
    by_trial: bool = False
    field_weights: Weights = dataclasses.field(default_factory=dict)


def train_model(
    entry: Entry,
    split: Split,
    settings: Mapping[str, Any],
    seed: int,
    published: bool = False,
    repeats: bool = False,
    columns: Wanted = None,
    board: pathlib.Path | None = None,
    watching: Sequence[tf.keras.callbacks.Callback] = (),
    long_run: LongRun = LongRun(),  # noqa: B008  frozen
    on_schedule: bool = False,
) -> Trained:
    """Trains a model on the training part, which may be in parts, and stops by recall@50 on
    validation.

    A model that learns ratings stops by their RMSE.

    Where no validation came with the data, a trial without some of the training events finds how
    many epochs are best, and all of train is then learnt for as many.

    Args:
        published: what the settings leave open is as the model's paper has it; its rate does not
            drop.
        repeats: items of the history are ranked like all others; a model with an argument of this
            name learns them as targets, too, unless the settings say otherwise.
        columns: those that become features, as for `features.infer`; None: what suits the model.
        board: a folder for TensorBoard, where the figures after each epoch go; those of a trial go
            to `trial` in it.
        watching: callbacks that find the figures of validation in the logs; they may stop training.
            A `Deadline` gives a trial half of its time.
        long_run: where checkpoints go, and the strategy; what is returned is on this machine.
        on_schedule: whether validation is measured at some places of the schedule of a model that
            learns by one, too; what it learns stays the same.

    Raises: ValueError for an unknown setting, or one without effect; Unsuitable for data that the
        model cannot learn from.
    """
    model_class = entry.load()
    optimizer: Optimizer | None = None  # the model's own choice
    if published:
        plain = model_class.plain_form()
        unread = left_out(settings, model_class.UNREAD)
        of_paper = {name: v for name, v in plain.settings.items() if name not in unread}
        settings, optimizer = {**of_paper, **settings}, plain.optimizer
    require_effect(settings, model_class)
    training, arguments = separate(settings, model_class, entry.name)
    vocabularies = of_features(settings)
    if training.optimizer is not None:
        optimizer = BY_NAME[training.optimizer]
    if optimizer is RowWiseAdagrad and "learning_rate" not in settings:
        training = dataclasses.replace(training, learning_rate=ROW_WISE_RATE)
    if "repeats" in arguments and "repeats" not in settings:
        arguments["repeats"] = repeats
    of_repeats = {"repeats": True} if arguments.get("repeats") else {}
    batch_size = training.batch_size or BATCH_SIZE
    training = dataclasses.replace(
        training,
        batch_size=batch_size,
        patience=training.patience or PATIENCE,
        rate_drops=drops_of(training, model_class, split.train.has_time, published),
    )

    first = True
    learnt: Any = learnt_of(split)  # a model that takes no parts refuses them

    def prepare(train: Any, features: Features | None = None) -> tuple[RecallModel, Any]:
        nonlocal first
        tf.keras.utils.set_random_seed(seed)
        with waiting("Preparing features"):
            wanted = columns if model_class.reads_columns else None
            try:
                if features is None:
                    # Chosen for all of train, so that a trial on less of it is of the same model.
                    features = model_class.default_features(learnt, wanted, **of_repeats)
                    features = with_vocabularies(features, vocabularies).adapt(train)
                with long_run.scope():
                    model = model_class(features, **arguments)
            except ValueError as error:
                raise Unsuitable(str(error)) from error
        if first:  # before the examples are made, which are large where tables are
            steps = not issubclass(model_class, OnePassModel | WindowModel)
            made = optimizer or model.optimizer_for(batch_size) if steps else None
            of_run = TrainingMemory.of(model, made(training.learning_rate) if made else None)
            for line in of_run.lines:
                say(line)
        first = False
        with telling(), waiting("Preparing examples"):
            try:
                return model, model.training_data(train, batch_size=batch_size, seed=seed)
            except ValueError as error:
                raise Unsuitable(str(error)) from error

    if issubclass(model_class, OnePassModel):
        if long_run.folder is not None:
            say(f"{entry.name} learns in one pass: no checkpoints are written.")
        long_run = LongRun()  # there is nothing to share, or to go on with
    model, batches = prepare(learnt)
    tell_features(model.features, split.train, entry.name, columns)
    if model.features.histories and not split.train.has_time:
        say(WITHOUT_TIMES)
    unfollowed = without_effect(model_class)
    used = {
        name: value
        for name, value in {**dataclasses.asdict(training), **vocabularies, **arguments}.items()
        if name not in unfollowed
    }
    best: dict[str, Any] = {}
    curve: tuple[dict[str, float], ...] = ()
    pieces: Sequence[Piece] = ()
    weights: Weights = {}
    of_trial = 0.0
    if isinstance(batches, Interactions):  # it learns in one pass, without steps
        begin = time.perf_counter()
        with waiting(f"Training {entry.name}"):
            model.fit(batches)
        examples, seconds = len(batches.events), time.perf_counter() - begin
    else:
        is_measured = len(split.validation.targets) and (model.stops_early or on_schedule)
        measured = split if is_measured else None
        if model.stops_early and measured is None:
            trial = hold_back(learnt, seed=seed)
            if trial is not None:
                say(f"No validation came with the data: {trial.validation} are held back at first.")
                features = model.features  # as train has them; of models there is one at a time
                del model, batches
                gc.collect()  # a model refers to itself
                pieces, curve, of_trial, best = _best_pieces(
                    *(prepare, trial, training, settings, optimizer),
                    *(repeats, board and board / "trial", watching, long_run),
                )
                training = dataclasses.replace(training, epochs=sum(each for each, _ in pieces))
                say((_told(pieces), "bold"), " are best; now all of train is learnt.")
                gc.collect()
                model, batches = prepare(learnt, features)
        stops = measured is not None and model.stops_early
        if stops:
            training = with_epochs_of_drops(training, settings)
        clock, stopping, own = _fit(
            *(model, batches, training, optimizer, measured, repeats, board, watching),
            *(long_run, TRAINING, pieces),
        )
        optimizer_name = type(model.optimizer).__name__
        if long_run.strategy is not None:
            with waiting("Fetching what was learnt"):
                model = on_one_device(model)
        curve = curve or own
        if stops:
            best = _best(stopping, clock)
        examples, seconds = clock.steps * batch_size, clock.seconds
        weights = field_weights(model, batches)
        used["epochs"] = len(own) if pieces else training.epochs  # a deadline may have ended it
        if "learning_rate" in used:
            used["optimizer"] = optimizer_name
    return Trained(
        model=model,
        seconds=round(of_trial + seconds, 3),
        examples_per_second=round(examples / seconds, 1),
        settings={name: _plain(_chosen(model, name, value)) for name, value in used.items()},
        curve=curve,
        by_trial=bool(pieces),
        field_weights=weights,
        **best,
    )


def _best_pieces(
    prepare: Callable[[Any], tuple[RecallModel, Any]],
    trial: Split,
    training: Training,
    settings: Mapping[str, Any],
    optimizer: Optimizer | None,
    repeats: bool,
    board: pathlib.Path | None,
    watching: Sequence[tf.keras.callbacks.Callback],
    long_run: LongRun,
) -> tuple[Sequence[Piece], tuple[dict[str, float], ...], float, dict[str, Any]]:
    """The epochs that were best on what is held back, with their rates, the curve of all, the
    seconds of learning, and which was the best one, as `Trained` tells it.

    Args:
        prepare: makes a model and its batches; both are gone when this is over.
        settings: that are given. Without patience, it lasts for `PATIENT_STEPS` at least: epochs of
            few steps say nothing yet.
    """
    model, batches = prepare(learnt_of(trial))
    steps = int(batches.cardinality())
    if settings.get("patience") is None and steps > 0:  # it is known
        patience = max(PATIENCE, -(-PATIENT_STEPS // steps))
        training = dataclasses.replace(training, patience=patience)
        training = with_epochs_of_drops(training, settings)
    watching = [one.of_trial() if isinstance(one, Deadline) else one for one in watching]
    clock, stopping, curve = _fit(
        *(model, batches, training, optimizer, trial, repeats, board, watching, long_run, "trial")
    )
    return stopping.pieces, curve, clock.seconds, _best(stopping, clock)


def _best(stopping: RateDrops, clock: Stopwatch) -> dict[str, Any]:
    """The epoch that validation found best, and the seconds of learning until it was over."""
    return {
        "best_epoch": stopping.best_epoch + 1,
        "seconds_to_best": round(clock.seconds_after[stopping.best_epoch], 3),
    }


def _told(pieces: Sequence[Piece]) -> str:
    """Epochs and their learning rates, as text."""
    (epochs, rate), *others = pieces
    if not others:
        return f"{epochs} epochs"
    return " and ".join(
        [f"{epochs} epochs at the rate {rate:.2g}", *(f"{n} at {lower:.2g}" for n, lower in others)]
    )


def _fit(
    model: RecallModel,
    batches: Any,
    training: Training,
    optimizer: Optimizer | None,
    split: Split | None,
    repeats: bool,
    board: pathlib.Path | None,
    watching: Sequence[tf.keras.callbacks.Callback],
    long_run: LongRun,
    part: str,
    pieces: Sequence[Piece] = (),
) -> tuple[Stopwatch, RateDrops, tuple[dict[str, float], ...]]:
    """Learns for all epochs, or until validation gets no better and back to its best.

    Args:
        split: whose validation is measured; None: nothing is, and nothing stops.
        part: of the run, whose checkpoints stand apart from those of others.
        pieces: the epochs and their rates, if they are known.
    """
    clock = Stopwatch()
    monitored, mode = (RATED, "min") if model.learns_ratings else (MONITORED, "max")
    stopping = RateDrops(
        *(monitored, mode, training.patience or PATIENCE),
        drops=training.rate_drops or 0,
        factor=training.rate_factor,
        tell=say,
    )
    own = isinstance(model, WindowModel)  # steps and a rate
    batch_size = training.batch_size or BATCH_SIZE
    measured: list[tf.keras.callbacks.Callback] = [in_pieces(pieces)] if pieces and not own else []
    stops = split is not None and model.stops_early
    if split is not None:
        measured = [on_validation(model, split, repeats), *([stopping] if stops else [])]
    made = optimizer or long_run.adam_of(part, model.optimizer_class)
    with long_run.scope():
        alone = long_run.strategy is None  # XLA knows nothing of other machines
        compiled, steps = alone and model.can_compile, model.recommended_steps if alone else 1
        if compiled and not model.compiles_batches_of(batch_size):
            compiled, steps = False, 1
            say(
                f"Batches of {batch_size:,} have more logits than a compiled step has room for: "
                "steps are not compiled."
            )
        decay = training.weight_decay or None
        model.compile(
            None if own else made(training.learning_rate, weight_decay=decay),
            jit_compile=compiled,
            steps_per_execution=steps,
        )
    # What a budget brings comes last: checkpoints put back what callbacks keep by their places.
    callbacks = [clock, *measured, EpochLines(monitored, mode if stops else None), *watching]
    callbacks += long_run.checkpoints(part)
    if board is not None:
        callbacks.append(epochs_to(board))
    if not pieces:  # nothing has been told before a trial
        made_of = None if own else model.optimizer
        say(TrainingMemory.of(model, made_of, Copies.of(callbacks), batch_size).sums)
        if made_of is not None:
            with telling():
                tell_of_all_rows(model, made_of)
    with bars() as verbose, warnings.catch_warnings(record=True) as over:
        warnings.simplefilter("always", RunIsOver)
        verbose = verbose and not is_far(long_run.strategy)
        told = model.fit(batches, epochs=training.epochs, verbose=verbose, callbacks=callbacks)
    for one in over:
        if issubclass(one.category, RunIsOver):
            say(str(one.message))
    if stops and 1 < training.epochs == stopping.best_epoch + 1:
        say(
            f"The last of {training.epochs} epochs is the best: more may be better, by `epochs = "
            f"{2 * training.epochs}` in a file for --settings."
        )
    elif (
        stops
        and stopping.patience < training.epochs == len(told.epoch)
        and len(stopping.over) < stopping.drops
    ):
        say(
            f"{training.epochs} epochs were over before the learning rate had dropped "
            f"{training.rate_drops} times: give `epochs` more, or `patience` less, in a file for "
            "--settings."
        )
    by_epoch = {name: dict(enumerate(told.history.get(name, ()))) for name in ("loss", monitored)}
    for one in measured:
        if isinstance(one, RecallOnSchedule):
            by_epoch[monitored] = dict(one.measured)
    curve = tuple(
        {
            "epoch": epoch + 1,
            **{name: round(float(of[epoch]), 5) for name, of in by_epoch.items() if epoch in of},
            "seconds": round(seconds, 3),
        }
        for epoch, seconds in enumerate(clock.seconds_after)
    )
    return clock, stopping, curve


def _chosen(model: RecallModel, name: str, value: Any) -> Any:
    """A setting; of one that follows the data, the number that the model has made of it."""
    found = getattr(model, name, None) if value in (None, "auto") else value
    return found if isinstance(found, bool | int | float) else value


def _plain(value: Any) -> Any:
    try:
        json.dumps(value)
    except TypeError:
        return repr(value)
    return value
