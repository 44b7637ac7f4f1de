"""From raw features to vectors: what a retriever asks a model for."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall.features import Features, RawItem, RawQuery


class QueryEmbedder(tf.Module):
    """Raw user features to query vectors; `inputs` says which.

    Args:
        encode: another way from raw to encoded features than `RawQuery(features)`.
    """

    def __init__(
        self, features: Features, query_model: tf.keras.Model, encode: RawQuery | None = None
    ):
        super().__init__()
        self.encode = RawQuery(features) if encode is None else encode
        self.model = query_model
        self.inputs = self.encode.inputs

    def __call__(self, raw: dict[str, tf.Tensor]) -> tf.Tensor:
        return self.model(self.encode(raw), training=False)

    def knows(self, raw: dict[str, tf.Tensor]) -> tf.Tensor | None:
        """Of which queries anything is known, bool [batch]; None: of all."""
        return self.encode.knows(raw)


class ItemEmbedder(tf.Module):
    """Raw item features to candidate vectors; `inputs` says which, `columns` as `RawItem`."""

    def __init__(self, features: Features, candidate_model: tf.keras.Model):
        super().__init__()
        self.encode = RawItem(features)
        self.model = candidate_model
        self.inputs, self.columns = self.encode.inputs, self.encode.columns

    def __call__(self, raw: dict[str, tf.Tensor]) -> tf.Tensor:
        return self.model(self.encode(raw), training=False)
