"""What one call of `fit` asks for, and how a run that was interrupted goes on as it was."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import tensorflow as tf

from tfrec_recall.data.feeding.next_pass import followed_by
from tfrec_recall.training import Checkpoints


@dataclasses.dataclass(frozen=True)
class Run:
    """The epochs of a call of `fit`, and where it begins.

    Args:
        epochs: number of the last one; as in Keras, those before `epoch` count.
        steps: of an epoch; None where the length of the data is not known.
        epoch: where the run begins: `initial_epoch`, or where a backup goes on.
        step: of this epoch, where it begins.
    """

    epochs: int
    steps: int | None
    epoch: int = 0
    step: int = 0

    def steps_of(self, whose: str) -> int:
        """The steps of an epoch.

        Args:
            whose: what cannot do without, for the error.

        Raises: ValueError where they are not known.
        """
        if self.steps is None:
            raise ValueError(
                f"{whose} follows the length of training, which is not known here: pass "
                "steps_per_epoch to fit, or tell the dataset how many batches it has by "
                "tf.data.experimental.assert_cardinality. Received: a dataset of unknown length."
            )
        return self.steps

    def done(self, whose: str) -> int:
        """The steps that lie before its beginning."""
        return self.epoch * self.steps_of(whose) + self.step


class Passes(tf.keras.callbacks.Callback):
    """Keeps the order of the batches with the epochs of `fit`, however a run began.

    Epoch n of an interrupted run has the order that it has in an uninterrupted one, and a run that
    goes on within an epoch leaves out the batches that were learnt.

    Args:
        data: what `fit` is given.
        steps_per_epoch: as `fit` is given it; other than the data's length, an iterator goes on
            from epoch to epoch.
        goes_on: an iterator does so whatever the length; what is read ahead of an epoch's end is
            read again by the next call of `fit`.
    """

    def __init__(self, data: Any, steps_per_epoch: int | None, goes_on: bool = False):
        super().__init__()
        self.data, self.following = data, followed_by(data)
        self.begun = {following: int(following.number) for following in self.following}
        self.foreign = isinstance(data, tf.data.Dataset) and not self.following
        self.endless = self.whole = False
        self.length = 0  # of a pass
        self.ended = 0  # epochs, of this call
        if isinstance(data, tf.data.Dataset):
            size = int(data.cardinality())
            self.endless = goes_on or steps_per_epoch not in (None, size)
            self.whole = goes_on and steps_per_epoch in (None, size)  # epochs are passes
            self.length = _length_of_pass(data) if size == tf.data.INFINITE_CARDINALITY else size

    def begin(self, run: Run, initial_epoch: int) -> None:
        """Goes to where the run begins.

        Args:
            initial_epoch: as `fit` is given it; a backup may have moved the run on.
        """
        restored = (run.epoch, run.step) != (initial_epoch, 0)
        unknown = restored and self.foreign
        for following in self.following:
            first = max(following.first if restored else int(following.number), initial_epoch)
            ahead, skipped = run.epoch - initial_epoch, run.step
            leads = following.leads(self.data)
            if self.endless and self.length > 0:
                learnt = ahead * run.steps_of("The order of batches") + run.step
                leads = leads and self.length % following.steps == 0
                ahead, skipped = divmod(learnt, following.steps if leads else self.length)
            if skipped and not leads:
                unknown, skipped = True, 0
            following.go_to(first + ahead, skipped, stay=not self.endless)
            self.begun[following] = int(following.number)
        if unknown:
            warnings.warn(
                "The run goes on from a backup, but how its batches were ordered is not known: "
                "they begin as the dataset begins. What `training_data` returns goes on, and its "
                "`repeat`; a concatenation does between its passes.",
                stacklevel=3,
            )

    def rewind(self) -> None:
        """Goes back to where `fit` found the data, before `begin`, if others went through it."""
        for following, number in self.begun.items():
            following.go_to(number)

    def on_epoch_end(self, epoch, logs=None):
        if not self.endless:
            for following in self.following:
                following.go_to(int(following.number) + 1, stay=True)
        self.ended += 1

    def end(self) -> None:
        """Lets the passes go on from one to the next, as they do outside of `fit`."""
        for following in self.following:
            if self.whole:
                following.go_to(self.begun[following] + self.ended)
                continue
            number, skipped = int(following.number), int(following.skipped) * self.endless
            if skipped and number > self.begun[following]:  # the last was begun in two orders
                number, skipped = number + 1, 0
            following.go_to(number, skipped)


def _length_of_pass(data: tf.data.Dataset) -> int:
    """The batches of what an endless dataset repeats; 0 if that is not known."""
    for part in data._inputs():
        size = int(part.cardinality())
        if size == tf.data.INFINITE_CARDINALITY:
            size = _length_of_pass(part)
        return max(size, 0)
    return 0


def with_own(callbacks: Any, own: list[tf.keras.callbacks.Callback], model: tf.keras.Model) -> Any:
    """The callbacks of a call of `fit` in any of Keras' forms, after a model's own.

    `Checkpoints` comes last, as it keeps what the others came to.
    """
    if isinstance(callbacks, tf.keras.callbacks.CallbackList):
        for callback in own:
            callback.set_model(model)
        callbacks.callbacks[:] = _checkpoints_last([*own, *callbacks.callbacks])
        return callbacks
    return _checkpoints_last([*own, *callbacks_in(callbacks)])


def callbacks_in(callbacks: Any) -> list[tf.keras.callbacks.Callback]:
    """Those that a call of `fit` is given, in any of Keras' forms."""
    if isinstance(callbacks, tf.keras.callbacks.CallbackList):
        return list(callbacks.callbacks)
    return list(tf.nest.flatten([] if callbacks is None else callbacks))


def checkpoints_of(callbacks: Any) -> list[Checkpoints]:
    """Those among the callbacks."""
    return [callback for callback in callbacks if isinstance(callback, Checkpoints)]


def _checkpoints_last(callbacks: list[tf.keras.callbacks.Callback]) -> list:
    others = [callback for callback in callbacks if not isinstance(callback, Checkpoints)]
    return [*others, *checkpoints_of(callbacks)]
