"""The mask of one input among several."""

from __future__ import annotations


def mask_among(owner: str, mask, position: int, inputs: int):
    """The mask of the input at a position, or None.

    Args:
        owner: the layer that is called with it.
        mask: of that input alone, or as Keras hands them on: a list of as many as there are inputs.

    Raises: ValueError for a list of another length.
    """
    alone = not isinstance(mask, tuple | list) or not any(
        part is None or hasattr(part, "shape") for part in mask
    )
    if alone:
        return mask
    if len(mask) != inputs:
        raise ValueError(
            f"{owner} takes one mask, of its input {position}, or a list of {inputs}, one or None "
            f"for each input. Received: a list of {len(mask)}."
        )
    return mask[position]
