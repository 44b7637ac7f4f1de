"""What an export answered when it was written, kept so that any copy of it can be held to that."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

FILE = "expected_answers.json"


@dataclasses.dataclass(frozen=True)
class Answer:
    """A request to one signature, and what it was answered.

    Args:
        inputs, outputs: tensors by their names in the signature, as arrays.
    """

    signature: str
    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]


def answered(
    signatures: Mapping[str, Any], requests: Mapping[str, Mapping[str, tf.Tensor]]
) -> tuple[dict[str, Mapping[str, tf.Tensor]], dict[str, str]]:
    """What the signatures, the graphs that are saved, say; and why others refuse their requests.

    Args:
        requests: named tensors by signature.
    """
    said: dict[str, Mapping[str, tf.Tensor]] = {}
    refused: dict[str, str] = {}
    for name, inputs in requests.items():
        try:
            said[name] = signatures[name](**inputs)
        except tf.errors.OpError as error:
            lines = error.message.splitlines()
            refused[name] = [line for line in lines if line and "[[{{" not in line][-1]
    return said, refused


def write_answers(
    folder: pathlib.Path,
    requests: Mapping[str, Mapping[str, tf.Tensor]],
    said: Mapping[str, Mapping[str, tf.Tensor]],
) -> None:
    """Writes what was said, and to what.

    Args:
        folder: the SavedModel's `assets.extra`.
        requests, said: named tensors by signature.
    """
    answers = []
    for name, outputs in said.items():
        told = {"inputs": requests[name], "outputs": outputs}
        parts = {part: {n: _plain(t) for n, t in tensors.items()} for part, tensors in told.items()}
        answers.append({"signature": name, **parts})
    text = json.dumps(answers, ensure_ascii=False, allow_nan=False)
    (folder / FILE).write_text(f"{text}\n", encoding="utf-8")


def read_answers(folder: pathlib.Path) -> list[Answer]:
    """What was written; empty where it was not.

    Raises: ValueError where the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return []
    try:
        return [
            Answer(
                one["signature"],
                {name: _array(value) for name, value in one["inputs"].items()},
                {name: _array(value) for name, value in one["outputs"].items()},
            )
            for one in json.loads(path.read_text(encoding="utf-8"))
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: export again. Received: {error}") from error


def _plain(tensor: tf.Tensor) -> dict[str, Any]:
    """A tensor in JSON: NaN and infinities, which it lacks, as texts."""
    flat = tensor.numpy().reshape(-1)
    if tensor.dtype == tf.string:
        values = [value.decode() for value in flat]
    elif tensor.dtype.is_floating:
        values = [float(f"{v:.9g}") if np.isfinite(v) else str(v) for v in flat]  # exact in float32
    else:
        values = flat.tolist()
    return {"dtype": tensor.dtype.name, "shape": tensor.shape.as_list(), "values": values}


def _array(plain: Mapping[str, Any]) -> np.ndarray:
    values, shape = plain["values"], plain["shape"]
    if plain["dtype"] == "string":  # as TensorFlow has them
        return np.array([value.encode() for value in values], object).reshape(shape)
    dtype = np.dtype(plain["dtype"])
    if dtype.kind == "f":
        values = [float(value) for value in values]
    return np.array(values, dtype).reshape(shape)
