"""Elements of a dataset, for generators that TensorFlow reads from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tensorflow as tf


def elements(dataset: tf.data.Dataset) -> Iterator[Any]:
    """What `dataset.as_numpy_iterator()` gives, read in a graph; ragged tensors stay ragged.

    Read eagerly, an element comes after all that this process has begun on other machines, of which
    something may be waiting for the element.
    """
    iterator = iter(dataset)
    following = tf.function(iterator.get_next_as_optional)
    while (found := following()).has_value():
        yield tf.nest.map_structure(_array, found.get_value())


def _array(value: Any) -> Any:
    """A tensor as an array; a ragged or sparse one as it is, which generators give as well."""
    return value.numpy() if isinstance(value, tf.Tensor) else value
