"""The item side of the two-tower models: the sum of the features' embeddings, and a tower."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfrec_recall.features import FeatureEncoder, Features, FieldSum
from tfrec_recall.layers import SENet, Tower


def item_tower(
    features: Features, dim: int, hidden: Sequence[int] = (), senet_channels: int = 0
) -> tf.keras.Model:
    """Encoded item features to vectors [items, dim], of any length, for history and candidates.

    Args:
        hidden: widths of the tower's hidden layers; empty leaves the sum of the embeddings.
        senet_channels: how many times SENet weighs the features, each before a tower of its own;
            the channels are added. 0 does without.
    """
    item = features.inputs(features.item)
    fields = FeatureEncoder(features.fields(features.item), dim)(item)  # [items, fields, dim]
    weighted = [SENet()(fields) for _ in range(senet_channels)] or [fields]
    vectors = []
    for channel in weighted:
        vector = FieldSum()(channel)  # [items, dim]
        vectors.append(vector + Tower((*hidden, dim))(vector) if hidden else vector)
    return tf.keras.Model(item, sum(vectors[1:], vectors[0]))
