"""Several training steps in one program of XLA."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import tensorflow as tf

from tfrec_recall.models.fitting.keras_arguments import batch_of, naming_columns

Batch = dict[str, tf.Tensor]
Metrics = dict[str, tf.Tensor]


class Learner(Protocol):
    """A Keras model with a step that XLA can compile."""

    _steps_per_execution: tf.Variable  # Keras lowers it where an epoch ends
    _train_counter: tf.Variable

    def train_step(self, inputs: Batch) -> Metrics:
        """One step, and the means over the epoch so far."""
        ...

    def note(self, examples: tf.Tensor) -> None:
        """Keeps that it has learnt, if from any examples."""
        ...

    def report(self, losses: Metrics, examples: tf.Tensor) -> Metrics:
        """Adds losses to the means of the epoch, and returns these."""
        ...

    def means(self) -> Metrics:
        """The means of the epoch so far."""
        ...

    def examples_in(self, batch: Batch) -> tf.Tensor:
        """How many examples a batch has."""
        ...

    def with_draws(self, batch: Batch, ahead: int = 0) -> Batch:
        """The batch with all that a compiled step is given."""
        ...

    def dense_step(self, inputs: Batch) -> Metrics:
        """What XLA compiles: a step, and the losses in it."""
        ...


class CompiledSteps:
    """What `fit` calls with an iterator over batches: the steps of an execution, learnt at once.

    In one program the variables stay where they are from step to step, which saves up to 40% of
    the time of small steps. The last batch of an epoch, which is smaller, goes alone, and all do
    where others are of several sizes. (Keras asks for the size of the data before it runs several
    steps at once, so that none is begun that the data has no batches for.)

    Args:
        model: compiled, with `jit_compile`.
        alone: Keras's own train function, for an execution of one step.
    """

    def __init__(self, model: Learner, alone: Callable[..., Metrics]):
        self.model = model
        self.alone = alone
        self.at_once = tf.function(self._at_once, autograph=False)
        self.program = tf.function(self._program, jit_compile=True, autograph=False)

    def __call__(self, iterator) -> Metrics:
        steps = int(self.model._steps_per_execution)
        return self.at_once(iterator, steps) if steps > 1 else self.alone(iterator)

    def _at_once(self, iterator, steps: int) -> Metrics:
        batches = [batch_of(next(iterator)) for _ in range(steps)]
        with naming_columns(type(self.model).__name__, batches[0]):
            sizes = tf.stack([tf.shape(batch["item_id"])[0] for batch in batches])
            same = (sizes == sizes[0]) & (sizes > 0)
            at_once = tf.where(tf.reduce_all(same), steps, steps - 1)
            at_once = tf.where(tf.reduce_all(same[:-1]), at_once, 0)
            tf.cond(at_once > 0, lambda: self._together(batches, at_once), lambda: False)
            self._one_by_one(batches, at_once)
        self.model._train_counter.assign_add(steps)
        return self.model.means()

    def _together(self, batches: list[Batch], count: tf.Tensor) -> bool:
        """Learns from the first `count` batches."""
        *whole, last = batches
        drawn = [self.model.with_draws(batch, place) for place, batch in enumerate(whole)]
        # A draw may count what is in the batch: the last is drawn here if it is learnt here.
        nothing = {name: column[:0] for name, column in drawn[0].items()}
        is_here, place = count > len(whole), len(whole)
        drawn.append(tf.cond(is_here, lambda: self.model.with_draws(last, place), lambda: nothing))
        first = {n: part.gather(tf.range(count)) for n, part in _arrays(drawn).items()}
        losses = self.program(first)
        examples = self.model.examples_in(batches[0])
        self.model.note(examples)
        self.model.report(losses, examples)
        return True

    def _one_by_one(self, batches: list[Batch], start: tf.Tensor) -> None:
        """Learns from the batches from number `start` on."""
        parts = _arrays(batches)

        def step(number):
            self.model.train_step({name: part.read(number) for name, part in parts.items()})
            return [number + 1]

        # A loop is traced once, and calls of the step as often as there are steps.
        tf.while_loop(lambda number: number < len(batches), step, [start], parallel_iterations=1)

    def _program(self, batches: Batch) -> Metrics:
        """A step for each of the batches [steps, ...], and what each reports, [steps]."""
        signature = dict.fromkeys(("regularization_loss", "total_loss"), tf.float32)
        scope = tf.compat.v1.get_variable_scope()
        before = scope.caching_device
        try:
            return tf.map_fn(self.model.dense_step, batches, fn_output_signature=signature)
        finally:  # where a step cannot be traced, `map_fn` leaves its own, which strategies refuse
            if scope.caching_device is not before:
                scope.set_caching_device(before)


def _arrays(batches: list[Batch]) -> dict[str, tf.TensorArray]:
    """The columns of batches, whose numbers of rows may differ, by name."""
    arrays = {}
    for name, first in batches[0].items():
        row = first.shape[1:]
        array = tf.TensorArray(
            first.dtype, len(batches), infer_shape=False, element_shape=[None, *row]
        )
        for place, batch in enumerate(batches):
            array = array.write(place, batch[name])
        arrays[name] = array
    return arrays
