"""What optimizers of large tables share: a step reads and writes the rows of the batch alone."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import plain
from tfrec_recall.optimizers.checks import fine_type


class RowWise(tf.keras.optimizers.Optimizer):
    """Stands before one of Keras 2's optimizers, whose updates of rows a subclass writes.

    A sparse gradient, as of `tf.gather` or an embedding, has each row once when `update_rows` gets
    it: Keras has added up what a batch has of a row several times.
    """

    def get_config(self):
        return plain(super().get_config())  # Keras has the rate as it reads it, a NumPy number

    def of_rows(self, variable: tf.Variable, name: str, initial: float = 0.0) -> tf.Variable:
        """A number a row of a variable, as state that checkpoints hold.

        Raises: ValueError for variables in halves, in which a count or a sum soon stands still.
        """
        shape, kind = variable.shape[:1], fine_type(type(self).__name__, variable)
        return self.add_variable_from_reference(
            variable, name, shape=shape, initial_value=tf.fill(shape, tf.cast(initial, kind))
        )

    def rate(self, variable: tf.Variable) -> tf.Tensor:
        """The rate of learning, of the variable's type."""
        return tf.cast(self.learning_rate, variable.dtype)

    def update_step(self, gradient, variable):
        decay = self.weight_decay if self._use_weight_decay(variable) else None
        if not isinstance(gradient, tf.IndexedSlices):
            if decay is not None:
                variable.assign_sub(variable * decay * self.rate(variable))
            self.update_whole(gradient, variable)
            return
        if decay is not None:
            kept = tf.gather(variable, gradient.indices) * decay * self.rate(variable)
            variable.scatter_sub(tf.IndexedSlices(kept, gradient.indices))
        self.update_rows(gradient, variable)

    def _apply_weight_decay(self, variables):
        """Keras would decay all rows here: `update_step` does, of those that it updates."""

    def update_rows(self, gradient: tf.IndexedSlices, variable: tf.Variable) -> None:
        """Updates the rows that have a gradient, each once in it."""
        raise NotImplementedError

    def update_whole(self, gradient: tf.Tensor, variable: tf.Variable) -> None:
        """Updates a variable that has a dense gradient; by default as the optimizer beside."""
        super().update_step(gradient, variable)


def rows_of(numbers: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """A number a row [rows], to be multiplied with rows [rows, ...]; of a scalar, itself."""
    further = tf.ones([max(like.shape.rank - 1, 0)], tf.int32)
    return tf.reshape(tf.cast(numbers, like.dtype), tf.concat([tf.shape(numbers), further], axis=0))
