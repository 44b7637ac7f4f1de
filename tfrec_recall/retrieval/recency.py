"""Which items of a history count, and how much."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall.data.arguments import number, whole


def recency_weights(
    present: tf.Tensor, last: int | None = None, half_life: float | None = None
) -> tf.Tensor:
    """Weights by how many present events came after: float32 [batch, history], 1 for the newest.

    Args:
        present: bool [batch, history], oldest first, gaps anywhere.
        last: events that count; None counts all.
        half_life: an event weighs half of the event this many places newer; None weighs all alike.

    >>> recency_weights(tf.constant([[True, True, False, True]]), last=2, half_life=1).numpy()
    array([[0. , 0.5, 0. , 1. ]], dtype=float32)
    """
    newer = tf.cumsum(tf.cast(present, tf.float32), axis=1, reverse=True, exclusive=True)
    counted = present if last is None else present & (newer < last)
    weights = tf.ones_like(newer) if half_life is None else 0.5 ** (newer / half_life)
    return tf.where(counted, weights, 0.0)


def check_recency(owner: str, last: int | None, half_life: float | None) -> None:
    """Raises ValueError unless both are None, or a whole number and a number, above 0."""
    whole(owner, last, "last", optional=True)
    number(owner, half_life, "half_life", above=0, optional=True)
