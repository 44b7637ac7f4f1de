"""Columns of Arrow as raw features."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from tfrec_recall.retrieval.raw_inputs import padding

Column: TypeAlias = "pa.Array | pa.ChunkedArray"


def raw_feature(column: Column, spec: tf.TensorSpec, name: str) -> tf.Tensor | tf.RaggedTensor:
    """A column as a tensor, or as a ragged one where its cells are lists; what is null is padding.

    A column without any value, whose type is null, is of whatever is wanted.

    Raises: ValueError where cells are lists and one value is wanted, or the reverse, where they are
        of another type, or for an integer that the type does not hold.

    >>> spec = tf.TensorSpec([None, None], tf.string)
    >>> raw_feature(pa.array([["a", None], None]), spec, "history").to_list()
    [[b'a', b''], []]
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if spec.shape.rank == 2 and pa.types.is_null(column.type):
        column = column.cast(pa.list_(column.type))
    if not _is_list(column.type):
        if spec.shape.rank == 2:
            raise ValueError(_other(column, spec, name))
        return tf.constant(_values(column, spec, name))
    if spec.shape.rank != 2 or _is_list(column.type.value_type):
        raise ValueError(_other(column, spec, name))
    lengths = np.asarray(pc.fill_null(pc.list_value_length(column), 0), np.int64)
    values = _values(column.flatten(), spec, name)  # without what stands below a null
    return tf.RaggedTensor.from_row_lengths(tf.constant(values), lengths)


def list_lengths(column: Column) -> np.ndarray:
    """How many values each cell has."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    if pa.types.is_null(column.type):
        return np.zeros(len(column), np.int64)
    return np.asarray(pc.fill_null(pc.list_value_length(column), 0), np.int64)


def one_type(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """A type that holds the values of both; None where there is none.

    >>> one_type(pa.list_(pa.null()), pa.list_(pa.int32()))
    ListType(list<item: int32>)
    """
    if one == other:
        return one
    schemas = [pa.schema([("", _plain(kind))]) for kind in (one, other)]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field(0).type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None


def in_arrow_type(column: Column, kind: pa.DataType, name: str, rounds: bool = False) -> Column:
    """A column in another type; integers stay what they are.

    Args:
        rounds: make floats of integers that these do not hold.

    Raises: ValueError for an integer that the type does not hold.
    """
    try:
        return column.cast(options=pc.CastOptions(kind, allow_float_truncate=rounds))
    except pa.ArrowInvalid as error:
        raise ValueError(
            f"Column {name!r} is read as {kind}: convert it to what it was in training. "
            f"Received: {error}, in a column of {column.type}."
        ) from error


def arrow_ids(ids: tf.Tensor) -> pa.Array:
    """Raw ids [any] as a column, text without a Python object for each.

    >>> arrow_ids(tf.constant(["a", "", "bcd"])).to_pylist()
    ['a', '', 'bcd']
    """
    if ids.dtype != tf.string:
        return pa.array(ids.numpy())
    ends = np.cumsum(tf.strings.length(ids).numpy(), dtype=np.int32)
    offsets = np.concatenate([[0], ends], dtype=np.int32)
    letters = tf.strings.reduce_join(ids).numpy()
    return pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(letters))


def _values(column: pa.Array, spec: tf.TensorSpec, name: str) -> np.ndarray:
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_null(kind):
        column = column.cast(pa.string() if spec.dtype == tf.string else pa.int64())
        kind = column.type
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or _is_view(kind)
    whole = pa.types.is_integer(kind) or pa.types.is_boolean(kind)
    wanted = text if spec.dtype == tf.string else whole
    if spec.dtype.is_floating:
        wanted = whole or pa.types.is_floating(kind)
    if not wanted:
        raise ValueError(_other(column, spec, name))
    if spec.dtype.is_integer:  # before it is filled: flags and unsigned integers hold no padding
        column = in_arrow_type(column, pa.from_numpy_dtype(spec.dtype.as_numpy_dtype), name)
    if column.null_count:
        filler = padding(spec.dtype)
        if isinstance(filler, float) and not pa.types.is_floating(kind):
            column = in_arrow_type(column, pa.float64(), name, rounds=True)
        elif isinstance(filler, bool):
            column = column.cast(pa.bool_())
        column = column.fill_null(filler)
    array = column.to_numpy(zero_copy_only=False)
    return array if text else array.astype(spec.dtype.as_numpy_dtype)


def _plain(kind: pa.DataType) -> pa.DataType:
    """A type of the same values that has one in common with others: of categories theirs."""
    if _is_list(kind):
        large = pa.types.is_large_list(kind)
        return (pa.large_list if large else pa.list_)(_plain(kind.value_type))
    if pa.types.is_dictionary(kind):
        return _plain(kind.value_type)
    return pa.large_string() if _is_view(kind) else kind


def _is_list(kind: pa.DataType) -> bool:
    return (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _is_view(kind: pa.DataType) -> bool:
    return hasattr(pa.types, "is_string_view") and pa.types.is_string_view(kind)


def _other(column: pa.Array, spec: tf.TensorSpec, name: str) -> str:
    kind = "text" if spec.dtype == tf.string else spec.dtype.name
    wanted = f"a list of {kind} in each cell" if spec.shape.rank == 2 else f"{kind} in each cell"
    return (
        f"Column {name!r} is {wanted}, as the export takes it: convert it to what it was in "
        f"training. Received: {column.type}."
    )
