"""One side of a recall model: a stack of dense layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from tfrec_recall._arguments import flag, number, without_effect
from tfrec_recall._axes import check_axes
from tfrec_recall.layers.activations import activation_config, activation_of
from tfrec_recall.layers.phase import is_training
from tfrec_recall.layers.sublayers import build_activation, build_within


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class Tower(tf.keras.layers.Layer):
    """A multi-layer perceptron: dense, normalised, activated, dropped out, layer after layer.

    Source: "Learning Deep Structured Semantic Models for Web Search using Clickthrough Data", CIKM
    2013, section 3.1, and every two-tower model since. The options are common practice.

    Args:
        units: the width of each layer, or of the only one; the last is the output, which is neither
            normalised nor dropped out.
        activation: of the hidden layers; where it is a layer, each has one like it of its own.
        final_activation: of the output.
        dropout: the share of each hidden layer's outputs that is dropped while training.
        residual: add the input of each layer to its output, through a projection without bias where
            their widths differ.
        normalization: "batch" or "layer", before the activation of the hidden layers; masked
            positions have no part in a batch's statistics.

    Input: [batch, ..., width]. Output: [batch, ..., units[-1]]; a mask passes unchanged.
    Raises: ValueError if `units` is empty or not positive, for another normalisation, for what is
        of hidden layers where there are none, or for a mask of another shape.

    >>> Tower([8, 3])(tf.ones([2, 5])).shape
    TensorShape([2, 3])
    """

    def __init__(
        self,
        units: Sequence[int] | int,
        activation="relu",
        final_activation=None,
        dropout: float = 0.0,
        residual: bool = False,
        normalization: str | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        widths = np.atleast_1d(units).tolist()
        if not widths or not all(isinstance(width, int) and width > 0 for width in widths):
            raise ValueError(
                "Tower takes `units`, the positive width of each layer, such as [128, 64]. "
                f"Received: units={units!r}."
            )
        if normalization not in (None, "batch", "layer"):
            raise ValueError(
                'Tower takes "batch", "layer" or None as its `normalization`. '
                f"Received: normalization={normalization!r}."
            )
        number("Tower", dropout, "dropout", least=0, below=1)
        flag("Tower", residual, "residual")
        if len(widths) == 1:
            hidden = "of hidden layers, and units has one layer alone, the output"
            without_effect("Tower", activation, "relu", "activation", hidden)
            without_effect("Tower", dropout, 0.0, "dropout", hidden)
            without_effect("Tower", normalization, None, "normalization", hidden)
        self.units = widths
        self.activation = activation_of("Tower", activation, "activation")
        self.final_activation = activation_of("Tower", final_activation, "final_activation")
        self.dropout = dropout
        self.residual = residual
        self.normalization = normalization
        self.supports_masking = True

        keras, dtype, hidden = tf.keras.layers, self.dtype_policy, self.units[:-1]
        # By names of their own: HDF5 knows weights by their names alone.
        self.dense = [
            keras.Dense(width, dtype=dtype, name=f"dense_{position}")
            for position, width in enumerate(self.units)
        ]
        if normalization:
            kinds = {"batch": keras.BatchNormalization, "layer": keras.LayerNormalization}
            self.normalizations = [
                kinds[normalization](dtype=dtype, name=f"normalization_{position}")
                for position in range(len(hidden))
            ]
        self.activations = None
        if isinstance(self.activation, keras.Layer):
            config = self.activation.get_config()
            self.activations = [
                type(self.activation).from_config({**config, "name": f"activation_{position}"})
                for position in range(len(hidden))
            ]
        self.drop = keras.Dropout(dropout, dtype=dtype)

    def build(self, input_shape):
        widths = [input_shape[-1], *self.units]
        self.projections = [
            tf.keras.layers.Dense(
                width, use_bias=False, dtype=self.dtype_policy, name=f"projection_{position}"
            )
            if self.residual and width != before
            else None
            for position, (before, width) in enumerate(zip(widths, self.units, strict=False))
        ]
        for position, before in enumerate(widths[:-1]):
            build_within(self, self.dense[position], (*input_shape[:-1], before))
            if self.projections[position]:
                build_within(self, self.projections[position], (*input_shape[:-1], before))
            hidden = position < len(self.units) - 1
            if self.normalization and hidden:
                rows = (None,) if self.normalization == "batch" else input_shape[:-1]
                shape = (*rows, self.units[position])
                build_within(self, self.normalizations[position], shape)
            if self.activations and hidden:
                shape = (*input_shape[:-1], self.units[position])
                build_within(self, self.activations[position], shape)
        build_activation(self, self.final_activation, (*input_shape[:-1], self.units[-1]))
        build_within(self, self.drop, input_shape)  # a tower of one layer never calls it
        super().build(input_shape)

    def call(self, inputs, mask=None, training=None):
        if mask is not None:
            axes = " ".join(f"axis_{place}" for place in range(len(inputs.shape) - 1))
            check_axes("Tower", inputs=(inputs, f"{axes} width"), mask=(mask, axes))
        if self.normalization == "batch":
            training = is_training("Tower", training)
        outputs = tf.cast(inputs, self.compute_dtype)  # Keras leaves whole numbers as they are
        for position, dense in enumerate(self.dense):
            before, outputs = outputs, dense(outputs)
            if position < len(self.units) - 1:
                if self.normalization:
                    normalize = self.normalizations[position]
                    outputs = self._normalized(normalize, outputs, training, mask)
                activate = self.activations[position] if self.activations else self.activation
                outputs = self.drop(activate(outputs), training=training)
            else:
                outputs = self.final_activation(outputs)
            if self.residual:
                project = self.projections[position]
                outputs = outputs + (project(before) if project else before)
        return outputs

    def _normalized(self, normalize, outputs, training, mask):
        if self.normalization == "layer":
            return normalize(outputs)
        # By rows: of four axes or five, Keras 2 would not look at the mask.
        rows = tf.reshape(outputs, [-1, outputs.shape[-1]])
        if training:
            rows = self._of_a_batch(normalize, rows, mask)
        else:
            rows = normalize(rows, training=False)
        return tf.reshape(rows, tf.shape(outputs))

    def _of_a_batch(self, normalize, rows, mask):
        """A batch of nothing has no mean, and must not become a part of the moving one."""
        if mask is None:
            something = tf.size(rows) > 0
        else:
            mask = tf.reshape(tf.cast(mask, tf.bool), [-1])
            rows = tf.where(mask[:, tf.newaxis], rows, 0)
            something = tf.reduce_any(mask)
        return tf.cond(something, lambda: normalize(rows, training=True, mask=mask), lambda: rows)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units[-1])

    def get_config(self):
        return {
            **super().get_config(),
            "units": list(self.units),
            "activation": activation_config("Tower", "activation", self.activation),
            "final_activation": activation_config(
                "Tower", "final_activation", self.final_activation
            ),
            "dropout": self.dropout,
            "residual": self.residual,
            "normalization": self.normalization,
        }
