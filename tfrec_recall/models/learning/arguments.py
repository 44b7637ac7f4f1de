"""What a model was made with as plain values, and back: the configuration of a saved model."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall.data.packing import pack, unpack

ARRAY, TABLE = "__array__", "__table__"


def arguments_of(function, *args, **kwargs) -> dict[str, Any]:
    """The arguments of a call by name; those that fall under **kwargs by their own.

    >>> arguments_of(lambda features, dim=8, **kwargs: None, "all", name="tower")
    {'features': 'all', 'name': 'tower'}
    """
    signature = inspect.signature(function)
    bound = signature.bind(*args, **kwargs).arguments
    for name, parameter in signature.parameters.items():
        if parameter.kind == parameter.VAR_KEYWORD:
            bound.update(bound.pop(name, {}))
    return bound


def plain(value: Any, name: str) -> Any:
    """A value as JSON holds it: numbers, text, lists, arrays, tables, and objects with a config.

    Args:
        name: of the argument, for the error.

    Raises: ValueError for an object without a configuration.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {key: plain(each, name) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each, name) for each in value]
    if isinstance(value, np.ndarray):
        return {ARRAY: pack(value)}
    if isinstance(value, pd.DataFrame):
        columns = {str(column): pack(value[column].to_numpy()) for column in value}
        return {TABLE: {"index": pack(value.index.to_numpy()), "columns": columns}}
    if hasattr(value, "get_config"):
        return tf.keras.utils.serialize_keras_object(value)
    raise ValueError(
        f"A model is saved with what it was made with, and {name} has no configuration: give its "
        "class get_config() and from_config(), and decorate it with "
        f"@tf.keras.utils.register_keras_serializable(). Received: {name}={value!r}."
    )


def restored(value: Any) -> Any:
    """What `plain` was given; tuples come back as lists."""
    if isinstance(value, list | tuple):
        return [restored(each) for each in value]
    if not isinstance(value, Mapping):
        return value
    if ARRAY in value:
        return unpack(value[ARRAY])
    if TABLE in value:
        columns = {name: unpack(each) for name, each in value[TABLE]["columns"].items()}
        return pd.DataFrame(columns, index=pd.Index(unpack(value[TABLE]["index"])))
    if {"class_name", "config"} <= set(value):
        return tf.keras.utils.deserialize_keras_object(dict(value))
    return {key: restored(each) for key, each in value.items()}
