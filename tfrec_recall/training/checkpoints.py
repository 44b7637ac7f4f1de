"""Checkpoints of a run of `fit`, which goes on from the last one as if it had not been killed."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import tempfile
import threading
import time
import warnings
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfrec_recall.data.arguments import whole
from tfrec_recall.data.feeding.next_pass import NextPass
from tfrec_recall.data.files import check_name
from tfrec_recall.layers.tables import is_far
from tfrec_recall.training.run_state import Kept, RunState, kept_of, number_of, put_back

AGREED_EVERY = 8  # steps after which workers in step ask each other whether one has to stop
# Seconds for all workers to find the same checkpoint: a file system of a network may show a new
# file to other machines a minute later.
WAITS = (2, 5, 10, 20, 30, 30)
STOPPED = 128 + signal.SIGTERM  # the exit status of a process that SIGTERM has ended


class Preempted(SystemExit):
    """The process was asked to end; what it had learnt is in a checkpoint."""


class RunIsOver(UserWarning):
    """A folder's run has learnt all of its epochs."""


class Checkpoints(tf.keras.callbacks.Callback):
    """Writes all that a run of `fit` needs to go on, and goes on from it.

    A checkpoint holds the weights and the state of the optimizer; where in the data the run is, by
    epoch, step, the seed of the order and the passes before the run; the means of the epoch so far;
    the logs of the epochs before, those that are numbers; and what other callbacks go by, such as
    the best weights of `EarlyStopping`. A run that was killed and is begun again by the same
    program goes on from the last checkpoint and comes to the same losses; its `History` is that of
    the whole run. What was being written when a process was killed is not there for the next one.

    SIGTERM, by which clusters announce that a machine is taken away, lets the step end, writes a
    checkpoint and raises `Preempted`, which ends the process with the status 143.

    A run that is over stays so: begun again, it learns nothing more, unless it is given more
    epochs. A new run takes a new folder. A run is not over where another callback that ends it has
    an attribute `pauses`, which is then true: begun again, it goes on, if `pauses` is false.

    Under a strategy of several machines each worker has this callback; the chief writes into the
    folder, which all of them read: where they still find other checkpoints after a minute or two,
    each raises ValueError. With parameter servers the chief alone runs `fit`; batches that
    were under way when it was killed may be learnt twice, or not in this epoch.

    Args:
        folder: of this run alone.
        every: steps from one checkpoint to the next, beside those after each epoch; None: these
            alone.
        keep: how many are kept, the newest.
        on_sigterm: whether SIGTERM writes a checkpoint and ends the process, if `fit` runs in the
            main thread.

    Raises: ValueError for a folder whose path TensorFlow would take for a pattern; from `fit`, for
        one whose run had data in another order or of another length, or another optimizer, for one
        that is not the same folder to all workers, and for a model that is none of this package:
        its `fit` would not say what the run goes by.

    `model.fit(batches, epochs=50, callbacks=[Checkpoints("runs/first", every=1000)])`
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        every: int | None = None,
        keep: int = 2,
        on_sigterm: bool = True,
    ):
        super().__init__()
        self._supports_tf_logs = True  # at the end of a batch it goes by the number alone
        whole("Checkpoints", every, "every", optional=True)
        whole("Checkpoints", keep, "keep")
        check_name(os.path.abspath(folder))  # what is written has to be found again
        self.folder, self.every, self.keep = pathlib.Path(folder), every, keep
        self.on_sigterm = on_sigterm
        self.beside: Sequence[tf.keras.callbacks.Callback] = ()
        self.following: Sequence[NextPass] = ()
        self.asked_to_stop = threading.Event()
        self.goes_on_from: tuple[int, int] | None = None  # epoch and step
        self._stands = False  # beside the other callbacks of a run
        self._handler: Any = None
        self._of_all: Any = None  # `_summed`, traced
        self._unread: str | None = None  # a folder of a worker that is not the chief

    def stand_beside(
        self, callbacks: Sequence[tf.keras.callbacks.Callback], following: Sequence[NextPass]
    ) -> None:
        """Called by `fit` with the other callbacks, and with what the order of its data follows."""
        self.beside, self.following, self._stands = callbacks, following, True

    def on_train_begin(self, logs=None):
        if not self._stands:
            raise ValueError(
                "Checkpoints goes with the models of tfrec_recall, whose fit tells it of the other "
                "callbacks and of the order of the data: take tf.keras.callbacks.BackupAndRestore. "
                f"Received: a model of the class {type(self.model).__name__}."
            )
        self.asked_to_stop.clear()
        seeds = [following.seed for following in self.following]
        optimizer = self.model.optimizer
        self.optimizer = type(getattr(optimizer, "inner_optimizer", optimizer)).__name__
        self.kept, self.goes_on_from = Kept(RunState(seeds, optimizer=self.optimizer)), None
        counter = self.model._train_counter
        checkpoint = tf.train.Checkpoint(model=self.model, run=self.kept, counter=counter)
        found = self._newest(checkpoint)
        if not self.model.distribute_strategy.extended.should_checkpoint:
            # Means are read from all workers: each has to take part, and its own is not read.
            self._unread = tempfile.mkdtemp()
            self.manager = tf.train.CheckpointManager(checkpoint, self._unread, 1)
        if found:
            checkpoint.restore(found).assert_existing_objects_matched()
            self.goes_on_from = self.state.epoch, self.state.step
            self._refuse_other("epochs and steps", self._differing(*self.goes_on_from))
            self.means = [metric.get_weights() for metric in self.model.metrics]
            for callback, kept in zip(self.beside, self.state.callbacks, strict=False):
                put_back(callback, kept)
        self.seeds = seeds
        self.model._training_state = self  # whom Keras asks where to begin
        if self.on_sigterm and threading.current_thread() is threading.main_thread():
            before = signal.signal(signal.SIGTERM, self._stop_soon)
            # What is None was not installed by Python, which cannot put it back.
            self._handler = signal.SIG_DFL if before is None else before

    def _newest(self, checkpoint: tf.train.Checkpoint) -> str | None:
        """The checkpoint to go on from, once all workers that step together find the same one."""
        for wait in (*WAITS, None):
            self.manager = tf.train.CheckpointManager(checkpoint, str(self.folder), self.keep)
            found = self.manager.latest_checkpoint
            others = self._differing(int(found.rpartition("-")[2]) if found else 0)
            if not others:
                break
            if wait is None:
                self._refuse_other("checkpoints, 0 for none,", others)
            else:
                time.sleep(wait)
        return found

    def _refuse_other(self, what: str, of_workers: Sequence[Sequence[int]]) -> None:
        if of_workers:
            raise ValueError(
                f"Workers in step go on from the same checkpoint, and {self.folder} is not the "
                "same folder to all of them: put it on a volume that they share. "
                f"Received: {what} of the workers in their order, {of_workers}."
            )

    def _differing(self, *numbers: int) -> list[list[int]]:
        """These numbers of all workers that step together, where they differ; else nothing."""
        strategy = self.model.distribute_strategy
        if not strategy.extended._in_multi_worker_mode():
            return []

        def of_all(own: tf.Tensor) -> tf.Tensor:
            here = tf.identity(own)  # on the replica's device
            return tf.distribute.get_replica_context().all_gather(here, axis=0)

        run = tf.function(lambda own: strategy.run(of_all, args=(own,)))
        each = strategy.experimental_local_results(run(tf.constant([numbers], tf.int64)))
        found: list[list[int]] = each[0].numpy().tolist()
        return found if any(one != found[0] for one in found) else []

    @property
    def state(self) -> RunState:
        """Of the run, as the next checkpoint will have it."""
        return self.kept.state

    def maybe_load_initial_counters_from_ckpt(
        self, steps_per_epoch: int | None, initial_epoch: int, mode: str
    ) -> tuple[int, int]:
        """The epoch and the step that Keras begins with."""
        del mode
        if self.goes_on_from is None:
            self.state.steps, self.state.epoch = steps_per_epoch, initial_epoch
            self.state.passes = [int(following.number) for following in self.following]
            return initial_epoch, 0
        self.state.check(self.folder, self.seeds, steps_per_epoch, self.optimizer)
        self.state.optimizer = self.optimizer  # which an earlier version has not kept
        # A checkpoint of an earlier version says nothing of them.
        for following, first in zip(self.following, self.state.passes, strict=False):
            following.first = first
        told = self.model.history
        for logs in self.state.logs:
            told.epoch.append(logs["epoch"])
            for name in logs.keys() - {"epoch"}:
                told.history.setdefault(name, []).append(logs[name])
        epoch, step = self.goes_on_from
        paused = epoch > 0 and self._is_paused()  # without an epoch there is nothing to measure
        if self.state.stopped or paused:
            epoch, step = max(epoch, self.params["epochs"]), 0
        if epoch >= self.params["epochs"] and not paused:
            warnings.warn(
                f"The run in {self.folder} is over: nothing more is learnt. A new run takes a new "
                "folder.",
                RunIsOver,
                stacklevel=2,
            )
        return epoch, step

    def on_epoch_begin(self, epoch, logs=None):
        self.state.epochs = self.params["epochs"]  # more, perhaps, than the folder's run had
        if self.goes_on_from is not None and self.goes_on_from[1]:  # Keras begins the means anew
            for metric, values in zip(self.model.metrics, self.means, strict=True):
                metric.set_weights(values)
        else:
            self.state.epoch, self.state.step = epoch, 0
        self.goes_on_from = None

    def on_train_batch_end(self, batch, logs=None):
        before, self.state.step = self.state.step, batch + 1
        if self.state.step == self.state.steps:  # validation comes first
            return
        agreed = before // AGREED_EVERY < self.state.step // AGREED_EVERY
        stop = self._someone_has_to_stop(agreed)
        if stop or (self.every and before // self.every < self.state.step // self.every):
            self.write()
        if stop:
            self._stop()

    def on_epoch_end(self, epoch, logs=None):
        numbers = {name: number_of(value) for name, value in (logs or {}).items()}
        known = {name: value for name, value in numbers.items() if value is not None}
        self.state.logs.append({"epoch": epoch, **known})
        self.state.epoch, self.state.step = epoch + 1, 0
        self.state.stopped = bool(self.model.stop_training) and not self._is_paused()
        self.write()
        if self._someone_has_to_stop(True):
            self._stop()

    def on_train_end(self, logs=None):
        self.release()

    def write(self) -> None:
        """Writes a checkpoint; the oldest goes."""
        strategy = self.model.distribute_strategy
        if is_far(strategy):
            self.model._cluster_coordinator.join()  # what is under way belongs to it
        self.state.callbacks = [kept_of(callback) for callback in self.beside]
        self.manager.save(options=tf.train.CheckpointOptions(experimental_io_device="CPU:0"))

    def release(self) -> None:
        """Leaves the model and the signals as they were."""
        self._stands = False
        self.model._training_state = None
        if self._unread is not None:
            shutil.rmtree(self._unread, ignore_errors=True)
        if self._handler is not None:
            signal.signal(signal.SIGTERM, self._handler)
            self._handler = None

    def _is_paused(self) -> bool:
        """Whether another callback wants no more epochs for now."""
        return any(getattr(one, "pauses", False) for one in self.beside)

    def _stop_soon(self, *_) -> None:
        self.asked_to_stop.set()

    def _stop(self) -> None:
        self.release()
        raise Preempted(STOPPED)

    def _someone_has_to_stop(self, agreed: bool) -> bool:
        """Whether SIGTERM has come; to any worker, where all step together.

        Args:
            agreed: whether this is a step at which all workers ask.
        """
        asked, strategy = self.asked_to_stop.is_set(), self.model.distribute_strategy
        if not strategy.extended._in_multi_worker_mode():
            return asked
        if not agreed:
            return False

        if self._of_all is None:
            self._of_all = tf.function(self._summed)
        return bool(self._of_all(tf.constant(float(asked))) > 0)

    def _summed(self, number: tf.Tensor) -> tf.Tensor:
        """The sum of a number over all workers."""
        strategy = self.model.distribute_strategy
        each = strategy.run(tf.identity, args=(number,))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, each, axis=None)
