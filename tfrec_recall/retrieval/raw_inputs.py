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
    if isinstance(value, list | tuple):
        value = _rows(value, spec.dtype)
    if isinstance(value, tf.RaggedTensor):
        value = value.to_tensor(tf.constant(padding(value.dtype), value.dtype))
    if not tf.is_tensor(value):
        value = tf.constant(_typed(np.asarray(value), spec.dtype))
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


def _rows(value: list | tuple, dtype: tf.DType) -> tf.RaggedTensor | list | tuple:
    """Lists of unequal length as one ragged tensor; anything else as it is."""
    rows = [np.asarray(row) for row in value if isinstance(row, list | tuple | np.ndarray)]
    if len(rows) != len(value) or any(row.ndim != 1 for row in rows) or not rows:
        return value
    flat = [row for row in rows if row.size] or rows[:1]
    values = tf.constant(_typed(np.concatenate(flat), dtype))
    return tf.RaggedTensor.from_row_lengths(values, [len(row) for row in rows])


def _typed(value: np.ndarray, dtype: tf.DType) -> np.ndarray:
    """An empty array in the type that is wanted: [] says nothing of its own."""
    return value if value.size else value.astype(dtype.as_numpy_dtype)
