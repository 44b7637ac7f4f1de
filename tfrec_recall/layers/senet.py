"""Learns which fields matter to an example, and weighs them so."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import number
from tfrec_recall._axes import check_axes, check_no_mask, flat
from tfrec_recall.layers.activations import activation_config, activation_of
from tfrec_recall.layers.precision import full
from tfrec_recall.layers.sublayers import build_activation


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class SENet(tf.keras.layers.Layer):
    """Squeezes each field to its mean, excites the means into a weight a field, re-weights.

    Source: "FiBiNET: Combining Feature Importance and Bilinear feature Interaction for
    Click-Through Rate Prediction", RecSys 2019, section 3.2: Eq. 2 (squeeze), 3 (excitation) and 4
    (re-weight), after "Squeeze-and-Excitation Networks", CVPR 2018, Eq. 2 to 4.
    Departs: fields may have different widths; a masked field is squeezed to 0 and comes out as 0.

    Args:
        reduction: the ratio r: the inner of the two dense layers has fields / r units, at least 1.
        activation: of the inner layer, σ1.
        final_activation: of the weights, σ2: "sigmoid" as in CVPR 2018, "relu" as in FiBiNET.

    Call arguments:
        fields: [batch, fields, dim], or a tuple of [batch, width], a tensor for each field.
        mask: [batch, fields]; of a tuple also a list, as Keras hands it on: [batch] or None for
            each field.
        return_weights: return the weights as well, to see what matters.
    Output: of the input's shape; a tuple of fields comes out as one [batch, sum of widths], in its
        order. With `return_weights` a pair of this and the weights, [batch, fields]. A mask of
        stacked fields passes unchanged.
    Raises: ValueError for other shapes, of fields or masks, or a reduction below 1.

    >>> fields = tf.ones([1, 4]), tf.ones([1, 2])  # two fields, 4 and 2 wide
    >>> weighted, weights = SENet(final_activation="sigmoid")(fields, return_weights=True)
    >>> weighted.shape, weights.shape
    (TensorShape([1, 6]), TensorShape([1, 2]))
    """

    def __init__(
        self, reduction: float = 3, activation="relu", final_activation="sigmoid", **kwargs
    ):
        super().__init__(**kwargs)
        number("SENet", reduction, "reduction", least=1)
        self.reduction = reduction
        self.activation = activation_of("SENet", activation, "activation")
        self.final_activation = activation_of("SENet", final_activation, "final_activation")
        self.supports_masking = True

    def build(self, input_shape):
        fields = _count(input_shape)
        if fields is None:
            raise ValueError(
                "SENet takes [batch, fields, dim] with a known number of fields, or a tuple of "
                f"[batch, width], one for each field. Received: shape {input_shape}."
            )
        inner = max(1, round(fields / self.reduction))
        # By names of their own, not through sublayers: both Kerases save them alike.
        kernel = {"initializer": "glorot_uniform", "autocast": False}  # no half
        self.squeezed_kernel = self.add_weight(
            name="squeezed_kernel", shape=(fields, inner), **kernel
        )
        self.excited_kernel = self.add_weight(
            name="excited_kernel", shape=(inner, fields), **kernel
        )
        build_activation(self, self.activation, (None, inner))
        build_activation(self, self.final_activation, (None, fields))
        super().build(input_shape)

    def call(self, fields, mask=None, return_weights=False):
        stacked = not isinstance(fields, tuple | list)
        if stacked:
            fields = tf.cast(fields, full(self))
            check_axes("SENet", fields=(fields, "batch fields dim"), mask=(mask, "batch fields"))
            if mask is not None:
                fields = tf.where(tf.cast(mask, tf.bool)[:, :, tf.newaxis], fields, 0.0)
            squeezed = tf.reduce_mean(fields, axis=-1)  # [batch, fields]
        else:
            check_no_mask("SENet", **{f"field_{n}": field for n, field in enumerate(fields)})
            fields = [tf.cast(field, full(self)) for field in fields]
            apart = {f"field_{n}": (field, f"batch dim_{n}") for n, field in enumerate(fields)}
            check_axes("SENet", **apart)
            for n, there in enumerate(_masks(fields, mask)):
                if there is not None:
                    fields[n] = tf.where(there[:, tf.newaxis], fields[n], 0.0)
            means = [tf.reduce_mean(field, axis=-1) for field in fields]
            squeezed = tf.stack(means, axis=-1)  # [batch, fields]

        inner = self.activation(squeezed @ tf.cast(self.squeezed_kernel, full(self)))
        weights = self.final_activation(inner @ tf.cast(self.excited_kernel, full(self)))

        if stacked:
            weighted = fields * weights[:, :, tf.newaxis]
        else:  # [batch, sum of widths]
            columns = tf.split(weights, len(fields), axis=-1)
            weighted = tf.concat([f * w for f, w in zip(fields, columns, strict=True)], axis=-1)
        weighted = tf.cast(weighted, self.compute_dtype)
        return (weighted, weights) if return_weights else weighted

    def compute_mask(self, inputs, mask=None):
        return None if isinstance(inputs, tuple | list) else mask

    def compute_output_shape(self, input_shape):
        shapes = _shapes(input_shape)
        if not _apart(input_shape):
            return shapes[0]
        return (shapes[0][0], sum(width for _, width in shapes))

    def compute_output_spec(self, fields, mask=None, return_weights=False):
        """Of Keras 3, which would take the weights for none of the output."""
        apart = isinstance(fields, tuple | list)
        shape = [tuple(field.shape) for field in fields] if apart else tuple(fields.shape)
        weighted = tf.keras.KerasTensor(self.compute_output_shape(shape), self.compute_dtype)
        if not return_weights:
            return weighted
        rows = shape[0][0] if apart else shape[0]
        return weighted, tf.keras.KerasTensor((rows, _count(shape)), full(self).name)

    def get_config(self):
        return {
            **super().get_config(),
            "reduction": self.reduction,
            "activation": activation_config("SENet", "activation", self.activation),
            "final_activation": activation_config(
                "SENet", "final_activation", self.final_activation
            ),
        }


def _masks(fields, mask) -> list:
    """Of each of a tuple of fields, bool [batch], or None where all are there; of none without."""
    if mask is None:
        return []
    if not isinstance(mask, tuple | list):
        check_axes("SENet", field_0=(fields[0], "batch dim"), mask=(mask, f"batch {len(fields)}"))
        return tf.unstack(tf.cast(mask, tf.bool), len(fields), axis=1)
    if len(mask) != len(fields):
        raise ValueError(
            f"SENet takes a list of {len(fields)} masks, one or None for each field. "
            f"Received: a list of {len(mask)}."
        )
    return [
        None if there is None else tf.cast(flat("SENet", f"mask_{n}", there, fields[n]), tf.bool)
        for n, there in enumerate(mask)
    ]


def _shapes(input_shape) -> list[tuple]:
    """The shapes of the inputs: one of a tensor, or one for each of a tuple."""
    return [tuple(shape) for shape in input_shape] if _apart(input_shape) else [tuple(input_shape)]


def _apart(input_shape) -> bool:
    """Whether the fields come as a tuple."""
    return bool(len(input_shape)) and hasattr(input_shape[0], "__len__")


def _count(input_shape) -> int | None:
    """How many fields there are; None where the shapes do not say, or are none of fields."""
    shapes = _shapes(input_shape)
    if _apart(input_shape):
        return len(shapes) if all(len(shape) == 2 for shape in shapes) else None
    return shapes[0][1] if len(shapes[0]) == 3 else None
