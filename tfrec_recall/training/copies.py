"""What the callbacks of a run hold beside the model."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from tfrec_recall.training.checkpoints import Checkpoints
from tfrec_recall.training.rate_drops import RateDrops


@dataclasses.dataclass(frozen=True)
class Copies:
    """How many copies callbacks hold at once, at most.

    Args:
        weights: of all of the model's weights.
        vectors: of the retriever's tables of the items' vectors.
    """

    weights: int = 0
    vectors: int = 0

    @classmethod
    def of(cls, callbacks: Sequence[tf.keras.callbacks.Callback]) -> Copies:
        """Those of callbacks; one of other vectors says so by `copies_of_vectors`.

        >>> Copies.of([RateDrops("val_recall@50", mode="max")])
        Copies(weights=1, vectors=0)
        """
        best = [
            one
            for one in callbacks
            if isinstance(one, tf.keras.callbacks.EarlyStopping) and one.restore_best_weights
        ]
        # Keras' own has the copy before while it makes the next.
        weights = sum(1 if isinstance(one, RateDrops) else 2 for one in best)
        if any(isinstance(one, Checkpoints) for one in callbacks):
            weights += 2 * len(best)  # as bytes, of which TensorFlow has a copy
        return cls(weights, sum(getattr(one, "copies_of_vectors", 0) for one in callbacks))
