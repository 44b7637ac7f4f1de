"""Adam that goes over a table once a step."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import plain, with_plain_arguments
from tfrec_recall.optimizers.checks import check_rate, fine_type


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
@with_plain_arguments
class FusedAdam(tf.keras.optimizers.Adam):
    """Keras' Adam, whose update of a variable is one operation of TensorFlow.

    Source: "Adam: A Method for Stochastic Optimization", ICLR 2015, Algorithm 1, as Keras has it.

    All rows of a table move at every step, with or without a gradient, to the numbers of Keras'
    Adam but for their rounding. That takes some twenty operations there, each of which goes over
    the table; here sparse gradients are added up into a dense one, and one operation follows. With
    `amsgrad`, for which there is no such operation, it is Keras' update. Checkpoints of both are
    the same. Where a batch touches few of a table's rows, `LazyAdam` costs less.

    Args:
        all as of `tf.keras.optimizers.Adam`.

    Shapes: a variable has two moments of its shape.
    Raises: ValueError for variables in halves, and for what is no rate.
    """

    def __init__(self, learning_rate=0.001, name="FusedAdam", **kwargs):
        check_rate("FusedAdam", learning_rate)
        super().__init__(learning_rate, name=name, **kwargs)

    def build(self, var_list):
        for variable in var_list:
            fine_type("FusedAdam", variable)
        super().build(var_list)

    def update_step(self, gradient, variable):
        if self.amsgrad:
            super().update_step(gradient, variable)
            return
        if isinstance(gradient, tf.IndexedSlices):
            rows = tf.shape(variable)[0]
            gradient = tf.math.unsorted_segment_sum(gradient.values, gradient.indices, rows)
        place = self._index_dict[self._var_key(variable)]

        kind = gradient.dtype
        beta_1, beta_2 = tf.constant(self.beta_1, kind), tf.constant(self.beta_2, kind)
        step = tf.cast(self.iterations + 1, kind)
        left_1, left_2 = tf.pow(beta_1, step), tf.pow(beta_2, step)
        epsilon = tf.constant(self.epsilon, kind)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].handle,
            v=self._velocities[place].handle,
            beta1_power=left_1,
            beta2_power=left_2,
            lr=tf.cast(self.learning_rate, kind),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=epsilon * tf.sqrt(1 - left_2) if self.adaptive_epsilon else epsilon,
            grad=gradient,
        )

    def get_config(self):
        return plain(super().get_config())  # Keras has the rate as it reads it, a NumPy number

    def _deduplicate_sparse_grad(self, grads):
        """Adding rows up is part of the update."""
        return super()._deduplicate_sparse_grad(grads) if self.amsgrad else grads
