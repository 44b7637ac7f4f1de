"""Axes by name: what the tensors that a layer or loss is given must agree on.

Broadcasting is silent: weights [batch, 1] times losses [batch] are a matrix, and its mean a number
like any other. What is known of shapes is known when a call is traced: asking costs a step nothing.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def check_axes(owner: str, **given: tuple) -> None:
    """Raise a ValueError unless axes of one name have one length, as far as shapes are known.

    Args:
        owner: whose arguments these are, as the user knows it.
        given: by the name of the argument its value, which may be None, and its axes, such as
            "batch history dim". A number stands for itself; "..." in front for any axes, the same
            in all values.
    """
    lengths: dict[str, int | None] = {}
    for values, axes in given.values():
        shape = None if values is None else _shape(values)
        if shape is None:
            continue
        names = axes.split()
        if names[0] == "...":
            more = len(shape) - len(names) + 1
            names = [*(f"...{place}" for place in range(more)), *names[1:]]
            fits = lengths.setdefault("...", more) == more
        else:
            fits = True
        if not fits or len(names) != len(shape):
            raise ValueError(_message(owner, given))
        for name, length in zip(names, shape, strict=True):
            known = int(name) if name.isdigit() else lengths.setdefault(name, length)
            if known is None:
                lengths[name] = length
            elif length not in (None, known):
                raise ValueError(_message(owner, given))


def check_beside(owner: str, **given: tuple) -> None:
    """Raise a ValueError for an argument that says nothing without another.

    Args:
        owner: whose arguments these are.
        given: by the name of the argument its value, the name of the other one, and that one's
            value; None is what is not given.
    """
    for name, (values, other, needed) in given.items():
        if values is not None and needed is None:
            raise ValueError(
                f"{owner} takes `{name}` beside `{other}`: give both, or neither. "
                f"Received: `{name}` of shape {_text(_shape(values))}, {other}=None."
            )


def flat(owner: str, name: str, values, like: tf.Tensor, axes: int = 1) -> tf.Tensor:
    """Values of the first axes of another tensor, given so or as a column, with an axis of 1 more.

    Args:
        owner: whose argument this is.
        name: of the argument.
        like: the tensor.
        axes: how many of its axes the values have.

    Raises: ValueError for other shapes, as far as they are known. What is known in the step alone
        is left to the reshaping, which refuses another number of values.
    """
    values = tf.convert_to_tensor(values)
    wanted, shape = like.shape[:axes], values.shape
    column = shape.rank == axes + 1 and shape[-1] in (None, 1)
    if not wanted.is_compatible_with(shape[:-1] if column else shape):
        either = f"{_text(wanted)} or {_text((*wanted, 1))}"
        raise ValueError(
            f"{owner} takes `{name}` of shape {either}, one for each row of a tensor of shape "
            f"{_text(like.shape)}. Received: `{name}` of shape {_text(shape)}."
        )
    if shape.is_fully_defined() and wanted.is_fully_defined() and not column:
        return values
    return tf.reshape(values, tf.shape(like)[:axes], name=name)


def check_no_mask(owner: str, **given) -> None:
    """Raise a ValueError for truth values where numbers or ids are meant: those are a mask's.

    Args:
        owner: whose arguments these are.
        given: by the name of the argument its value.
    """
    for name, values in given.items():
        if getattr(values, "dtype", None) in (tf.bool, np.bool_):
            raise ValueError(
                f"{owner} takes numbers or ids as `{name}`; a mask is given by `mask=`. "
                f"Received: `{name}` of truth values, of shape {_text(_shape(values))}."
            )


def check_ids(owner: str, text: bool = True, **given) -> None:
    """Raise a ValueError for ids of a type that holds several of them as one number.

    float32 has no integer above 2^24 to itself, and what an `Input` without a type holds is that.

    Args:
        owner: whose arguments these are.
        text: strings are ids as well.
        given: by the name of the argument its ids; None is what is not given.
    """
    for name, ids in given.items():
        if ids is None:
            continue
        dtype = tf.as_dtype(ids.dtype if hasattr(ids, "dtype") else np.asarray(ids).dtype)
        if not (dtype.is_integer or (text and dtype == tf.string)):
            raise ValueError(
                f"{owner} takes `{name}` as integers{' or strings' * text}: give tf.keras.Input("
                "..., dtype='int64'), or convert them where they are read. "
                f"Received: `{name}` of {dtype.name}."
            )


def _shape(values) -> tuple[int | None, ...] | None:
    """What is known of the lengths of the axes; None if not even their number is."""
    shape = values.shape if hasattr(values, "shape") else np.shape(values)
    shape = tf.TensorShape(shape)
    return None if shape.rank is None else tuple(shape.as_list())


def _message(owner, given):
    there = {name: pair for name, pair in given.items() if pair[0] is not None}
    wanted = ", ".join(f"`{name}` [{', '.join(axes.split())}]" for name, (_, axes) in there.items())
    received = ", ".join(f"`{name}` {_text(_shape(values))}" for name, (values, _) in there.items())
    return f"{owner} takes {wanted}: axes of one name have one length. Received: shapes {received}."


def _text(shape) -> str:
    return "unknown" if shape is None else str(tuple(shape))
