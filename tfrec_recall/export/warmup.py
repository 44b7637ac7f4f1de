"""Requests that TensorFlow Serving answers to itself before it takes traffic."""

import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfrec_recall.export.serving_module import signature_name
from tfrec_recall.retrieval import Retriever
from tfrec_recall.retrieval.filters import chosen
from tfrec_recall.retrieval.raw_inputs import padding, tensors

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
    retriever: Retriever, queries: Mapping[str, Any] | None
) -> dict[str, dict[str, tf.Tensor]]:
    """One request for `serving_default`, and for `recommend_where` and `similar_items`, if any.

    Args:
        queries: a few raw queries; without them, one query of padding.

    Returns: named tensors by signature.
    """
    if queries is None:
        queries = {
            name: tf.fill(
                [size or 1 for size in spec.shape], tf.constant(padding(spec.dtype), spec.dtype)
            )
            for name, spec in retriever.inputs.items()
        }
    queries = tensors(queries, retriever.inputs, "retriever")
    batch = tf.shape(next(iter(queries.values())))[0] if queries else 1
    item_id = tf.constant(retriever.item_ids[:1])
    queries = {signature_name(name): value for name, value in queries.items()}
    made = {"serving_default": {**queries, "exclude": tf.tile([item_id], [batch, 1])}}
    if retriever.filter_inputs:
        nothing = chosen({}, retriever.filter_inputs)
        nothing = {signature_name(name): value for name, value in nothing.items()}
        length = tf.constant([retriever.k], tf.int32)
        made["recommend_where"] = {**made["serving_default"], "k": length, **nothing}
    if "similar_items" in retriever.signatures:
        made["similar_items"] = {"item_id": item_id, "exclude": item_id[tf.newaxis]}
    return made
