"""How the papers of sequence models learn: a softmax over a sample of all items."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfrec_recall.losses import SampledSoftmax
from tfrec_recall.sampling import LogUniformNegatives


class DrawnSoftmax(tf.Module):
    """Each query's item among `negatives` that are drawn log-uniformly by popularity.

    Called as `MixedSoftmax` is; the batch's other items are no negatives.

    Source: "On Using Very Large Target Vocabulary for Neural Machine Translation", ACL 2015, Eq. 6
    to 9, with the proposal that TensorFlow's sampled softmax has.

    Args:
        counts: training events of each encoded item id.
        negatives: items drawn a batch.
        temperature: what divides the scores.
        correct: subtract log p of the proposal.
    """

    def __init__(
        self,
        counts: np.ndarray,
        negatives: int,
        temperature: float = 1.0,
        correct: bool = True,
    ):
        super().__init__()
        self.drawn, self.correct = negatives, correct
        self.negatives = LogUniformNegatives(counts)
        self.softmax = SampledSoftmax(temperature)

    def __call__(
        self,
        query: tf.Tensor | Callable[[tf.Tensor], tf.Tensor],
        item_id: tf.Tensor,
        vectors_of: Callable[[tf.Tensor], tf.Tensor],
        seed: tf.Tensor | None = None,
        sample_weight: tf.Tensor | None = None,
        training: bool = False,
    ) -> tf.Tensor:
        """The loss, a scalar; arguments as `MixedSoftmax` has them."""
        size = tf.shape(item_id)[0]
        drawn = self.negatives.sample([self.drawn], seed)
        vectors = vectors_of(tf.concat([item_id, drawn], axis=0))
        positive = vectors[:size]
        arguments = {"positive_ids": item_id, "negative_ids": drawn}
        if self.correct:
            arguments["positive_log_probability"] = self.negatives.log_probability(item_id)
            arguments["negative_log_probability"] = self.negatives.log_probability(drawn)
        return self.softmax(
            (query(positive) if callable(query) else query, positive, vectors[size:]),
            sample_weight=sample_weight,
            **arguments,
        )
