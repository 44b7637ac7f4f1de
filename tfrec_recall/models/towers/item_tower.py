"""The item side of the two-tower models: the features' embeddings, and a tower over them."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfrec_recall.features import FeatureEncoder, Features, FieldSum, OfKnown
from tfrec_recall.layers import SENet, Tower


def item_tower(
    features: Features,
    dim: int,
    hidden: Sequence[int] = (),
    residual: bool = True,
    activation: str = "relu",
    final_activation: str | None = None,
    senets: Sequence[SENet] = (),
    beside: bool = False,
) -> tuple[tf.keras.Model, tf.keras.Model]:
    """From encoded item features, vectors [items, dim]: for histories, and for candidates.

    With `residual` both have the sum of the embeddings, to which a tower over it is added where
    there are hidden layers. Without, a history has the sum of the embeddings, and a candidate the
    tower over all of them side by side. A candidate of which nothing is known has zeros.

    Args:
        hidden: widths of the tower's hidden layers.
        senets: each weighs the features before a tower of its own; the channels are added.
        beside: of each channel, the features stand beside the weighed ones as they are, too.
    """
    item = features.inputs(features.item)
    known_by = features.fields(features.item)
    fields = FeatureEncoder(known_by, dim)(item)  # [items, fields, dim]
    vectors = []
    for channel in [senet(fields) for senet in senets] or [fields]:
        if beside:
            channel = tf.concat([fields, channel], axis=1)
        total = FieldSum()(channel)  # [items, dim]
        if residual and not hidden:
            vectors.append(total)
            continue
        wide = total if residual else tf.keras.layers.Flatten()(channel)
        between = activation if hidden else "relu"  # of no layer
        tower = Tower((*hidden, dim), between, final_activation)(wide)
        vectors.append(total + tower if residual else tower)
    out = sum(vectors[1:], vectors[0])
    candidate = tf.keras.Model(item, OfKnown(known_by)((out, item)))
    return tf.keras.Model(item, out if residual else FieldSum()(fields)), candidate
