"""One version of a model in memory, as a server holds it: its SavedModel and nothing else."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from tfrec_recall.export.loading import saved_model
from tfrec_recall.export.version_files import EXTRA, GRAPH
from tfrec_recall.export.warmup import FILE
from tfrec_recall.serving.refusal import Refusal

DEFAULT = "serving_default"
PREDICT = "tensorflow/serving/predict"


class Servable:
    """A SavedModel that was loaded, and has answered its warm-up requests.

    Args:
        folder: the directory of the version.

    Attributes:
        definitions: the signatures as the file says them, by name.
        saved: the restored object, for who knows more of it than its signatures.

    Raises: ValueError if it cannot be loaded, or does not answer a warm-up request.
    """

    def __init__(self, folder: pathlib.Path):
        self.folder = folder
        self.saved = saved_model(folder)
        self.definitions = _definitions(folder)
        self._functions = dict(self.saved.signatures)
        for name, arrays in _warm_up(folder):
            try:
                self.run(name, arrays)
            except Refusal as error:
                raise ValueError(
                    f"{folder}: its own warm-up request of {name or DEFAULT} is refused. "
                    f"Received: {error.message}"
                ) from error

    def inputs(self, signature: str) -> dict[str, tf.DType]:
        """The names and types that a signature takes.

        Raises: Refusal if there is no such signature.
        """
        definition = self.definitions.get(signature or DEFAULT)
        if definition is None:
            raise Refusal(
                f'Serving signature name: "{signature or DEFAULT}" not found in signature def'
            )
        return {name: tf.as_dtype(info.dtype) for name, info in definition.inputs.items()}

    def run(self, signature: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs of a signature, by name; what has a default may be left out.

        Raises: Refusal if the arrays do not fit it, or the graph does not take them.
        """
        name = signature or DEFAULT
        function = self._functions.get(name)
        if function is None:
            raise Refusal(f'Serving signature key "{name}" not found.')
        _, specs = function.structured_input_signature
        defaults = self.definitions[name].defaults.items()
        arrays = {**{key: tf.make_ndarray(value) for key, value in defaults}, **arrays}
        if set(arrays) != set(specs):
            raise Refusal(
                f"input size does not match signature: {len(arrays)}!={len(specs)} "
                f"len({{{','.join(sorted(arrays))}}}) != len({{{','.join(sorted(specs))}}})."
            )
        for key, spec in sorted(specs.items()):
            if not spec.shape.is_compatible_with(arrays[key].shape):
                raise Refusal(
                    f"Input {key} of {name} has the shape {_axes(spec.shape)}, ? for any size. "
                    f"Received: {list(arrays[key].shape)}."
                )
        try:
            tensors = {
                key: tf.constant(value, specs[key].dtype, shape=value.shape)
                for key, value in arrays.items()
            }
            return {key: value.numpy() for key, value in function(**tensors).items()}
        except tf.errors.OpError as error:
            raise Refusal.of(error) from error


def _definitions(folder: pathlib.Path) -> dict[str, meta_graph_pb2.SignatureDef]:
    """The signatures of the graph that is served."""
    saved = saved_model_pb2.SavedModel.FromString((folder / GRAPH).read_bytes())
    graph = next(
        (one for one in saved.meta_graphs if "serve" in one.meta_info_def.tags),
        saved.meta_graphs[0],
    )
    found = {}
    for name, definition in graph.signature_def.items():
        found[name] = meta_graph_pb2.SignatureDef()
        found[name].CopyFrom(definition)  # the rest of the file is let go
    return found


def _warm_up(folder: pathlib.Path) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """The requests that came with the version: signature and inputs.

    Raises: ValueError that names the file where it is damaged.
    """
    from tensorflow_serving.apis import prediction_log_pb2

    path = folder / EXTRA / FILE
    if not path.exists():
        return
    try:
        for record in tf.data.TFRecordDataset([str(path)]).as_numpy_iterator():
            request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            arrays = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            yield request.model_spec.signature_name, arrays
    except (tf.errors.OpError, DecodeError, TypeError, ValueError) as error:
        lines = str(getattr(error, "message", error)).splitlines()
        raise ValueError(
            f"The warm-up requests of an export are damaged: copy {path} again, or export again. "
            f"Received: {lines[0] if lines else type(error).__name__}"
        ) from error


def _axes(shape: tf.TensorShape) -> str:
    sizes = ["?" if size is None else str(size) for size in shape.as_list()]
    return f"[{', '.join(sizes)}]"
