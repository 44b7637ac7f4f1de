"""Arguments of Keras' methods that a recall model does not take, and what stands in for them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

FIT = inspect.signature(tf.keras.Model.fit)
COMPILE = inspect.signature(tf.keras.Model.compile)
NOT_OF_FIT = {
    "y": "the batches hold the targets",
    "sample_weight": "examples have theirs in the column sample_weight of the batches",
    "class_weight": "examples have theirs in the column sample_weight of the batches",
    "batch_size": "the batches come as they are, from training_data(train, batch_size)",
    "validation_batch_size": "the batches come as they are, from training_data(train, batch_size)",
}
OWN_LOSS = "the model learns by a loss of its own, which its constructor's arguments shape"
MEASURED = "the callback RecallOnValidation(split) of fit measures the lists that users get"
NOT_OF_COMPILE = {
    "loss": OWN_LOSS,
    "loss_weights": OWN_LOSS,
    "metrics": MEASURED,
    "weighted_metrics": MEASURED,
}


def refuse(whose: str, given: Mapping[str, Any], instead: Mapping[str, str]) -> None:
    """Raises ValueError for an argument that is given and would have no effect.

    Args:
        whose: the method that does not take it, such as "TwoTower.fit".
        instead: what stands in for each that is not taken.
    """
    for name, way_on in instead.items():
        if any(part is not None for part in tf.nest.flatten(given.get(name))):
            raise ValueError(
                f"{whose} takes no {name}: {way_on}. Received: {name}={given[name]!r}."
            )
