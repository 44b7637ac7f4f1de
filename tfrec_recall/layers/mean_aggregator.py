"""GraphSAGE's mean aggregator."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import flag, whole
from tfrec_recall.layers.activations import activation_config, activation_of
from tfrec_recall.layers.neighbourhood import check_shapes, present_neighbours
from tfrec_recall.layers.precision import full
from tfrec_recall.layers.sublayers import build_activation, build_within


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class MeanAggregator(tf.keras.layers.Layer):
    """h_v = σ(W [h_v, mean of h_u over the neighbours u]).

    Source: "Inductive Representation Learning on Large Graphs", NIPS 2017, Algorithm 1, lines 4
    and 5, and section 3.3, "Mean aggregator".
    Departs: a bias: `use_bias=False`.

    Args:
        units: the width of the output.
        activation: σ.
        use_bias: of W.

    Input: a tuple of nodes [nodes, dim] and neighbours [nodes, neighbours, dim]; masked neighbours
        are absent, and the mean of none is 0.
    Output: [nodes, units]; no mask, as the neighbours are gone.
    Raises: ValueError for inputs or a mask of other shapes.

    >>> nodes, neighbours = tf.ones([2, 3]), tf.ones([2, 5, 3])
    >>> MeanAggregator(units=4)((nodes, neighbours)).shape
    TensorShape([2, 4])
    """

    def __init__(self, units: int, activation="relu", use_bias: bool = True, **kwargs):
        super().__init__(**kwargs)
        whole("MeanAggregator", units, "units")
        flag("MeanAggregator", use_bias, "use_bias")
        self.units = units
        self.activation = activation_of("MeanAggregator", activation, "activation")
        self.use_bias = use_bias
        self.supports_masking = True
        self.dense = tf.keras.layers.Dense(
            units, self.activation, use_bias, dtype=self.dtype_policy, name="dense"
        )

    def build(self, input_shape):
        build_within(self, self.dense, (None, sum(check_shapes(self, input_shape))))
        build_activation(self, self.activation, (None, self.units))
        super().build(input_shape)

    def call(self, inputs, mask=None):
        own, neighbours, present = present_neighbours(self, inputs, mask)
        total = tf.einsum("nk,nkd->nd", present, tf.cast(neighbours, full(self)))
        mean = tf.math.divide_no_nan(total, tf.reduce_sum(present, axis=1, keepdims=True))
        return self.dense(tf.concat([own, tf.cast(mean, own.dtype)], axis=-1))

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], self.units)

    def get_config(self):
        activation = activation_config("MeanAggregator", "activation", self.activation)
        own = {"units": self.units, "activation": activation, "use_bias": self.use_bias}
        return {**super().get_config(), **own}
