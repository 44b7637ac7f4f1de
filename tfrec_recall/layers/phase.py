"""Whether a call trains, where Python has to know it."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def is_training(owner: str, training: Any) -> bool:
    """`training` as Python's own truth value.

    Raises: ValueError for a tensor of which a graph that is traced does not know the value.
    """
    if not tf.is_tensor(training):
        return bool(training)
    known = tf.get_static_value(training)
    if known is None:
        raise ValueError(
            f"{owner} takes training=True or False: of a tensor, tf.cond(training, …, …) calls it "
            f"with either. Received: training={training!r}."
        )
    return bool(known)
