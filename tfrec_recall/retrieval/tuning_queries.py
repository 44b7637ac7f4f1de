"""Requests of users that an approximate index is tuned with, on their way to vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfrec_recall.data.feeding.like_lengths import EVENTS_AT_ONCE
from tfrec_recall.retrieval.raw_inputs import tensors
from tfrec_recall.retrieval.tuning_vectors import TuningVectors

TuningQueries = (
    Mapping[str, Any]
    | Callable[[Mapping[str, tf.TensorSpec]], Mapping[str, Any]]
    | TuningVectors
    | None
)
"""Raw query features, a function that gives them for a retriever's inputs, or their vectors."""

MOST = 1_024  # requests that are used
AT_A_TIME = 256


def embedded(
    embed: Callable[[dict[str, tf.Tensor]], tuple[tf.Tensor, tf.Tensor | None]],
    inputs: Mapping[str, tf.TensorSpec],
    tuning_queries: TuningQueries,
) -> tuple[np.ndarray | None, np.ndarray | None]:
    """The vectors of up to `MOST` requests, drawn at random, and which interests are present.

    Args:
        embed: raw query features to vectors [batch, (interests,) dim], and `present` or None.
        inputs: the raw query features.

    Returns: None without a vector, as of requests that have none; the second also where all
        interests are present.
    """
    if tuning_queries is None:
        return None, None
    if isinstance(tuning_queries, TuningVectors):
        given = tuning_queries
        return (given.queries, given.present) if len(given.queries) else (None, None)
    raw = tuning_queries(inputs) if callable(tuning_queries) else tuning_queries
    features = tensors(raw, inputs, "retriever")
    size = next(iter(features.values())).shape[0]
    drawn = np.random.default_rng(0).permutation(size)[:MOST]
    parts, marks = [], []
    widest = max((v.shape[1] for v in features.values() if v.shape.rank == 2), default=0)
    at_a_time = max(1, min(AT_A_TIME, EVENTS_AT_ONCE // max(1, widest)))
    for first in range(0, len(drawn), at_a_time):
        rows = drawn[first : first + at_a_time]
        vectors, present = embed({name: tf.gather(v, rows) for name, v in features.items()})
        parts.append(vectors.numpy())
        if present is not None:
            marks.append(present.numpy())
    if not any(map(len, parts)):
        return None, None
    return np.concatenate(parts), np.concatenate(marks) if marks else None
