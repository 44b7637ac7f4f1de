"""The tables of ids that the branches of NeuralCF begin with."""

from __future__ import annotations

from typing import Any

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


def check_branches(model: Any, product: Any, tower: Any) -> None:
    """Raises ValueError unless a NeuralCF can begin with these two, a GMF and an MLP."""
    of_product, of_tower = _shapes(model)
    given = _shapes(product), _shapes(tower)
    if given != ((of_product, []), ([], of_tower)):
        raise ValueError(
            "NeuralCF, of a product and a tower, begins with a GMF (tower=False) and then an MLP "
            "(product=False), of its own features, dim and hidden. Received: weights of the shapes "
            f"{given[0]} and {given[1]} in product and tower, beside its own {of_product} and "
            f"{of_tower}."
        )


def _shapes(model: Any) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Of the weights of the product, and of the tower; none of a branch that is not there."""
    of_product = [table.embeddings for table in model.product]
    of_tower = [table.embeddings for table in model.tower]
    of_tower += [layer.kernel for layer in model.layers_of_tower]
    return [tuple(w.shape) for w in of_product], [tuple(w.shape) for w in of_tower]
