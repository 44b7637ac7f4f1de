"""Raw features on their way into a graph: whatever holds them becomes a dense tensor."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf


def tensors(
    values: Mapping[str, Any], specs: Mapping[str, tf.TensorSpec], of: str
) -> dict[str, tf.Tensor]:
    """One dense tensor for each name in `specs`; other names are left alone.

    Raises: ValueError that names what is missing, or what does not fit its specification.
    """
    missing = sorted(set(specs) - set(values))
    if missing:
        raise ValueError(
            f"The {of} takes {sorted(specs)}, and {missing} is missing. Received: {sorted(values)}."
        )
    return {name: dense(values[name], spec, name) for name, spec in specs.items()}


def dense(value: Any, spec: tf.TensorSpec, name: str) -> tf.Tensor:
    """A value as a tensor of the specification's type; rows of unequal length are padded behind.

    Takes tensors, ragged tensors, arrays, and lists, also of lists of unequal length.

    Raises: ValueError when the type or the shape is another.

    >>> dense([["a", "b"], ["c"]], tf.TensorSpec([None, None], tf.string), "history").numpy()
    array([[b'a', b'b'],
           [b'c', b'']], dtype=object)
    """
    if isinstance(value, list | tuple) and _is_nested(value):
        value = tf.ragged.constant(value, dtype=spec.dtype, ragged_rank=1)
    if isinstance(value, tf.RaggedTensor):
        value = value.to_tensor(tf.constant(padding(value.dtype), value.dtype))
    if not tf.is_tensor(value):
        value = np.asarray(value)
        if value.size == 0 and value.dtype == np.float64:  # [] says nothing of its type
            value = value.astype(spec.dtype.as_numpy_dtype)
        value = tf.constant(value)
    if not value.shape.is_compatible_with(spec.shape):
        raise ValueError(
            f"{name!r} has the shape {spec.shape.as_list()}, the first axis being the batch. "
            f"Received: shape {value.shape.as_list()}."
        )
    same_kind = value.dtype == spec.dtype or (
        tf.string not in (value.dtype, spec.dtype)
        and (value.dtype.is_integer or value.dtype.is_bool or spec.dtype.is_floating)
    )
    if not same_kind:
        raise ValueError(
            f"{name!r} is {spec.dtype.name}. Received: {value.dtype.name}. "
            "Pass it in the type that the training data had."
        )
    return tf.cast(value, spec.dtype)


def padding(dtype: tf.DType) -> str | int | float:
    """What fills up rows of raw values: "", -1 or, among fractions, NaN."""
    if dtype == tf.string:
        return ""
    return -1 if dtype.is_integer else float("nan")


def _is_nested(value: list | tuple) -> bool:
    return any(isinstance(row, list | tuple | np.ndarray) for row in value)
