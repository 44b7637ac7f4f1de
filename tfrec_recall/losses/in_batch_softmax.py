"""Softmax over the candidates of a batch, each example's candidate being the others' negative."""

from __future__ import annotations

import math

import tensorflow as tf


@tf.keras.utils.register_keras_serializable(package="tfrec_recall")
class InBatchSoftmax(tf.keras.layers.Layer):
    """Cross-entropy of each query's own candidate among all candidates of the batch."""

    def __init__(
        self,
        temperature: float | None = None,
        num_hard_negatives: int | None = None,
        remove_accidental_hits: bool = False,
        learn_temperature: bool = False,
        reduction: str = "sum",
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)  # the softmax stays in float32
        self.temperature = temperature
        self.num_hard_negatives = num_hard_negatives
        self.remove_accidental_hits = remove_accidental_hits
        self.learn_temperature = learn_temperature
        self.reduction = reduction
        self.supports_masking = True
        if learn_temperature:
            self.log_temperature = self.add_weight(
                name="log_temperature",
                shape=(),
                initializer=tf.keras.initializers.Constant(math.log(temperature or 1.0)),
            )

    def call(
        self,
        query_embeddings,
        candidate_embeddings,
        sample_weight=None,
        candidate_sampling_probability=None,
        candidate_ids=None,
        score_mask=None,
        log_probability=None,
        extra_candidates=None,
        extra_candidate_ids=None,
        extra_log_probability=None,
        interest_mask=None,
        excluded_ids=None,
    ):
        query = tf.cast(query_embeddings, tf.float32)
        candidates = tf.cast(candidate_embeddings, tf.float32)
        size = tf.shape(query)[0]
        if candidate_sampling_probability is not None:
            log_probability = tf.math.log(candidate_sampling_probability)
        if extra_candidates is not None:
            candidates = tf.concat([candidates, tf.cast(extra_candidates, tf.float32)], axis=0)
            if candidate_ids is not None:
                candidate_ids = tf.concat([candidate_ids, extra_candidate_ids], axis=0)
            if log_probability is not None:
                log_probability = tf.concat([log_probability, extra_log_probability], axis=0)
        scores = tf.einsum("...d,cd->...c", query, candidates)
        if len(query.shape) == 3:
            if interest_mask is not None:
                scores = tf.where(interest_mask[:, :, tf.newaxis], scores, scores.dtype.min)
            scores = tf.reduce_max(scores, axis=1)
        if self.learn_temperature:
            scores = scores * tf.exp(-tf.cast(self.log_temperature, tf.float32))
        elif self.temperature is not None:
            scores = scores / self.temperature
        logits = scores if log_probability is None else scores - log_probability
        own = tf.eye(size, tf.shape(candidates)[0], dtype=tf.bool)
        removed = tf.zeros_like(own) if score_mask is None else ~score_mask
        if self.remove_accidental_hits:
            removed |= candidate_ids[:size, tf.newaxis] == candidate_ids
        if excluded_ids is not None:
            removed |= tf.reduce_any(excluded_ids[:, :, tf.newaxis] == candidate_ids, axis=1)
        logits = tf.where(removed & ~own, logits.dtype.min, logits)
        positive = tf.reduce_sum(tf.where(own, logits, 0.0), axis=1)
        if self.num_hard_negatives is not None:
            negatives = tf.where(own, logits.dtype.min, logits)
            count = tf.minimum(self.num_hard_negatives, tf.shape(logits)[1])
            hard = tf.math.top_k(negatives, count).values
            logits = tf.concat([positive[:, tf.newaxis], hard], axis=1)
        losses = tf.reduce_logsumexp(logits, axis=1) - positive
        if sample_weight is not None:
            losses *= tf.cast(tf.reshape(sample_weight, [-1]), tf.float32)
        return tf.reduce_sum(losses) if self.reduction == "sum" else tf.reduce_mean(losses)

    def compute_mask(self, *args, **kwargs):
        return None

    def get_config(self):
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "num_hard_negatives": self.num_hard_negatives,
            "remove_accidental_hits": self.remove_accidental_hits,
            "learn_temperature": self.learn_temperature,
            "reduction": self.reduction,
        }
