"""Raw features on their way into a graph: whatever holds them becomes a dense tensor."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data.columns.times import holds_dates, seconds
from tfrec_recall.data.ids import BadRows

AXES = {0: "[]", 1: "[batch]", 2: "[batch, any]"}


def tensors(
    values: Mapping[str, Any],
    specs: Mapping[str, tf.TensorSpec],
    of: str,
    shared: Sequence[str] = (),
) -> dict[str, tf.Tensor]:
    """One dense tensor for each name in `specs`; other names are left alone.

    Args:
        shared: features of one row, which every row of the others has.

    Raises: ValueError that names what is missing, what does not fit its specification, or which
        features have another number of rows.

    >>> specs = {name: tf.TensorSpec([None], tf.int64) for name in ("user_id", "hour")}
    >>> rows = {"user_id": [5, 6], "hour": [23]}
    >>> tensors(rows, specs, "retriever", shared=["hour"])["hour"].numpy()
    array([23, 23])
    """
    missing = sorted(set(specs) - columns_of(values))
    if missing:
        raise ValueError(
            f"The {of} takes {sorted(specs)}, and {missing} is missing. Received: {sorted(values)}."
        )
    found = {name: dense(values[name], spec, name) for name, spec in specs.items()}
    if shared:
        found = _repeated(found, shared)
    rows = {name: value.shape[0] for name, value in found.items()}
    if len({size for size in rows.values() if size is not None}) > 1:
        counted = ", ".join(f"{name!r} of {size}" for name, size in rows.items())
        raise ValueError(
            "Every feature has a row for each query; one row that all queries share is repeated "
            f"where shared= names its feature. Received: rows of {counted}."
        )
    return found


def columns_of(values: Any) -> set[str]:
    """The names of the features that are given.

    Raises: ValueError for what holds no columns by their names: rows, or another library's table.
    """
    if hasattr(values, "keys"):  # as mappings and frames of pandas have it
        return set(values)
    raise ValueError(
        "Features are given as columns by their names, {'user_id': ['u1', 'u2'], …}. Of rows, "
        "{name: [row[name] for row in rows] for name in rows[0]} makes them; of a table of another "
        f"library, its to_pandas(). Received: {type(values).__name__}, {_short(values)}."
    )


def _repeated(found: dict[str, tf.Tensor], shared: Sequence[str]) -> dict[str, tf.Tensor]:
    """The same, the one row of the shared features as often as the others have rows."""
    others = [name for name in found if name not in shared]
    wrong = [name for name in shared if name not in found or found[name].shape[0] not in (1, None)]
    if isinstance(shared, str) or wrong or not others:
        rows = {name: value.shape[0] for name, value in found.items()}
        raise ValueError(
            "shared lists features of one row, beside others that have the queries' rows. "
            f"Received: shared={shared!r}; rows of the features: {rows}."
        )
    size = tf.shape(found[others[0]])[0]
    return {n: tf.repeat(v, size, axis=0) if n in shared else v for n, v in found.items()}


def dense(value: Any, spec: tf.TensorSpec, name: str) -> tf.Tensor:
    """A value as a tensor of the specification's type; rows of unequal length are padded behind.

    Takes tensors, ragged and sparse ones, arrays, Series, and lists; rows may be lists, sets,
    arrays or Series, also of unequal length. A value that is missing (None, or NaN among texts
    and whole numbers, which are whole as floats as well) is padding, and a row that is missing has
    none. Dates are Unix seconds where int64 is taken.

    Raises: ValueError when the type or the shape is another, and for what is no text among texts.

    >>> dense([["a", "b"], ["c"]], tf.TensorSpec([None, None], tf.string), "history").numpy()
    array([[b'a', b'b'],
           [b'c', b'']], dtype=object)
    """
    if not tf.is_tensor(value):
        value = _read(value, spec, name)
    if isinstance(value, tf.SparseTensor):  # as `tf.io.parse_example` gives of a VarLenFeature
        value = tf.sparse.to_dense(value, tf.constant(padding(value.dtype), value.dtype))
    if isinstance(value, tf.RaggedTensor):
        value = value.to_tensor(tf.constant(padding(value.dtype), value.dtype))
    if not value.shape.is_compatible_with(spec.shape):
        raise ValueError(
            f"{name!r} has the shape {AXES[spec.shape.rank]}, the first axis being the batch. "
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


def padding(dtype: tf.DType) -> str | bool | int | float:
    """What fills up rows of raw values: "", False, -1 or, among fractions, NaN."""
    if dtype == tf.string:
        return ""
    if dtype.is_bool:
        return False
    return -1 if dtype.is_integer else float("nan")


def _read(value: Any, spec: tf.TensorSpec, name: str) -> tf.Tensor | tf.RaggedTensor:
    """Values outside of TensorFlow as one tensor, ragged where rows are of unequal length."""
    if isinstance(value, Set | Mapping | Iterator):  # none of which has rows in an order to keep
        raise ValueError(
            f"{name!r} has the shape {AXES[spec.shape.rank]}: a list, an array, a Series or a "
            f"tensor, whose first axis is the batch. Received: {_short(value)}."
        )
    if isinstance(value, pd.Series | pd.Index):
        value = list(value)
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1:
        value = list(value)  # its elements may be rows
    if spec.shape.rank == 2 and isinstance(value, list | tuple):
        if not value:
            return tf.zeros([0, 0], spec.dtype)
        if any(_is_row(row) for row in value):
            return _ragged(value, spec.dtype, name)
    return _constant(value, spec.dtype, name)


def _is_row(row: Any) -> bool:
    return isinstance(row, Iterable) and not isinstance(row, str | bytes | Mapping)


def _ragged(value: list | tuple, dtype: tf.DType, name: str) -> tf.RaggedTensor | tf.Tensor:
    rows = [[] if _is_missing(row) else row for row in value]
    if not all(_is_row(row) for row in rows):
        other = next(row for row in rows if not _is_row(row))
        raise ValueError(
            f"{name!r} has the shape [batch, any]: a row of values for each of the batch. "
            f"Received: {other!r} among rows."
        )
    arrays = [_array(list(row) if isinstance(row, Set) else row, dtype, name) for row in rows]
    if any(array.ndim != 1 for array in arrays):
        return _constant(value, dtype, name)
    flat = [array for array in arrays if array.size] or arrays[:1]
    if dtype == tf.string and len({array.dtype.kind for array in flat}) > 1:
        flat = [array.astype(object) for array in flat]  # joined, numbers would be text as well
    values = _constant(np.concatenate(flat), dtype, name)
    return tf.RaggedTensor.from_row_lengths(values, [len(array) for array in arrays])


def _array(value: Any, dtype: tf.DType, name: str) -> np.ndarray:
    """An array: of objects where text is wanted, else of the type of what it holds.

    NumPy makes text of all that stands beside a text: "nan" of what is missing, "1" of a number.
    Dates are seconds where int64 is wanted.
    """
    if dtype == tf.string and not isinstance(value, np.ndarray):
        return np.asarray(value, object)
    array = np.asarray(value)
    if dtype == tf.int64 and array.dtype.kind in "MO":
        flat = pd.Series(array.ravel())
        if holds_dates(flat):
            return whole_seconds(flat, name).to_numpy().reshape(array.shape)
    return array


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)


def _constant(value: Any, dtype: tf.DType, name: str) -> tf.Tensor:
    """A tensor of equal rows; an empty one is of the type that is wanted: [] says nothing."""
    try:
        array = _array(value, dtype, name)
        if array.dtype == object:
            gap = pd.isna(array)
            if gap.any():
                array = np.where(gap, padding(dtype), array)
            if dtype != tf.string and array.size:  # of none, the list forgets the other axes
                array = np.asarray(array.tolist())
        if dtype.is_integer and array.dtype.kind == "f":
            array = _whole_again(array, dtype)
        strange = _no_text(array) if dtype == tf.string else None
        if strange is None:
            return tf.constant(array if array.size else array.astype(dtype.as_numpy_dtype))
    except BadRows:  # dates out of range, which it names
        raise
    except (ValueError, TypeError) as error:  # nested unevenly, or of things that no tensor holds
        raise ValueError(
            f"{name!r} is {dtype.name} of one shape. Received: {_short(value)}."
        ) from error
    raise ValueError(
        f"{name!r} is {dtype.name}. Received: {type(strange).__name__} {_short(strange)}. "
        "Pass it in the type that the training data had."
    )


def _whole_again(array: np.ndarray, dtype: tf.DType) -> np.ndarray:
    """Numbers that became floats beside missing ones, as pandas makes them, are whole again; as
    they are where one is not, or too large for a float to tell it from others."""
    gap, told_apart = np.isnan(array), 2.0 ** (np.finfo(array.dtype).nmant + 1)
    told_apart = min(told_apart, float(dtype.max))  # of int32, say
    if (gap | ((np.abs(array) < told_apart) & (array == np.floor(array)))).all():
        return np.where(gap, padding(dtype), array).astype(dtype.as_numpy_dtype)
    return array


def whole_seconds(dates: pd.Series, name: str) -> pd.Series:
    """Moments or days as Unix seconds without their fractions, -1 where one is missing.

    Raises: ValueError for dates outside 1980 to 2100.
    """
    there = dates.notna().to_numpy()
    found, _ = seconds(dates[there].to_frame(name), "data", column=name)
    whole = np.full(len(dates), -1, np.int64)
    whole[there] = np.floor(found.to_numpy())
    return pd.Series(whole)


def _no_text(array: np.ndarray) -> Any:
    """The first of an array's objects that is neither text nor bytes; None where all are."""
    if array.dtype != object or all(issubclass(k, str | bytes) for k in {*map(type, array.flat)}):
        return None
    return next(value for value in array.flat if not isinstance(value, str | bytes))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"
