"""Rows of tables, which a strategy may have divided among parameter servers."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def is_divided(table) -> bool:
    """Whether a table is in parts, as a `ParameterServerStrategy` with a partitioner makes it."""
    return isinstance(getattr(table, "variables", None), list | tuple)


def whole_table(weight):
    """The table that a weight is a part of, where Keras tracks each part alone; or itself."""
    container = getattr(weight, "_sharded_container", None)  # a weak reference
    return weight if container is None else container()


def assign(table, values) -> None:
    """Gives a table its values, in its own type: one in parts takes no other upon itself."""
    table.assign(np.asarray(values, table.dtype.as_numpy_dtype))


def rows_of(table, ids: tf.Tensor) -> tf.Tensor:
    """The rows of a table [rows, ...] at these ids [...], as `tf.gather` gives them.

    Of a table in parts, each part sends the rows that it has: made one tensor, as `tf.gather` would
    make it, it would travel whole.
    """
    if is_divided(table):
        return tf.nn.embedding_lookup(list(table.variables), ids)
    return tf.gather(table, ids)


def is_far(strategy: tf.distribute.Strategy | None = None) -> bool:
    """Whether variables lie on parameter servers, of which workers read on their own.

    Whole tables are dear then, and no worker knows of the others.

    Args:
        strategy: None is the one in whose scope this is called.
    """
    strategy = strategy or tf.distribute.get_strategy()
    return isinstance(strategy, tf.distribute.experimental.ParameterServerStrategy)
