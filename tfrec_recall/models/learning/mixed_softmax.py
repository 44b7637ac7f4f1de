"""How most models here learn: a softmax over the batch's own items and some drawn evenly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfrec_recall.losses import InBatchSoftmax
from tfrec_recall.models.learning.replicas import own_first
from tfrec_recall.sampling import MixedNegatives


class MixedSoftmax(tf.Module):
    """Each query's item among the batch's items and `uniform` more, corrected for both proposals.

    Source: "Mixed Negative Sampling for Learning Two-tower Neural Networks in Recommendations",
    WWW 2020, section 4.

    With several replicas the batch is that of all: each embeds the others' items as well.

    Args:
        counts: training events of each encoded item id.
        uniform: items drawn evenly a batch, beside the in-batch ones.
        temperature: what divides the scores.
        correct: subtract log p of the mixture that candidates come from.
    """

    def __init__(
        self,
        counts: np.ndarray,
        uniform: int,
        temperature: float | None = None,
        correct: bool = True,
    ):
        super().__init__()
        self.correct = correct
        self.negatives = MixedNegatives(counts, uniform)
        self.softmax = InBatchSoftmax(temperature, remove_accidental_hits=True, reduction="mean")

    def __call__(
        self,
        query: tf.Tensor | Callable[[tf.Tensor], tf.Tensor],
        item_id: tf.Tensor,
        vectors_of: Callable[[tf.Tensor], tf.Tensor],
        seed: tf.Tensor | None = None,
        **arguments,
    ) -> tf.Tensor:
        """The loss, a scalar.

        Args:
            query: [batch, dim], or a function of the positives' vectors that gives the queries.
            item_id: encoded ids of the positives, [batch].
            vectors_of: the candidate vectors [ids, dim] of encoded ids [ids].
            seed: of what is drawn, as in `UniformNegatives`.
            arguments: others of `InBatchSoftmax`.
        """
        in_batch = own_first(item_id)
        own, size = tf.shape(item_id)[0], tf.shape(in_batch)[0]
        ids = tf.concat([in_batch, self.negatives.sample(seed)], axis=0)
        vectors = vectors_of(ids)
        if self.correct:
            arguments["log_probability"] = self.negatives.log_probability(ids, size)
        return self.softmax(
            query(vectors[:own]) if callable(query) else query,
            vectors,
            candidate_ids=ids,
            **arguments,
        )
