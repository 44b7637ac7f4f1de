"""One training of a search: how good it is on validation, and whether it is worth its end."""

from __future__ import annotations

import dataclasses
import gc
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from optuna.exceptions import TrialPruned

from tfrec_recall.cli.discovery import Entry
from tfrec_recall.cli.runs.deadline import Deadline
from tfrec_recall.cli.runs.long_run import LongRun
from tfrec_recall.cli.runs.training import train_model
from tfrec_recall.cli.runs.validation import CUT, MEASURED_USERS, MONITORED, RATED
from tfrec_recall.evaluation import evaluate
from tfrec_recall.evaluation.callbacks import with_fewer_users
from tfrec_recall.models.one_pass_model import OnePassModel

if TYPE_CHECKING:
    from optuna.trial import Trial

    from tfrec_recall.cli.runs.training import Trained
    from tfrec_recall.data import Split
    from tfrec_recall.features import Wanted

PLACES_BEFORE = 3  # of a schedule: at high rates the best one lags behind at first


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a training came to.

    Args:
        value: recall@50 on validation at its best, and where a model learns by a schedule at the
            end of it; or of a model of ratings their RMSE, negative. None of a training that was
            given up, and of one that the budget ended before anything was measured.
        whole: neither given up nor ended by the budget.
        curve: the value after each epoch that was measured.
        settings: all of them, as the model made of them.
        late: the budget ended it: it can go on.
    """

    value: float | None
    whole: bool
    seconds: float
    curve: tuple[float, ...] = ()
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    late: bool = False


class GivingUp(tf.keras.callbacks.Callback):
    """Tells a trial how it goes after each epoch, or at each place of a schedule.

    Raises TrialPruned where others went better then, unless nothing is left to be spared.

    Of a training that goes on, the trial is told of the epochs of earlier calls, too.

    Args:
        measured: how many figures there are before it may be given up; the search wants two.
    """

    kept = ("curve",)  # by `Checkpoints`

    def __init__(self, trial: Trial, measured: int = 1):
        super().__init__()
        self.trial, self.measured = trial, measured
        self.curve: list[float] = []
        self._told = 0

    def on_epoch_end(self, epoch, logs=None):
        value = value_in(logs or {})
        if value is not None:
            self.curve.append(value)
            for place in range(self._told, len(self.curve)):
                self.trial.report(self.curve[place], place)
            self._told = len(self.curve)
            is_over = self.model.stop_training or epoch + 1 == self.params["epochs"]
            asks = len(self.curve) >= self.measured and not is_over
            if asks and self.trial.should_prune():
                raise TrialPruned


def value_in(logs: Mapping[str, float]) -> float | None:
    """What is searched for, in the figures of an epoch: more is better."""
    if RATED in logs:
        return -float(logs[RATED])
    return float(logs[MONITORED]) if MONITORED in logs else None


def outcome(
    entry: Entry,
    split: Split,
    settings: Mapping[str, Any],
    seed: int,
    repeats: bool = False,
    columns: Wanted = None,
    folder: pathlib.Path | None = None,
    trial: Trial | None = None,
    ends: float | None = None,
) -> Outcome:
    """Trains with these settings and measures on validation; test is not looked at.

    Args:
        folder: for checkpoints, from which a training goes on; None: none are written.
        trial: that is told how it goes and may give it up.
        ends: `time.monotonic()` at which training should be over.

    Raises: ValueError for settings that the model refuses.
    """
    began = time.monotonic()
    deadline = None if ends is None else Deadline(ends)
    model_class = entry.load()
    before = 1 if model_class.stops_early else PLACES_BEFORE
    watching: Sequence[tf.keras.callbacks.Callback] = [
        *([GivingUp(trial, before)] if trial is not None else []),
        *([deadline] if deadline is not None else []),
    ]
    in_steps = not issubclass(model_class, OnePassModel)
    try:
        trained = train_model(
            entry,
            split,
            settings,
            seed,
            repeats=repeats,
            columns=columns,
            watching=watching,
            long_run=LongRun(folder) if in_steps else LongRun(),
            on_schedule=True,
        )
        late = deadline is not None and deadline.reached
        curve = [value for epoch in trained.curve if (value := value_in(epoch)) is not None]
        best = max(curve, default=None)
        value = best if model_class.stops_early or not curve else curve[-1]
        if value is None and not late:
            value = _measured(trained, split, repeats)
    except TrialPruned:
        return Outcome(None, False, time.monotonic() - began)
    finally:
        tf.keras.backend.clear_session()
        gc.collect()
    seconds = time.monotonic() - began
    return Outcome(value, not late, seconds, tuple(curve), trained.settings, late)


def _measured(trained: Trained, split: Split, repeats: bool) -> float:
    """Of a model that learns in one pass."""
    fewer = with_fewer_users(split, MEASURED_USERS)
    retriever = trained.model.retriever(split.interactions.items, k=CUT)
    report = evaluate(retriever, fewer, on="validation", cuts=(CUT,), repeats=repeats, lists=False)
    return float(report.metrics[f"recall@{CUT}"])
