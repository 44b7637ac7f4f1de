"""Requests that TensorFlow Serving answers to itself before it takes traffic."""

import contextlib
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf

from tfrec_recall._signatures import signature_name
from tfrec_recall.export.expected_answers import read_answers
from tfrec_recall.export.loading import LoadedRetriever
from tfrec_recall.export.serving_module import EXCLUDE, LENGTH, WHERE
from tfrec_recall.export.version_files import EXTRA
from tfrec_recall.retrieval import Retriever
from tfrec_recall.retrieval.filters import chosen
from tfrec_recall.retrieval.raw_inputs import dense, padding, tensors

FILE = "tf_serving_warmup_requests"


def write_warmup(
    folder: pathlib.Path, requests: Mapping[str, Mapping[str, tf.Tensor]]
) -> dict[str, Any]:
    """Writes requests for TensorFlow Serving.

    Args:
        folder: the SavedModel's `assets.extra`.
        requests: named tensors by signature.

    Returns: what was written, or why nothing was, for the model card.
    """
    try:
        from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
    except ImportError:
        return {
            "requests": 0,
            "why": "tensorflow-serving-api is not installed: "
            "pip install 'tfrec-recall[serving]' and export again",
        }

    def log(signature: str, inputs: Mapping[str, tf.Tensor]) -> bytes:
        request = predict_pb2.PredictRequest()
        request.model_spec.signature_name = signature
        for name, value in inputs.items():
            request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
        predict = prediction_log_pb2.PredictLog(request=request)
        return prediction_log_pb2.PredictionLog(predict_log=predict).SerializeToString()

    logs = [log(name, inputs) for name, inputs in requests.items()]
    with tf.io.TFRecordWriter(str(folder / FILE)) as writer:
        for record in logs:
            writer.write(record)
    return {"requests": len(logs)}


def requests(
    retriever: Retriever, queries: Mapping[str, Any] | None, items: pd.DataFrame | None = None
) -> dict[str, dict[str, tf.Tensor]]:
    """One request for each signature.

    Those of the signatures that choose have a row for each filter, which chooses by it alone, a
    value that items have.

    Args:
        queries: a few raw queries; without them, one query of padding.
        items: the table of items, to ask for the vector of one; without it, its features are
            padding.

    Returns: named tensors by signature.
    """
    if queries is None:
        queries = _padding(retriever.inputs)
    queries = tensors(queries, retriever.inputs, "retriever")
    batch = next(iter(queries.values())).shape[0] if queries else 1
    item_id = tf.constant(retriever.item_ids[:1])
    raters = {**_padding(retriever.rating_inputs, batch), **queries}
    plain = {
        "embed_query": queries,
        "embed_item": _of_first(retriever, items),
        "predict_rating": {
            **{name: raters[name] for name in retriever.rating_inputs},
            "item_id": tf.tile([item_id], [batch, 1]),
        },
    }
    rows, choices = _choices(retriever)
    made: dict[str, dict[str, Any]] = {}
    for name in ("serving_default", *retriever.signatures):
        if name in plain:
            made[name] = plain[name]
            continue
        asked = {"item_id": item_id} if name == "similar_items" else queries
        size = len(next(iter(asked.values()))) if asked else 1
        made[name] = {**asked, EXCLUDE: tf.tile([item_id], [size, 1])}
        if rows:
            asked = {n: tf.gather(value, np.arange(rows) % size) for n, value in asked.items()}
        length = tf.constant([retriever.k], tf.int32)
        where = "recommend" if name == "serving_default" else name
        made[f"{where}{WHERE}"] = {**asked, EXCLUDE: [item_id], LENGTH: length, **choices}
    return {
        name: {signature_name(n): tf.convert_to_tensor(value) for n, value in inputs.items()}
        for name, inputs in made.items()
    }


def _padding(specs: Mapping[str, tf.TensorSpec], batch: int = 1) -> dict[str, tf.Tensor]:
    """Features of which nothing is known, [batch, …]."""
    return {
        name: tf.fill(
            [batch, *(size or 1 for size in spec.shape[1:])],
            tf.constant(padding(spec.dtype), spec.dtype),
        )
        for name, spec in specs.items()
    }


def _of_first(retriever: Retriever, items: pd.DataFrame | None) -> dict[str, tf.Tensor]:
    """The features of the catalogue's first item; padding where the table lacks them."""
    specs, first = retriever.item_inputs, retriever.item_ids[0]
    found = _padding(specs)
    if items is not None and "item_id" in items:
        row = items[items["item_id"] == first].head(1)
        columns = {name: retriever.item_columns.get(name, name) for name in specs}
        for name, column in columns.items():
            if len(row) and column in row:
                with contextlib.suppress(ValueError):  # it is not raw, as a date
                    found[name] = dense(row[column].tolist(), specs[name], name)
    if "item_id" in specs:
        found["item_id"] = tf.constant([first], specs["item_id"].dtype)
    return found


def _choices(retriever: Retriever) -> tuple[int, dict[str, tf.Tensor]]:
    """How many filters there is a value for, and all filters with a row for each of these.

    Each row chooses by its own alone; where there is none, one row chooses nothing.
    """
    inputs, values = retriever.filter_inputs, _values(retriever)
    names = [name for name in inputs if name in values]
    if not names:
        return 0, chosen({}, inputs)
    found: dict[str, tf.Tensor] = {}
    for name, spec in inputs.items():
        column = np.full(len(names), padding(spec.dtype), spec.dtype.as_numpy_dtype)
        if name in values:
            column[names.index(name)] = values[name]
        rows = tf.constant(column, spec.dtype)
        found[name] = rows if spec.shape.rank == 1 else rows[:, tf.newaxis]
    return len(names), found


def _values(retriever: Retriever) -> dict[str, Any]:
    """A value for each filter, as far as they are known."""
    if retriever.filters is not None:
        return retriever.filters.examples
    found: dict[str, Any] = {}
    for channel in getattr(retriever, "channels", {}).values():
        found |= _values(channel)
    if not isinstance(retriever, LoadedRetriever):
        return found
    # The graph does not tell; the export was asked with some.
    names = {signature_name(name): name for name in retriever.filter_inputs}
    for answer in read_answers(retriever.path / EXTRA):
        for name in names.keys() & answer.inputs.keys():
            nothing = padding(retriever.filter_inputs[names[name]].dtype)
            for one in answer.inputs[name].reshape(-1).tolist():
                value = one.decode() if isinstance(one, bytes) else one
                if value == value and value != nothing:  # NaN is not itself
                    found[names[name]] = value
    return found
