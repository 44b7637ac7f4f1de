"""GraphSAGE's convolutional aggregator."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import flag, whole
from tfrec_recall._axes import check_axes
from tfrec_recall.layers.activations import activation_config, activation_of
from tfrec_recall.layers.neighbourhood import check_shapes, present_neighbours
from tfrec_recall.layers.precision import full
from tfrec_recall.layers.sublayers import build_activation, build_within


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class GCNAggregator(tf.keras.layers.Layer):
    """h_v = σ(W · mean of h_v and all h_u): the node is one of its neighbours.

    Source: "Inductive Representation Learning on Large Graphs", NIPS 2017, Eq. 2.
    Departs: a bias: `use_bias=False`.

    Args:
        units: the width of the output.
        activation: σ.
        use_bias: of W.

    Input: a tuple of nodes [nodes, dim] and neighbours [nodes, neighbours, dim]; masked neighbours
        are absent, and a node without any stands alone.
    Output: [nodes, units]; no mask, as the neighbours are gone.
    Raises: ValueError for inputs or a mask of other shapes, or of two widths.

    >>> nodes, neighbours = tf.ones([2, 3]), tf.ones([2, 5, 3])
    >>> GCNAggregator(units=4)((nodes, neighbours)).shape
    TensorShape([2, 4])
    """

    def __init__(self, units: int, activation="relu", use_bias: bool = True, **kwargs):
        super().__init__(**kwargs)
        whole("GCNAggregator", units, "units")
        flag("GCNAggregator", use_bias, "use_bias")
        self.units = units
        self.activation = activation_of("GCNAggregator", activation, "activation")
        self.use_bias = use_bias
        self.supports_masking = True
        self.dense = tf.keras.layers.Dense(
            units, self.activation, use_bias, dtype=self.dtype_policy, name="dense"
        )

    def build(self, input_shape):
        own, neighbour = check_shapes(self, input_shape)
        if own != neighbour:
            raise ValueError(
                "GCNAggregator averages a node with its neighbours: both are of one width. "
                f"Received: {own} and {neighbour}."
            )
        build_within(self, self.dense, (None, own))
        build_activation(self, self.activation, (None, self.units))
        super().build(input_shape)

    def call(self, inputs, mask=None):
        own, neighbours, present = present_neighbours(self, inputs, mask)
        check_axes(
            "GCNAggregator",
            nodes=(own, "nodes dim"),
            neighbours=(neighbours, "nodes neighbours dim"),
        )
        total = tf.einsum("nk,nkd->nd", present, tf.cast(neighbours, full(self)))
        count = 1 + tf.reduce_sum(present, axis=1, keepdims=True)
        mean = (total + tf.cast(own, full(self))) / count
        return self.dense(tf.cast(mean, own.dtype))

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], self.units)

    def get_config(self):
        activation = activation_config("GCNAggregator", "activation", self.activation)
        own = {"units": self.units, "activation": activation, "use_bias": self.use_bias}
        return {**super().get_config(), **own}
