"""Adam whose step costs what the batch touches."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import with_plain_arguments
from tfrec_recall.optimizers.checks import check_rate
from tfrec_recall.optimizers.row_wise import RowWise, rows_of


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
@with_plain_arguments
class LazyAdam(RowWise, tf.keras.optimizers.Adam):
    """Adam that updates the rows of a table that a batch has, and no other.

    Source: "Adam: A Method for Stochastic Optimization", ICLR 2015, Algorithm 1, for each row of a
    table as if it were a variable of its own: its moments decay, and their bias is corrected, by
    the steps in which the row had a gradient.

    Keras' Adam lets the moments of all rows decay at every step and moves all of them on: the whole
    table is read and written, however small the batch, and a row goes on moving after its last
    example, some thirty times as far as in the step itself. Where every row has a gradient in every
    step, both are the same. Variables with dense gradients are updated as by Keras' Adam, of which
    all arguments are; `amsgrad` is refused.

    Args:
        weight_decay: of the rows that a step updates.

    Shapes: a variable of the shape [rows, ...] has moments of that shape and counts [rows].
    """

    ROW_STEPS = "_row_steps"  # where checkpoints have the counts of rows, which no other Adam keeps

    def __init__(self, learning_rate=0.001, amsgrad=False, name="LazyAdam", **kwargs):
        check_rate("LazyAdam", learning_rate)
        if amsgrad:
            raise ValueError(
                "LazyAdam keeps no greatest moment of rows: leave amsgrad out, or take Keras' "
                f"Adam. Received: amsgrad={amsgrad!r}."
            )
        kwargs.setdefault("jit_compile", False)  # XLA would copy the table to update a row
        super().__init__(learning_rate, amsgrad=False, name=name, **kwargs)

    def build(self, var_list):
        super().build(var_list)
        if not hasattr(self, "_row_steps"):
            self._row_steps = [self.of_rows(variable, "steps") for variable in var_list]

    def update_rows(self, gradient: tf.IndexedSlices, variable: tf.Variable) -> None:
        place = self._index_dict[self._var_key(variable)]
        rows = gradient.indices
        first, second = self._momentums[place], self._velocities[place]
        ones = tf.ones_like(rows, self._row_steps[place].dtype)
        self._row_steps[place].scatter_add(tf.IndexedSlices(ones, rows))
        steps = rows_of(tf.gather(self._row_steps[place], rows), gradient.values)
        beta_1, beta_2 = (tf.cast(beta, variable.dtype) for beta in (self.beta_1, self.beta_2))
        mean = tf.gather(first, rows) * beta_1 + gradient.values * (1 - beta_1)
        square = tf.gather(second, rows) * beta_2 + tf.square(gradient.values) * (1 - beta_2)
        first.scatter_update(tf.IndexedSlices(mean, rows))
        second.scatter_update(tf.IndexedSlices(square, rows))
        unbias_1, unbias_2 = 1 - tf.pow(beta_1, steps), tf.sqrt(1 - tf.pow(beta_2, steps))
        epsilon = self.epsilon * (unbias_2 if self.adaptive_epsilon else 1.0)
        rate = self.rate(variable) * unbias_2 / unbias_1
        variable.scatter_sub(tf.IndexedSlices(rate * mean / (tf.sqrt(square) + epsilon), rows))
