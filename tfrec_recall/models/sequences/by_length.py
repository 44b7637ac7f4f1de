"""Passes over short histories apart from those over long ones, as a batch is as wide as its widest.

Where users differ much, most of a batch is padding: of 419 histories of a simulated marketplace,
half have at most 8 events, three quarters 17, and the longest has 100.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import tensorflow as tf

from tfrec_recall.features.pass_batches import SHORT


def by_length(
    model: tf.keras.Model,
    inputs: Mapping[str, tf.Tensor],
    events: tf.Tensor,
    of_places: Collection[str],
    training: bool,
) -> tf.Tensor:
    """What a model makes of passes, asked for the shorter ones and for the others.

    Args:
        inputs: those of the model by their names, [passes, ...]; `places` [passes, places] among
            them, -1 behind a pass' own.
        events: of the history of each pass, int32 [passes].
        of_places: the inputs that are [passes, places, ...] as well.

    Returns: [passes, places, dim], as of the model at once.
    """
    order = tf.argsort(events)
    shorter = tf.cast(SHORT * tf.cast(tf.size(order), tf.float32), tf.int32)
    width = tf.shape(inputs["places"])[1]
    found = []
    for rows in (order[:shorter], order[shorter:]):
        part = {name: tf.gather(values, rows) for name, values in inputs.items()}
        asked = tf.reduce_sum(tf.cast(part["places"] >= 0, tf.int32), axis=1)
        most = tf.clip_by_value(tf.reduce_max(asked), 1, width)
        part |= {name: part[name][:, :most] for name in ("places", *of_places)}
        vectors = model(part, training=training)
        found.append(tf.pad(vectors, [[0, 0], [0, width - most], [0, 0]]))
    return tf.gather(tf.concat(found, axis=0), tf.math.invert_permutation(order))
