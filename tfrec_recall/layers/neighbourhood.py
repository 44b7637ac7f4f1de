"""What layers over a node and its neighbours are given, and what of it is there."""

from __future__ import annotations

import tensorflow as tf


def check_shapes(layer, input_shape) -> tuple[int, int]:
    """The widths of a node and of a neighbour.

    Raises: ValueError unless the shapes are those of [nodes, dim] and [nodes, neighbours, dim].
    """
    shapes = [tuple(shape) for shape in input_shape]
    if [len(shape) for shape in shapes] != [2, 3]:
        raise ValueError(
            f"{type(layer).__name__} takes a tuple of nodes [nodes, dim] and their neighbours "
            f"[nodes, neighbours, dim]. Received: shapes {', '.join(map(str, shapes))}."
        )
    return shapes[0][-1], shapes[1][-1]


def present_neighbours(inputs, mask) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Nodes, neighbours with zeros where the mask hides one, and float32 [nodes, neighbours].

    Args:
        mask: of both inputs, as Keras hands it on, or None; that of the nodes does not matter.
    """
    own, neighbours = inputs
    hidden = None if mask is None else mask[1]
    if hidden is None:
        return own, neighbours, tf.ones_like(neighbours[..., 0], tf.float32)
    there = tf.cast(hidden, tf.bool)
    kept = tf.where(there[..., tf.newaxis], neighbours, tf.zeros((), neighbours.dtype))
    return own, kept, tf.cast(there, tf.float32)
