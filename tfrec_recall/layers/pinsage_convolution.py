"""PinSAGE's convolution: a node and its neighbours, by importance."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import number, whole
from tfrec_recall._axes import check_axes, check_no_mask
from tfrec_recall.layers.activations import activation_config, activation_of
from tfrec_recall.layers.l2_normalization import unit
from tfrec_recall.layers.neighbourhood import check_shapes, present_neighbours
from tfrec_recall.layers.precision import full
from tfrec_recall.layers.sublayers import build_activation, build_within


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class PinSAGEConvolution(tf.keras.layers.Layer):
    """n_u = Σ_v α_v relu(Q h_v + q), z_u = σ(W [h_u, n_u] + w), z_u / |z_u|.

    Source: "Graph Convolutional Neural Networks for Web-Scale Recommender Systems", KDD 2018,
    Algorithm 1, with the weighted mean of "importance pooling" (section 3.1) as γ.

    Args:
        units: the width of the output.
        pool_units: the width of what is pooled.
        activation: σ.
        epsilon: the squared length up to which a vector counts as none: it becomes zeros, and gets
            no gradient.

    Input: a tuple of nodes [nodes, dim] and neighbours [nodes, neighbours, dim]; by keyword
        `importance` [nodes, neighbours], not negative: the share of a neighbour is its part of the
        sum. Masked neighbours and those of importance 0 are absent, and n of none is 0.
    Output: [nodes, units], unit vectors or zeros; no mask, as the neighbours are gone.
    Raises: ValueError for inputs of other shapes, by keyword or not.

    >>> nodes, neighbours = tf.ones([2, 3]), tf.ones([2, 2, 3])
    >>> convolve = PinSAGEConvolution(units=4, pool_units=8)
    >>> convolve((nodes, neighbours), importance=tf.constant([[0.9, 0.1], [1.0, 0.0]])).shape
    TensorShape([2, 4])
    """

    def __init__(
        self, units: int, pool_units: int, activation="relu", epsilon: float = 1e-12, **kwargs
    ):
        # A half holds no count above 65,504: Keras 3 would cast the importance, too.
        super().__init__(autocast=False, **kwargs)
        whole("PinSAGEConvolution", units, "units")
        whole("PinSAGEConvolution", pool_units, "pool_units")
        number("PinSAGEConvolution", epsilon, "epsilon", above=0)
        self.units, self.pool_units, self.epsilon = units, pool_units, epsilon
        self.activation = activation_of("PinSAGEConvolution", activation, "activation")
        self.supports_masking = True
        keras, policy = tf.keras.layers, self.dtype_policy
        self.pool = keras.Dense(pool_units, "relu", dtype=policy, name="pool")
        self.dense = keras.Dense(units, self.activation, dtype=policy, name="dense")

    def build(self, input_shape):
        own, neighbour = check_shapes(self, input_shape)
        build_within(self, self.pool, (None, None, neighbour))
        build_within(self, self.dense, (None, own + self.pool_units))
        build_activation(self, self.activation, (None, self.units))
        super().build(input_shape)

    def call(self, inputs, importance, mask=None, inputs_mask=None):
        mask = inputs_mask if mask is None else mask  # Keras 3 names it so beside other tensors
        own, neighbours, present = present_neighbours(self, inputs, mask)
        check_no_mask("PinSAGEConvolution", importance=importance)
        check_axes(
            "PinSAGEConvolution",
            neighbours=(neighbours, "nodes neighbours dim"),
            importance=(importance, "nodes neighbours"),
        )
        share = present * tf.cast(importance, full(self))
        total = tf.reduce_sum(share, axis=1, keepdims=True)
        share = tf.math.divide_no_nan(share, total)
        # What has no share may hold anything.
        nothing = tf.zeros((), neighbours.dtype)
        neighbours = tf.where(share[..., tf.newaxis] > 0, neighbours, nothing)
        return self.combine(own, self.pool(neighbours), share)

    def combine(self, own, messages, share):
        """What follows relu(Q h_v + q), for a caller who makes that once for each node.

        Args:
            own: nodes [nodes, dim].
            messages: of their neighbours, `pool(neighbours)`, [nodes, neighbours, pool_units].
            share: α, [nodes, neighbours].
        """
        own = tf.cast(own, self.compute_dtype)
        share, messages = tf.cast(share, full(self)), tf.cast(messages, full(self))
        pooled = tf.einsum("nk,nkd->nd", share, messages)
        new = self.dense(tf.concat([own, tf.cast(pooled, own.dtype)], axis=-1))
        return tf.cast(unit(new, self.epsilon, dtype=full(self)), self.compute_dtype)

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "pool_units": self.pool_units,
            "activation": activation_config("PinSAGEConvolution", "activation", self.activation),
            "epsilon": self.epsilon,
        }
