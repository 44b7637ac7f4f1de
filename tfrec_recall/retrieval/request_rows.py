"""Rows of a request beside the rows of its queries: as many, or one for all."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf


def check_length(k: Any) -> None:
    """Raises ValueError for what is no length of lists."""
    if not isinstance(k, int | np.integer) or isinstance(k, bool) or k < 1:
        raise ValueError(f"k is the length of the lists, at least 1. Received: k={k!r}.")


def check_rows(name: str, value: tf.Tensor, rows: tf.Tensor) -> None:
    """Raises ValueError for other rows than the queries' or one; rows not known yet may pass."""
    given, wanted = value.shape[0], rows.shape[0]
    if None not in (given, wanted) and given not in (1, wanted):
        shape, one = ("[batch, any]", "[1, any]") if value.shape.rank == 2 else ("[batch]", "[1]")
        raise ValueError(
            f"{name} has a row for each query, {shape}, or one for all, {one}. "
            f"Received: {given} rows for {wanted} queries."
        )


def row_by_row(function: Callable) -> Callable:
    """The function of queries, exclude, k and filters, one row of which is that of all queries.

    A served graph meets requests that no Python has seen: other numbers of rows are an error. Rows
    of `exclude`, which most requests leave empty, stay as they are, for `excluded`.
    """

    def of_rows(queries, exclude, k, filters):
        features = queries if isinstance(queries, dict) else {"item_id": queries}
        rows = {name: tf.shape(value)[0] for name, value in features.items()}
        first, batch = next(iter(rows.items()))
        checks = [
            _require(size == batch, [size, batch], f"{name!r} has other rows than {first!r}.")
            for name, size in rows.items()
            if name != first
        ]
        checks += [_one_or_each(name, value, batch, "values") for name, value in filters.items()]
        if not checks:
            return function(queries, exclude, k, filters)
        with tf.control_dependencies(checks):
            filters = {name: as_often(value, queries) for name, value in filters.items()}
            return function(queries, exclude, k, filters)

    return of_rows


def excluded(exclude: tf.Tensor, queries: Mapping[str, tf.Tensor] | tf.Tensor) -> tf.Tensor:
    """A row of ids to leave out for each query; other rows than theirs or one are an error."""
    first = next(iter(queries.values())) if isinstance(queries, Mapping) else queries
    with tf.control_dependencies([_one_or_each("exclude", exclude, tf.shape(first)[0], "ids")]):
        return as_often(exclude, queries)


def as_often(value: tf.Tensor, queries: Mapping[str, tf.Tensor] | tf.Tensor) -> tf.Tensor:
    """One row as often as there are queries; what has their rows stays."""
    first = next(iter(queries.values())) if isinstance(queries, Mapping) else queries
    return tf.broadcast_to(value, [tf.shape(first)[0], *tf.unstack(tf.shape(value))[1:]])


def listing(function: Callable, signature: list[Any]) -> Callable:
    """The graph of a kind of lists; another one where nothing is chosen, which costs less.

    Args:
        signature: of the function, the filters last.
    """
    # TensorFlow warns of a function that is traced often, and takes all of one code for one: those
    # of other retrievers too, which a partial function has not.
    listed = functools.partial(row_by_row(function))
    *rest, filters = signature
    every = tf.function(listed, input_signature=[*rest, {}])
    some = tf.function(listed, input_signature=signature) if filters else every

    def answered(what, exclude, k, filters):
        return (some if filters else every)(what, exclude, k, filters)

    return answered


def _one_or_each(name: str, value: tf.Tensor, batch: tf.Tensor, what: str) -> tf.Operation:
    size = tf.shape(value)[0]
    rule = f"{name} has a row of {what} for each query, or one for all."
    return _require((size == 1) | (size == batch), [size, batch], rule)


def _require(fits: tf.Tensor, received: list[tf.Tensor], rule: str) -> tf.Operation:
    """An error in the graph unless it fits; of text and int32 it costs one op."""
    return tf.debugging.Assert(fits, [f"{rule} Received rows, and queries:", *received])
