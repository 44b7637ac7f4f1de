"""What foretells ratings, as retrievers and exports offer it."""

from collections.abc import Mapping
from typing import Protocol

import tensorflow as tf


class Rater(Protocol):
    """What foretells ratings, a `tf.Module`.

    `inputs` are the raw query features, name -> `tf.TensorSpec`.
    """

    inputs: Mapping[str, tf.TensorSpec]

    def __call__(self, queries: Mapping[str, tf.Tensor], item_id: tf.Tensor) -> tf.Tensor:
        """The ratings float32 [batch, any] of raw items [batch, any]; finite for any item."""
