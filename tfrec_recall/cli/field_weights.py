"""How much SENet lets through of each feature, of models that have it."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_recall.advice.silent_features import BY_RECENCY, HISTORY
from tfrec_recall.layers import SENet
from tfrec_recall.models import RecallModel

Weights = dict[str, dict[str, float]]


def field_weights(model: RecallModel, batches: Any) -> Weights:
    """The mean weight of each feature, `user` and `item`, by name; empty without SENet.

    Args:
        batches: that the model learns from; the users of the first are asked.
    """
    if not getattr(model, "channels", 0):
        return {}
    batch = next(iter(batches.take(1)))
    weights_of = model.user_weights
    weights = weights_of({name: batch[name] for name in weights_of.input_names})
    weights = tf.reduce_mean(weights, axis=(0, 1)).numpy()  # [fields]
    names = [feature.name for feature in model.features.user_fields]
    found = {"user": _named([*names, *(HISTORY, BY_RECENCY)[: len(weights) - len(names)]], weights)}
    layers = [layer for layer in model.candidate_model.layers if isinstance(layer, SENet)]
    each = [layer(layer.input, return_weights=True)[1] for layer in layers]
    ask = tf.keras.Model(model.candidate_model.inputs, tf.stack(each, axis=1))
    items = ask.predict(dict(model.features.item_table), verbose=0).mean(axis=(0, 1))
    return {**found, "item": _named([feature.name for feature in model.features.item], items)}


def _named(names: list[str], weights: np.ndarray) -> dict[str, float]:
    return {name: round(float(w), 4) for name, w in zip(names, weights, strict=True)}
