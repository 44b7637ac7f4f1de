"""A version offers the filters that the one before offered, under the same names and types."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import tensorflow as tf

from tfrec_recall.data.columns.column_types import in_type, without_categories
from tfrec_recall.retrieval import Retriever

WAYS = ("where", "where_not", "min", "max")


def with_same_filters(made: Retriever, items: pd.DataFrame, like: Retriever) -> Retriever:
    """The retriever, by which requests may choose these items as they chose `like`'s.

    A column that files or missing values brought in another type gets the type that it had.

    Raises: ValueError that names the column which cannot have it.
    """
    names, inputs = list(like.report["filters"]), like.filter_inputs
    columns = {name: _as_before(items[name], name, inputs) for name in names if name in items}
    made.with_filters(items.assign(**columns), names)
    for name in names:
        keys = [f"{way}_{name}" for way in WAYS]
        before, now = (
            {key: one[key].dtype.name for key in keys if key in one}
            for one in (inputs, made.filter_inputs)
        )
        if before != now:
            raise _refused(name, items, f"requests would choose by {now} instead of {before}")
    return made


def _as_before(values: pd.Series, name: str, inputs: Mapping[str, tf.TensorSpec]) -> pd.Series:
    values = without_categories(values)
    if pd.api.types.is_object_dtype(values.dtype):
        return values
    where = inputs.get(f"where_{name}")
    if where is None and pd.api.types.is_float_dtype(values.dtype):
        return values  # narrow ones as they are: bounds are rounded to them
    if where is None:
        wanted = "float64"
    elif where.dtype == tf.string:
        wanted = "str"
    else:
        wanted = "int64" if f"min_{name}" in inputs else "bool"
    try:
        if wanted == "bool" and pd.api.types.is_numeric_dtype(values.dtype):
            return values.astype("Int64").astype(object)  # of lists, or yes and no: without bounds
        return in_type(values, pd.Series(dtype=wanted))
    except (TypeError, ValueError) as error:
        raise _refused(name, values.to_frame(name), str(error)) from error


def _refused(name: str, items: pd.DataFrame, why: str) -> ValueError:
    return ValueError(
        f"Requests go on choosing items by {name!r} as they did, and the items have it in another "
        f"type: {why}. Write it as before, or train again with other filters. "
        f"Received: {items[name].dtype}, the first {items[name].head(3).tolist()}."
    )
