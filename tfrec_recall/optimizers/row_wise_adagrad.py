"""Adagrad with one number of state a row."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import number, plain, with_plain_arguments
from tfrec_recall.optimizers.checks import check_rate
from tfrec_recall.optimizers.row_wise import RowWise, rows_of


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
@with_plain_arguments
class RowWiseAdagrad(RowWise, tf.keras.optimizers.Optimizer):
    """Adagrad whose rows have one rate each, for tables that are large.

    Source: "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", JMLR
    2011, with the mean square of a row's gradient in place of each number's own: the state of a
    table is one number a row, where Adam has two tables more. A step updates the rows that have a
    gradient; a variable with a dense gradient is one of rows that all have.

    Args:
        learning_rate: as in Keras' optimizers.
        initial: what the sum of mean squares begins with.
        epsilon: added to it under the root.
        weight_decay: of the rows that a step updates.

    Shapes: a variable of the shape [rows, ...] has sums [rows]; a scalar has one.
    """

    def __init__(
        self, learning_rate=0.05, initial=0.1, epsilon=1e-7, name="RowWiseAdagrad", **kwargs
    ):
        check_rate("RowWiseAdagrad", learning_rate)
        number("RowWiseAdagrad", initial, "initial", least=0)
        number("RowWiseAdagrad", epsilon, "epsilon", least=0)
        kwargs.setdefault("jit_compile", False)
        super().__init__(name=name, **kwargs)
        self._learning_rate = self._build_learning_rate(learning_rate)
        self.initial, self.epsilon = initial, epsilon

    def build(self, var_list):
        super().build(var_list)
        if not hasattr(self, "_sums"):
            self._sums = [self.of_rows(variable, "sum", self.initial) for variable in var_list]
        self._built = True

    def update_rows(self, gradient: tf.IndexedSlices, variable: tf.Variable) -> None:
        sums, rows = self._sums[self._index_dict[self._var_key(variable)]], gradient.indices
        sums.scatter_add(tf.IndexedSlices(_mean_squares(gradient.values), rows))
        root = tf.sqrt(rows_of(tf.gather(sums, rows), gradient.values) + self.epsilon)
        step = tf.math.divide_no_nan(self.rate(variable) * gradient.values, root)
        variable.scatter_sub(tf.IndexedSlices(step, rows))

    def update_whole(self, gradient: tf.Tensor, variable: tf.Variable) -> None:
        sums = self._sums[self._index_dict[self._var_key(variable)]]
        sums.assign_add(_mean_squares(gradient))
        root = tf.sqrt(rows_of(sums, gradient) + self.epsilon)
        variable.assign_sub(tf.math.divide_no_nan(self.rate(variable) * gradient, root))

    def get_config(self):
        config = super().get_config()
        rate = plain(self._serialize_hyperparameter(self._learning_rate))
        return {**config, "learning_rate": rate, "initial": self.initial, "epsilon": self.epsilon}


def _mean_squares(gradient: tf.Tensor) -> tf.Tensor:
    """Of each row [rows, ...]: the mean square of its numbers, [rows]; of a scalar, its square."""
    return tf.reduce_mean(tf.square(gradient), axis=list(range(1, gradient.shape.rank)))
