"""What layers over a node and its neighbours are given, and what of it is there."""

from __future__ import annotations

import tensorflow as tf

from tfrec_recall._axes import check_axes, check_no_mask
from tfrec_recall.layers.masks import mask_among
from tfrec_recall.layers.precision import full


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


def present_neighbours(layer, inputs, mask) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Nodes, neighbours with zeros where the mask hides one, and 1 for each that is there
    and 0 else, [nodes, neighbours], in the type of the layer's sums.

    Args:
        layer: that is called with them; both come in its type, which Keras leaves whole numbers
            out of.
        mask: of the neighbours, or of both inputs, as Keras hands them on; that of the nodes does
            not matter.
    """
    owner, (own, neighbours) = type(layer).__name__, inputs
    hidden = mask_among(owner, mask, 1, 2)
    check_no_mask(owner, nodes=own, neighbours=neighbours)
    check_axes(
        owner,
        nodes=(own, "nodes own"),
        neighbours=(neighbours, "nodes neighbours dim"),
        mask=(hidden, "nodes neighbours"),
    )
    own, neighbours = (tf.cast(part, layer.compute_dtype) for part in (own, neighbours))
    if hidden is None:
        return own, neighbours, tf.ones_like(neighbours[..., 0], full(layer))
    there = tf.cast(hidden, tf.bool)
    kept = tf.where(there[..., tf.newaxis], neighbours, tf.zeros((), neighbours.dtype))
    return own, kept, tf.cast(there, full(layer))
