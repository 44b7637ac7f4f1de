"""A function of an export as a part of another retriever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

TrackableResource = tf.saved_model.experimental.TrackableResource


class SavedFunction(tf.Module):
    """A function of a SavedModel, with the variables and tables that it needs and no others.

    What is exported with it is as large as the function: the items and the index of the SavedModel
    that it comes from stay behind.

    Args:
        saved: what `tf.saved_model.load` gives.
        name: of the function.
        inputs: its raw features, name -> `tf.TensorSpec`.
        columns: of those of items that a table has under another name, its column.
    """

    inputs: dict[str, tf.TensorSpec]
    columns: dict[str, str]
    knows: SavedFunction
    report: dict[str, Any]

    def __init__(
        self,
        saved: Any,
        name: str,
        inputs: Mapping[str, tf.TensorSpec],
        columns: Mapping[str, str] | None = None,
    ):
        super().__init__(name=name)
        # Plain dictionaries: a module's own assignment would wrap them to track what they hold.
        object.__setattr__(self, "inputs", dict(inputs))
        object.__setattr__(self, "columns", dict(columns or {}))
        self._function = getattr(saved, name)
        self._needed = needed_by(saved, [self._function])

    def __call__(self, features: Mapping[str, tf.Tensor], *others: tf.Tensor) -> Any:
        return self._function(dict(features), *others)


def needed_by(saved: Any, functions: Sequence[Any]) -> list[Any]:
    """The variables and tables of a SavedModel that some of its functions need."""
    captured = {
        id(handle)
        for function in functions
        for concrete in function.concrete_functions
        for handle in concrete.captured_inputs
    }
    parts = tf.train.TrackableView(saved).descendants()
    return [part for part in parts if id(_handle(part)) in captured]


def _handle(part: Any) -> Any:
    """What a graph captures of a variable or a table."""
    if isinstance(part, tf.Variable):
        return part.handle
    return part.resource_handle if isinstance(part, TrackableResource) else None
