"""GraphSAGE's pooling aggregator."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import flag, whole
from tfrec_recall.layers.activations import activation_config, activation_of
from tfrec_recall.layers.neighbourhood import check_shapes, present_neighbours
from tfrec_recall.layers.sublayers import build_activation, build_within


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class MaxPoolAggregator(tf.keras.layers.Layer):
    """h_v = σ(W [h_v, max over the neighbours u of relu(W_pool h_u + b)]).

    Source: "Inductive Representation Learning on Large Graphs", NIPS 2017, Algorithm 1, lines 4
    and 5, and Eq. 3.
    Departs: a bias of W as well: `use_bias=False`.

    Args:
        units: the width of the output.
        pool_units: the width of what is pooled.
        activation: σ.
        use_bias: of W.

    Input: a tuple of nodes [nodes, dim] and neighbours [nodes, neighbours, dim]; masked neighbours
        are absent, and the maximum of none is 0.
    Output: [nodes, units]; no mask, as the neighbours are gone.
    Raises: ValueError for inputs or a mask of other shapes.

    >>> nodes, neighbours = tf.ones([2, 3]), tf.ones([2, 5, 3])
    >>> MaxPoolAggregator(units=4, pool_units=8)((nodes, neighbours)).shape
    TensorShape([2, 4])
    """

    def __init__(
        self, units: int, pool_units: int, activation="relu", use_bias: bool = True, **kwargs
    ):
        super().__init__(**kwargs)
        whole("MaxPoolAggregator", units, "units")
        flag("MaxPoolAggregator", use_bias, "use_bias")
        whole("MaxPoolAggregator", pool_units, "pool_units")
        self.units, self.pool_units = units, pool_units
        self.activation = activation_of("MaxPoolAggregator", activation, "activation")
        self.use_bias = use_bias
        self.supports_masking = True
        keras, policy = tf.keras.layers, self.dtype_policy
        self.pool = keras.Dense(pool_units, "relu", dtype=policy, name="pool")
        self.dense = keras.Dense(units, self.activation, use_bias, dtype=policy, name="dense")

    def build(self, input_shape):
        own, neighbour = check_shapes(self, input_shape)
        build_within(self, self.pool, (None, None, neighbour))
        build_within(self, self.dense, (None, own + self.pool_units))
        build_activation(self, self.activation, (None, self.units))
        super().build(input_shape)

    def call(self, inputs, mask=None):
        own, neighbours, present = present_neighbours(self, inputs, mask)
        pooled = self.pool(neighbours)
        # After the relu 0 is the least there is, so that absent neighbours never are the maximum.
        pooled *= tf.cast(present, pooled.dtype)[..., tf.newaxis]
        most = tf.maximum(tf.reduce_max(pooled, axis=1), 0)  # without a neighbour it is -inf
        return self.dense(tf.concat([own, tf.cast(most, own.dtype)], axis=-1))

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "use_bias": self.use_bias,
            "pool_units": self.pool_units,
            "activation": activation_config("MaxPoolAggregator", "activation", self.activation),
        }
