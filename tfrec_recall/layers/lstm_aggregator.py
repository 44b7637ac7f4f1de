"""GraphSAGE's LSTM aggregator."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import flag, whole
from tfrec_recall.layers import draws
from tfrec_recall.layers.activations import activation_config, activation_of
from tfrec_recall.layers.neighbourhood import check_shapes, present_neighbours
from tfrec_recall.layers.phase import is_training
from tfrec_recall.layers.sublayers import build_activation, build_within


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class LSTMAggregator(tf.keras.layers.Layer):
    """h_v = σ(W [h_v, the last state of an LSTM over the neighbours]).

    Neighbours have no order: training reads them in a random one, another for each node and step,
    and inference as they are given, so that it always answers the same.

    Source: "Inductive Representation Learning on Large Graphs", NIPS 2017, Algorithm 1, lines 4
    and 5, and section 3.3, "LSTM aggregator".
    Departs: a bias of W: `use_bias=False`.

    Args:
        units: the width of the output.
        lstm_units: the width of the LSTM's state.
        activation: σ.
        use_bias: of W.

    Input: a tuple of nodes [nodes, dim] and neighbours [nodes, neighbours, dim]; masked neighbours
        are absent, wherever they stand, and the state after none is 0.
    Output: [nodes, units]; no mask, as the neighbours are gone.
    Raises: ValueError for inputs or a mask of other shapes.

    >>> nodes, neighbours = tf.ones([2, 3]), tf.ones([2, 5, 3])
    >>> LSTMAggregator(units=4, lstm_units=8)((nodes, neighbours)).shape
    TensorShape([2, 4])
    """

    def __init__(
        self, units: int, lstm_units: int, activation="relu", use_bias: bool = True, **kwargs
    ):
        super().__init__(**kwargs)
        whole("LSTMAggregator", units, "units")
        flag("LSTMAggregator", use_bias, "use_bias")
        whole("LSTMAggregator", lstm_units, "lstm_units")
        self.units, self.lstm_units = units, lstm_units
        self.activation = activation_of("LSTMAggregator", activation, "activation")
        self.use_bias = use_bias
        self.supports_masking = True
        keras, policy = tf.keras.layers, self.dtype_policy
        # In Keras 3, cuDNN would refuse masks with gaps and nodes without a neighbour: Keras 2 asks
        # the mask itself.
        without = {"use_cudnn": False} if hasattr(tf.keras, "Variable") else {}
        self.lstm = keras.LSTM(lstm_units, dtype=policy, name="lstm", **without)
        self.dense = keras.Dense(units, self.activation, use_bias, dtype=policy, name="dense")

    def build(self, input_shape):
        own, neighbour = check_shapes(self, input_shape)
        build_within(self, self.lstm, (None, None, neighbour))
        build_within(self, self.dense, (None, own + self.lstm_units))
        build_activation(self, self.activation, (None, self.units))
        super().build(input_shape)

    def call(self, inputs, mask=None, training=None):
        own, neighbours, present = present_neighbours(self, inputs, mask)
        if is_training("LSTMAggregator", training):
            order = tf.argsort(draws.uniform(tf.shape(present)), axis=1)
            neighbours = tf.gather(neighbours, order, batch_dims=1)
            present = tf.gather(present, order, batch_dims=1)
        if neighbours.shape[0] == 0:  # which Keras 3 cannot take
            state = tf.zeros([0, self.lstm_units])
        else:
            state = self.lstm(neighbours, mask=present > 0, training=training)
        return self.dense(tf.concat([own, tf.cast(state, own.dtype)], axis=-1))

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "use_bias": self.use_bias,
            "lstm_units": self.lstm_units,
            "activation": activation_config("LSTMAggregator", "activation", self.activation),
        }
