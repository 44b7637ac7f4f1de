"""The pair term of a factorization machine, with its other terms as options."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._arguments import flags, whole
from tfrec_recall._axes import check_axes
from tfrec_recall.layers.precision import full


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class FMInteraction(tf.keras.layers.Layer):
    """Sum of the products of all pairs of field embeddings, in time linear in the fields.

    Source: "Factorization Machines", ICDM 2010: the pair term of Eq. 1, by Lemma 3.1; with `bias`
    and `first_order` all of Eq. 1.
    Departs: `per_factor` leaves out the last sum, over the factors.

    Args:
        dim: learn the factors here, this many for each feature: the input is then the features'
            values. Without it the input is embeddings.
        first_order: add the first-order terms. With `dim` their weights are learnt here; without,
            the last number of each embedding is its term, and enters no pair.
        bias: add a learnt number.
        per_factor: return one number a factor instead of their sum, and one more for the
            first-order terms and the bias, if there are any.

    Input: [batch, fields, dim], each embedding times its value; masked fields count as absent. With
        `dim`, [batch, features] values, dense or a `tf.SparseTensor`.
    Output: [batch, 1], or [batch, factors] with `per_factor`; no mask, as the fields are gone.
    Raises: ValueError unless the input has the axes that `dim` asks for, and a mask fits.

    >>> FMInteraction()(tf.constant([[[1.0, 2.0], [3.0, 4.0]]])).numpy()  # 1 * 3 + 2 * 4
    array([[11.]], dtype=float32)
    """

    def __init__(
        self,
        dim: int | None = None,
        first_order: bool = False,
        bias: bool = False,
        per_factor: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        whole("FMInteraction", dim, "dim", optional=True)
        flags("FMInteraction", first_order=first_order, bias=bias, per_factor=per_factor)
        self.dim = dim
        self.first_order = first_order
        self.bias = bias
        self.per_factor = per_factor
        self.supports_masking = True

    def build(self, input_shape):
        shape = tuple(input_shape)
        if self.dim is None and len(shape) != 3:
            raise ValueError(
                "FMInteraction takes [batch, fields, dim]: stack the embeddings on axis 1, or give "
                f"`dim` to learn them from [batch, features]. Received: input of shape {shape}."
            )
        if self.dim is not None:
            if len(shape) != 2 or shape[1] is None:
                raise ValueError(
                    "FMInteraction with `dim` takes [batch, features], with a known number of "
                    f"features. Received: input of shape {shape}."
                )
            self.factors = self.add_weight(
                name="factors",
                shape=(shape[1], self.dim),
                initializer=tf.keras.initializers.RandomNormal(stddev=0.01),
                autocast=False,  # no half: all here is in full
            )
            if self.first_order:
                self.weights_of_features = self.add_weight(
                    name="weights", shape=(shape[1], 1), initializer="zeros", autocast=False
                )
        if self.bias:
            self.constant = self.add_weight(
                name="bias", shape=(), initializer="zeros", autocast=False
            )
        super().build(input_shape)

    def call(self, fields, mask=None):
        if self.dim is None:
            total, squares, linear = self._of_embeddings(fields, mask)
        else:
            total, squares, linear = self._of_values(fields)
        result = 0.5 * (tf.square(total) - squares)  # [batch, dim]
        if self.bias:
            linear = linear + tf.cast(self.constant, full(self))
        if self.first_order or self.bias:
            result = tf.concat([result, linear], axis=1)  # [batch, dim + 1]
        if not self.per_factor:
            result = tf.reduce_sum(result, axis=-1, keepdims=True)  # [batch, 1]
        return tf.cast(result, self.compute_dtype)

    def _of_embeddings(self, fields, mask):
        """The sum and the sum of squares over fields, [batch, dim], and the linear terms' sum."""
        fields = tf.cast(fields, full(self))
        check_axes(
            "FMInteraction", fields=(fields, "batch fields dim"), mask=(mask, "batch fields")
        )
        if mask is not None:
            fields = tf.where(tf.cast(mask, tf.bool)[:, :, tf.newaxis], fields, 0.0)
        linear = tf.zeros([tf.shape(fields)[0], 1], fields.dtype)
        if self.first_order:
            fields, terms = fields[..., :-1], fields[..., -1:]
            linear = tf.reduce_sum(terms, axis=1)  # [batch, 1]
        return tf.reduce_sum(fields, axis=1), tf.reduce_sum(tf.square(fields), axis=1), linear

    def _of_values(self, values):
        values = tf.cast(values, full(self))
        factors = tf.cast(self.factors, full(self))
        total = _product(values, factors)  # [batch, dim]
        squares = _product(tf.square(values), tf.square(factors))
        if self.first_order:
            return total, squares, _product(values, tf.cast(self.weights_of_features, values.dtype))
        return total, squares, tf.zeros_like(total[:, :1])

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        if not self.per_factor:
            return (input_shape[0], 1)
        dim = self.dim or input_shape[-1] - self.first_order
        return (input_shape[0], dim + (self.first_order or self.bias))

    def get_config(self):
        return {
            **super().get_config(),
            "dim": self.dim,
            "first_order": self.first_order,
            "bias": self.bias,
            "per_factor": self.per_factor,
        }


def _product(values, matrix):
    if isinstance(values, tf.SparseTensor):
        return tf.sparse.sparse_dense_matmul(values, matrix)
    return tf.matmul(values, matrix)
