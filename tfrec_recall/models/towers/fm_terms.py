"""What a factorization machine sums: of each field Σ v x, Σ w x and Σ (v x)²."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._keras import saved_by_config
from tfrec_recall.features import FeatureEncoder
from tfrec_recall.layers.tables import rows_of
from tfrec_recall.retrieval.recency import recency_weights


@saved_by_config
class FMTerms(FeatureEncoder):
    """Encoded features to the terms of a machine; a list's values sum to one.

    Args:
        fields: as in `FeatureEncoder`.
        dim: of the factors.
        pairs_within: the values of a list make pairs of their own, as any two features do; one that
            is there twice is one feature. Without, a list is one, whose factors are their mean.

    Input: as in `FeatureEncoder`.
    Output: [..., fields, 2 * dim + 1]: the factors, the first-order term, the factors' squares.
    """

    def __init__(self, fields, dim: int, pairs_within: bool = False, **kwargs):
        super().__init__(fields, dim + 1, **{"dtype": "float32", **kwargs})
        self.pairs_within = pairs_within

    def _embed(self, field, values, training):
        sums = super()._embed(field, values, training)  # [..., dim + 1]
        squares = tf.square(sums[..., :-1])
        if self.pairs_within and field.rank == 2:
            table = self.tables[field.name]
            if field.size == 0:
                table = tf.square(tf.cast(table, self.compute_dtype)[:, :-1])
                numbers = tf.square(tf.cast(values, self.compute_dtype))
                squares = tf.tensordot(numbers, table, axes=1)
            else:
                present = tf.cast(values > field.absent, self.compute_dtype)
                share = present / tf.maximum(tf.reduce_sum(present, axis=-1, keepdims=True), 1.0)
                each = tf.cast(rows_of(table, values), self.compute_dtype)[..., :-1]
                squares = _sum_of_squares(each, values, share)
        return tf.concat([sums, squares], axis=-1)

    def compute_output_shape(self, input_shape):
        shape = super().compute_output_shape(input_shape)
        return tf.TensorShape((*shape[:-1], 2 * self.dim - 1))

    def get_config(self):
        config = {**super().get_config(), "pairs_within": self.pairs_within}
        return {**config, "dim": self.dim - 1}


@saved_by_config
class HistoryTerms(tf.keras.layers.Layer):
    """The terms of a history: an indicator of its items, whose values sum to one.

    Args:
        half_life: in events, of an event's value; None: all are equal.
        pairs_within: different items make pairs, as in `FMTerms`; an item that was met twice is one
            feature.

    Input: a tuple of vectors [batch, history, dim + 1] and encoded ids [batch, history].
    Output: [batch, 2 * dim + 1].
    """

    def __init__(self, half_life: float | None = None, pairs_within: bool = False, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.half_life, self.pairs_within = half_life, pairs_within

    def call(self, inputs):
        vectors, ids = inputs
        vectors = tf.cast(vectors, tf.float32)  # reductions stay in float32
        weight = recency_weights(ids != 0, half_life=self.half_life)  # [batch, history]
        value = tf.math.divide_no_nan(weight, tf.reduce_sum(weight, axis=1, keepdims=True))
        sums = tf.reduce_sum(value[..., tf.newaxis] * vectors, axis=1)  # [batch, dim + 1]
        squares = tf.square(sums[:, :-1])
        if self.pairs_within:
            squares = _sum_of_squares(vectors[..., :-1], ids, value)
        return tf.cast(tf.concat([sums, squares], axis=-1), self.compute_dtype)

    def get_config(self):
        config = {"half_life": self.half_life, "pairs_within": self.pairs_within}
        return {**super().get_config(), **config}


@saved_by_config
class MachineVector(tf.keras.layers.Layer):
    """What one side of a machine brings to a score: its summed factors, and what it is alone.

    Args:
        dim: of the factors.

    Input: [batch, 2 * dim + 1].  Output: [batch, dim + 1], the last number being Σ w x and the
        pairs among the side's own features.
    """

    def __init__(self, dim: int, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.dim = dim

    def call(self, terms):
        return tf.concat([terms[:, : self.dim], alone(terms, self.dim)[:, tf.newaxis]], axis=1)

    def get_config(self):
        return {**super().get_config(), "dim": self.dim}


def _sum_of_squares(vectors: tf.Tensor, ids: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    """Σ (v x)² over the distinct ids of a list, [..., dim]; the x of one is that of all its places.

    Args:
        vectors: v of the id at each place, [..., places, dim].
        ids: [..., places].
        value: what each place adds to x, [..., places].
    """
    weight = value * _of_all_places(value, ids)
    return tf.reduce_sum(weight[..., tf.newaxis] * tf.square(vectors), axis=-2)


def _of_all_places(value: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """The sum of the values of an id's places in its list, at each of them: [..., places].

    Equal ids are side by side in a sorted list, which is quicker than to compare all pairs.
    """
    axis = ids.shape.rank - 1
    order = tf.argsort(ids, axis=axis)
    ordered = tf.gather(ids, order, axis=axis, batch_dims=axis)
    padding = [[0, 0]] * axis + [[1, 0]]  # so that each list begins a run of equal ids
    before = tf.pad(ordered, padding, constant_values=-1)[..., :-1]
    run = tf.cumsum(tf.reshape(tf.cast(ordered != before, tf.int32), [-1])) - 1  # of all lists
    values = tf.reshape(tf.gather(value, order, axis=axis, batch_dims=axis), [-1])
    sums = tf.math.unsorted_segment_sum(values, run, tf.size(run))
    at_places = tf.reshape(tf.gather(sums, run), tf.shape(ids))
    return tf.gather(at_places, tf.argsort(order, axis=axis), axis=axis, batch_dims=axis)


def alone(terms: tf.Tensor, dim: int) -> tf.Tensor:
    """Σ w x + Σ_i<j <v_i, v_j> x_i x_j among the features of one side, by Lemma 3.1: [...]."""
    total, linear, squares = terms[..., :dim], terms[..., dim], terms[..., dim + 1 :]
    return linear + 0.5 * tf.reduce_sum(tf.square(total) - squares, axis=-1)
