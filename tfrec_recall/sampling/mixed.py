"""In-batch negatives beside uniform ones: rare items are seen as negatives too."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfrec_recall.data.arguments import whole
from tfrec_recall.data.vocabulary import FIRST_KNOWN
from tfrec_recall.sampling.checks import counts_of
from tfrec_recall.sampling.uniform import UniformNegatives


class MixedNegatives(tf.Module):
    """The batch's own items, which follow the training frequency, and `uniform` more drawn evenly.

    Source: "Mixed Negative Sampling for Learning Two-tower Neural Networks in Recommendations",
    WWW 2020, section 4: the proposal is the mixture of both distributions.

    Args:
        counts: training events of each encoded item id, padding and unknown included.
        uniform: items drawn evenly for each batch; 0 leaves the in-batch negatives alone.
    """

    def __init__(self, counts: np.ndarray, uniform: int):
        super().__init__()
        known = counts_of("MixedNegatives", counts)[FIRST_KNOWN:]
        whole("MixedNegatives", uniform, "uniform", least=0)
        if known.sum() <= 0:
            raise ValueError("MixedNegatives needs the items' training counts; all of them are 0.")
        self.uniform = uniform
        self.negatives = UniformNegatives(len(counts))
        frequency = np.concatenate([np.zeros(FIRST_KNOWN), known / known.sum()])
        self.frequency = tf.constant(frequency, tf.float32)

    def sample(self, seed: tf.Tensor | None = None) -> tf.Tensor:
        """The uniform part, [uniform] encoded ids; `seed` as in `UniformNegatives`."""
        return self.negatives.sample([self.uniform], seed)

    def log_probability(self, ids: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
        """Logarithm of the mixture at these ids, float32.

        Args:
            ids: encoded item ids, [...].
            batch: how many in-batch candidates there are.
        """
        in_batch = tf.cast(batch, tf.float32)
        evenly = self.uniform * self.negatives.probability_of(ids)
        expected = in_batch * tf.gather(self.frequency, ids) + evenly
        share = expected / (in_batch + self.uniform)
        # An id that neither part can draw (padding, unknown) must not give log 0.
        return tf.math.log(tf.where(share > 0, share, 1.0))
