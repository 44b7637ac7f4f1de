"""Cosines of queries and candidates over a temperature."""

from __future__ import annotations

import math

import tensorflow as tf

from tfrec_recall._arguments import flag, number
from tfrec_recall._axes import check_axes
from tfrec_recall.layers.l2_normalization import L2Normalization, in_full
from tfrec_recall.layers.masks import mask_among


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class CosineLogits(tf.keras.layers.Layer):
    """The cosine of every query with every candidate, divided by a temperature.

    Source: "Learning Deep Structured Semantic Models for Web Search using Clickthrough Data",
    CIKM 2013: Eq. 5 (the cosine) and 6 (its smoothing factor, 1 / temperature).

    Args:
        temperature: what divides the cosine; where it starts if it is learned.
        learn_temperature: learn its logarithm, so that it stays positive.

    Input: a tuple of queries [batch, dim] or [batch, interests, dim] and candidates
    [candidates, dim], of any length.
    Output: [batch, candidates] or [batch, interests, candidates] in float32: what enters a softmax.
    A masked query, interest or candidate has the lowest number; the mask of interests passes.
    Raises: ValueError unless the temperature is positive and the shapes fit.

    >>> queries, candidates = tf.constant([[2.0, 0.0]]), tf.constant([[3.0, 4.0], [-1.0, 0.0]])
    >>> CosineLogits(temperature=0.5)((queries, candidates)).numpy()
    array([[ 1.2, -2. ]], dtype=float32)
    """

    def __init__(self, temperature: float = 0.1, learn_temperature: bool = False, **kwargs):
        super().__init__(**kwargs)
        number("CosineLogits", temperature, "temperature", above=0)
        flag("CosineLogits", learn_temperature, "learn_temperature")
        self.temperature = temperature
        self.learn_temperature = learn_temperature
        self.supports_masking = True
        self.normalize = L2Normalization(dtype="float32")

    def build(self, input_shape):
        if self.learn_temperature:
            self.log_temperature = self.add_weight(
                name="log_temperature",
                shape=(),
                initializer=tf.keras.initializers.Constant(math.log(self.temperature)),
                autocast=False,  # no half between
            )
        self.normalize.build(input_shape[0])
        super().build(input_shape)

    def call(self, inputs, mask=None):
        query, candidates = (in_full(vectors) for vectors in inputs)
        there = mask_among("CosineLogits", mask, 0, 2)
        known = None if mask is there else mask[1]  # of the candidates, where Keras hands on both
        leading = "batch interests" if len(query.shape) == 3 else "batch"
        check_axes(
            "CosineLogits",
            queries=(query, f"{leading} dim"),
            candidates=(candidates, "candidates dim"),
            mask=(there, leading),
            mask_of_candidates=(known, "candidates"),
        )
        if there is not None:
            there = tf.cast(there, tf.bool)[..., tf.newaxis]
            query = tf.where(there, query, 0.0)
        if known is not None:
            known = tf.cast(known, tf.bool)
            candidates = tf.where(known[:, tf.newaxis], candidates, 0.0)
        logits = tf.einsum("...d,cd->...c", self.normalize(query), self.normalize(candidates))
        if self.learn_temperature:
            logits *= tf.exp(-tf.cast(self.log_temperature, tf.float32))
        else:
            logits /= self.temperature
        for present in (there, known):
            if present is not None:
                logits = tf.where(present, logits, logits.dtype.min)
        return logits

    def compute_mask(self, inputs, mask=None):
        several = len(inputs[0].shape) == 3
        return mask_among("CosineLogits", mask, 0, 2) if several else None

    def compute_output_shape(self, input_shape):
        query, candidates = input_shape
        return (*query[:-1], candidates[0])

    def get_config(self):
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "learn_temperature": self.learn_temperature,
        }
