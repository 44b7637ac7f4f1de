"""The tables of ids that the branches of NeuralCF begin with."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall.data.memory import smaller_table
from tfrec_recall.features.room import check_own_table


def id_embeddings(sizes: tuple[int, int], dim: int) -> list[tf.keras.layers.Embedding]:
    """A table for the users and one for the items, drawn as the paper does, from N(0, .01²).

    Args:
        sizes: rows of each.

    Raises: ValueError where one has no room.
    """
    for size, column in zip(sizes, ("user_id", "item_id"), strict=True):
        # Keras makes them when they are first called.
        check_own_table(column, size, dim, f"{smaller_table(column)} Received: dim={dim}.")
    normal = [tf.keras.initializers.RandomNormal(stddev=0.01) for _ in sizes]
    return [
        tf.keras.layers.Embedding(size, dim, embeddings_initializer=initial)
        for size, initial in zip(sizes, normal, strict=True)
    ]
