"""Cosines of queries and candidates over a temperature."""

from __future__ import annotations

import math

import tensorflow as tf

from tfrec_recall._axes import check_axes
from tfrec_recall.layers.l2_normalization import L2Normalization, in_full


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class CosineLogits(tf.keras.layers.Layer):
    """The cosine of every query with every candidate, divided by a temperature.

    Source: "Learning Deep Structured Semantic Models for Web Search using Clickthrough Data",
    CIKM 2013: Eq. 4 (the cosine) and 5 (its smoothing factor, 1 / temperature).

    Args:
        temperature: what divides the cosine; where it starts if it is learned.
        learn_temperature: learn its logarithm, so that it stays positive.

    Input: a tuple of queries [batch, dim] or [batch, interests, dim] and candidates
    [candidates, dim], of any length.
    Output: [batch, candidates] or [batch, interests, candidates] in float32: what enters a softmax.
    Raises: ValueError unless the temperature is positive and the shapes fit.

    >>> queries, candidates = tf.constant([[2.0, 0.0]]), tf.constant([[3.0, 4.0], [-1.0, 0.0]])
    >>> CosineLogits(temperature=0.5)((queries, candidates)).numpy()
    array([[ 1.2, -2. ]], dtype=float32)
    """

    def __init__(self, temperature: float = 0.1, learn_temperature: bool = False, **kwargs):
        super().__init__(**kwargs)
        if not temperature > 0:
            raise ValueError(
                "CosineLogits takes a positive `temperature`. "
                f"Received: temperature={temperature!r}."
            )
        self.temperature = temperature
        self.learn_temperature = learn_temperature
        self.normalize = L2Normalization(dtype="float32")

    def build(self, input_shape):
        if self.learn_temperature:
            self.log_temperature = self.add_weight(
                name="log_temperature",
                shape=(),
                initializer=tf.keras.initializers.Constant(math.log(self.temperature)),
            )
        self.normalize.build(input_shape[0])
        super().build(input_shape)

    def call(self, inputs):
        query, candidates = inputs
        several = "batch interests dim" if len(query.shape) == 3 else "batch dim"
        check_axes(
            "CosineLogits", queries=(query, several), candidates=(candidates, "candidates dim")
        )
        cosine = tf.einsum(
            "...d,cd->...c", self.normalize(in_full(query)), self.normalize(in_full(candidates))
        )
        if self.learn_temperature:
            return cosine * tf.exp(-tf.cast(self.log_temperature, tf.float32))
        return cosine / self.temperature

    def compute_mask(self, inputs, mask=None):
        return None

    def compute_output_shape(self, input_shape):
        query, candidates = input_shape
        return (*query[:-1], candidates[0])

    def get_config(self):
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "learn_temperature": self.learn_temperature,
        }
