"""Short-term and long-term interest, mixed in each coordinate by a gate."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import number
from tfrec_recall._axes import check_axes, check_no_mask


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class GatedFusion(tf.keras.layers.Layer):
    """`o = (1 - G) * p + G * s`, with the gate `G = sigmoid(W1 e + W2 s + W3 p + b)`.

    Source: "SDM: Sequential Deep Matching Model for Online Large-scale Recommender System",
    CIKM 2019: section 3.5.

    Args:
        gate_bias: where b begins; above 0 the short term counts for more at first.

    Input: a tuple of the profile e [batch, width], the short term s [batch, dim] and the long term
    p [batch, dim].
    Output: [batch, dim].
    Raises: ValueError for shapes that do not fit.

    >>> e, s, p = tf.constant([[0.0]]), tf.constant([[2.0]]), tf.constant([[4.0]])
    >>> fusion = GatedFusion()
    >>> 2.0 <= fusion((e, s, p)).numpy().item() <= 4.0  # between both
    True
    """

    def __init__(self, gate_bias: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        number("GatedFusion", gate_bias, "gate_bias")
        self.gate_bias = gate_bias
        self.supports_masking = True

    def build(self, input_shape):
        shapes = [tuple(shape) for shape in input_shape]
        if [len(shape) for shape in shapes] != [2, 2, 2] or shapes[1][-1] != shapes[2][-1]:
            raise ValueError(
                "GatedFusion takes a profile [batch, width], and a short and a long term of one "
                f"shape [batch, dim]. Received: shapes {shapes}."
            )
        dim = shapes[1][-1]
        self.kernels = [
            self.add_weight(
                name=f"{name}_kernel", shape=(shape[-1], dim), initializer="glorot_uniform"
            )
            for name, shape in zip(("profile", "short", "long"), shapes, strict=True)
        ]
        self.bias = self.add_weight(
            name="bias", shape=(dim,), initializer=tf.keras.initializers.Constant(self.gate_bias)
        )
        super().build(input_shape)

    def call(self, inputs):
        profile, short, long = inputs
        check_no_mask("GatedFusion", profile=profile, short=short, long=long)
        check_axes(
            "GatedFusion",
            profile=(profile, f"batch {self.kernels[0].shape[0]}"),
            short=(short, f"batch {self.kernels[1].shape[0]}"),
            long=(long, f"batch {self.kernels[2].shape[0]}"),
        )
        profile, short, long = (tf.cast(vectors, self.compute_dtype) for vectors in inputs)
        logits = tf.cast(self.bias, self.compute_dtype)
        for vectors, kernel in zip((profile, short, long), self.kernels, strict=True):
            logits = logits + tf.matmul(vectors, tf.cast(kernel, self.compute_dtype))
        gate = tf.sigmoid(logits)  # [batch, dim]
        return (1 - gate) * long + gate * short

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        return tuple(input_shape[1])

    def get_config(self):
        return {**super().get_config(), "gate_bias": self.gate_bias}
